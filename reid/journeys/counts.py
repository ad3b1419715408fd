"""What a person's visits add to the site's sums. Whole numbers: what was added can be taken away again.

Fields of an hour: ``{camera}/entries``, ``{camera}/unique``, ``{camera}/dwell`` (ms), and
``{camera}/+{second}``: how many more are there from that second of the hour on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from reid.contracts.journeys import Interval, Visit
from reid.journeys.durations import bucket_of
from reid.journeys.legs import Leg, legs, moves, settled

HOUR_MS: Final = 3_600_000
_SECONDS: Final = 3_600


T = TypeVar("T")


class Sums(NamedTuple):
    """``occupancy``: (hour, field) -> number; ``transitions``: field -> number."""

    occupancy: Counter[tuple[int, str]]
    transitions: Counter[str]


class Occupancy(NamedTuple):
    """One camera in one hour. ``peak``: most persons at once, to the second."""

    camera_id: str
    unique_visitors: int
    entries: int
    peak: int
    dwell_ms: int


def recount(before: Sequence[Visit], after: Sequence[Visit], beside: Sequence[Visit], sums: Sums) -> None:
    """Takes away what a person's changed visits added ``before``, and adds what they add ``after``.
    ``beside``: the person's other visits that touch the same hours, before as after.

    Of a visit that goes on one leg is another one and the rest as they were: only what may differ is looked
    at.
    """
    was, now = ({visit.started_at: visit for visit in visits} for visits in (before, after))
    old, new, rest = list[list[Leg]](), list[list[Leg]](), list[Interval]()
    for start in was.keys() | now.keys():
        one, two = was.get(start), now.get(start)
        since = settled(one, two) if one and two else 0
        if one:
            old.append(legs(one, since))
            rest += one.intervals[:since]
        if two:
            new.append(legs(two, since))
    for leg, by in _difference(chain.from_iterable(old), chain.from_iterable(new)):
        _occupy(leg, sums.occupancy, by)
    for move, by in _difference(chain.from_iterable(map(moves, old)), chain.from_iterable(map(moves, new))):
        field = f"{_quoted(move.source)}/{_quoted(move.target)}/{bucket_of(move.ms)}"
        sums.transitions[field] += by
    met_before, met_after = _met(chain.from_iterable(old)), _met(chain.from_iterable(new))
    changed = met_before ^ met_after
    for interval in chain(rest, chain.from_iterable(visit.intervals for visit in beside)) if changed else ():
        changed.difference_update(_seen(interval.camera_id, interval.first, interval.last))
    for hour, camera_id in changed:
        by = 1 if (hour, camera_id) in met_after else -1
        sums.occupancy[hour, f"{_quoted(camera_id)}/unique"] += by


def hours_of(visit: Visit) -> range:
    """Hours since the epoch that the visit touches."""
    return _hours(visit.started_at, visit.ended_at)


def occupancy(fields: Mapping[str, int]) -> list[Occupancy]:
    """One hour's fields -> each camera's, by name."""
    by_camera: dict[str, dict[str, int]] = {}
    for field, number in fields.items():
        camera, _, name = field.partition("/")
        by_camera.setdefault(unquote(camera), {})[name] = number
    return [
        Occupancy(
            camera_id,
            found.get("unique", 0),
            found.get("entries", 0),
            _peak(found),
            found.get("dwell", 0),
        )
        for camera_id, found in sorted(by_camera.items())
    ]


def transitions(fields: Mapping[str, int]) -> dict[tuple[str, str], dict[int, int]]:
    """(from, to) -> counts by bucket, in the order of names."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for field, number in fields.items():
        source, target, bucket = field.split("/")
        found.setdefault((unquote(source), unquote(target)), {})[int(bucket)] = number
    return dict(sorted(found.items()))


def _hours(first: int, last: int) -> range:
    return range(first // HOUR_MS, last // HOUR_MS + 1)


def _met(walked: Iterable[Leg]) -> set[tuple[int, str]]:
    """Hour and camera. A person counts once at a camera in an hour, however often it came."""
    return {met for leg in walked for met in _seen(leg.camera_id, leg.entered_at, leg.left_at)}


def _seen(camera_id: str, first: int, last: int) -> list[tuple[int, str]]:
    """Hour and camera, of a leg or of its intervals: no gap within a leg is as long as an hour."""
    return [(hour, camera_id) for hour in _hours(first, last)]


def _difference(before: Iterable[T], after: Iterable[T]) -> list[tuple[T, int]]:
    """What is there another number of times than before, and by how much."""
    found = Counter(after)
    found.subtract(before)
    return [(one, by) for one, by in found.items() if by]


@lru_cache(maxsize=1024)
def _quoted(camera_id: str) -> str:
    return quote(camera_id, safe="")


def _occupy(leg: Leg, into: Counter[tuple[int, str]], sign: int) -> None:
    camera = _quoted(leg.camera_id)
    into[leg.entered_at // HOUR_MS, f"{camera}/entries"] += sign
    for hour in _hours(leg.entered_at, leg.left_at):
        begin = hour * HOUR_MS
        since, until = max(leg.entered_at, begin), min(leg.left_at, begin + HOUR_MS)
        into[hour, f"{camera}/dwell"] += sign * (until - since)
        into[hour, f"{camera}/+{(since - begin) // 1000}"] += sign
        gone = (leg.left_at - begin) // 1000 + 1
        if gone < _SECONDS:
            into[hour, f"{camera}/+{gone}"] -= sign


def _peak(fields: Mapping[str, int]) -> int:
    steps: Sequence[tuple[int, int]] = sorted(
        (int(name[1:]), number) for name, number in fields.items() if name.startswith("+")
    )
    most = now = 0
    for _, number in steps:
        now += number
        most = max(most, now)
    return most
