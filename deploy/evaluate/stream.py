"""Crops as an open-set stream: who comes is unknown, in which order too, and the real rule decides.

Each person's crops in one camera are one track. The tracks come one after another in a seeded random order,
each alone before its camera, so that appearance alone decides; nothing tells that two tracks of a person
come, or that one person makes one track a camera.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from deploy.evaluate.crops import CropSet
from deploy.identities import Identities
from producers.training.data import Named
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.events import AnyEvent, Decision, PersonSeen, TrackRef
from reid.contracts.policy import Policy
from reid.contracts.topics import DEFAULT_SITE
from reid.domain.policy import Policies
from reid.domain.present import OTHER_CAMERA_FACTOR
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import check
from reid.errors import ConfigError

FRAME_MS: Final = 200
SESSION: Final = "evaluate"
#: When the stream begins unless told otherwise: a fixed moment, so that a run repeats to the last bit.
START_MS: Final = 1_762_344_658_197


@dataclass(frozen=True)
class Track:
    """``number``: its place in the stream."""

    number: int
    person: int
    camera: int
    crops: tuple[Named, ...]

    @property
    def ref(self) -> TrackRef:
        return TrackRef(f"cam{self.camera}", SESSION, str(self.number))


@dataclass(frozen=True)
class Played:
    """A stream as it was decided. ``ids``: of each track, the person id that it had at each of its frames;
    ``decisions``: the last decision on each track that has one."""

    tracks: tuple[Track, ...]
    ids: tuple[tuple[str | None, ...], ...]
    decisions: dict[int, Decision]

    @property
    def final(self) -> list[str | None]:
        """The id of each track at its end."""
        return [ids[-1] for ids in self.ids]


def tracks_of(crops: CropSet, people: int | None, seed: int) -> list[Track]:
    """The tracks of ``people`` (None: all) drawn with ``seed``, in the order of the stream."""
    generator = np.random.default_rng(seed)
    everyone = np.unique(crops.people)
    if people is not None and people > len(everyone):
        raise ConfigError(f"{crops.name}: {people} people are asked for, it shows {len(everyone)}")
    chosen = set(generator.permutation(everyone)[:people].tolist())
    seen: dict[tuple[int, int], list[Named]] = {}
    for crop in crops.files:
        if crop.person in chosen:
            seen.setdefault((crop.person, crop.camera), []).append(crop)
    keys = sorted(seen)
    order = [keys[i] for i in generator.permutation(len(keys)).tolist()]
    return [Track(n, person, camera, tuple(seen[person, camera])) for n, (person, camera) in enumerate(order)]


@dataclass(frozen=True)
class Stream:
    """Tracks with what the encoder says of their crops. ``wires``: embeddings as messages carry them.

    ``frames``: a track of fewer crops shows them in turn until there are so many, like somebody who stands
    still. Without it a set of two crops a track would never bring the evidence that the rule asks for.
    """

    tracks: Sequence[Track]
    wires: Mapping[Path, bytes]
    qualities: Mapping[Path, float]
    model: Model
    frames: int
    pause_ms: int
    start_ms: int = START_MS

    def times(self) -> list[list[int]]:
        """When each frame of each track is taken, ms since the epoch."""
        found, at = [], self.start_ms
        for track in self.tracks:
            count = max(len(track.crops), self.frames)
            found.append([at + FRAME_MS * i for i in range(count)])
            at = found[-1][-1] + self.pause_ms
        return found

    def messages(self) -> Iterator[Detections]:
        """One message a track."""
        for track, times in zip(self.tracks, self.times(), strict=True):
            frames = tuple(
                self._frame(track, track.crops[i % len(track.crops)].path, at) for i, at in enumerate(times)
            )
            yield Detections(DEFAULT_SITE, SESSION, frames)

    def _frame(self, track: Track, crop: Path, at: int) -> Frame:
        person = Person(
            tracker_id=track.number,
            bbox=(40.0, 20.0, 64.0, 128.0),
            quality=self.qualities[crop],
            embedding=self.wires[crop],
        )
        return Frame(track.ref.camera_id, at, 640, 480, SESSION, self.model, (person,))


def pause_of(policy: Policy) -> int:
    """So long after a track that it has ended on every camera's clock, ms."""
    return policy.track_timeout * OTHER_CAMERA_FACTOR + 1000


def decided(messages: Iterable[Detections], policy: Policy) -> Iterator[AnyEvent]:
    """The events of the real rule, in memory."""
    state, policies = PartitionState(), Policies(policy)
    for message in messages:
        check(message)
        yield from step(state, message, policies)


def played(stream: Stream, events: Iterable[AnyEvent]) -> Played:
    """What the events say of the stream's tracks."""
    identities, decisions = Identities(), {}
    for event in events:
        identities.fold(event)
        if isinstance(event, PersonSeen) and event.decision is not None:
            decisions[int(event.track.tracker_id)] = event.decision
    ids = [
        tuple(identities.person_at(track.ref, at) for at in times)
        for track, times in zip(stream.tracks, stream.times(), strict=True)
    ]
    return Played(tuple(stream.tracks), tuple(ids), decisions)
