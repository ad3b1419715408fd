"""One person of the naive gallery: a plain dictionary, and what becomes of it."""

from typing import Any

Track = tuple[str, str]
Look = tuple[str, int]
Person = dict[str, Any]

VISIT_GAP = 300_000


def visits(spans: list[tuple[int, int]]) -> tuple[int, int]:
    """Number of visits that the spans make up, and when the last began."""
    count, started, last = 0, 0, 0
    for first, until in sorted(spans):
        if not count or first - last > VISIT_GAP:
            count, started = count + 1, first
        last = max(last, until)
    return count, started


def less(told: dict[str, Any], tracks: set[Track]) -> dict[str, Any] | None:
    """The same without these tracks; None when nothing else was told."""
    if told["kind"] == "seen":
        return None if told["track"] in tracks else told
    if told["kind"] == "joined":
        spans = {t: span for t, span in told["spans"].items() if t not in tracks}
        kept = {**told, "spans": spans, "templates": [t for t in told["templates"] if t[1] not in tracks]}
        return kept if spans else None
    return told


def belongs(track: Track, one: Person, other: Person) -> bool:
    """Whether the track is the first one's: of two who had it, whoever had it last."""
    mine, theirs = one["spans"].get(track), other["spans"].get(track)
    return mine is not None and (theirs is None or mine[1] >= theirs[1])


def lengthen(spans: dict[Track, tuple[int, int]], track: Track, span: tuple[int, int]) -> None:
    before = spans.get(track, span)
    spans[track] = min(before[0], span[0]), max(before[1], span[1])


def tell(person: Person, told: dict[str, Any]) -> None:
    """The person after a sighting, or after tracks of somebody else turned out to be its own."""
    if told["kind"] == "joined":
        join(person, told["spans"], told["templates"])
        return
    at, (camera, _) = told["at"], told["track"]
    if not person["visits"] or at - person["last"] > VISIT_GAP:
        person["visits"], person["started"] = person["visits"] + 1, at
    person["last"], person["camera"] = at, camera
    if camera not in person["cameras"]:
        person["cameras"].append(camera)
    lengthen(person["spans"], told["track"], (at, at))
    if told["template"]:
        person["templates"] = [*person["templates"], told["template"]]


def join(person: Person, spans: dict[Track, tuple[int, int]], templates: list[tuple[Look, Track]]) -> None:
    before, _ = visits(list(person["spans"].values()))
    for track, span in sorted(spans.items(), key=lambda item: (item[1][0], item[0])):
        lengthen(person["spans"], track, span)
        if track[0] not in person["cameras"]:
            person["cameras"].append(track[0])
    after, started = visits(list(person["spans"].values()))
    person["visits"], person["started"] = person["visits"] - before + after, started
    person["first"] = min(person["first"], *(first for first, _ in spans.values()))
    _, latest = max((span[1], track) for track, span in person["spans"].items())
    person["last"], person["camera"] = person["spans"][latest][1], latest[0]
    person["templates"] = person["templates"] + templates


def without(person: Person, tracks: set[Track]) -> None:
    """The person as if these tracks had never been its own; without a template when nothing is left."""
    gone = {t: span for t, span in person["spans"].items() if t in tracks}
    if not gone:
        return
    before, _ = visits(list(person["spans"].values()))
    kept = {t: span for t, span in person["spans"].items() if t not in tracks}
    person["spans"] = kept
    person["templates"] = [t for t in person["templates"] if t[1] not in tracks] if kept else []
    if not kept:
        return
    after, person["started"] = visits(list(kept.values()))
    person["visits"] = max(1, person["visits"] - before + after)
    left, still = {t[0] for t in gone}, {t[0] for t in kept}
    person["cameras"] = [c for c in person["cameras"] if c in still or c not in left]
    if min(first for first, _ in gone.values()) <= person["first"]:
        person["first"] = min(first for first, _ in kept.values())
    _, latest = max((span[1], track) for track, span in kept.items())
    person["last"], person["camera"] = kept[latest][1], latest[0]
