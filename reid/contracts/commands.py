"""What somebody asks of the identity agent. Topic ``reid.commands.v1``, key = site id.

Every command with an id is answered in the event log by an event that carries this id; what concerns alerts,
in the log of the alerts.
"""

from typing import Literal

import msgspec

from reid.contracts.detections import Model
from reid.contracts.events import TrackRef


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """``issued_at``: milliseconds since the epoch. ``issued_by``: who asked, for the audit."""

    site_id: str
    command_id: str
    issued_at: int
    issued_by: str = ""


class MergePersons(Command, frozen=True, kw_only=True, tag="reid.command.merge.v1", omit_defaults=True):
    """``person_id2`` is absorbed into ``person_id1``."""

    person_id1: str
    person_id2: str


class ResetGallery(Command, frozen=True, kw_only=True, tag="reid.command.reset.v1", omit_defaults=True):
    """Forget all persons, or those ever seen by ``camera_id``."""

    camera_id: str | None = None


class RenamePerson(Command, frozen=True, kw_only=True, tag="reid.command.rename.v1", omit_defaults=True):
    """Give a person another label, which nobody else has."""

    person_id: str
    label: str


class UnmergePersons(Command, frozen=True, kw_only=True, tag="reid.command.unmerge.v1", omit_defaults=True):
    """Undo the merge that took ``absorbed_id`` into ``person_id``."""

    person_id: str
    absorbed_id: str


class MoveTracks(Command, frozen=True, kw_only=True, tag="reid.command.move-tracks.v1", omit_defaults=True):
    """``tracks`` of ``person_id`` were somebody else: the person ``into``, or a new one."""

    person_id: str
    tracks: tuple[TrackRef, ...]
    into: str | None = None


class RejectTrack(Command, frozen=True, kw_only=True, tag="reid.command.reject-track.v1", omit_defaults=True):
    """This track is not this person, and never will be."""

    person_id: str
    track: TrackRef


class ConfirmIdentity(Command, frozen=True, kw_only=True, tag="reid.command.confirm.v1", omit_defaults=True):
    """Somebody looked at a decision: was ``track`` this person, or ``other_id`` the same person? One of the
    two is named. ``score`` of ``model``: what it was decided by, ``learned`` of its log odds from answers.

    ``no`` undoes nothing by itself: that is another command.
    """

    person_id: str
    track: TrackRef | None = None
    other_id: str | None = None
    answer: Literal["yes", "no"] = "yes"
    score: float | None = None
    model: str = ""
    learned: float = 0.0


class ForgetPerson(Command, frozen=True, kw_only=True, tag="reid.command.forget.v1", omit_defaults=True):
    """Erasure on request: the person leaves the gallery and the views."""

    person_id: str


class ImportPerson(Command, frozen=True, kw_only=True, tag="reid.command.import.v1", omit_defaults=True):
    """A person of an older store, once for each ``source``: the record's key there.

    ``gallery``: the gallery that the record stood in, in which no two records are one person.
    ``embeddings``: as in a detections frame of ``model``. ``person_id`` and ``label`` are kept where they
    are free. Times in milliseconds since the epoch.
    """

    source: str
    gallery: str
    person_id: str
    model: Model
    embeddings: tuple[bytes, ...]
    first_seen: int
    last_seen: int
    label: str = ""
    cameras: tuple[str, ...] = ()
    visit_count: int = 1


class Shown(msgspec.Struct, frozen=True):
    """A stored crop as another encoder sees it. ``embedding``: as in a detections frame; ``crop``: SHA-256 of
    the picture."""

    embedding: bytes
    camera_id: str
    quality: float
    crop: str
    track: TrackRef | None = None


class AddTemplates(Command, frozen=True, kw_only=True, tag="reid.command.add-templates.v1"):
    """Stored crops of ``person_id`` went through the encoder ``model``: so shown, the person stays known when
    the cameras change to it."""

    person_id: str
    model: Model
    shown: tuple[Shown, ...]


class Tick(Command, frozen=True, kw_only=True, tag="reid.command.tick.v1", omit_defaults=True):
    """Time passes on a silent site: absences and expiries up to ``issued_at`` fall due. Not answered."""


class AcknowledgeAlert(
    Command, frozen=True, kw_only=True, tag="reid.command.acknowledge-alert.v1", omit_defaults=True
):
    """Somebody has seen this alert. The alert agent answers it, in ``reid.alerts.v1``."""

    alert_id: str


AnyCommand = (
    MergePersons
    | UnmergePersons
    | MoveTracks
    | RejectTrack
    | ResetGallery
    | RenamePerson
    | ConfirmIdentity
    | ForgetPerson
    | ImportPerson
    | AddTemplates
    | Tick
    | AcknowledgeAlert
)
