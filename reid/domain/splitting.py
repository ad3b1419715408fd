"""Undoing: a merge, or tracks that were given to the wrong person."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec

from reid.contracts.commands import MoveTracks, RejectTrack, UnmergePersons
from reid.contracts.events import AnyEvent, PersonSplit, PersonState, Template, TrackRef, TrackSpan
from reid.domain import labels
from reid.domain.policy import Policy
from reid.domain.rejection import rejected, unknown
from reid.domain.state import Merge, Person, SiteState
from reid.domain.templates import most_diverse


class _Visits(NamedTuple):
    number: int
    started_at: int


def unmerge(site: SiteState, command: UnmergePersons, policy: Policy) -> AnyEvent:
    """Both persons as before their merge; what happened since stays with whom its track belongs to."""
    merge = site.merges.get(command.absorbed_id)
    if merge is None:
        return rejected(command, "no_such_merge", f"{command.absorbed_id} was not merged, or is erased since")
    if merge.survivor_id != command.person_id:
        return rejected(
            command, "no_such_merge", f"{command.absorbed_id} was merged into {merge.survivor_id}"
        )
    now = site.persons.get(merge.survivor_id)
    if now is None:
        holder = site.merges[merge.survivor_id].survivor_id
        return rejected(
            command, "merged_further", f"{merge.survivor_id} is merged into {holder}: undo that merge first"
        )
    restored = _restored(site, merge, now, policy)
    return PersonSplit(
        site_id=command.site_id,
        at=command.issued_at,
        kind="merge_undone",
        person=_survivor(merge, now, policy),
        other=restored,
        tracks=tuple(span.track for span in restored.tracks),
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def _restored(site: SiteState, merge: Merge, now: Person, policy: Policy) -> PersonState:
    before = merge.absorbed
    own = {span.track for span in before.tracks}
    spans = _updated(before.tracks, now.tracks)
    added = [t for t in now.templates if t.track in own and t not in before.templates]
    taken = site.labelled(before.label)
    return msgspec.structs.replace(
        before,
        label=before.label if taken is None else _free_label(site),
        templates=most_diverse([*before.templates, *added], policy.max_templates),
        last_seen=max([before.last_seen, *(span.last_at for span in spans)]),
        not_persons=tuple(p for p in before.not_persons if p in site.persons and p != now.person_id),
        tracks=spans,
    )


def _survivor(merge: Merge, now: Person, policy: Policy) -> PersonState:
    before, absorbed = merge.survivor, merge.absorbed
    others = {span.track for span in absorbed.tracks}
    own = {span.track for span in before.tracks}
    since = [span for span in now.tracks if span.track not in others and span.track not in own]
    kept = _updated(before.tracks, now.tracks)
    known = {*before.templates, *absorbed.templates}
    added = [t for t in now.templates if t not in known and t.track not in others]
    visits = _more_visits(before, since, policy)
    latest = max([*kept, *since], key=lambda s: (s.last_at, s.track), default=None)
    return msgspec.structs.replace(
        before,
        label=now.label,
        cameras=tuple(dict.fromkeys([*before.cameras, *(s.track.camera_id for s in since)])),
        templates=most_diverse([*before.templates, *added], policy.max_templates),
        visit_count=visits.number,
        visit_started_at=visits.started_at,
        last_seen=max([before.last_seen, *(s.last_at for s in [*kept, *since])]),
        last_camera=latest.track.camera_id if since and latest else before.last_camera,
        not_persons=tuple(
            sorted({*before.not_persons, *(now.not_persons - {*absorbed.not_persons})} & {*now.not_persons})
        ),
        tracks=(*kept, *since),
    )


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
    rest = _without(person, wanted, kept, policy)
    if other is not None:
        rest = _differing(rest, other.person_id)
        other = _differing(other, person.person_id)
    return PersonSplit(
        site_id=command.site_id,
        at=command.issued_at,
        kind="tracks_moved" if isinstance(command, MoveTracks) else "track_rejected",
        person=rest,
        other=other,
        tracks=tuple(sorted(wanted)),
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def _without(person: Person, gone: Collection[TrackRef], kept: list[Template], policy: Policy) -> PersonState:
    spans = tuple(span for span in person.tracks if span.track not in gone)
    moved = {span.track.camera_id for span in person.tracks if span.track in gone}
    still = {span.track.camera_id for span in spans}
    before, after = _visits(person.tracks, policy), _visits(spans, policy)
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
    visits = _visits(spans, policy)
    latest = max(spans, key=lambda s: (s.last_at, s.track))
    return PersonState(
        person_id=labels.person_id(spans[0].first_at, site.next_number),
        number=site.next_number,
        label=_free_label(site),
        cameras=tuple(dict.fromkeys(s.track.camera_id for s in spans)),
        templates=tuple(moved),
        visit_count=visits.number,
        visit_started_at=visits.started_at,
        first_seen=spans[0].first_at,
        last_seen=latest.last_at,
        last_camera=latest.track.camera_id,
        not_persons=(),
        tracks=tuple(spans),
    )


def _joined(other: Person, spans: Sequence[TrackSpan], moved: list[Template], policy: Policy) -> PersonState:
    together = tuple(sorted([*other.tracks, *spans], key=lambda s: (s.first_at, s.track)))
    before, after = _visits(other.tracks, policy), _visits(together, policy)
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


def _differing(person: PersonState, other_id: str) -> PersonState:
    return msgspec.structs.replace(person, not_persons=tuple(sorted({*person.not_persons, other_id})))


def _free_label(site: SiteState) -> str:
    number = site.next_label
    while site.labelled(labels.label(number)) is not None:
        number += 1
    return labels.label(number)


def _updated(before: Sequence[TrackSpan], now: Iterable[TrackSpan]) -> tuple[TrackSpan, ...]:
    """The spans of ``before`` as long as they are ``now``."""
    lengths = {span.track: span for span in now}
    return tuple(lengths.get(span.track, span) for span in before)


def _visits(spans: Iterable[TrackSpan], policy: Policy) -> _Visits:
    """Visits that the spans make up, and when the last began."""
    count, started, last = 0, 0, 0
    for span in sorted(spans, key=lambda s: (s.first_at, s.track)):
        if count == 0 or span.first_at - last > policy.visit_gap:
            count, started = count + 1, span.first_at
        last = max(last, span.last_at)
    return _Visits(count, started)


def _more_visits(before: PersonState, since: Iterable[TrackSpan], policy: Policy) -> _Visits:
    count, started, last = before.visit_count, before.visit_started_at, before.last_seen
    for span in sorted(since, key=lambda s: (s.first_at, s.track)):
        if span.first_at - last > policy.visit_gap:
            count, started = count + 1, span.first_at
        last = max(last, span.last_at)
    return _Visits(count, started)
