"""What the fold makes of a track that was seen, with an identity or without one yet (`evolve`)."""

from typing import Final

from reid.contracts.attributes import ATTRIBUTES
from reid.contracts.events import PENDING_FORGOTTEN_AFTER, Decision, PersonSeen, TrackSampled
from reid.domain import beside
from reid.domain.passages import passage
from reid.domain.person import Person
from reid.domain.state import SiteState
from reid.domain.tracks import BoundTrack, CameraState, PendingTrack
from reid.domain.ways import came, in_time
from reid.domain.worn import Worn, told

#: So many doubts are weighed again whenever a track gets an identity; so sure appearance must be to teach
#: where people go. Constants: the fold of a log must not depend on settings.
WEIGHED: Final = 2
SURE: Final = 0.7


def _heard(site: SiteState, camera: CameraState, event: TrackSampled | PersonSeen) -> None:
    """How far the run of the camera's tracker is behind; and whether its clock was set back."""
    if site.hearing.note(event.track.camera_id, event.track.session, event.at):
        camera.set_back(event.track.session, event.at)


def sampled(site: SiteState, event: TrackSampled) -> None:
    camera = site.camera(event.track.camera_id)
    _heard(site, camera, event)
    camera.forget_pending(event.track.session, event.at - PENDING_FORGOTTEN_AFTER)
    before = camera.pending.get(event.track)
    camera.wait(
        event.track,
        PendingTrack(
            samples=event.samples,
            weight=event.weight,
            quality=event.quality,
            model=event.model,
            template=event.template,
            first_at=event.first_at,
            last_at=event.at,
            not_persons=event.not_persons,
            differs=event.differs,
            since=before.since if before else 0,
        ),
    )


def seen(site: SiteState, event: PersonSeen) -> None:
    person = site.persons[event.person_id]
    camera = site.camera(event.track.camera_id)
    _heard(site, camera, event)
    if event.reason == "bound":
        _count(site, camera, person, event)
        _passed(site, camera, person, event)
        site.revisions.turn(WEIGHED)
    before = camera.bound.get(event.track)
    if before is not None and event.reason == "present":
        before.person_id, before.doubts = event.person_id, event.doubts
        if event.score is not None and event.doubts == 0:
            before.sure_at = max(before.sure_at, event.at)
        camera.seen(before, event.at)
    else:
        barred = before or camera.pending.get(event.track) or PendingTrack()
        camera.bind(
            event.track,
            BoundTrack(
                event.person_id,
                bound_at=event.at,
                seen_at=event.at,
                sure_at=event.at,
                doubts=event.doubts,
                not_persons=barred.not_persons,
                differs=barred.differs,
            ),
        )
    if event.track.camera_id not in person.cameras:
        person.cameras.append(event.track.camera_id)
    person.visit_count = event.visit_count
    person.visit_started_at = event.visit_started_at
    if in_time(person, event.at):
        person.last_camera = event.track.camera_id
    person.last_seen = max(person.last_seen, event.at)
    person.first_seen = min(person.first_seen, event.at)
    site.lately.saw(person.person_id, person.last_seen)
    person.saw(event.track, event.at)
    site.passages.met(person.person_id)
    for other_id in event.together:
        person.not_persons.add(other_id)
        if other_id in site.persons:
            site.persons[other_id].not_persons.add(person.person_id)
            beside.tell(site, event.track, person.person_id, other_id, event.at)
    if event.template is not None and event.slot is not None:
        person.templates[event.slot : event.slot + 1] = [event.template]
        site.index(person)
    if event.attributes:
        worn = site.wardrobe.setdefault(event.person_id, {})
        for attribute in ATTRIBUTES:
            if value := told(event.attributes, attribute):
                worn.setdefault(attribute, Worn()).note(value, event.track, event.at)


def _count(site: SiteState, camera: CameraState, person: Person, event: PersonSeen) -> None:
    """A camera's mean counts a person once a visit: nobody who stands there all day becomes the mean."""
    pending = camera.pending.get(event.track)
    counted = any(
        span.track.camera_id == event.track.camera_id and span.last_at >= event.visit_started_at
        for span in person.tracks
    )
    if pending is not None and pending.template and not counted:
        site.count(event.track, pending.model, pending.template)


def _passed(site: SiteState, camera: CameraState, person: Person, event: PersonSeen) -> None:
    """Who could have come, and who did when appearance alone was sure of it."""
    decision, to_camera = event.decision, event.track.camera_id
    here = {bound.person_id for bound in camera.bound.values()}
    for person_id in site.passages.recent:
        other = site.persons[person_id]
        if other is not person and person_id not in here:
            _could_come(site, other, to_camera, event.at, 0)
    if person.tracks:
        sure = decision is not None and decision.appearance is not None and decision.appearance >= SURE
        _could_come(site, person, to_camera, event.at, int(sure))


def _could_come(site: SiteState, person: Person, to_camera: str, at: int, hits: int) -> None:
    """Counted by where the person was then, not by where they were seen since: a camera that is late would
    teach that people are everywhere at once."""
    before = came(person, at)
    if before is not None:
        site.passages.add(passage(before.camera_id, to_camera, before.absence), hits, 1)


def went_over(site: SiteState, survivor: Person, absorbed: Person, decision: Decision) -> None:
    """Somebody known came into another zone: a hit of the passage, where appearance alone was sure. The
    opportunity was counted when the track was bound."""
    if survivor.tracks and absorbed.tracks and (decision.appearance or 0.0) >= SURE:
        came = absorbed.tracks[0]
        absence = came.first_at - survivor.last_seen
        site.passages.add(passage(survivor.last_camera, came.track.camera_id, absence), 1, 0)
