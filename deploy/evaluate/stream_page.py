"""The page of a stream: how the count of persons grows, and the decisions that went wrong."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from deploy.evaluate.chart import Axis, chart
from deploy.evaluate.page import Page, Picture, Sheet
from deploy.evaluate.stream import Played, Track
from deploy.evaluate.stream_run import StreamRun

MISTAKES: Final = 24
_NOTES: Final = (
    "Each person's crops in one camera are one track; tracks come in a seeded random order, and the real "
    "decision rule gives them ids. Pairs: of tracks, same id against same person. IDF1: over tracks, under "
    "the one pairing of ids with persons that agrees most.",
)


def stream_page(
    title: str, columns: Mapping[str, str], documents: Sequence[Mapping[str, Any]], runs: Sequence[StreamRun]
) -> Page:
    """Numbers are means over the seeds; curve and mistakes are of the first."""
    firsts = [(run.variant.name, run.played[0]) for run in runs]
    truth = _growth([track.person for track in firsts[0][1].tracks])
    lines = [("people who came", truth), *((name, _growth(played.final)) for name, played in firsts)]
    highest = max(count for _, points in lines for _, count in points)
    svg = chart(
        Axis("tracks so far", 0, len(truth), whole=True), Axis("count", 0, max(highest, 1), whole=True), lines
    )
    sheets = [sheet for name, played in firsts for sheet in (wrong(name, played), split(name, played))]
    return Page(title, _NOTES, columns, documents, [("Persons counted, first seed", svg)], sheets)


def _growth(names: Sequence[object]) -> list[tuple[float, float]]:
    """How many different ones there were after each; None is nobody."""
    seen: set[object] = set()
    points = []
    for number, name in enumerate(names, 1):
        if name is not None:
            seen.add(name)
        points.append((float(number), float(len(seen))))
    return points


def wrong(name: str, played: Played) -> Sheet:
    """Tracks given somebody else's id, the most certain first. An id belongs to its first track's person."""
    owner: dict[str, Track] = {}
    found = []
    for track, person_id in zip(played.tracks, played.final, strict=True):
        if person_id is None:
            continue
        first = owner.setdefault(person_id, track)
        if first.person != track.person:
            found.append((_score(played, track), track, first))
    found.sort(key=lambda each: (-each[0], each[1].number))
    mistakes = [
        (
            f"{score:.2f}",
            [_picture(track, f"{track.person} camera {track.camera}"), _picture(first, f"as {first.person}")],
        )
        for score, track, first in found[:MISTAKES]
    ]
    return Sheet(f"{name}: given somebody else's id, by calibrated score", mistakes)


def split(name: str, played: Played) -> Sheet:
    """Tracks of people who had an id already and became somebody new, the least alike first."""
    known: dict[int, Track] = {}
    holders: Counter[str] = Counter()
    found = []
    for track, person_id in zip(played.tracks, played.final, strict=True):
        if person_id is None:
            continue
        if track.person in known and not holders[person_id]:
            found.append((_score(played, track), known[track.person], track))
        known.setdefault(track.person, track)
        holders[person_id] += 1
    found.sort(key=lambda each: (each[0], each[2].number))
    mistakes = [
        (
            f"best score of anybody {score:.2f}",
            [_picture(before, f"{before.person} camera {before.camera}"), _picture(track, "became new")],
        )
        for score, before, track in found[:MISTAKES]
    ]
    return Sheet(f"{name}: known, and taken for somebody new", mistakes)


def _score(played: Played, track: Track) -> float:
    decision = played.decisions.get(track.number)
    return decision.score if decision is not None and decision.score is not None else 0.0


def _picture(track: Track, caption: str) -> Picture:
    return Picture(track.crops[0].read(), caption)
