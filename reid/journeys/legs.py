"""A visit as legs: room1 → room2 → room3."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from reid.contracts.journeys import Interval, Visit

#: Milliseconds unseen after which somebody has left a camera, although no other saw them since. Of people
#: behind others or behind furniture most are back sooner; who stays away longer was nearly always gone
#: (docs/journeys.md).
UNSEEN: Final = 15_000


class Leg(NamedTuple):
    """Time in front of one camera (ms since the epoch). ``tracks``: how many showed it; ``names``: of them,
    ``session/tracker_id``."""

    camera_id: str
    entered_at: int
    left_at: int
    tracks: int
    names: tuple[str, ...] = ()


class Move(NamedTuple):
    """From one camera to the next; ``ms`` 0 where both saw the person at once."""

    source: str
    target: str
    ms: int


def legs(visit: Visit, since: int = 0) -> list[Leg]:
    """In the order of entering; cameras that share a view make two at a time. ``since``: of the intervals
    from that place on, one of `settled`.

    A leg is the union of the tracks at one camera. It goes on over a gap, unless that is longer than
    `UNSEEN` or the visit's, or the person was elsewhere in it: another camera's track has its middle there.
    """
    by_camera: dict[str, list[Interval]] = {}
    intervals = visit.intervals[since:]
    for one in intervals:
        by_camera.setdefault(one.camera_id, []).append(one)
    middles, gap = _middles(intervals), _longest(visit)
    made = [leg for here in by_camera.values() for leg in _at_one(here, middles, gap)]
    return sorted(made, key=lambda leg: (leg.entered_at, leg.left_at, leg.camera_id))


def settled(before: Visit, after: Visit) -> int:
    """How many of their first intervals make the same legs in both, and the same moves between them.

    Where nobody saw the person for longer than a leg goes on, no leg crosses, and what is seen later changes
    none of those before. Of what both have, the last part between two such breaks is left out: a move leads
    from its last leg to what is new.
    """
    gap = _longest(before)
    if gap != _longest(after):
        return 0
    earlier = here = same = end = 0
    for one, two in zip(before.intervals, after.intervals, strict=False):
        if one != two:
            break
        if one.first - end > gap:
            earlier, here = here, same
        end = max(end, one.last)
        same += 1
    differing = [one.first for visit in (before, after) for one in visit.intervals[same : same + 1]]
    return here if all(first - end > gap for first in differing) else earlier


def last_leg_at(visit: Visit, camera_id: str) -> Leg | None:
    """The last stay at the camera; None without one. A leg as `legs` has it, but it goes on over any gap of
    the visit, which is that of whoever asks."""
    here = [one for one in visit.intervals if one.camera_id == camera_id]
    return _at_one(here, _middles(visit.intervals), visit.gap)[-1] if here else None


def moves(walked: Sequence[Leg]) -> list[Move]:
    """Between each leg and the next that is elsewhere."""
    return [
        Move(one.camera_id, two.camera_id, max(0, two.entered_at - one.left_at))
        for one, two in pairwise(walked)
        if one.camera_id != two.camera_id
    ]


def _longest(visit: Visit) -> int:
    """Milliseconds unseen over which a leg goes on."""
    return min(visit.gap, UNSEEN)


def _at_one(here: Sequence[Interval], middles: Sequence[int], gap: int) -> list[Leg]:
    """``middles``: of the whole visit."""
    own = _middles(here)

    def elsewhere(since: int, until: int) -> bool:
        """Whether another camera's track has its middle between."""
        return _count(middles, since, until) > _count(own, since, until)

    made: list[Leg] = []
    begin, end, tracks, names = here[0].first, here[0].last, 0, list[str]()
    for one in here:
        if one.first > end and (one.first - end > gap or elsewhere(end, one.first)):
            made.append(Leg(one.camera_id, begin, end, tracks, tuple(names)))
            begin, end, tracks, names = one.first, one.last, 0, []
        end = max(end, one.last)
        tracks += one.tracks
        names.append(one.track)
    made.append(Leg(here[0].camera_id, begin, end, tracks, tuple(names)))
    return made


def _middles(intervals: Sequence[Interval]) -> list[int]:
    """Twice the middle of each, rising: whole numbers."""
    return sorted(one.first + one.last for one in intervals)


def _count(middles: Sequence[int], since: int, until: int) -> int:
    """How many lie between, neither at the one nor at the other."""
    return bisect_left(middles, 2 * until) - bisect_right(middles, 2 * since)
