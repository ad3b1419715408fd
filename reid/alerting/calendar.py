"""Local time, opening hours and closings, from the offsets that the rules carry."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from reid.contracts.alert_rules import AlertRule, AlertRules, Hours

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_MINUTES: Final = 1440
#: 1970-01-01 was a Thursday.
_FIRST_WEEKDAY: Final = 3
_WEEK: Final = 8


def offset_at(rules: AlertRules, ms: int) -> int:
    """Milliseconds east of UTC at ``ms`` since the epoch."""
    place = bisect_right(rules.offsets, (ms, 86_400)) - 1
    return rules.offsets[max(place, 0)][1] * 1000


def local(rules: AlertRules, ms: int) -> int:
    """Milliseconds since the epoch as a clock on the wall would count them."""
    return ms + offset_at(rules, ms)


def utc(rules: AlertRules, wall: int) -> int:
    """Inverse of `local`; of an hour that comes twice, the first."""
    first = wall - offset_at(rules, wall - DAY)
    return first if local(rules, first) == wall else wall - offset_at(rules, wall)


def within(hours: Iterable[Hours], rules: AlertRules, ms: int) -> bool:
    """Whether ``ms`` lies in one of the spans."""
    day, rest = divmod(local(rules, ms), DAY)
    minute, weekday = rest // MINUTE, (day + _FIRST_WEEKDAY) % 7
    return any(
        (span.day == weekday and span.start <= minute < span.end)
        or (span.day == (weekday - 1) % 7 and minute + _MINUTES < span.end)
        for span in hours
    )


def is_open(rules: AlertRules, ms: int) -> bool:
    """A site without opening hours never closes."""
    return not rules.hours or within(rules.hours, rules, ms)


def applies(rule: AlertRule, rules: AlertRules, ms: int) -> bool:
    """Whether the rule is on at ``ms``."""
    if rule.when == "during":
        return within(rule.during, rules, ms)
    return rule.when == "always" or (rule.when == "open") == is_open(rules, ms)


def closings(rules: AlertRules, around: int) -> list[tuple[int, int]]:
    """(opened, closed), ms since the epoch, of each span from a week before to a week after; a span that the
    next one continues is one with it."""
    first = local(rules, around) // DAY
    spans = sorted(
        (day * DAY + span.start * MINUTE, day * DAY + span.end * MINUTE)
        for day in range(first - _WEEK, first + _WEEK + 1)
        for span in rules.hours
        if span.day == (day + _FIRST_WEEKDAY) % 7
    )
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    # The last one may go on behind what was looked at.
    return [(utc(rules, start), utc(rules, end)) for start, end in joined[:-1]]


def last_closing(rules: AlertRules, ms: int) -> tuple[int, int] | None:
    """(opened, closed) of the last span that ended at ``ms`` or before."""
    return max((span for span in closings(rules, ms) if span[1] <= ms), default=None)


def next_closing(rules: AlertRules, ms: int) -> int | None:
    """When the site closes next, after ``ms``."""
    return min((end for _, end in closings(rules, ms) if end > ms), default=None)


def hour_of(rules: AlertRules, ms: int) -> int:
    """Number of the local hour since the epoch; hours of one time of day differ by multiples of 24."""
    return local(rules, ms) // HOUR
