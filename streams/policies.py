"""Settings -> the numbers of the decision rule. Settings count seconds and days, policies milliseconds."""

from typing import Any, Final

import msgspec

from reid.domain.policy import Policies, Policy
from reid.runtime.settings import Settings
from reid.runtime.time_zones import utc_offsets

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000


def policies_of(settings: Settings) -> Policies:
    """The default policy, and one for each site with a threshold, a time zone or a rule of days of its own.

    A camera's own threshold holds at every site: camera ids are the operator's names. Raises `ConfigError`
    for a time zone that does not exist.
    """
    default = Policy(
        threshold=settings.similarity_threshold,
        camera_thresholds=dict(settings.camera_thresholds),
        margin=settings.margin,
        min_samples=settings.min_samples,
        max_samples=settings.max_samples,
        min_quality=settings.min_quality,
        max_templates=settings.max_templates,
        seen_interval=_ms(settings.seen_interval),
        track_timeout=_ms(settings.track_timeout),
        visit_gap=_ms(settings.visit_gap),
        ttl=settings.ttl_days * _DAY_MS,
        days=settings.days,
        day_strictness=settings.day_strictness,
        day_starts=round(settings.day_start_hour * _HOUR_MS),
        utc_offsets=utc_offsets(settings.time_zone),
    )
    of_sites: dict[str, dict[str, Any]] = {}
    for site, threshold in settings.site_thresholds.items():
        of_sites.setdefault(site, {})["threshold"] = threshold
    for site, days in settings.site_days.items():
        of_sites.setdefault(site, {})["days"] = days
    for site, zone in settings.site_time_zones.items():
        of_sites.setdefault(site, {})["utc_offsets"] = utc_offsets(zone)
    sites = {site: msgspec.structs.replace(default, **values) for site, values in of_sites.items()}
    return Policies(default=default, sites=sites)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
