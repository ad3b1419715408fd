"""What happened. Topic ``reid.events.v1``, key = site id: the truth, kept for ever.

State changes only through these. Each carries the *resulting* values, so `evolve` assigns and never
recomputes. Times are milliseconds since the epoch and come from the input that caused the event.
Templates are little-endian int16 fixed point (`reid.contracts.embedding`), base64 in JSON: what decides
is in the log to the bit.
"""

from typing import Final, Literal

import msgspec

from reid.contracts.policy import Policy

#: A track without identity that was not sampled for so long is forgotten (milliseconds). A constant, not
#: a policy: the fold of a log must not depend on settings.
PENDING_FORGOTTEN_AFTER: Final = 60_000


class TrackRef(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """One camera's track. ``session`` is a run of the camera's tracker, which alone makes the id unique."""

    camera_id: str
    session: str
    tracker_id: str


#: So much a crop weighs at least.
LEAST_WEIGHT: Final = 0.05


class Template(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stored appearance of a person: ``vector`` of the encoder ``model`` (``name@version``), shown by
    ``track``. ``weight``: of the crops whose mean it is, the sum of their qualities; 0 for a single crop."""

    model: str
    vector: bytes
    camera_id: str
    quality: float
    track: TrackRef | None = None
    weight: float = 0.0

    @property
    def crops(self) -> float:
        """Of how many crops it is the mean, had all of them been as good as the best: never more than there
        were."""
        return max(self.weight / max(self.quality, LEAST_WEIGHT), 1.0)


class TrackSpan(msgspec.Struct, frozen=True):
    """A track that a person was bound to, and when."""

    track: TrackRef
    first_at: int
    last_at: int


class PersonState(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a person. ``tracks``: the latest, by time; ``not_persons``: sorted."""

    person_id: str
    number: int
    label: str
    cameras: tuple[str, ...]
    templates: tuple[Template, ...]
    visit_count: int
    visit_started_at: int
    first_seen: int
    last_seen: int
    last_camera: str
    not_persons: tuple[str, ...]
    tracks: tuple[TrackSpan, ...]


class Undo(msgspec.Struct, frozen=True):
    """What a merge can be undone to: both persons as before it. One without templates: nothing is left."""

    survivor: PersonState
    absorbed: PersonState


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The evidence of an identity decision. Scores are calibrated similarities, None without candidate.

    ``reason``: ``empty_gallery | below_threshold | above_threshold | margin_exhausted | ambiguous``; of a
    revision ``evidence_grew | evidence_broke | better_candidate``; of a suggestion ``another_day``;
    of a template taken away ``template_disagrees``; over zones ``zones_joined | seen_together``.
    ``policy`` and ``model`` name the versions it was made with. ``appearance``: the score as it would be
    without ``passage``, the log odds that people come this way, so soon (0: as usual). ``across_days``: what
    the candidate's score lost because nobody has seen it since an earlier day. ``learned``: log odds in it
    that people's answers have taught (`SiteCalibrated`).
    """

    outcome: Literal["matched", "new"]
    reason: str
    candidate: str | None
    score: float | None
    runner_up: str | None
    runner_up_score: float | None
    threshold: float
    margin: float
    samples: int
    gallery_size: int
    model: str
    policy: str
    appearance: float | None = None
    passage: float = 0.0
    across_days: float = 0.0
    learned: float = 0.0


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """``at``: time of the input that caused it, milliseconds since the epoch.

    A field at its default is left out of the JSON: a field that a later version adds does not change the
    bytes of what was decided before it, which the verifier compares.
    """

    site_id: str
    at: int


class TrackSampled(Event, frozen=True, kw_only=True, tag="reid.track.sampled.v1"):
    """Evidence for a track that has no identity yet: ``template`` is its running mean after ``samples``.

    ``not_persons``: persons this track cannot be (it was taken from them); ``differs``: those of them that
    will be known as somebody else than the person that the track turns out to be.
    """

    track: TrackRef
    samples: int
    weight: float
    quality: float
    model: str
    template: bytes
    first_at: int
    candidate: str | None = None
    score: float | None = None
    not_persons: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


class PersonRegistered(Event, frozen=True, kw_only=True, tag="reid.person.registered.v1"):
    """A new person. ``number`` is the site's running count, never reused; ``label_number`` (of the last
    label given out) restarts with a reset of the whole gallery.

    A person of an older store has ``source``, the record's key there; ``state``, all that is known of it;
    and as ``track`` its gallery, which was no track of a camera.
    """

    person_id: str
    number: int
    label: str
    label_number: int
    track: TrackRef
    template: Template
    decision: Decision
    source: str = ""
    state: PersonState | None = None
    command_id: str | None = None
    asked_by: str = ""


class PersonSuggested(Event, frozen=True, kw_only=True, tag="reid.person.suggested.v1"):
    """A person may be another one of an earlier day: somebody should say. Told once of a pair.

    ``other_id``: the one known for longer, ``other_last_seen`` then. Both stand as they are; an answer is a
    merge, or a review that they differ. ``decision``: how alike they are, and what would have decided it.
    """

    person_id: str
    label: str
    other_id: str
    other_label: str
    other_last_seen: int
    track: TrackRef | None
    decision: Decision


class PersonSeen(Event, frozen=True, kw_only=True, tag="reid.person.seen.v1"):
    """A person in front of a camera. Coalesced: when a track is bound, and about once a second after.

    ``visit_count``, ``visit_started_at``, ``doubts``: values from now on. ``slot`` and ``template``: the
    template now stored at that place of the person's list (append when equal to its length).
    ``together``: persons newly known to be different, for they were in this very frame.
    ``decision``: only on binding. ``crop``: SHA-256 of a stored picture of this track, of ``crop_quality``.
    ``since``: only on binding, where it is known: the track showed this person from then on.
    """

    person_id: str
    label: str
    track: TrackRef
    bbox: tuple[float, float, float, float]
    confidence: float
    reason: Literal["bound", "present"]
    visit_count: int
    visit_started_at: int
    doubts: int = 0
    score: float | None = None
    slot: int | None = None
    template: Template | None = None
    together: tuple[str, ...] = ()
    decision: Decision | None = None
    attributes: dict[str, str] = {}
    crop: str = ""
    crop_quality: float = 0.0
    since: int = 0


class PersonLeft(Event, frozen=True, kw_only=True, tag="reid.person.left.v1"):
    """A track lost its person. It ended, or it was found to be somebody else.

    ``last_seen_at``: when it showed this person for the last time; one whose evidence disagrees went over to
    somebody else after its last crop that was not in doubt.
    """

    person_id: str
    label: str
    track: TrackRef
    last_seen_at: int
    reason: Literal["track_ended", "evidence_disagrees", "two_in_one_frame"]


class PersonsMerged(Event, frozen=True, kw_only=True, tag="reid.persons.merged.v1"):
    """Two ids were one person. ``absorbed_id`` is now ``survivor_id``; the other fields are the survivor's
    from now on. ``decision``: the evidence, where nobody asked for it by a command."""

    survivor_id: str
    absorbed_id: str
    label: str
    absorbed_label: str
    cameras: tuple[str, ...]
    templates: tuple[Template, ...]
    visit_count: int
    visit_started_at: int
    first_seen: int
    last_seen: int
    last_camera: str
    not_persons: tuple[str, ...]
    command_id: str | None = None
    asked_by: str = ""
    decision: Decision | None = None


class PersonSplit(Event, frozen=True, kw_only=True, tag="reid.person.split.v1"):
    """One id were two persons. ``person`` and ``other`` are their states from now on; ``tracks`` moved.

    ``merge_undone``: ``other`` stands again as before its merge. ``tracks_moved``, ``track_rejected``: the
    tracks were somebody else, ``other`` (a new or another person), known to differ from ``person``.
    ``other`` None: the track left no appearance of its own, it is without identity again.
    ``merges``: earlier merges into ``person`` that knew these tracks, as they can be undone from now on.
    ``attributes``: of an undone merge, what both look like from now on, by person id; None of others, and of
    those undone before this was told. ``decision``: the evidence, where nobody asked for it by a command.
    """

    kind: Literal["merge_undone", "tracks_moved", "track_rejected"]
    person: PersonState
    other: PersonState | None
    tracks: tuple[TrackRef, ...]
    merges: tuple[Undo, ...] = ()
    attributes: dict[str, dict[str, str]] | None = None
    command_id: str | None = None
    asked_by: str = ""
    decision: Decision | None = None


class PersonRenamed(Event, frozen=True, kw_only=True, tag="reid.person.renamed.v1"):
    """A person has another label from now on."""

    person_id: str
    label: str
    previous_label: str
    command_id: str | None = None
    asked_by: str = ""


class IdentityReviewed(Event, frozen=True, kw_only=True, tag="reid.identity.reviewed.v1"):
    """Somebody said whether ``track`` was this person, or ``other_id`` the same person. After ``no`` two
    persons that stand both are known to differ; after ``yes`` they, or the track and its person, are not
    parted any more without being asked. ``score`` of ``model``: what had been decided by, ``learned`` of its
    log odds from answers."""

    person_id: str
    answer: Literal["yes", "no"]
    track: TrackRef | None = None
    other_id: str | None = None
    score: float | None = None
    model: str = ""
    learned: float = 0.0
    command_id: str | None = None
    asked_by: str = ""


class Agreement(msgspec.Struct, frozen=True):
    """Why an attribute is believed: ``support``, sightings that agree less those that do not, since
    ``since`` (ms since the epoch), by these cameras."""

    support: int
    since: int
    cameras: tuple[str, ...]


class PersonAppearanceChanged(Event, frozen=True, kw_only=True, tag="reid.person.appearance_changed.v1"):
    """What a person looks like from now on: ``attribute`` (such as ``upper``) is ``after``.

    ``before`` empty: it was not known until now.
    """

    person_id: str
    label: str
    attribute: str
    before: str
    after: str
    evidence: Agreement


class PersonTemplatesAdded(Event, frozen=True, kw_only=True, tag="reid.person.templates_added.v1"):
    """Stored crops of a person went through another encoder. ``templates``: all of the person's from now on,
    of all encoders; ``added``: how many of them are new, of ``model``."""

    person_id: str
    model: str
    templates: tuple[Template, ...]
    added: int
    command_id: str | None = None
    asked_by: str = ""


class PersonTemplateRemoved(Event, frozen=True, kw_only=True, tag="reid.person.template_removed.v1"):
    """One appearance of a person disagreed with all its others: it is none of its templates any more, and
    nothing else changes. ``slot``: the place in the person's list that it had; ``left``: how many there are
    now. ``decision``: how well it fitted them, and what would have been too little."""

    person_id: str
    label: str
    slot: int
    template: Template
    left: int
    decision: Decision


class PersonForgotten(Event, frozen=True, kw_only=True, tag="reid.person.forgotten.v1"):
    """Erased on request."""

    person_id: str
    command_id: str | None = None
    asked_by: str = ""


class PersonExpired(Event, frozen=True, kw_only=True, tag="reid.person.expired.v1"):
    """Not seen for the time to live."""

    person_id: str
    last_seen: int


class GalleryReset(Event, frozen=True, kw_only=True, tag="reid.gallery.reset.v1"):
    """A reset. ``person_ids`` are gone; ``camera_id`` None: the whole gallery, and labels restart at A."""

    camera_id: str | None
    person_ids: tuple[str, ...]
    command_id: str | None = None
    asked_by: str = ""


class PolicyAdopted(Event, frozen=True, kw_only=True, tag="reid.policy.adopted.v3"):
    """The rule from now on. The first event of the first input that is decided by it.

    Version 3: always says the form of the rule. Version 2: it is 2 unless said otherwise, and 1 in version 1;
    looks grow to a ``look_weight`` of 20 unless it says otherwise, of 6 in version 1.
    """

    version: str
    policy: Policy


class CameraCalibrated(Event, frozen=True, kw_only=True, tag="reid.camera.calibrated.v1"):
    """What all persons have in common in front of this camera, to the encoder ``model``: taken away before
    two appearances are compared, from now on.

    ``mean``: int16 fixed point as a template's, not of unit length; of ``tracks`` tracks, one for each visit
    of a person, shrunk towards zero while they are few.
    """

    camera_id: str
    model: str
    tracks: int
    mean: bytes


class SiteCalibrated(Event, frozen=True, kw_only=True, tag="reid.site.calibrated.v1"):
    """An answer of people moved the site's scale: ``correction`` is added to all log odds of the encoder
    ``model`` from now on, ``before`` until now. ``answers``: how many have taught it, with the one that was
    reviewed by the same input."""

    model: str
    before: float
    correction: float
    answers: int


class EncoderIntroduced(Event, frozen=True, kw_only=True, tag="reid.encoder.introduced.v1"):
    """In a zone: what a similarity of this encoder means from now on. ``calibration``: as of a frame's
    model."""

    model: str
    calibration: tuple[tuple[float, float], ...]


class ZoneFollowed(Event, frozen=True, kw_only=True, tag="reid.zone.followed.v1"):
    """The site has taken in its zone's events below the offset ``upto`` of the zone's log.

    ``persons``: the zone's person id -> the site's, of those newly known; empty for one that is gone there.
    ``doubts``: new persons of the site who may be somebody known.
    """

    zone: str
    upto: int
    persons: dict[str, str] = {}
    doubts: tuple[str, ...] = ()


class ZoneDirected(Event, frozen=True, kw_only=True, tag="reid.zone.directed.v1"):
    """What the site asks of its zone, so that both know the same: to ``forget`` the zone's ``person_id``;
    that ``track`` is not this person (``reject``); to ``reset`` its gallery."""

    zone: str
    action: Literal["forget", "reject", "reset"]
    person_id: str = ""
    track: TrackRef | None = None


class CommandRejected(Event, frozen=True, kw_only=True, tag="reid.command.rejected.v1"):
    """A command was refused. ``code``: ``unknown_person | same_person | seen_together | bad_label |
    label_taken | no_such_merge | merged_further | unknown_track | nothing_left | no_evidence |
    already_imported | expired | wrong_dimension | nothing_new``;
    ``message`` is for people."""

    command_id: str
    command: str
    code: str
    message: str
    asked_by: str = ""


AnyEvent = (
    TrackSampled
    | PersonRegistered
    | PersonSuggested
    | PersonSeen
    | PersonLeft
    | PersonsMerged
    | PersonSplit
    | PersonRenamed
    | IdentityReviewed
    | PersonAppearanceChanged
    | PersonTemplatesAdded
    | PersonTemplateRemoved
    | PersonForgotten
    | PersonExpired
    | GalleryReset
    | PolicyAdopted
    | CameraCalibrated
    | SiteCalibrated
    | EncoderIntroduced
    | ZoneFollowed
    | ZoneDirected
    | CommandRejected
)
