"""The ``persons`` view: one pure handler for each event type. They assign what the event says."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from projections import crops
from projections.history import notable, seen, told
from projections.records import Record, place_of
from projections.store import PersonRef, person_ref
from projections.tracks import parse_track, spot, track_name
from projections.workspace import Wanted, Workspace
from reid.contracts.codec import type_name
from reid.contracts.events import (
    AnyEvent,
    CameraCalibrated,
    CommandRejected,
    EncoderIntroduced,
    Event,
    GalleryReset,
    IdentityReviewed,
    PersonAppearanceChanged,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonRenamed,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PersonState,
    PersonSuggested,
    PersonTemplateRemoved,
    PersonTemplatesAdded,
    PolicyAdopted,
    SiteCalibrated,
    Template,
    TrackSampled,
    ZoneDirected,
    ZoneFollowed,
)
from reid.contracts.views import CommandOutcome, PersonView
from reid.errors import PoisonInput


def need(event: AnyEvent, wanted: Wanted) -> None:
    """Adds what must be loaded before `apply`."""
    site = event.site_id
    match event:
        case PersonSeen() | PersonLeft():
            wanted.persons.add(person_ref(site, event.person_id))
            wanted.tracks.add((site, event.track))
            if event.reason == "bound":
                wanted.sampled.add(spot(site, event.track).place)
        case TrackSampled():
            wanted.sampled.add(spot(site, event.track).place)
        case PersonRegistered():
            wanted.persons.add(person_ref(site, event.person_id))
            wanted.sampled.add(spot(site, event.track).place)
        case (
            PersonRenamed()
            | PersonForgotten()
            | PersonExpired()
            | PersonAppearanceChanged()
            | PersonTemplatesAdded()
            | PersonTemplateRemoved()
            | IdentityReviewed()
        ):
            wanted.persons.add(person_ref(site, event.person_id))
        case PersonSuggested():
            wanted.persons.update(person_ref(site, id_) for id_ in (event.person_id, event.other_id))
        case PersonsMerged():
            wanted.persons.update((person_ref(site, event.survivor_id), person_ref(site, event.absorbed_id)))
        case PersonSplit():
            both = (event.person, event.other)
            wanted.persons.update(person_ref(site, state.person_id) for state in both if state is not None)
        case GalleryReset():
            wanted.persons.update(PersonRef(site, person_id) for person_id in event.person_ids)


def apply(event: AnyEvent, record: Record, work: Workspace) -> None:
    """Changes ``work`` by one event; records what it tells about persons, and the outcome of the command
    that it answers. ``record``: where it stands in the log.

    Raises `PoisonInput`, having changed nothing, for an event on a person that no earlier event registered.
    """
    if type(event) is PersonSeen:
        ref = person_ref(event.site_id, event.person_id)
        # Nine of ten events: nothing is made for them that they do not need.
        step = seen(event, place_of(record)) if notable(event, work.persons[ref]) else None
        _seen(work, event)
        if step is not None and work.keeps_history(ref, step):
            work.histories.add(ref, step)
        return
    entries = told(event, place_of(record))
    _HANDLERS[type(event)](work, event)
    for ref, entry in entries:
        # Who is gone has no history: it was erased with the person.
        if work.keeps_history(ref, entry):
            work.histories.add(ref, entry)
    outcome = outcome_of(event)
    if outcome is not None:
        work.answer(outcome)


def outcome_of(event: AnyEvent) -> CommandOutcome | None:
    """The answer to a command, None for an event that no command caused."""
    command_id = getattr(event, "command_id", None)
    if command_id is None:
        return None
    about = _about(event)
    return CommandOutcome(
        command_id=command_id,
        event_type=type_name(event),
        site_id=event.site_id,
        rejected=isinstance(event, CommandRejected),
        code=getattr(event, "code", ""),
        message=getattr(event, "message", ""),
        person_id=None if isinstance(event, GalleryReset) or not about else about[0],
        person_ids=about if isinstance(event, GalleryReset | PersonSplit) else [],
    )


def _about(event: AnyEvent) -> list[str]:
    """The persons that an answer is about, the one asked about first."""
    match event:
        case PersonSplit():
            return [state.person_id for state in (event.person, event.other) if state is not None]
        case PersonsMerged():
            return [event.survivor_id]
        case GalleryReset():
            return list(event.person_ids)
        case (
            PersonRegistered()
            | PersonRenamed()
            | PersonForgotten()
            | PersonTemplatesAdded()
            | IdentityReviewed()
        ):
            return [event.person_id]
    return []


def _known(work: Workspace, event: Event, person_id: str) -> tuple[PersonRef, PersonView]:
    ref = person_ref(event.site_id, person_id)
    view = work.edit(ref)
    if view is None:
        raise PoisonInput(f"{type_name(event)} of {person_id}, whom no earlier event registered")
    return ref, view


def _registered(work: Workspace, event: PersonRegistered) -> None:
    work.erase(PersonRef(event.site_id, event.person_id))
    view = PersonView(
        person_id=event.person_id,
        label=event.label,
        number=event.number,
        embeddings=[event.template.vector],
        models=[event.template.model],
        averaged=[_averaged(event.template)],
        num_embeddings=1,
        first_seen=event.at,
        last_seen=event.at,
    )
    if event.state is not None:
        _assign(view, event.state)
    work.add(event.site_id, view)


def _seen(work: Workspace, event: PersonSeen) -> None:
    ref, view = _known(work, event, event.person_id)
    relabelled, view.label = view.label != event.label, event.label
    view.visit_count = event.visit_count
    view.first_seen, view.last_seen = min(view.first_seen, event.at), max(view.last_seen, event.at)
    if event.track.camera_id not in view.cameras:
        view.cameras.append(event.track.camera_id)
    keep_template(view, event)
    if event.crop:
        crops.note(view, event)
    work.bind(ref, view, event.track, event.at)
    if relabelled:
        work.relabel_tracks(ref, view)


def keep_template(view: PersonView, event: PersonSeen) -> None:
    """What the sighting stores of how the person looks, if anything."""
    slot, template = event.slot, event.template
    if template is None or slot is None:
        return
    embeddings, models, averaged = view.embeddings, view.models, view.averaged
    if slot < len(embeddings) == len(models) == len(averaged) <= view.num_embeddings:
        embeddings[slot], models[slot], averaged[slot] = template.vector, template.model, _averaged(template)
        return
    _fill_in(view)
    embeddings[slot : slot + 1] = [template.vector]
    models[slot : slot + 1] = [template.model]
    averaged[slot : slot + 1] = [_averaged(template)]
    view.num_embeddings = max(view.num_embeddings, slot + 1)


def _fill_in(view: PersonView) -> None:
    """A document of an older view does not know of what encoder its embeddings are, nor of how many crops."""
    view.models += [""] * (len(view.embeddings) - len(view.models))
    view.averaged += [0.0] * (len(view.embeddings) - len(view.averaged))


def _averaged(template: Template) -> float:
    return round(template.crops, 1)


def _keep_all(view: PersonView, templates: Sequence[Template]) -> None:
    view.embeddings = [template.vector for template in templates]
    view.models = [template.model for template in templates]
    view.averaged = [_averaged(template) for template in templates]
    view.num_embeddings = len(templates)


def _left(work: Workspace, event: PersonLeft) -> None:
    work.release(PersonRef(event.site_id, event.person_id), event.track)


def _merged(work: Workspace, event: PersonsMerged) -> None:
    ref, view = _known(work, event, event.survivor_id)
    gone = PersonRef(event.site_id, event.absorbed_id)
    absorbed = work.edit(gone)
    tracks = view.tracks + (absorbed.tracks if absorbed is not None else [])
    if absorbed is not None:
        absorbed.tracks = []
    work.remove(gone)
    view.label = event.label
    view.cameras = list(event.cameras)
    _keep_all(view, event.templates)
    view.visit_count = event.visit_count
    view.first_seen, view.last_seen = event.first_seen, event.last_seen
    # Stable: the tracks of the camera that saw the person last come last.
    view.tracks = sorted(tracks, key=lambda name: parse_track(name)[0] == event.last_camera)
    view.current_camera = parse_track(view.tracks[-1])[0] if view.tracks else None
    past = absorbed.absorbed if absorbed is not None else {}
    view.absorbed = {**view.absorbed, **past, event.absorbed_id: event.survivor_id}
    if absorbed is not None:
        view.attributes = absorbed.attributes | view.attributes
        crops.unite(view, absorbed)
    work.relabel_tracks(ref, view)


def _split(work: Workspace, event: PersonSplit) -> None:
    ref, view = _known(work, event, event.person.person_id)
    moved = [track for track in event.tracks if track_name(track) in view.tracks]
    for track in moved:
        view.tracks.remove(track_name(track))
        if event.other is None:
            work.release_live(ref, track)
    if event.other is None:
        crops.drop(view, event.tracks)
    _assign(view, event.person)
    work.relabel_tracks(ref, view)
    if event.other is None:
        return
    other_ref = PersonRef(event.site_id, event.other.person_id)
    other = work.edit(other_ref)
    if other is None:
        other = PersonView(person_id=other_ref.person_id, label=event.other.label, number=event.other.number)
        work.add(event.site_id, other)
    other.tracks += [track_name(track) for track in moved]
    _give_back_past(view, other)
    crops.part(view, other, event)
    _assign(other, event.other)
    if event.attributes is not None:
        view.attributes = dict(event.attributes.get(view.person_id, {}))
        other.attributes = dict(event.attributes.get(other.person_id, {}))
    work.relabel_tracks(other_ref, other)


def _give_back_past(view: PersonView, other: PersonView) -> None:
    """A person that stands again takes its own past along, and of those whom it had absorbed."""
    if view.absorbed.pop(other.person_id, None) is None:
        return
    theirs = {other.person_id}
    # An id stands in the mapping after all that were merged into it.
    for person_id, into in reversed(view.absorbed.items()):
        if into in theirs:
            theirs.add(person_id)
    other.absorbed = {id_: into for id_, into in view.absorbed.items() if id_ in theirs}
    view.absorbed = {id_: into for id_, into in view.absorbed.items() if id_ not in theirs}


def _assign(view: PersonView, state: PersonState) -> None:
    """All values of the document but its live tracks, which tell the current camera."""
    view.label = state.label
    view.cameras = list(state.cameras)
    _keep_all(view, state.templates)
    view.visit_count = state.visit_count
    view.first_seen, view.last_seen = state.first_seen, state.last_seen
    view.current_camera = parse_track(view.tracks[-1])[0] if view.tracks else None


def _renamed(work: Workspace, event: PersonRenamed) -> None:
    ref, view = _known(work, event, event.person_id)
    view.label = event.label
    work.relabel_tracks(ref, view)


def _appearance(work: Workspace, event: PersonAppearanceChanged) -> None:
    _, view = _known(work, event, event.person_id)
    view.attributes[event.attribute] = event.after


def _templates_added(work: Workspace, event: PersonTemplatesAdded) -> None:
    _, view = _known(work, event, event.person_id)
    _keep_all(view, event.templates)


def _template_removed(work: Workspace, event: PersonTemplateRemoved) -> None:
    _, view = _known(work, event, event.person_id)
    _fill_in(view)
    for kept in (view.embeddings, view.models, view.averaged):
        del kept[event.slot : event.slot + 1]
    view.num_embeddings = len(view.embeddings)


def _gone(work: Workspace, event: PersonForgotten | PersonExpired) -> None:
    work.erase(PersonRef(event.site_id, event.person_id))


def _reset(work: Workspace, event: GalleryReset) -> None:
    for person_id in event.person_ids:
        work.erase(PersonRef(event.site_id, person_id))


def _nothing(work: Workspace, event: AnyEvent) -> None:
    """Refusals, rules, means, answers and what zones are told change no document; the position goes on."""


_HANDLERS: Final[dict[type, Callable[[Workspace, Any], None]]] = {
    PersonRegistered: _registered,
    PersonSeen: _seen,
    PersonLeft: _left,
    PersonsMerged: _merged,
    PersonSplit: _split,
    PersonRenamed: _renamed,
    PersonAppearanceChanged: _appearance,
    PersonTemplatesAdded: _templates_added,
    PersonTemplateRemoved: _template_removed,
    PersonForgotten: _gone,
    PersonExpired: _gone,
    GalleryReset: _reset,
    PolicyAdopted: _nothing,
    CameraCalibrated: _nothing,
    SiteCalibrated: _nothing,
    IdentityReviewed: _nothing,
    PersonSuggested: _nothing,
    CommandRejected: _nothing,
    EncoderIntroduced: _nothing,
    ZoneFollowed: _nothing,
    ZoneDirected: _nothing,
}
