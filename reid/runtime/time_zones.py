"""What a time zone means, as numbers: what decides must not read a database that changes."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reid.errors import ConfigError

#: What a time zone means is written down for these years.
_YEARS: Final = range(2020, 2041)


@cache
def utc_offsets(name: str) -> tuple[tuple[int, int], ...]:
    """A time zone's name -> (from then on, ms since the epoch; seconds east of UTC). Raises `ConfigError`."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"no time zone {name!r}: write one such as Europe/Berlin or UTC") from error
    day, end = datetime(_YEARS.start, 1, 1, tzinfo=UTC), datetime(_YEARS.stop, 1, 1, tzinfo=UTC)
    found = [(0, _offset(zone, day))]
    while day < end:
        following = day + timedelta(days=1)
        if _offset(zone, following) != found[-1][1]:
            moment = _change(zone, day, following)
            found.append((round(moment.timestamp() * 1000), _offset(zone, moment)))
        day = following
    return tuple(found)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The minute from which on the clocks tell the time as they do at ``after``."""
    minutes = 1440
    while minutes > 1:
        middle = before + timedelta(minutes=minutes // 2)
        if _offset(zone, middle) == _offset(zone, before):
            before, minutes = middle, minutes - minutes // 2
        else:
            minutes = minutes // 2
    return before + timedelta(minutes=1)


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return round(found.total_seconds())
