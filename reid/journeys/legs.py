"""A visit as legs: room1 → room2 → room3."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from reid.contracts.journeys import Interval, Visit


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

    A leg is the union of the tracks at one camera. It goes on over a gap, unless the gap is longer than the
    visit's or the person was elsewhere in it: a track of another camera has its middle there.
    """
    made: list[Leg] = []
    for camera_id in sorted({one.camera_id for one in visit.intervals}):
        here = [one for one in visit.intervals if one.camera_id == camera_id]
        elsewhere = [one for one in visit.intervals if one.camera_id != camera_id]
        made += _at_one(here, elsewhere, visit.gap)
    return sorted(made, key=lambda leg: (leg.entered_at, leg.left_at, leg.camera_id))


def moves(walked: Sequence[Leg]) -> list[Move]:
    """Between each leg and the next that is elsewhere."""
    return [
        Move(one.camera_id, two.camera_id, max(0, two.entered_at - one.left_at))
        for one, two in pairwise(walked)
        if one.camera_id != two.camera_id
    ]


def _at_one(here: Sequence[Interval], elsewhere: Sequence[Interval], gap: int) -> list[Leg]:
    groups: list[list[Interval]] = []
    end = 0
    for one in here:
        if groups and one.first - end <= gap and not _between(elsewhere, end, one.first):
            groups[-1].append(one)
            end = max(end, one.last)
        else:
            groups.append([one])
            end = one.last
    return [
        Leg(
            group[0].camera_id,
            group[0].first,
            max(one.last for one in group),
            sum(one.tracks for one in group),
            tuple(one.track for one in group),
        )
        for group in groups
    ]


def _between(elsewhere: Sequence[Interval], since: int, until: int) -> bool:
    return since < until and any(2 * since < one.first + one.last < 2 * until for one in elsewhere)
