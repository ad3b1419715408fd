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


def legs(visit: Visit) -> list[Leg]:
    """In the order of entering; cameras that share a view make two at a time.

    A leg is the union of the tracks at one camera. It goes on over a gap, unless that is longer than
    `UNSEEN` or the visit's, or the person was elsewhere in it: another camera's track has its middle there.
    """
    by_camera: dict[str, list[Interval]] = {}
    for one in visit.intervals:
        by_camera.setdefault(one.camera_id, []).append(one)
    middles, gap = _middles(visit.intervals), min(visit.gap, UNSEEN)
    made = [leg for here in by_camera.values() for leg in _at_one(here, middles, gap)]
    return sorted(made, key=lambda leg: (leg.entered_at, leg.left_at, leg.camera_id))


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
