"""What a site and its zones must tell each other besides whom they see."""

from collections.abc import Iterator, Sequence

from reid.contracts.detections import Frame
from reid.contracts.events import (
    AnyEvent,
    EncoderIntroduced,
    GalleryReset,
    PersonExpired,
    PersonForgotten,
    PersonSplit,
    ZoneDirected,
)
from reid.domain.state import SiteState


def introductions(site: SiteState, site_id: str, frame: Frame) -> list[AnyEvent]:
    """Of a zone: an encoder, or another calibration of it. Its site sees no frame to learn that from."""
    model = frame.model
    if model is None:
        return []
    if site.zones.encoders.get(model.key) == model.calibration:
        return []
    return [
        EncoderIntroduced(
            site_id=site_id, at=frame.captured_at, model=model.key, calibration=model.calibration
        )
    ]


def directions(site: SiteState, site_id: str, at: int, made: Sequence[AnyEvent]) -> list[AnyEvent]:
    """What ``made``, the events of one input, means for the zones. Who is forgotten is forgotten everywhere;
    a track that people took from a person is not the zone's person either."""
    if not site.zones.upto:
        return []
    if any(isinstance(event, GalleryReset) and event.camera_id is None for event in made):
        return [
            ZoneDirected(site_id=site_id, at=at, zone=zone, action="reset")
            for zone in sorted(site.zones.upto)
        ]
    events: list[AnyEvent] = []
    if any(isinstance(event, GalleryReset | PersonForgotten | PersonExpired) for event in made):
        events += [
            ZoneDirected(site_id=site_id, at=at, zone=zone, action="forget", person_id=theirs)
            for zone, theirs, now in _known(site)
            if now is None
        ]
    for event in made:
        if isinstance(event, PersonSplit) and event.command_id is not None and event.kind != "merge_undone":
            events += [
                ZoneDirected(
                    site_id=site_id, at=at, zone=zone, action="reject", person_id=theirs, track=track
                )
                for zone, theirs, now in _known(site)
                if now == event.person.person_id
                for track in event.tracks
            ]
    return events


def _known(site: SiteState) -> Iterator[tuple[str, str, str | None]]:
    """Zone, its person's id, and who that is for the site now."""
    for zone, persons in sorted(site.zones.persons.items()):
        for theirs, ours in sorted(persons.items()):
            yield zone, theirs, site.holder(ours)
