"""`evolve(state, event)`: assigns what the event says. Never recomputes, never decides."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from reid.contracts.events import (
    AnyEvent,
    CameraCalibrated,
    CommandRejected,
    EncoderIntroduced,
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
    PolicyAdopted,
    SiteCalibrated,
    TrackSampled,
    ZoneDirected,
    ZoneFollowed,
)
from reid.domain import beside, labels, sighted
from reid.domain.person import Merge, Person
from reid.domain.poisoning import without
from reid.domain.spans import united
from reid.domain.state import Import, Lesson, PartitionState, Reviewed, SiteState
from reid.domain.tracks import BoundTrack, PendingTrack
from reid.domain.worn import Worn

#: So much below the threshold a new person's nearest is still a doubt. A constant, not policy: the fold of a
#: log must not depend on settings.
DOUBTFUL: Final = 0.35


def evolve(state: PartitionState, event: AnyEvent) -> None:
    """Applies one event in place. A state that an exception left half changed must be dropped."""
    site = state.site(event.site_id)
    _HANDLERS[type(event)](site, event)
    command_id = getattr(event, "command_id", None)
    if command_id is not None:
        site.answer(command_id)


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
    decision = event.decision
    alike = None if decision.score is None else decision.score + decision.across_days
    if alike is not None and alike >= decision.threshold - DOUBTFUL:
        site.revisions.doubt(event.person_id)


def _suggested(site: SiteState, event: PersonSuggested) -> None:
    site.suggest(event.person_id, event.other_id)


def _left(site: SiteState, event: PersonLeft) -> None:
    camera = site.camera(event.track.camera_id)
    before = camera.bound.pop(event.track, None)
    if event.reason != "track_ended":
        # Two tracks in one frame are two persons; a crop that looks different may still be the same one.
        differs = (event.person_id,) if event.reason == "two_in_one_frame" else ()
        pending = _barred(event.at, before, event.person_id, differs)
        if before is not None and event.reason == "evidence_disagrees":
            beside.take_back(site, event.track, event.person_id, before.sure_at)
            pending.since = event.last_seen_at
        camera.wait(event.track, pending)
    else:
        for worn in site.wardrobe.get(event.person_id, {}).values():
            worn.ended(event.track)


def _barred(at: int, before: BoundTrack | None, person_id: str, differs: tuple[str, ...]) -> PendingTrack:
    """The track is nobody's, and never again one of those whom it was taken from."""
    former, different = (before.not_persons, before.differs) if before else ((), ())
    return PendingTrack(
        first_at=at,
        last_at=at,
        not_persons=tuple(dict.fromkeys((*former, person_id))),
        differs=tuple(dict.fromkeys((*different, *differs))),
    )


def _merged(site: SiteState, event: PersonsMerged) -> None:
    absorbed_id, survivor_id = event.absorbed_id, event.survivor_id
    survivor, absorbed = site.persons[survivor_id], site.persons[absorbed_id]
    if event.decision is not None and event.decision.reason == "zones_joined":
        sighted.went_over(site, survivor, absorbed, event.decision)
    theirs, ours = site.wardrobe.get(absorbed_id, {}), site.wardrobe.get(survivor_id, {})
    site.merges[absorbed_id] = Merge(
        survivor_id, survivor.state(), absorbed.state(), deepcopy(theirs), tuple(sorted(ours))
    )

    def also(ids: tuple[str, ...]) -> tuple[str, ...]:
        # The absorbed id stays: the track is barred from that person also after an undo.
        return (*ids, survivor_id) if absorbed_id in ids and survivor_id not in ids else ids

    # The tracks move first: taking the absorbed person out would take their identity away.
    for camera in site.cameras.values():
        for bound in camera.bound.values():
            if bound.person_id == absorbed_id:
                bound.person_id = survivor_id
        tracks: list[PendingTrack | BoundTrack] = [*camera.pending.values(), *camera.bound.values()]
        for track in tracks:
            track.not_persons, track.differs = also(track.not_persons), also(track.differs)
    site.take_out(absorbed_id)
    if theirs:
        site.wardrobe[survivor_id] = theirs | ours
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
    if event.decision is None:
        site.revisions.asserted[survivor_id] = None
    elif event.decision.reason == "evidence_grew":
        site.revisions.made(event.at)


def _split(site: SiteState, event: PersonSplit) -> None:
    person_id, other, moved = event.person.person_id, event.other, set(event.tracks)
    site.put(Person.of(event.person))
    if other is not None:
        site.put(Person.of(other))
        merge = site.merges.pop(other.person_id, None)
        if merge is not None:
            _dressed(site, person_id, other.person_id, merge)
        site.next_number = max(site.next_number, other.number + 1)
        while site.labelled(labels.label(site.next_label)) is not None:
            site.next_label += 1
    if event.kind != "merge_undone":
        beside.move(site, moved, person_id, None if other is None else other.person_id)
    if event.decision is None and event.kind != "merge_undone":
        for track in event.tracks:
            site.reject(track, person_id)
            if other is not None:
                site.revisions.confirm(track)
    for undo in event.merges:
        before = site.merges[undo.absorbed.person_id]
        site.merges[undo.absorbed.person_id] = replace(before, survivor=undo.survivor, absorbed=undo.absorbed)
    for camera in site.cameras.values():
        for track, bound in [(t, b) for t, b in camera.bound.items() if t in moved]:
            if bound.person_id != person_id:
                continue
            if other is not None:
                bound.person_id = other.person_id
                bound.not_persons = tuple(dict.fromkeys((*bound.not_persons, person_id)))
                bound.differs = tuple(dict.fromkeys((*bound.differs, person_id)))
            else:
                camera.wait(track, _barred(event.at, bound, person_id, (person_id,)))
    if event.decision is not None:
        site.revisions.made(event.at, event.tracks)
        if other is not None:
            site.revisions.doubt(other.person_id)


