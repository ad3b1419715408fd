"""Undoing a merge: both persons as before it, and what happened since with whom its track belongs to."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from reid.contracts.commands import UnmergePersons
from reid.contracts.events import AnyEvent, PersonSplit, PersonState, TrackRef, TrackSpan
from reid.domain import labels
from reid.domain.person import MAX_SPANS, Merge, Person
from reid.domain.policy import Policy
from reid.domain.rejection import rejected
from reid.domain.spans import visits_since
from reid.domain.state import SiteState
from reid.domain.templates import most_diverse
from reid.domain.worn import Worn


def unmerge(site: SiteState, command: UnmergePersons, policy: Policy) -> AnyEvent:
    """The split that undoes the merge, or its refusal."""
    merge = site.merges.get(command.absorbed_id)
    refusal = _refusal(site, command, merge)
    if merge is None or refusal is not None:
        return rejected(command, *(refusal or ("no_such_merge", f"{command.absorbed_id} was not merged")))
    now, theirs = site.persons[merge.survivor_id], tracks_of_absorbed(merge)
    return PersonSplit(
        site_id=command.site_id,
        at=command.issued_at,
        kind="merge_undone",
        person=_survivor(site, merge, now, theirs, policy),
        other=_restored(site, merge, now, theirs, policy),
        tracks=tuple(sorted(theirs)),
        attributes={
            now.person_id: _looks(site.wardrobe.get(now.person_id, {}), merge.own),
            command.absorbed_id: _looks(merge.worn, merge.worn),
        },
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def _refusal(site: SiteState, command: UnmergePersons, merge: Merge | None) -> tuple[str, str] | None:
    """Code and message."""
    who, absorbed_id = command.person_id, command.absorbed_id
    if merge is None:
        return "no_such_merge", f"{absorbed_id} was not merged, or is erased since"
    if merge.survivor_id != who:
        return "no_such_merge", f"{absorbed_id} was merged into {merge.survivor_id}"
    if who not in site.persons:
        holder = site.merges[who].survivor_id
        return "merged_further", f"{who} is merged into {holder}: undo that merge first"
    # Of the survivor as it was before an earlier merge nothing is known about the later ones.
    latest = [m for m in site.merges.values() if m.survivor_id == who][-1]
    if latest is not merge:
        other = latest.absorbed.person_id
        return "merged_further", f"{other} was merged into {who} after {absorbed_id}: undo that merge first"
    if not merge.survivor.templates or not merge.absorbed.templates:
        return "nothing_left", f"all tracks of {who} or {absorbed_id} of that time were moved away since"
    return None


def tracks_of_absorbed(merge: Merge) -> set[TrackRef]:
    """Tracks that go back to the absorbed person. One that both had is whose it was last."""
    ours = {span.track: span.last_at for span in merge.survivor.tracks}
    return {s.track for s in merge.absorbed.tracks if s.last_at >= ours.get(s.track, s.last_at)}


def _looks(worn: Mapping[str, Worn], names: Collection[str]) -> dict[str, str]:
    """What is believed of these attributes."""
    return {name: worn[name].value for name in sorted(names) if name in worn and worn[name].value}


def _restored(
    site: SiteState, merge: Merge, now: Person, theirs: Collection[TrackRef], policy: Policy
) -> PersonState:
    before = merge.absorbed
    taken = site.labelled(before.label)
    known = {*before.templates, *merge.survivor.templates}
    added = [t for t in now.templates if t not in known and t.track in theirs]
    return msgspec.structs.replace(
        _continued(before, merge.survivor, [s for s in now.tracks if s.track in theirs], policy),
        label=before.label if taken is None else labels.free_label(site),
        templates=most_diverse([*before.templates, *added], policy.max_templates),
        # Of what was known before, what was not taken back since (`reid.domain.beside`).
        not_persons=tuple(sorted(now.not_persons & _known(site, before.not_persons))),
    )


def _survivor(
    site: SiteState, merge: Merge, now: Person, theirs: Collection[TrackRef], policy: Policy
) -> PersonState:
    before, absorbed = merge.survivor, merge.absorbed
    not_ours = {s.track for s in absorbed.tracks} - {s.track for s in before.tracks} | {*theirs}
    known = {*before.templates, *absorbed.templates}
    added = [t for t in now.templates if t not in known and t.track not in theirs]
    since = now.not_persons - _known(site, absorbed.not_persons)
    return msgspec.structs.replace(
        _continued(before, absorbed, [s for s in now.tracks if s.track not in not_ours], policy),
        label=now.label,
        templates=most_diverse([*before.templates, *added], policy.max_templates),
        not_persons=tuple(sorted(now.not_persons & (_known(site, before.not_persons) | since))),
    )


def _known(site: SiteState, person_ids: Iterable[str]) -> set[str]:
    """Who these are now, through merges; not who is erased."""
    holders = (site.holder(person_id) for person_id in person_ids)
    return {person_id for person_id in holders if person_id is not None}


def _continued(
    before: PersonState, other: PersonState, now: Iterable[TrackSpan], policy: Policy
) -> PersonState:
    """The person with its tracks as long as they are ``now``, and with those that are new.

    ``other``: the second person of the merge. Of a track that both had, ``now`` tells of both.
    """
    shared, spans = {s.track for s in other.tracks}, {s.track: s for s in before.tracks}
    later = []
    for span in now:
        known = spans.get(span.track)
        if known is None:
            later.append(span)
            spans[span.track] = span
            continue
        first = known.first_at if span.track in shared else min(known.first_at, span.first_at)
        spans[span.track] = TrackSpan(span.track, first, max(known.last_at, span.last_at))
        if first < known.first_at:
            later.append(TrackSpan(span.track, first, known.last_at))
        if span.last_at > known.last_at:
            # Only what came after: a track that was found again does not fill the gap between.
            begun = min(span.last_at, max(known.last_at, before.last_seen))
            later.append(TrackSpan(span.track, begun, span.last_at))
    if not later:
        return before
    found = visits_since(before, later, policy)
    latest = max(spans.values(), key=lambda s: (s.last_at, s.track))
    return msgspec.structs.replace(
        before,
        cameras=tuple(dict.fromkeys([*before.cameras, *(s.track.camera_id for s in later)])),
        visit_count=found.number,
        visit_started_at=found.started_at,
        first_seen=min(before.first_seen, *(s.first_at for s in later)),
        last_seen=max(before.last_seen, latest.last_at),
        last_camera=latest.track.camera_id if latest.last_at > before.last_seen else before.last_camera,
        tracks=tuple(spans.values())[-MAX_SPANS:],
    )
