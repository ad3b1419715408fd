"""A site larger than one core: its cameras are shared out over zones, each decided as a site of its own.

A zone's site id is ``site/zone``. What a zone decides reaches its site as a `ZoneReport`, on the topic of the
detections, key = site id: to the site a zone is one more who tells whom it sees.
"""

from typing import Final

import msgspec

from reid.contracts.events import (
    CameraCalibrated,
    EncoderIntroduced,
    GalleryReset,
    PersonAppearanceChanged,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PersonSuggested,
    PersonTemplateRemoved,
)

SCHEMA: Final = "reid.zone.report.v1"
SEPARATOR: Final = "/"
#: What the site must know of a zone. The rest, such as samples of tracks that are nobody yet, is the zone's.
TOLD: Final = (
    PersonRegistered,
    PersonSeen,
    PersonLeft,
    PersonsMerged,
    PersonSplit,
    PersonSuggested,
    PersonTemplateRemoved,
    PersonAppearanceChanged,
    PersonForgotten,
    PersonExpired,
    GalleryReset,
    CameraCalibrated,
    EncoderIntroduced,
)


class ZoneReport(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=SCHEMA):
    """What ``zone`` of the site decided: events of its own log, in order, and where they stand there.

    ``events``: each as it stands in ``reid.events.v1`` (`codec.events_of` reads them); ``offsets``: of each,
    rising; one that the site took in before is passed over. ``issued_at``: time
    of the last event, milliseconds since the epoch.
    """

    site_id: str
    zone: str
    issued_at: int
    offsets: tuple[int, ...]
    events: tuple[msgspec.Raw, ...]


def zone_site(site_id: str, zone: str) -> str:
    """Id under which a zone of the site is decided."""
    return f"{site_id}{SEPARATOR}{zone}"


def split_zone(site_id: str) -> tuple[str, str]:
    """``("hall", "west")`` of ``hall/west``; the zone is empty for a site as a whole."""
    site, _, zone = site_id.partition(SEPARATOR)
    return site, zone
