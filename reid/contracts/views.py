"""Documents that the projections write to Redis and the API reads. Times: ms since the epoch."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from reid.contracts.alert_rules import Kind, Severity
from reid.contracts.alerts import Evidence
from reid.contracts.cloudevents import rfc3339
from reid.contracts.events import Decision, TrackRef


class CropView(msgspec.Struct, frozen=True, kw_only=True):
    """A stored picture of a person. ``at``: of the first sighting that named it; ``track``:
    ``camera/session/tracker_id``; ``person_id``: whose sighting that was, before any merge."""

    sha256: str
    camera_id: str
    at: int
    quality: float
    track: str
    person_id: str


class PersonView(msgspec.Struct, kw_only=True):
    """``saferoom:persons:{site}:{person_id}``. ``cameras`` in the order of first sighting.

    ``embeddings``: base64 of little-endian int16 fixed-point unit vectors (`reid.contracts.embedding`);
    ``models``: the encoder of each, ``name@version``, empty where an older view did not keep it;
    ``averaged``: of how many crops each is the mean (`Template.crops`), to a tenth; 0: not known.
    ``current_camera``: None when the person is in front of no camera.
    """

    person_id: str
    label: str
    number: int
    cameras: list[str] = []
    embeddings: list[bytes] = []
    models: list[str] = []
    averaged: list[float] = []
    num_embeddings: int = 0
    visit_count: int = 0
    first_seen: int = 0
    last_seen: int = 0
    current_camera: str | None = None
    tracks: list[str] = []
    """Live tracks, ``camera/session/tracker_id``, the latest bound last."""
    absorbed: dict[str, str] = {}
    """Ids whose past is this person's, each with the id that it was merged into."""
    attributes: dict[str, str] = {}
    """What they look like: the latest `PersonAppearanceChanged` of each attribute."""
    crops: list[CropView] = []
    """The best few, from as many cameras as there are; best first."""


class ShownPerson(msgspec.Struct, kw_only=True):
    """``saferoom:shown:{site}:{person_id}``: a person as the API's answers give it, field for field, so that
    its bytes are sent as they stand. It comes and goes with the document, of which it is a fortieth: the
    embeddings are not in it. Times: RFC 3339."""

    person_id: str
    label: str
    cameras: list[str]
    visit_count: int
    num_embeddings: int
    first_seen: str
    last_seen: str
    current_camera: str | None
    attributes: dict[str, str]


def shown_of(view: PersonView) -> ShownPerson:
    """What is shown of a document."""
    return ShownPerson(
        person_id=view.person_id,
        label=view.label,
        cameras=view.cameras,
        visit_count=view.visit_count,
        num_embeddings=view.num_embeddings,
        first_seen=rfc3339(view.first_seen),
        last_seen=rfc3339(view.last_seen),
        current_camera=view.current_camera,
        attributes=view.attributes,
    )


class PersonTally(msgspec.Struct, frozen=True):
    """What a person adds to the camera sums, whose past it has, and which stored crops are its own and
    by what attributes it is found, so that all of that goes with it: no label, no template, no time."""

    number: int
    cameras: tuple[str, ...] = ()
    embeddings: int = 0
    visits: int = 0
    absorbed: dict[str, str] = {}
    crops: tuple[str, ...] = ()
    attributes: dict[str, str] = {}


class LiveTrack(msgspec.Struct, kw_only=True):
    tracker_id: str
    person_id: str
    label: str
    last_seen: int


def person_labels(tracks: Iterable[LiveTrack]) -> dict[str, str]:
    """Live tracks of one camera -> tracker id to label.

    One person, one box: where a person's track broke and another took over, the latest seen shows the
    label, so that no camera ever shows a label twice. Where two runs of a tracker used one id, likewise.
    """
    latest = {track.person_id: track for track in sorted(tracks, key=lambda t: (t.last_seen, t.tracker_id))}
    shown = sorted(latest.values(), key=lambda t: (t.last_seen, t.tracker_id))
    return {track.tracker_id: track.label for track in shown}


class LabelsChanged(msgspec.Struct, kw_only=True):
    """Published on every change of a camera's labels: the whole mapping from now on."""

    camera_id: str
    person_labels: dict[str, str]


