"""Settings -> the numbers of the decision rule. Settings count seconds and days, policies milliseconds."""

from typing import Final

import msgspec

from reid.domain.policy import Policies, Policy
from reid.runtime.settings import Settings

_DAY_MS: Final = 86_400_000


def policies_of(settings: Settings) -> Policies:
    """The default policy, and one for each site that has a threshold of its own.

    A camera's own threshold holds at every site: camera ids are the operator's names.
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
    )
    sites = {
        site: msgspec.structs.replace(default, threshold=value)
        for site, value in settings.site_thresholds.items()
    }
    return Policies(default=default, sites=sites)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
