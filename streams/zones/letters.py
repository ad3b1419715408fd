"""What goes from one log into the inputs of another: pure functions of the events."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from reid.contracts.commands import AnyCommand, ForgetPerson, RejectTrack, ResetGallery
from reid.contracts.events import AnyEvent, ZoneDirected
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.contracts.zones import TOLD, ZoneReport, split_zone, zone_site

#: Bytes of events in one report, before it is closed: far below what a record may have.
MAX_REPORT_BYTES: Final = 1024 * 1024
_ASKED_BY: Final = "site"


class Posted(NamedTuple):
    """An event of the log: where it stands in its partition, its ``ce_id``, and its bytes."""

    offset: int
    event_id: str
    value: bytes
    event: AnyEvent


class Letter(NamedTuple):
    """``at``: becomes the record's timestamp. The clock that counts is that of whoever saw it, also when the
    letter waited for hours."""

    topic: str
    site_id: str
    message: ZoneReport | AnyCommand
    at: int


def letters(posted: Sequence[Posted]) -> list[Letter]:
    """Of events of one partition, in order: a zone's for its site, and what a site asks of its zones."""
    made: list[Letter] = []
    waiting: dict[str, list[Posted]] = {}
    for one in posted:
        event = one.event
        if isinstance(event, ZoneDirected):
            target = zone_site(event.site_id, event.zone)
            made.append(Letter(COMMANDS.name, target, _command(target, event, one.event_id), event.at))
        elif split_zone(event.site_id)[1] and isinstance(event, TOLD):
            mine = waiting.setdefault(event.site_id, [])
            if mine and sum(len(other.value) for other in mine) + len(one.value) > MAX_REPORT_BYTES:
                made.append(_report(event.site_id, mine))
                mine.clear()
            mine.append(one)
    return made + [_report(zone, mine) for zone, mine in waiting.items()]


def _report(zone_id: str, posted: Sequence[Posted]) -> Letter:
    site_id, zone = split_zone(zone_id)
    at = posted[-1].event.at
    offsets, events = (one.offset for one in posted), (msgspec.Raw(one.value) for one in posted)
    report = ZoneReport(
        site_id=site_id, zone=zone, issued_at=at, offsets=tuple(offsets), events=tuple(events)
    )
    return Letter(DETECTIONS.name, site_id, report, at)


def _command(zone_id: str, event: ZoneDirected, event_id: str) -> AnyCommand:
    """With the event's own id: a letter that comes twice is answered once."""
    head = {"site_id": zone_id, "command_id": event_id, "issued_at": event.at, "issued_by": _ASKED_BY}
    match event.action:
        case "forget":
            return ForgetPerson(person_id=event.person_id, **head)  # type: ignore[arg-type]
        case "reset":
            return ResetGallery(**head)  # type: ignore[arg-type]
        case "reject":
            assert event.track is not None
            return RejectTrack(person_id=event.person_id, track=event.track, **head)  # type: ignore[arg-type]