class PersonsChanged(msgspec.Struct, kw_only=True):
    """Published on every change of documents: whose. ``all``: any may be another, look at them anew."""

    person_ids: list[str] = []
    all: bool = False


class CommandOutcome(msgspec.Struct, kw_only=True):
    """``event_type`` of the event that answered the command; ``code`` and ``message`` when rejected.
    ``site_id``: whose command it was; empty where an older projector wrote it, an hour ago at most."""

    command_id: str
    event_type: str
    site_id: str = ""
    rejected: bool = False
    code: str = ""
    message: str = ""
    person_id: str | None = None
    person_ids: list[str] = []


class HistoryEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One step of how a person became who it is, with its place in the log.

    ``kind``: ``sampled | registered | suggested | bound | seen | left | merged | merged_into | merge_undone |
    tracks_moved | track_rejected | renamed | appearance_changed | templates_added | template_removed |
    reviewed``, and
    ``forgotten | expired | reset``, after which the view holds none. ``person_id``: whose step it was; not
    that of the history it stands in after a merge. ``other_id``: the absorbed, surviving, restored or new
    person. ``reason``: of leaving; of a review the answer.
    """

    kind: str
    at: int
    offset: int
    event_type: str
    person_id: str
    event_id: str = ""
    causation: str = ""
    label: str = ""
    track: TrackRef | None = None
    samples: int | None = None
    quality: float | None = None
    model: str = ""
    candidate: str | None = None
    score: float | None = None
    decision: Decision | None = None
    visit_count: int | None = None
    template_slot: int | None = None
    together: tuple[str, ...] = ()
    reason: str = ""
    other_id: str | None = None
    other_label: str = ""
    tracks: tuple[TrackRef, ...] = ()
    previous_label: str = ""
    attribute: str = ""
    before: str = ""
    after: str = ""
    source: str = ""
    command_id: str | None = None
    asked_by: str = ""


class SeenStep(msgspec.Struct, omit_defaults=True, gc=False):
    """The fields of a `HistoryEntry` that a sighting has, in their order: the same bytes, made and encoded in
    half the time. One of five events of a long log is told by it."""

    kind: str
    at: int
    offset: int
    event_type: str
    person_id: str
    event_id: str = ""
    causation: str = ""
    label: str = ""
    track: TrackRef | None = None
    quality: float | None = None
    model: str = ""
    score: float | None = None
    decision: Decision | None = None
    visit_count: int | None = None
    template_slot: int | None = None
    together: tuple[str, ...] = ()


class SampledStep(msgspec.Struct, omit_defaults=True, gc=False):
    """As `SeenStep`, of a sample."""

    kind: str
    at: int
    offset: int
    event_type: str
    person_id: str
    event_id: str = ""
    causation: str = ""
    track: TrackRef | None = None
    samples: int | None = None
    quality: float | None = None
    model: str = ""
    candidate: str | None = None
    score: float | None = None


Step = HistoryEntry | SeenStep | SampledStep


class AlertView(msgspec.Struct, kw_only=True):
    """One alert as it stands. ``state``: ``open`` until somebody acknowledges it, whether it goes on or not;
    ``closed_at``: when the incident was over, None while it goes on. ``of``: the person as the alert was
    opened, of whom ``person_id`` is what became; both None when that person is forgotten.
    ``number``: counts the site's alerts. ``events``: how many told of it, openings and updates."""

    alert_id: str
    number: int
    rule: str
    kind: Kind
    severity: Severity
    opened_at: int
    last_at: int
    message: str
    evidence: Evidence
    state: Literal["open", "acknowledged"] = "open"
    zone: str | None = None
    camera_id: str | None = None
    person_id: str | None = None
    label: str = ""
    of: str | None = None
    closed_at: int | None = None
    reason: str = ""
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    events: int = 1


def nameless(alert: AlertView) -> AlertView:
    """The alert when its person is forgotten. Nothing may lead back to them: the track, too, names who it was
    elsewhere."""
    evidence = msgspec.structs.replace(alert.evidence, track=None, bbox=None)
    return msgspec.structs.replace(alert, person_id=None, label="", of=None, evidence=evidence)
