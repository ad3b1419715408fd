"""`evolve(state, event)`: assigns what the event says. Never recomputes, never decides."""

from collections.abc import Callable
from typing import Any, Final

from reid.contracts.events import (
    AnyEvent,
    CommandRejected,
    GalleryReset,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonRenamed,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    TrackSampled,
)
from reid.domain.state import BoundTrack, PartitionState, PendingTrack, Person, SiteState

#: A track without identity that was not sampled for so long is forgotten (milliseconds). A constant, not
#: a policy: the fold of a log must not depend on settings.
PENDING_FORGOTTEN_AFTER: Final = 60_000


def evolve(state: PartitionState, event: AnyEvent) -> None:
    """Applies one event in place. A state that an exception left half changed must be dropped."""
    _HANDLERS[type(event)](state.site(event.site_id), event)


def _track_sampled(site: SiteState, event: TrackSampled) -> None:
    camera = site.camera(event.track.camera_id)
    camera.forget_pending(event.at - PENDING_FORGOTTEN_AFTER)
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
        ),
    )


def _registered(site: SiteState, event: PersonRegistered) -> None:
    site.next_number = event.number + 1
    site.next_label = event.label_number + 1
    site.add(
        Person(
            person_id=event.person_id,
            number=event.number,
            label=event.label,
            templates=[event.template],
            first_seen=event.at,
            last_seen=event.at,
        )
    )


def _seen(site: SiteState, event: PersonSeen) -> None:
    person = site.persons[event.person_id]
    camera = site.camera(event.track.camera_id)
    before = camera.bound.get(event.track)
    bound_at = before.bound_at if before is not None and event.reason == "present" else event.at
    camera.bind(event.track, BoundTrack(event.person_id, bound_at, event.at, event.doubts))
    if event.track.camera_id not in person.cameras:
        person.cameras.append(event.track.camera_id)
    person.visit_count = event.visit_count
    person.visit_started_at = event.visit_started_at
    person.last_seen = max(person.last_seen, event.at)
    person.last_camera = event.track.camera_id
    for other_id in event.together:
        person.not_persons.add(other_id)
        if other_id in site.persons:
            site.persons[other_id].not_persons.add(person.person_id)
    if event.template is not None and event.slot is not None:
        person.templates[event.slot : event.slot + 1] = [event.template]
        site.index(person)


def _left(site: SiteState, event: PersonLeft) -> None:
    camera = site.camera(event.track.camera_id)
    camera.bound.pop(event.track, None)
    if event.reason != "track_ended":
        fresh = PendingTrack(first_at=event.at, last_at=event.at, not_persons=(event.person_id,))
        camera.wait(event.track, fresh)


def _merged(site: SiteState, event: PersonsMerged) -> None:
    absorbed, survivor = event.absorbed_id, site.persons[event.survivor_id]
    # The tracks move first: removing the absorbed person would take their identity away.
    for camera in site.cameras.values():
        for bound in camera.bound.values():
            if bound.person_id == absorbed:
                bound.person_id = event.survivor_id
        for pending in camera.pending.values():
            pending.not_persons = tuple(
                event.survivor_id if p == absorbed else p for p in pending.not_persons
            )
    site.remove(absorbed)
    site.relabel(survivor, event.label)
    survivor.cameras = list(event.cameras)
    survivor.templates = list(event.templates)
    survivor.visit_count = event.visit_count
    survivor.visit_started_at = event.visit_started_at
    survivor.first_seen = event.first_seen
    survivor.last_seen = event.last_seen
    survivor.last_camera = event.last_camera
    survivor.not_persons = set(event.not_persons)
    for other_id in event.not_persons:
        if other_id in site.persons:
            site.persons[other_id].not_persons.add(event.survivor_id)
    site.index(survivor)


def _renamed(site: SiteState, event: PersonRenamed) -> None:
    site.relabel(site.persons[event.person_id], event.label)


def _gone(site: SiteState, event: PersonForgotten | PersonExpired) -> None:
    site.remove(event.person_id)


def _reset(site: SiteState, event: GalleryReset) -> None:
    for person_id in event.person_ids:
        site.remove(person_id)
    if event.camera_id is None:
        site.next_label = 0
        for camera in site.cameras.values():
            camera.pending.clear()


def _nothing(site: SiteState, event: CommandRejected | PersonSplit) -> None:
    """Said for the record; the state stays as it is."""


_HANDLERS: Final[dict[type, Callable[[SiteState, Any], None]]] = {
    TrackSampled: _track_sampled,
    PersonRegistered: _registered,
    PersonSeen: _seen,
    PersonLeft: _left,
    PersonsMerged: _merged,
    PersonSplit: _nothing,
    PersonRenamed: _renamed,
    PersonForgotten: _gone,
    PersonExpired: _gone,
    GalleryReset: _reset,
    CommandRejected: _nothing,
}
