"""Tracks that were given to the wrong person: moved to another, or rejected."""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from reid.contracts.commands import MoveTracks, RejectTrack
from reid.contracts.events import (
    AnyEvent,
    Decision,
    PersonSplit,
    PersonState,
    Template,
    TrackRef,
    TrackSpan,
    Undo,
)
from reid.domain import labels
from reid.domain.beside import told_by
from reid.domain.person import Merge, Person
from reid.domain.policy import Policy
from reid.domain.rejection import rejected, unknown
from reid.domain.spans import united, visits
from reid.domain.state import SiteState
from reid.domain.templates import most_diverse


def move(site: SiteState, command: MoveTracks | RejectTrack, policy: Policy) -> AnyEvent:
    """The named tracks leave the person, with what they showed of it."""
    wanted = {command.track} if isinstance(command, RejectTrack) else set(command.tracks)
    into = command.into if isinstance(command, MoveTracks) else None
    for person_id in (command.person_id, into):
        if person_id is not None and person_id not in site.persons:
            return unknown(command, person_id)
    person = site.persons[command.person_id]
    if into == person.person_id:
        return rejected(command, "same_person", f"{into} has these tracks already")
    spans = [span for span in person.tracks if span.track in wanted]
    missing = wanted - {span.track for span in spans}
    if missing or not wanted:
        named = ", ".join("/".join(msgspec.structs.astuple(t)) for t in sorted(missing)) or "no track"
        return rejected(command, "unknown_track", f"{person.label} has no track {named} in its recent past")
    kept = [t for t in person.templates if t.track not in wanted]
    if len(spans) == len(person.tracks) or not kept:
        return rejected(
            command, "nothing_left", f"nothing would be left of {person.label}: merge or forget it"
        )
    other = _target(site, person, spans, into, policy)
    if other is None and isinstance(command, MoveTracks):
        return rejected(
            command,
            "no_evidence",
            "these tracks left no appearance of their own: name a person to move them to",
        )
    rest, other = _told(site, _without(person, wanted, kept, policy), other, wanted)
    if other is not None:
        rest = _differing(rest, {other.person_id})
        other = _differing(other, {person.person_id})
    return PersonSplit(
        site_id=command.site_id,
        at=command.issued_at,
        kind="tracks_moved" if isinstance(command, MoveTracks) else "track_rejected",
        person=rest,
        other=other,
        tracks=tuple(sorted(wanted)),
        merges=_merges_less(site, person, wanted, policy),
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def parted(
    site: SiteState,
    site_id: str,
    at: int,
    person: Person,
    track: TrackRef,
    policy: Policy,
    decision: Decision,
    into: str | None = None,
) -> PersonSplit:
    """One track taken from the person by evidence, ``into`` another or one of its own; they may be found to
    be one again. Both the track and what is left must have tracks and appearances."""
    wanted = {track}
    spans = [span for span in person.tracks if span.track == track]
    kept = [t for t in person.templates if t.track != track]
    target = _target(site, person, spans, into, policy)
    assert target is not None and kept
    rest, other = _told(site, _without(person, wanted, kept, policy), target, wanted)
    return PersonSplit(
        site_id=site_id,
        at=at,
        kind="tracks_moved",
        person=rest,
        other=other,
        tracks=(track,),
        merges=_merges_less(site, person, wanted, policy),
        decision=decision,
    )


def _merges_less(
    site: SiteState, person: Person, gone: Collection[TrackRef], policy: Policy
) -> tuple[Undo, ...]:
    merges = (_less(merge, gone, policy) for merge in _merges_into(site, person.person_id))
    return tuple(undo for undo in merges if undo is not None)


def _merges_into(site: SiteState, person_id: str) -> Iterator[Merge]:
    """What was merged into the person, and into those before that."""
    for absorbed_id, merge in site.merges.items():
        if merge.survivor_id == person_id:
            yield merge
            yield from _merges_into(site, absorbed_id)


def _less(merge: Merge, gone: Collection[TrackRef], policy: Policy) -> Undo | None:
    """The merge as if the tracks had been nobody's of the two: undoing it must not bring them back.

    None when it does not know them.
    """
    if not any(span.track in gone for span in (*merge.survivor.tracks, *merge.absorbed.tracks)):
        return None
    return Undo(_state_less(merge.survivor, gone, policy), _state_less(merge.absorbed, gone, policy))


def _state_less(state: PersonState, gone: Collection[TrackRef], policy: Policy) -> PersonState:
    """Without a template when nothing is left."""
    left = [span for span in state.tracks if span.track not in gone]
    if len(left) == len(state.tracks):
        return state
    kept = [t for t in state.templates if t.track not in gone]
    if not left or not kept:
        return msgspec.structs.replace(state, templates=(), tracks=())
    return _without(Person.of(state), gone, kept, policy)


def _without(person: Person, gone: Collection[TrackRef], kept: list[Template], policy: Policy) -> PersonState:
    spans = tuple(span for span in person.tracks if span.track not in gone)
    moved = {span.track.camera_id for span in person.tracks if span.track in gone}
    still = {span.track.camera_id for span in spans}
    before, after = visits(person.tracks, policy), visits(spans, policy)
    latest = max(spans, key=lambda s: (s.last_at, s.track))
    first = min(span.first_at for span in spans)
    oldest_gone = min(span.first_at for span in person.tracks if span.track in gone) <= person.first_seen
    return msgspec.structs.replace(
        person.state(),
        cameras=tuple(c for c in person.cameras if c in still or c not in moved),
        templates=tuple(kept),
        visit_count=max(1, person.visit_count - before.number + after.number),
        visit_started_at=after.started_at,
        first_seen=first if oldest_gone else person.first_seen,
        last_seen=latest.last_at,
        last_camera=latest.track.camera_id,
        tracks=spans,
    )


def _target(
    site: SiteState, person: Person, spans: Sequence[TrackSpan], into: str | None, policy: Policy
) -> PersonState | None:
    tracks = {span.track for span in spans}
    moved = [t for t in person.templates if t.track in tracks]
    if into is not None:
        return _joined(site.persons[into], spans, moved, policy)
    if not moved:
        return None
    spans = sorted(spans, key=lambda s: (s.first_at, s.track))
    found = visits(spans, policy)
    latest = max(spans, key=lambda s: (s.last_at, s.track))
    return PersonState(
        person_id=labels.person_id(spans[0].first_at, site.next_number),
        number=site.next_number,
        label=labels.free_label(site),
        cameras=tuple(dict.fromkeys(s.track.camera_id for s in spans)),
        templates=tuple(moved),
        visit_count=found.number,
        visit_started_at=found.started_at,
        first_seen=spans[0].first_at,
        last_seen=latest.last_at,
        last_camera=latest.track.camera_id,
        not_persons=(),
        tracks=tuple(spans),
    )


def _joined(other: Person, spans: Sequence[TrackSpan], moved: list[Template], policy: Policy) -> PersonState:
    together = united(other.tracks, spans)
    before, after = visits(other.tracks, policy), visits(together, policy)
    latest = max(together, key=lambda s: (s.last_at, s.track))
    return msgspec.structs.replace(
        other.state(),
        cameras=tuple(dict.fromkeys([*other.cameras, *(s.track.camera_id for s in spans)])),
        templates=most_diverse([*other.templates, *moved], policy.max_templates),
        visit_count=other.visit_count - before.number + after.number,
        visit_started_at=after.started_at,
        first_seen=min([other.first_seen, *(s.first_at for s in spans)]),
        last_seen=max([other.last_seen, *(s.last_at for s in spans)]),
        last_camera=latest.track.camera_id,
        tracks=together,
    )


def _told(
    site: SiteState, rest: PersonState, other: PersonState | None, moved: Collection[TrackRef]
) -> tuple[PersonState, PersonState | None]:
    """Who was in one frame with these tracks alone is somebody else than they are now."""
    told = set(told_by(site, moved, rest.person_id, 0))
    kept = tuple(o for o in rest.not_persons if o not in told)
    if other is not None:
        other = _differing(other, told - {other.person_id})
    return msgspec.structs.replace(rest, not_persons=kept), other


def _differing(person: PersonState, others: Collection[str]) -> PersonState:
    return msgspec.structs.replace(person, not_persons=tuple(sorted({*person.not_persons, *others})))
