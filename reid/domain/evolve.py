"""`evolve(state, event)`: assigns what the event says. Never recomputes, never decides."""

from collections.abc import Callable
from typing import Any, Final

from reid.contracts.attributes import ATTRIBUTES
from reid.contracts.events import (
    AnyEvent,
    CommandRejected,
    GalleryReset,
    PersonAppearanceChanged,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonRenamed,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PersonTemplatesAdded,
    PolicyAdopted,
    TrackSampled,
)
from reid.domain import labels
from reid.domain.spans import united
from reid.domain.state import (
    BoundTrack,
    Import,
    Merge,
    PartitionState,
    PendingTrack,
    Person,
    SiteState,
)
from reid.domain.worn import Worn, told

#: A track without identity that was not sampled for so long is forgotten (milliseconds). A constant, not
#: a policy: the fold of a log must not depend on settings.
PENDING_FORGOTTEN_AFTER: Final = 60_000


def evolve(state: PartitionState, event: AnyEvent) -> None:
    """Applies one event in place. A state that an exception left half changed must be dropped."""
    site = state.site(event.site_id)
    _HANDLERS[type(event)](site, event)
    command_id = getattr(event, "command_id", None)
    if command_id is not None:
        site.answer(command_id)


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
            differs=event.differs,
        ),
    )


def _registered(site: SiteState, event: PersonRegistered) -> None:
    site.next_number = event.number + 1
    site.next_label = event.label_number + 1
    if event.source:
        site.imports[event.source] = Import(event.track.camera_id, event.person_id)
    if event.state is not None:
        site.put(Person.of(event.state))
        return
    site.put(
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
    person.saw(event.track, event.at)
    for other_id in event.together:
        person.not_persons.add(other_id)
        if other_id in site.persons:
            site.persons[other_id].not_persons.add(person.person_id)
    if event.template is not None and event.slot is not None:
        person.templates[event.slot : event.slot + 1] = [event.template]
        site.index(person)
    if event.attributes:
        worn = site.wardrobe.setdefault(event.person_id, {})
        for attribute in ATTRIBUTES:
            if value := told(event.attributes, attribute):
                worn.setdefault(attribute, Worn()).note(value, event.track.camera_id, event.at)


def _left(site: SiteState, event: PersonLeft) -> None:
    camera = site.camera(event.track.camera_id)
    camera.bound.pop(event.track, None)
    if event.reason != "track_ended":
        # Two tracks in one frame are two persons; a crop that looks different may still be the same one.
        differs = (event.person_id,) if event.reason == "two_in_one_frame" else ()
        camera.wait(event.track, _barred(event.at, event.person_id, differs))


def _barred(at: int, person_id: str, differs: tuple[str, ...]) -> PendingTrack:
    return PendingTrack(first_at=at, last_at=at, not_persons=(person_id,), differs=differs)


def _merged(site: SiteState, event: PersonsMerged) -> None:
    absorbed_id, survivor_id = event.absorbed_id, event.survivor_id
    survivor, absorbed = site.persons[survivor_id], site.persons[absorbed_id]
    site.merges[absorbed_id] = Merge(survivor_id, survivor.state(), absorbed.state())

    def also(ids: tuple[str, ...]) -> tuple[str, ...]:
        # The absorbed id stays: the track is barred from that person also after an undo.
        return (*ids, survivor_id) if absorbed_id in ids and survivor_id not in ids else ids

    # The tracks move first: taking the absorbed person out would take their identity away.
    for camera in site.cameras.values():
        for bound in camera.bound.values():
            if bound.person_id == absorbed_id:
                bound.person_id = survivor_id
        for pending in camera.pending.values():
            pending.not_persons, pending.differs = also(pending.not_persons), also(pending.differs)
    theirs = site.wardrobe.get(absorbed_id, {})
    site.take_out(absorbed_id)
    if theirs:
        site.wardrobe[survivor_id] = theirs | site.wardrobe.get(survivor_id, {})
    site.put(
        Person(
            person_id=survivor_id,
            number=survivor.number,
            label=event.label,
            cameras=list(event.cameras),
            templates=list(event.templates),
            visit_count=event.visit_count,
            visit_started_at=event.visit_started_at,
            first_seen=event.first_seen,
            last_seen=event.last_seen,
            last_camera=event.last_camera,
            not_persons=set(event.not_persons),
            tracks=list(united(survivor.tracks, absorbed.tracks)),
        )
    )


def _split(site: SiteState, event: PersonSplit) -> None:
    person_id, other, moved = event.person.person_id, event.other, set(event.tracks)
    site.put(Person.of(event.person))
    if other is not None:
        site.put(Person.of(other))
        site.merges.pop(other.person_id, None)
        site.next_number = max(site.next_number, other.number + 1)
        while site.labelled(labels.label(site.next_label)) is not None:
            site.next_label += 1
    for undo in event.merges:
        merge = Merge(undo.survivor.person_id, undo.survivor, undo.absorbed)
        site.merges[undo.absorbed.person_id] = merge
    for camera in site.cameras.values():
        for track, bound in [(t, b) for t, b in camera.bound.items() if t in moved]:
            if bound.person_id != person_id:
                continue
            if other is not None:
                bound.person_id = other.person_id
            else:
                camera.wait(track, _barred(event.at, person_id, (person_id,)))


def _renamed(site: SiteState, event: PersonRenamed) -> None:
    site.relabel(site.persons[event.person_id], event.label)


def _appearance(site: SiteState, event: PersonAppearanceChanged) -> None:
    worn = site.wardrobe.setdefault(event.person_id, {})
    worn[event.attribute] = Worn(event.after, list(event.evidence.cameras))


def _templates_added(site: SiteState, event: PersonTemplatesAdded) -> None:
    person = site.persons[event.person_id]
    person.templates = list(event.templates)
    site.index(person)


def _gone(site: SiteState, event: PersonForgotten | PersonExpired) -> None:
    site.remove(event.person_id)


def _reset(site: SiteState, event: GalleryReset) -> None:
    for person_id in event.person_ids:
        site.remove(person_id)
    if event.camera_id is None:
        site.next_label = 0
        for camera in site.cameras.values():
            camera.pending.clear()


def _policy(site: SiteState, event: PolicyAdopted) -> None:
    site.policy = event.policy


def _nothing(site: SiteState, event: CommandRejected) -> None:
    """Said for the record; the state stays as it is."""


_HANDLERS: Final[dict[type, Callable[[SiteState, Any], None]]] = {
    TrackSampled: _track_sampled,
    PersonRegistered: _registered,
    PersonSeen: _seen,
    PersonLeft: _left,
    PersonsMerged: _merged,
    PersonSplit: _split,
    PersonRenamed: _renamed,
    PersonAppearanceChanged: _appearance,
    PersonTemplatesAdded: _templates_added,
    PersonForgotten: _gone,
    PersonExpired: _gone,
    GalleryReset: _reset,
    PolicyAdopted: _policy,
    CommandRejected: _nothing,
}
