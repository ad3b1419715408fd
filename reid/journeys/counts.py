"""What a person's visits add to the site's sums. Whole numbers: what was added can be taken away again.

Fields of an hour: ``{camera}/entries``, ``{camera}/unique``, ``{camera}/dwell`` (ms), and
``{camera}/+{second}``: how many more are there from that second of the hour on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from reid.contracts.journeys import Visit
from reid.journeys.durations import bucket_of
from reid.journeys.legs import Leg, legs, moves

HOUR_MS: Final = 3_600_000
_SECONDS: Final = 3_600


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


def add(visit: Visit, sums: Sums, sign: int) -> None:
    """Adds what the visit adds by itself, or takes it away."""
    walked = legs(visit)
    for leg in walked:
        _occupy(leg, sums.occupancy, sign)
    for move in moves(walked):
        field = f"{quote(move.source, safe='')}/{quote(move.target, safe='')}/{bucket_of(move.ms)}"
        sums.transitions[field] += sign


def add_unique(visits: Iterable[Visit], hours: set[int], sums: Sums, sign: int) -> None:
    """A person counts once at a camera in an hour, however often it came. ``visits``: all of the person's
    that touch ``hours``."""
    met = {(hour, leg.camera_id) for visit in visits for leg in legs(visit) for hour in _hours(leg)}
    for hour, camera_id in met:
        if hour in hours:
            sums.occupancy[hour, f"{quote(camera_id, safe='')}/unique"] += sign


def hours_of(visit: Visit) -> range:
    """Hours since the epoch that the visit touches."""
    return range(visit.started_at // HOUR_MS, visit.ended_at // HOUR_MS + 1)


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


def _hours(leg: Leg) -> range:
    return range(leg.entered_at // HOUR_MS, leg.left_at // HOUR_MS + 1)


def _occupy(leg: Leg, into: Counter[tuple[int, str]], sign: int) -> None:
    camera = quote(leg.camera_id, safe="")
    into[leg.entered_at // HOUR_MS, f"{camera}/entries"] += sign
    for hour in _hours(leg):
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
