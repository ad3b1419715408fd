"""``saferoom evaluate video``: what is asked for, run, and told."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2

from deploy.evaluate import own_videos
from deploy.evaluate.chart import Axis, chart
from deploy.evaluate.crops import Encoder
from deploy.evaluate.footage import Footage, simulated
from deploy.evaluate.mot import mot_folders
from deploy.evaluate.page import Page, write_page
from deploy.evaluate.stream import START_MS, decided
from deploy.evaluate.tables import comparison
from deploy.evaluate.variants import Variant
from deploy.evaluate.video_mistakes import mistakes
from deploy.evaluate.video_run import VideoRun
from deploy.evaluate.video_score import video_score
from deploy.evaluate.watch import Watched, watch
from deploy.identities import Identities
from deploy.places import check_places
from deploy.report import write_json
from deploy.session import console_for_people
from deploy.steps import Steps
from producers.detect.select import SIMULATED, detector_for
from reid.runtime.settings import Settings

COLUMNS: Final = {
    "people": "people",
    "ids": "ids given",
    "count_error": "count error",
    "ids_per_person": "ids / person, over tracks",
    "persons_per_id": "persons / id, over tracks",
    "ids_per_person_boxes": "ids / person, any box",
    "persons_per_id_boxes": "persons / id, any box",
    "cross_idf1": "across cameras: IDF1",
    "cross_hota": "across cameras: HOTA",
    "cross_ass_a": "across cameras: AssA",
    "cross_switches": "across cameras: id switches",
    "pair_f1": "pairs of tracks: F1",
    "tracker_idf1": "tracker, in each camera: IDF1",
    "tracker_hota": "tracker: HOTA",
    "tracker_ass_a": "tracker: AssA",
    "tracker_det_a": "tracker: DetA",
    "tracker_mota": "tracker: MOTA",
    "tracker_switches": "tracker: id switches",
    "tracks": "tracks",
    "tracks_of_nobody": "tracks of nobody",
}
Score = Callable[[Watched, Identities], dict[str, Any]]

_NOTES: Final = (
    "Frames go through the detector, tracker, encoder and decision rule of a live site, in memory. Across "
    "cameras: all cameras are one sequence in the order of time, with one match of ids to people; a box "
    "without an id is a miss. HOTA, IDF1 and MOTA are computed by reid.evaluation as TrackEval does.",
)


@dataclass(frozen=True)
class VideoPlan:
    """``mot``: a directory of MOTChallenge folders; ``videos``: files or directories without truth, ``known``
    people in them, beginning together or ``gap`` seconds one after another. Neither: the simulated site, once
    for each seed."""

    mot: Path | None = None
    people: int = 12
    cameras: int = 4
    seconds: float | None = None
    seeds: Sequence[int] = (0,)
    json_file: Path | None = None
    html_file: Path | None = None
    videos: Sequence[Path] = ()
    known: int | None = None
    gap: float | None = None

    @property
    def columns(self) -> Mapping[str, str]:
        return own_videos.COLUMNS if self.videos else COLUMNS

    @property
    def score(self) -> Score:
        return partial(own_videos.own_score, people=self.known) if self.videos else video_score

    def footage(self, fps: float) -> list[Footage]:
        if self.mot is not None:
            return [mot_folders(self.mot, fps, START_MS, self.seconds)]
        if self.videos:
            return [own_videos.own_videos(self.videos, fps, START_MS, self.gap, self.seconds)]
        seconds = 180.0 if self.seconds is None else self.seconds
        return [simulated(self.people, self.cameras, seconds, seed, fps, START_MS) for seed in self.seeds]


def run(plan: VideoPlan, variants: Sequence[Variant], settings: Settings) -> None:
    """``settings``: detector, frames a second, seconds between two embeddings of a track."""
    check_places(plan.json_file, plan.html_file)
    cv2.setNumThreads(1)
    console = console_for_people()
    source = "" if plan.mot is not None or plan.videos else SIMULATED
    settings = settings.model_copy(update={"detector": detector_for(settings.detector, source)})
    footage = plan.footage(settings.camera_fps)
    runs = evaluate(footage, variants, settings, Steps(console), plan.score)
    documents = [each.document() for each in runs]
    title = f"{footage[0].name}{f', and {len(footage) - 1} more' if len(footage) > 1 else ''}"
    title += f"; detector {_short(settings.detector)}, {settings.camera_fps:g} frames/s"
    console.print(comparison(title, plan.columns, documents, upright=True))
    if plan.json_file is not None:
        write_json(plan.json_file, _document(plan, settings, footage, documents))
    if plan.html_file is not None:
        page = _own_page if plan.videos else _page
        write_page(plan.html_file, page(title, documents, runs))


def evaluate(
    footage: Sequence[Footage],
    variants: Sequence[Variant],
    settings: Settings,
    steps: Steps,
    score: Score = video_score,
) -> list[VideoRun]:
    """Each encoder watches once; every policy decides on what it saw."""
    # What cannot be opened is said before the work on the others.
    encoders = {name: Encoder.open(name) for name in dict.fromkeys(each.embedder for each in variants)}
    seen: dict[str, list[Watched]] = {}
    runs = []
    for variant in variants:
        encoder = encoders[variant.embedder]
        if variant.embedder not in seen:
            seen[variant.embedder] = [_watched(each, encoder, settings, steps) for each in footage]
        watched = seen[variant.embedder]
        with steps.step(f"Deciding: {variant.name}"):
            identities = [_identities(each, variant) for each in watched]
            scores = [score(w, i) for w, i in zip(watched, identities, strict=True)]
        runs.append(VideoRun(variant, encoder, watched, identities, scores))
    return runs


def _watched(footage: Footage, encoder: Encoder, settings: Settings, steps: Steps) -> Watched:
    with steps.step(f"Watching: {_short(encoder.setting)}") as step:
        began = time.perf_counter()
        found = watch(
            footage, settings.detector, encoder.embedder, settings.camera_fps, settings.embed_interval
        )
        rate = len(found.looks) / (time.perf_counter() - began)
        step.detail = f"{footage.name}: {len(found.looks)} frames, {rate:.0f}/s"
    return found


def _identities(watched: Watched, variant: Variant) -> Identities:
    identities = Identities()
    for event in decided(watched.messages(), variant.policy):
        identities.fold(event)
    return identities


def _short(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _document(
    plan: VideoPlan, settings: Settings, footage: Sequence[Footage], documents: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "evaluate": "video",
        "footage": [each.name for each in footage],
        "seeds": None if plan.mot is not None or plan.videos else list(plan.seeds),
        "detector": _short(settings.detector),
        "fps": settings.camera_fps,
        "embed_interval": settings.embed_interval,
        "computed_by": "reid.evaluation.tracking",
        "variants": documents,
    }


def _page(title: str, documents: Sequence[Mapping[str, Any]], runs: Sequence[VideoRun]) -> Page:
    """Curve and mistakes are of the first footage."""
    looks = runs[0].watched[0].looks
    start, end = looks[0].captured_at, looks[-1].captured_at
    people: dict[int, int] = {}
    for look in looks:
        for person in look.truth:
            people.setdefault(person.person_id, look.captured_at)
    lines = [("people who were seen", _growth(list(people.values()), start, end))]
    for each in runs:
        births = [int(name.split("_")[1]) for name in each.identities[0].given()]
        lines.append((each.variant.name, _growth(births, start, end)))
    highest = max(count for _, points in lines for _, count in points)
    svg = chart(
        Axis("seconds", 0, (end - start) / 1000), Axis("count", 0, max(highest, 1), whole=True), lines
    )
    sheets = [sheet for each in runs for sheet in mistakes(each)]
    return Page(title, _NOTES, COLUMNS, documents, [("Persons counted", svg)], sheets)


def _own_page(title: str, documents: Sequence[Mapping[str, Any]], runs: Sequence[VideoRun]) -> Page:
    sheets = [sheet for each in runs for sheet in own_videos.everybody(each)]
    return Page(title, own_videos.NOTES, own_videos.COLUMNS, documents, sheets=sheets)


def _growth(moments: Sequence[int], start: int, end: int) -> list[tuple[float, float]]:
    """Steps up by one at each moment; seconds since the start."""
    points = [(0.0, 0.0)]
    for count, moment in enumerate(sorted(moments), 1):
        at = (moment - start) / 1000
        points += [(at, count - 1.0), (at, float(count))]
    return [*points, ((end - start) / 1000, float(len(moments)))]
