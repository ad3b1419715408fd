"""How many new persons an hour are usual: the same hour of the days before, robustly."""

from statistics import median
from typing import Final

from reid.alerting.state import SiteState
from reid.contracts.alert_rules import AlertRule, Zone

DAYS: Final = 28
#: Median and so many median absolute deviations: three standard deviations of a normal distribution.
_DEVIATIONS: Final = 4.4478


def arrived(site: SiteState, hour: int, zone: Zone | None) -> int:
    """New persons of a local hour, at the zone's cameras."""
    found = site.arrivals.get(hour, {})
    return sum(times for camera, times in found.items() if zone is None or camera in zone.cameras)


def limit(site: SiteState, rule: AlertRule, zone: Zone | None, hour: int) -> int | None:
    """More than this in ``hour`` is unusual; None while too few days are known. An hour without anybody
    counts as one."""
    first = min(site.arrivals, default=hour)
    before = [arrived(site, hour - 24 * day, zone) for day in range(1, DAYS + 1) if hour - 24 * day >= first]
    if len(before) < rule.days:
        return None
    middle = median(before)
    spread = median([abs(count - middle) for count in before])
    return max(int(middle + _DEVIATIONS * spread), rule.least - 1)


def prune(site: SiteState, hour: int) -> None:
    """Forgets what no later hour is compared with."""
    for old in [known for known in site.arrivals if known < hour - 24 * DAYS]:
        del site.arrivals[old]
    for person in [p for p, (known, _) in site.newcomers.items() if known < hour - 1]:
        del site.newcomers[person]
