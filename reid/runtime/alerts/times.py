"""Durations, times of day, weekdays and time zones, as people write them."""

import re
from typing import Final

from reid.contracts.alert_rules import Hours
from reid.errors import ConfigError
from reid.runtime.alerts.yaml_tree import Part
from reid.runtime.time_zones import utc_offsets

_UNITS: Final = {"ms": 1, "s": 1000, "sec": 1000, "min": 60_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$")
#: A hundred years: a number of any length would be none that the log or a clock of the machine can take.
_LONGEST: Final = 36_500 * _UNITS["d"]
_SPAN: Final = re.compile(r"^\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*$")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY: Final = {name: day for names in (_DAYS, _NAMES) for day, name in enumerate(names)}
_ALL: Final = {"daily": range(7), "weekdays": range(5), "weekend": range(5, 7)}


def duration(part: Part) -> int:
    """``90 s``, ``2 min`` -> milliseconds. Raises `ConfigError`."""
    found = _DURATION.match(part.text())
    if found is None or found[2] not in _UNITS:
        raise part.wrong(f"{part.text()!r} is no duration", "write one such as 90 s, 5 min or 2 h")
    milliseconds = float(found[1]) * _UNITS[found[2]]
    if milliseconds > _LONGEST:
        raise part.wrong(f"{part.text()!r} is too long", "write at most 36500 d")
    return round(milliseconds)


def hours(part: Part) -> tuple[Hours, ...]:
    """``22:00-06:00``, for every day; or a mapping of days (``mon-fri``, ``sat,sun``, ``daily``) to one or
    more spans. Sorted, at least one. Raises `ConfigError`."""
    found = _spans(part)
    if not found:
        # Never would be read as always.
        raise part.wrong("no time of day here", "write a span such as 07:30-19:00")
    return found


def _spans(part: Part) -> tuple[Hours, ...]:
    if not part.is_mapping:
        return tuple(sorted(_span(day, item) for item in part.items() for day in range(7)))
    return tuple(
        sorted(
            _span(day, item)
            for name, spans in part.entries().items()
            for day in _days(name, spans)
            if not spans.is_empty
            for item in spans.items()
        )
    )


def _span(day: int, part: Part) -> Hours:
    found = _SPAN.match(part.text())
    minutes = [int(n) for n in found.groups()] if found is not None else [99] * 4
    start, end = minutes[0] * 60 + minutes[1], minutes[2] * 60 + minutes[3]
    if start >= 1440 or end > 1440 or max(minutes[1], minutes[3]) > 59 or start == end:
        raise part.wrong(f"{part.text()!r} is no time of day", "write a span such as 07:30-19:00")
    return Hours(day, start, end if end > start else end + 1440)


def _days(name: str, part: Part) -> set[int]:
    """A list of days and of spans of days, divided by commas."""
    found: set[int] = set()
    for text in name.lower().split(","):
        first, dash, last = (word.strip() for word in text.partition("-"))
        if not dash and first in _ALL:
            found.update(_ALL[first])
            continue
        if first not in _DAY or (dash and last not in _DAY):
            raise part.wrong(
                f"{name!r} is no day", f"choose of {', '.join((*_DAYS, *_ALL))}, or mon-fri, or mon,wed,fri"
            )
        start = _DAY[first]
        found.update((start + n) % 7 for n in range((_DAY[last] - start) % 7 + 1 if dash else 1))
    return found


def offsets(part: Part) -> tuple[tuple[int, int], ...]:
    """A time zone's name -> (from then on, ms since the epoch; seconds east of UTC). Raises `ConfigError`."""
    try:
        return utc_offsets(part.text())
    except ConfigError as error:
        raise part.wrong(f"no time zone {part.text()!r}", "write one such as Europe/Berlin or UTC") from error
