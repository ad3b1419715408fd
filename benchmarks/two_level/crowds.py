"""Who is decided: the simulated site as its cameras see it, crops of real people, and made-up looks."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from deploy.evaluate.crops import CropSet, Encoder, open_crops
from deploy.evaluate.footage import simulated
from deploy.evaluate.stream import START_MS, Played, Stream, pause_of, played, tracks_of
from deploy.evaluate.stream_score import stream_score
from deploy.evaluate.video_score import track_truths, video_score
from deploy.evaluate.watch import Watched, watch
from deploy.identities import Identities
from producers.training.data import Named
from reid.contracts.detections import Detections, Model
from reid.contracts.embedding import encode_wire
from reid.contracts.events import AnyEvent
from reid.contracts.policy import Policy

ENCODER: Final = "stripenet-512"
_KEPT: Final = ("people", "tracks", "ids", "ids_per_person", "persons_per_id", "pair_f1")
_MORE: Final = ("pair_precision", "pair_recall", "idf1", "cross_idf1", "tracks_without_id")


@dataclass
class Judged:
    """``ids``: of every track, the person id that it had at its end; ``score``: against who they were."""

    ids: list[str | None]
    score: dict[str, Any]


class SimulatedSite:
    """Twelve people, four cameras, three minutes: rendered, detected, tracked and embedded as in the demo."""

    def __init__(self, seed: int, detector: str, keep: Path | None) -> None:
        self._watched = _recorded(seed, detector, keep)

    def messages(self) -> Iterator[Detections]:
        return self._watched.messages()

    def zone_of(self, camera_id: str) -> str:
        return "west" if camera_id in ("room1", "room2") else "east"

    def judge(self, events: list[AnyEvent]) -> Judged:
        identities = Identities()
        for event in events:
            identities.fold(event)
        ids = [each.person_id for each in track_truths(self._watched, identities)]
        return Judged(ids, _kept(video_score(self._watched, identities)))


class Crops:
    """``people`` of a set of real crops, each camera a zone; or of made-up looks (`made_up`)."""

    def __init__(self, stream: Stream, zones: int = 2) -> None:
        self._stream, self._zones = stream, zones

    def messages(self) -> Iterator[Detections]:
        return self._stream.messages()

    def zone_of(self, camera_id: str) -> str:
        return f"zone{int(camera_id.removeprefix('cam')) % self._zones}"

    def judge(self, events: list[AnyEvent]) -> Judged:
        found: Played = played(self._stream, events)
        return Judged(found.final, _kept(stream_score(found)))


def images(directory: Path, people: int, seed: int) -> Crops:
    crops, encoder, policy = open_crops(directory), Encoder.open(ENCODER), Policy()
    tracks = tracks_of(crops, people, seed)
    needed = crops.of(sorted({track.person for track in tracks}))
    stream = Stream(
        tracks, encoder.wires(needed), needed.qualities(), encoder.model, policy.max_samples, pause_of(policy)
    )
    return Crops(stream)


def made_up(people: int, cameras: int, seed: int, spread: float) -> Crops:
    """Looks drawn at random. ``spread``: of a person's tracks, in units of the spread of people: at 0.5
    nobody is mistaken, at 1.2 the nearest of a crowd is often a stranger. Each camera adds its own cast."""
    random, dim = np.random.default_rng(seed), 64
    looks = random.normal(size=(people, dim))
    casts = random.normal(size=(cameras + 1, dim)) * 0.4
    files, wires = [], {}
    for person in range(people):
        for camera in range(1, cameras + 1):
            track = looks[person] + random.normal(size=dim) * spread
            for crop in range(6):
                path = Path(f"{person:04d}_c{camera}s1_{crop:02d}_00.jpg")
                files.append(Named(path, person, camera))
                wires[path] = encode_wire(track + casts[camera] + random.normal(size=dim) * 0.5)
    tracks = tracks_of(CropSet("made up", tuple(files)), None, seed)
    model = Model("made-up", "1", dim, ((0.0, 0.0), (0.3, 0.6), (0.8, 1.0)))
    policy = Policy()
    qualities = dict.fromkeys(wires, 0.8)
    stream = Stream(tracks, wires, qualities, model, policy.max_samples, pause_of(policy))
    return Crops(stream)


def _kept(score: dict[str, Any]) -> dict[str, Any]:
    names = (name for name in (*_KEPT, *_MORE) if score.get(name) is not None)
    return {name: round(float(score[name]), 4) for name in names}


def _recorded(seed: int, detector: str, keep: Path | None) -> Watched:
    """``keep``: a folder of what was seen before, which takes a minute to see."""
    path = None if keep is None else keep / f"site_{detector}_{seed}.pkl"
    if path is not None and path.exists():
        found: Watched = pickle.loads(path.read_bytes())
        return found
    footage = simulated(12, 4, 180.0, seed, 5.0, START_MS)
    watched = watch(footage, detector, Encoder.open(ENCODER).embedder, 5.0, 0.4)
    watched.shots = {}
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(watched))
    return watched