def _dressed(site: SiteState, survivor_id: str, other_id: str, merge: Merge) -> None:
    """Each wears what they wore: the survivor's own goes on, the other's is as before the merge."""
    joint = site.wardrobe.pop(survivor_id, {})
    for person_id, worn in (
        (survivor_id, {name: one for name, one in joint.items() if name in merge.own}),
        (other_id, merge.worn),
    ):
        if worn:
            site.wardrobe[person_id] = worn


def _renamed(site: SiteState, event: PersonRenamed) -> None:
    site.relabel(site.persons[event.person_id], event.label)


def _reviewed(site: SiteState, event: IdentityReviewed) -> None:
    if event.score is not None:
        site.review(Reviewed(event.at, event.answer == "yes", event.score, event.model))
    person, other = site.persons.get(event.person_id), site.persons.get(event.other_id or "")
    if event.answer == "no" and person is not None and other is not None:
        person.not_persons.add(other.person_id)
        other.not_persons.add(person.person_id)
    if event.answer == "yes" and event.track is not None:
        site.revisions.confirm(event.track)
    elif event.answer == "yes":
        site.revisions.asserted[event.person_id] = None


def _appearance(site: SiteState, event: PersonAppearanceChanged) -> None:
    worn = site.wardrobe.setdefault(event.person_id, {})
    worn[event.attribute] = Worn(event.after, list(event.evidence.cameras))


def _templates_added(site: SiteState, event: PersonTemplatesAdded) -> None:
    person = site.persons[event.person_id]
    person.templates = list(event.templates)
    site.index(person)


def _template_removed(site: SiteState, event: PersonTemplateRemoved) -> None:
    person = site.persons[event.person_id]
    person.templates = [t for place, t in enumerate(person.templates) if place != event.slot]
    without(site, event.person_id, event.template)
    site.index(person)
    site.revisions.made(event.at)


def _gone(site: SiteState, event: PersonForgotten | PersonExpired) -> None:
    site.remove([event.person_id], event.at)


def _reset(site: SiteState, event: GalleryReset) -> None:
    if event.camera_id is None:
        site.next_label = 0
        for camera in site.cameras.values():
            camera.pending.clear()
    site.remove(event.person_ids, event.at)


def _policy(site: SiteState, event: PolicyAdopted) -> None:
    site.policy = event.policy


def _calibrated(site: SiteState, event: CameraCalibrated) -> None:
    site.recentre(event.model, event.camera_id, event.tracks, event.mean)


def _taught(site: SiteState, event: SiteCalibrated) -> None:
    site.lessons[event.model] = Lesson(event.correction, event.answers)


def _encoder(site: SiteState, event: EncoderIntroduced) -> None:
    site.zones.encoders[event.model] = event.calibration


def _followed(site: SiteState, event: ZoneFollowed) -> None:
    site.zones.upto[event.zone] = event.upto
    known = site.zones.persons.setdefault(event.zone, {})
    for theirs, ours in event.persons.items():
        known.pop(theirs, None)
        if ours:
            known[theirs] = ours
    for person_id in event.doubts:
        site.revisions.doubt(person_id)


def _directed(site: SiteState, event: ZoneDirected) -> None:
    known = site.zones.persons.get(event.zone, {})
    if event.action == "reset":
        known.clear()
    elif event.action == "forget":
        known.pop(event.person_id, None)


def _nothing(site: SiteState, event: CommandRejected) -> None:
    """Said for the record; the state stays as it is."""


_HANDLERS: Final[dict[type, Callable[[SiteState, Any], None]]] = {
    TrackSampled: sighted.sampled,
    PersonRegistered: _registered,
    PersonSuggested: _suggested,
    PersonSeen: sighted.seen,
    PersonLeft: _left,
    PersonsMerged: _merged,
    PersonSplit: _split,
    PersonRenamed: _renamed,
    IdentityReviewed: _reviewed,
    PersonAppearanceChanged: _appearance,
    PersonTemplatesAdded: _templates_added,
    PersonTemplateRemoved: _template_removed,
    PersonForgotten: _gone,
    PersonExpired: _gone,
    GalleryReset: _reset,
    PolicyAdopted: _policy,
    CameraCalibrated: _calibrated,
    SiteCalibrated: _taught,
    EncoderIntroduced: _encoder,
    ZoneFollowed: _followed,
    ZoneDirected: _directed,
    CommandRejected: _nothing,
}
