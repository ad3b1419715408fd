"""What an event tells about how persons became who they are: one function, events in, entries out."""

from typing import Any, Final, NamedTuple

from projections.store import PersonRef
from reid.contracts.codec import type_name
from reid.contracts.events import (
    AnyEvent,
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
    PersonSuggested,
    PersonTemplateRemoved,
    PersonTemplatesAdded,
    TrackSampled,
)
from reid.contracts.views import HistoryEntry, PersonView, SampledStep, SeenStep, Step


class Place(NamedTuple):
    """Where an event stands in the log, and the input that caused it."""

    offset: int
    event_id: str = ""
    causation: str = ""


_SEEN: Final = str(PersonSeen.__struct_config__.tag)
_SAMPLED: Final = str(TrackSampled.__struct_config__.tag)
Told = list[tuple[PersonRef, Step]]


def sample(event: TrackSampled, place: Place) -> SampledStep:
    """Evidence of a track that is nobody yet."""
    return SampledStep(
        "sampled",
        event.at,
        place.offset,
        _SAMPLED,
        "",
        place.event_id,
        place.causation,
        event.track,
        event.samples,
        event.quality,
        event.model,
        event.candidate,
        event.score,
    )


def told(event: AnyEvent, place: Place) -> Told:
    """Entries of the persons that the event is about; those of sightings and samples are `seen`, `sample`."""
    site = event.site_id
    match event:
        case PersonRegistered():
            entry = _entry(
                event,
                place,
                "registered",
                event.person_id,
                label=event.label,
                track=event.track,
                decision=event.decision,
                model=event.template.model,
                quality=event.template.quality,
                source=event.source,
            )
        case PersonLeft():
            entry = _entry(
                event, place, "left", event.person_id,
                label=event.label, track=event.track, reason=event.reason,
            )  # fmt: skip
        case PersonRenamed():
            entry = _entry(
                event, place, "renamed", event.person_id,
                label=event.label, previous_label=event.previous_label,
            )  # fmt: skip
        case IdentityReviewed():
            entry = _entry(
                event, place, "reviewed", event.person_id,
                track=event.track, other_id=event.other_id, score=event.score,
                model=event.model, reason=event.answer,
            )  # fmt: skip
        case PersonAppearanceChanged():
            entry = _entry(
                event, place, "appearance_changed", event.person_id, label=event.label,
                attribute=event.attribute, before=event.before, after=event.after,
            )  # fmt: skip
        case PersonTemplatesAdded():
            entry = _entry(
                event, place, "templates_added", event.person_id, model=event.model, samples=event.added,
            )  # fmt: skip
        case PersonTemplateRemoved():
            entry = _entry(
                event, place, "template_removed", event.person_id,
                label=event.label, template_slot=event.slot, track=event.template.track,
                model=event.template.model, quality=event.template.quality, decision=event.decision,
            )  # fmt: skip
        case PersonForgotten():
            entry = _entry(event, place, "forgotten", event.person_id)
        case PersonExpired():
            entry = _entry(event, place, "expired", event.person_id)
        case GalleryReset():
            return [(PersonRef(site, id_), _entry(event, place, "reset", id_)) for id_ in event.person_ids]
        case PersonsMerged():
            return _merged(event, place)
        case PersonSplit():
            return _split(event, place)
        case PersonSuggested():
            return _suggested(event, place)
        case _:
            return []
    return [(PersonRef(site, entry.person_id), entry)]


def notable(event: PersonSeen, before: PersonView | None) -> bool:
    """Whether the sighting is a step of its person, who is ``before`` until now. One that changes nothing but
    times is none: the documents hold the latest, the log holds all."""
    return (
        event.reason == "bound"
        or event.slot is not None
        or bool(event.together)
        or (before is not None and event.visit_count != before.visit_count)
    )


def seen(event: PersonSeen, place: Place) -> SeenStep:
    """A step at a sighting."""
    template = event.template
    return SeenStep(
        "bound" if event.reason == "bound" else "seen",
        event.at,
        place.offset,
        _SEEN,
        event.person_id,
        place.event_id,
        place.causation,
        event.label,
        event.track,
        template.quality if template is not None else None,
        template.model if template is not None else "",
        event.score,
        event.decision,
        event.visit_count,
        event.slot,
        event.together,
    )


def _merged(event: PersonsMerged, place: Place) -> Told:
    survivor, absorbed = event.survivor_id, event.absorbed_id
    kept = _entry(
        event, place, "merged", survivor,
        label=event.label, other_id=absorbed, other_label=event.absorbed_label, visit_count=event.visit_count,
    )  # fmt: skip
    gone = _entry(
        event, place, "merged_into", absorbed,
        label=event.absorbed_label, other_id=survivor, other_label=event.label,
    )  # fmt: skip
    return [(PersonRef(event.site_id, survivor), kept), (PersonRef(event.site_id, absorbed), gone)]


def _split(event: PersonSplit, place: Place) -> Told:
    person, other = event.person, event.other
    made: Told = []
    for one, another in ((person, other), (other, person)):
        if one is not None:
            entry = _entry(
                event,
                place,
                event.kind,
                one.person_id,
                label=one.label,
                other_id=another.person_id if another is not None else None,
                other_label=another.label if another is not None else "",
                tracks=event.tracks,
                visit_count=one.visit_count,
            )
            made.append((PersonRef(event.site_id, one.person_id), entry))
    return made


def _suggested(event: PersonSuggested, place: Place) -> Told:
    both = ((event.person_id, event.label), (event.other_id, event.other_label))
    return [
        (
            PersonRef(event.site_id, who[0]),
            _entry(
                event, place, "suggested", who[0],
                label=who[1], other_id=other[0], other_label=other[1], track=event.track,
                decision=event.decision, model=event.decision.model,
            ),
        )
        for who, other in (both, both[::-1])
    ]  # fmt: skip


def _entry(event: AnyEvent, place: Place, kind: str, person_id: str, **more: Any) -> HistoryEntry:
    return HistoryEntry(
        kind=kind,
        at=event.at,
        offset=place.offset,
        event_type=type_name(event),
        person_id=person_id,
        event_id=place.event_id,
        causation=place.causation,
        command_id=getattr(event, "command_id", None),
        asked_by=getattr(event, "asked_by", ""),
        **more,
    )
