"""Decisions on commands. Every command is answered by exactly one event with its id, but `Tick`, and what the
alert agent answers."""

from reid.contracts.commands import (
    AcknowledgeAlert,
    AddTemplates,
    AnyCommand,
    ConfirmIdentity,
    ForgetPerson,
    ImportPerson,
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
)
from reid.domain.importing import bring_in
from reid.domain.labels import MAX_LABEL
from reid.domain.merging import merge
from reid.domain.policy import Policy
from reid.domain.present import absences
from reid.domain.reembedding import add_templates
from reid.domain.rejection import rejected, unknown
from reid.domain.reviewing import review
from reid.domain.splitting import move
from reid.domain.state import SiteState
from reid.domain.unmerging import unmerge


def answer(site: SiteState, command: AnyCommand, policy: Policy) -> list[AnyEvent]:
    """The events that a command causes; none when it was answered before (it came twice)."""
    if command.command_id in site.answered:
        return []
    match command:
        case MergePersons():
            return [merge(site, command, policy)]
        case UnmergePersons():
            return [unmerge(site, command, policy)]
        case MoveTracks() | RejectTrack():
            return [move(site, command, policy)]
        case ResetGallery():
            return [_reset(site, command)]
        case RenamePerson():
            return [_rename(site, command)]
        case ConfirmIdentity():
            return review(site, command, policy)
        case ForgetPerson():
            return [_forget(site, command)]
        case ImportPerson():
            return bring_in(site, command, policy)
        case AddTemplates():
            return [add_templates(site, command, policy)]
        case Tick():
            return absences(site, command.site_id, None, command.issued_at, policy)
        case AcknowledgeAlert():
            return []


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
