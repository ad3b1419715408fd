"""A person's visits: the intervals of its tracks, put together as they come, taken apart when tracks move."""

from collections.abc import Collection, Iterable
from typing import Final

from reid.contracts.journeys import Interval, Visit
from reid.contracts.topics import DAY_MS

#: Visits kept of a person, the newest.
MAX_VISITS: Final = 250
#: Intervals kept of a visit: the oldest are joined, or go.
MAX_INTERVALS: Final = 200
#: A visit is cut after so long (milliseconds): whoever never leaves makes one a day.
MAX_VISIT: Final = DAY_MS


def visits_of(intervals: Iterable[Interval], gap: int) -> list[Visit]:
    """The newest `MAX_VISITS`, in order. A visit ends with a gap, or after a day."""
    made: list[Visit] = []
    for interval in sorted(intervals):
        now = made[-1] if made else None
        if now is None or interval.first - now.ended_at > gap or interval.first - now.started_at > MAX_VISIT:
            made.append(
                Visit(started_at=interval.first, ended_at=interval.last, gap=gap, intervals=[interval])
            )
        else:
            now.intervals.append(interval)
            now.ended_at = max(now.ended_at, interval.last)
    del made[:-MAX_VISITS]
    for visit in made:
        bound(visit)
    return made


def extended(visit: Visit, seen: Interval, gap: int) -> Interval | None:
    """Adds a sighting to the visit, in place: the interval that it is part of now. None, with nothing
    changed, when it is not part of the visit, or would make it begin earlier."""
    late = seen.last - visit.started_at > MAX_VISIT
    if seen.first < visit.started_at or seen.first - visit.ended_at > gap or late:
        return None
    visit.gap = gap
    visit.ended_at = max(visit.ended_at, seen.last)
    for known in reversed(visit.intervals):
        # Most are of another camera.
        if known.camera_id == seen.camera_id and continues(known, seen, gap):
            known.last = max(known.last, seen.last)
            if seen.first < known.first:
                known.first = seen.first
                visit.intervals.sort()
            return known
    visit.intervals.append(seen)
    visit.intervals.sort()
    bound(visit)
    return seen


def continues(known: Interval, seen: Interval, gap: int) -> bool:
    """Whether a sighting of the same track lengthens the interval."""
    return (
        known.track == seen.track
        and known.camera_id == seen.camera_id
        and seen.first - known.last <= gap
        and known.first - seen.last <= gap
    )


def bound(visit: Visit) -> None:
    """Keeps the visit at `MAX_INTERVALS`: the oldest two neighbours at one camera become one; where there are
    none, the oldest goes. Tracks so old can't be moved to others any more (`reid.domain.person.MAX_SPANS`).
    """
    kept = visit.intervals
    while len(kept) > MAX_INTERVALS:
        for place in range(len(kept) // 2):
            one, two = kept[place], kept[place + 1]
            if (one.camera_id, one.owner) == (two.camera_id, two.owner):
                last, tracks = max(one.last, two.last), one.tracks + two.tracks
                joined = Interval(one.first, last, one.camera_id, one.track, one.owner, tracks)
                kept[place : place + 2] = [joined]
                break
        else:
            del kept[0]


def absorbed(intervals: Iterable[Interval], absorbed_id: str) -> list[Interval]:
    """As a merge brings them: it stays known whose they were."""
    return [_owned(one, f"{absorbed_id}/{one.owner}" if one.owner else absorbed_id) for one in intervals]


def given_back(
    intervals: Iterable[Interval], absorbed_id: str, tracks: Collection[tuple[str, str]]
) -> tuple[list[Interval], list[Interval]]:
    """What stays, and what goes back when the merge of ``absorbed_id`` is undone: what it brought, and its
    ``tracks`` (camera, track) as they went on since."""
    stay: list[Interval] = []
    back: list[Interval] = []
    brought: dict[tuple[str, str], int] = {}
    own: list[Interval] = []
    for one in intervals:
        first, _, rest = one.owner.partition("/")
        if first != absorbed_id:
            own.append(one)
            continue
        back.append(_owned(one, rest))
        key = (one.camera_id, one.track)
        brought[key] = max(brought.get(key, 0), one.last)
    for one in own:
        key = (one.camera_id, one.track)
        # A track that both had before the merge was the survivor's until then.
        if key in tracks and one.first >= brought.get(key, 0):
            back.append(_owned(one, ""))
        else:
            stay.append(one)
    return stay, back


def taken(
    intervals: Iterable[Interval], tracks: Collection[tuple[str, str]]
) -> tuple[list[Interval], list[Interval]]:
    """What stays, and what goes with the ``tracks`` (camera, track) that were somebody else's."""
    stay: list[Interval] = []
    gone: list[Interval] = []
    for one in intervals:
        if (one.camera_id, one.track) in tracks:
            gone.append(_owned(one, ""))
        else:
            stay.append(one)
    return stay, gone


def shown_until(intervals: Iterable[Interval], track: tuple[str, str], at: int) -> list[Interval]:
    """What stays where the ``track`` (camera, track) showed somebody else after ``at``."""
    kept: list[Interval] = []
    for one in intervals:
        if (one.camera_id, one.track) != track or one.last <= at:
            kept.append(one)
        elif one.first <= at:
            kept.append(Interval(one.first, at, one.camera_id, one.track, one.owner, one.tracks))
    return kept


def _owned(one: Interval, owner: str) -> Interval:
    return Interval(one.first, one.last, one.camera_id, one.track, owner, one.tracks)
