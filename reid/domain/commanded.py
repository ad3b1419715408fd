"""Decisions on commands. Every command but `Tick` is answered by exactly one event with its id."""

from reid.contracts.commands import (
    AnyCommand,
    ForgetPerson,
    MergePersons,
    MoveTracks,
    RejectTrack,
    RenamePerson,
    ResetGallery,
    Tick,
    UnmergePersons,
)
from reid.contracts.events import (
    AnyEvent,
    GalleryReset,
    PersonForgotten,
    PersonRenamed,
    PersonsMerged,
)
from reid.domain.policy import Policy
from reid.domain.present import absences
from reid.domain.rejection import rejected, unknown
from reid.domain.splitting import move, unmerge
from reid.domain.state import Person, SiteState
from reid.domain.templates import most_diverse

MAX_LABEL = 64


def answer(site: SiteState, command: AnyCommand, policy: Policy) -> list[AnyEvent]:
    """The events that a command causes; none when it was answered before (it came twice)."""
    if command.command_id in site.answered:
        return []
    match command:
        case MergePersons():
            return [_merge(site, command, policy)]
        case UnmergePersons():
            return [unmerge(site, command, policy)]
        case MoveTracks() | RejectTrack():
            return [move(site, command, policy)]
        case ResetGallery():
            return [_reset(site, command)]
        case RenamePerson():
            return [_rename(site, command)]
        case ForgetPerson():
            return [_forget(site, command)]
        case Tick():
            return absences(site, command.site_id, None, command.issued_at, policy)


def _merge(site: SiteState, command: MergePersons, policy: Policy) -> AnyEvent:
    if command.person_id1 == command.person_id2:
        return rejected(command, "same_person", f"{command.person_id1} cannot be merged with itself")
    for person_id in (command.person_id1, command.person_id2):
        if person_id not in site.persons:
            return unknown(command, person_id)
    survivor, absorbed = site.persons[command.person_id1], site.persons[command.person_id2]
    if absorbed.person_id in survivor.not_persons:
        return rejected(
            command,
            "seen_together",
            f"{survivor.label} and {absorbed.label} were seen in one frame: they are two people",
        )
    return _merged(command, survivor, absorbed, policy)


def _merged(command: MergePersons, survivor: Person, absorbed: Person, policy: Policy) -> PersonsMerged:
    latest = max(survivor, absorbed, key=lambda p: (p.last_seen, -p.number))
    return PersonsMerged(
        site_id=command.site_id,
        at=command.issued_at,
        survivor_id=survivor.person_id,
        absorbed_id=absorbed.person_id,
        label=survivor.label,
        absorbed_label=absorbed.label,
        cameras=tuple(dict.fromkeys([*survivor.cameras, *absorbed.cameras])),
        templates=most_diverse([*survivor.templates, *absorbed.templates], policy.max_templates),
        visit_count=_visits(survivor, absorbed, policy),
        visit_started_at=latest.visit_started_at,
        first_seen=min(survivor.first_seen, absorbed.first_seen),
        last_seen=latest.last_seen,
        last_camera=latest.last_camera,
        not_persons=tuple(sorted(survivor.not_persons | absorbed.not_persons)),
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def _visits(first: Person, second: Person, policy: Policy) -> int:
    """Sum of both counts, less one when their last visits are one visit, seen under two ids."""
    gap = max(first.visit_started_at, second.visit_started_at) - min(first.last_seen, second.last_seen)
    return first.visit_count + second.visit_count - (1 if gap <= policy.visit_gap else 0)


def _reset(site: SiteState, command: ResetGallery) -> GalleryReset:
    gone = [
        p.person_id
        for p in site.persons.values()
        if command.camera_id is None or command.camera_id in p.cameras
    ]
    return GalleryReset(
        site_id=command.site_id,
        at=command.issued_at,
        camera_id=command.camera_id,
        person_ids=tuple(sorted(gone)),
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def _rename(site: SiteState, command: RenamePerson) -> AnyEvent:
    person = site.persons.get(command.person_id)
    if person is None:
        return unknown(command, command.person_id)
    label = command.label.strip()
    if not label or len(label) > MAX_LABEL or not label.isprintable():
        return rejected(command, "bad_label", f"a label has 1 to {MAX_LABEL} printable characters")
    holder = site.labelled(label)
    if holder not in (None, person.person_id):
        return rejected(command, "label_taken", f"{label} is the label of {holder}")
    return PersonRenamed(
        site_id=command.site_id,
        at=command.issued_at,
        person_id=person.person_id,
        label=label,
        previous_label=person.label,
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def _forget(site: SiteState, command: ForgetPerson) -> AnyEvent:
    if command.person_id not in site.persons:
        return unknown(command, command.person_id)
    return PersonForgotten(
        site_id=command.site_id,
        at=command.issued_at,
        person_id=command.person_id,
        command_id=command.command_id,
        asked_by=command.issued_by,
    )
