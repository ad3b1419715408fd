"""Bodies of requests and answers. Names and types are the old system's; times are RFC 3339 in UTC."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_ID: Final = 200
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]

PERSON: Final[dict[str, Any]] = {
    "person_id": "person_1762344658197_0",
    "label": "Visitor-A",
    "cameras": ["room2", "room3"],
    "visit_count": 1,
    "num_embeddings": 10,
    "first_seen": "2025-11-05T12:10:58.197Z",
    "last_seen": "2025-11-05T12:11:40.012Z",
    "current_camera": "room3",
    "attributes": {"upper": "red", "lower": "navy", "pattern": "plain", "height": "medium"},
}
COMMAND_ID: Final = "019a53f0-6a15-7c1e-9f0e-3b1d5d3f7a11"


def example(**shown: Any) -> ConfigDict:
    """What the description shows of a body."""
    return ConfigDict(json_schema_extra={"examples": [shown]})


class Person(BaseModel):
    """``cameras``: all that ever saw the person, in order of first sighting. ``current_camera``: null
    when the person is in front of none. ``attributes``: what they look like, as far as it is known."""

    model_config = example(**PERSON)

    person_id: str
    label: str
    cameras: list[str]
    visit_count: int
    num_embeddings: int
    first_seen: str
    last_seen: str
    current_camera: str | None
    attributes: dict[str, str] = {}


class Persons(BaseModel):
    """In the order of registration. ``next_cursor`` is there only when ``limit`` was asked for; null on
    the last page."""

    model_config = example(camera_id=None, total=1, persons=[PERSON])

    camera_id: str | None
    total: int
    persons: list[Person]
    next_cursor: str | None = None


class CameraStats(BaseModel):
    total_persons: int
    total_embeddings: int
    avg_visits: float


class PersonStats(BaseModel):
    model_config = example(cameras={"room2": {"total_persons": 1, "total_embeddings": 10, "avg_visits": 1.0}})

    cameras: dict[str, CameraStats]


class MergeRequest(BaseModel):
    """``person_id2`` becomes ``person_id1``."""

    model_config = example(person_id1="person_1762344658197_0", person_id2="person_1762344671002_1")

    person_id1: Id
    person_id2: Id


class ResetRequest(BaseModel):
    """``camera_id`` absent or null: everybody. Else those ever seen there, on whatever cameras besides."""

    model_config = example(camera_id="room2")

    camera_id: Id | None = None


class RenameRequest(BaseModel):
    model_config = example(label="Alice")

    label: Annotated[str, Field(min_length=1, max_length=MAX_ID)]


class Track(BaseModel):
    """``session``: one run of the camera's tracker, which alone makes ``tracker_id`` unique."""

    model_config = example(camera_id="room2", session="19a53f06a15", tracker_id="7")

    camera_id: Id
    session: Annotated[str, Field(max_length=MAX_ID)]
    tracker_id: Id


TrackName = Annotated[
    str,
    Field(
        min_length=3,
        max_length=3 * MAX_ID,
        pattern=r"^[^/]+/.*/?[^/]+$",
        description="`camera/session/tracker`; a slash in the camera's id is `%2F`.",
    ),
]
AnyTrack = Track | TrackName


class UnmergeRequest(BaseModel):
    """The merge of ``absorbed_id`` into ``person_id`` is undone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"person_id": "person_1762344658197_0", "absorbed_id": "person_1762344671002_1"}]
        },
    )

    person_id: Id
    absorbed_id: Id


class MoveRequest(BaseModel):
    """``tracks`` of ``person_id`` were somebody else: the person ``into``, or a new one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"person_id": "person_1762344658197_0", "tracks": ["room2/19a53f06a15/7"]}]
        },
    )

    person_id: Id
    tracks: Annotated[list[AnyTrack], Field(min_length=1, max_length=100)]
    into: Id | None = None


class RejectRequest(BaseModel):
    """This track is not that person, and never will be."""

    model_config = example(track="room2/19a53f06a15/7")

    track: AnyTrack


class SplitPersons(BaseModel):
    """``persons``: as they are after the command, the one asked about first; without the other when the
    track is nobody for now."""

    model_config = example(status="split", command_id=COMMAND_ID, persons=[PERSON])

    status: Literal["split", "rejected"]
    command_id: str
    persons: list[Person]


class DecisionMade(BaseModel):
    """``threshold`` that ``score`` had to reach, and ``margin`` by which it had to beat ``runner_up_score``;
    ``policy`` and ``model``: versions that decided."""

    outcome: str
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


class Step(BaseModel):
    """``person_id``: whose step it was then; ``merged_in``: it became this person's by a merge. Place in the
    log: ``offset``; the input that caused it: ``causation``."""

    kind: str
    at: str
    offset: int
    event_id: str
    event_type: str
    causation: str
    person_id: str
    merged_in: bool
    label: str | None = None
    track: Track | None = None
    samples: int | None = None
    quality: float | None = None
    model: str | None = None
    candidate: str | None = None
    score: float | None = None
    decision: DecisionMade | None = None
    visit_count: int | None = None
    template_slot: int | None = None
    together: list[str] | None = None
    reason: str | None = None
    other_id: str | None = None
    other_label: str | None = None
    tracks: list[Track] | None = None
    previous_label: str | None = None
    attribute: str | None = None
    before: str | None = None
    after: str | None = None
    source: str | None = None
    command_id: str | None = None
    asked_by: str | None = None


class History(BaseModel):
    """In the order of the log. ``next_before``: to ask for the steps before these; absent at the beginning of
    what the view keeps (`saferoom explain` reads the log itself, which keeps all)."""

    model_config = example(
        person_id=PERSON["person_id"],
        steps=[
            {
                "kind": "renamed",
                "at": "2025-11-05T12:11:40.012Z",
                "offset": 18,
                "event_id": "6f0c9b7e-53c1-5d0e-9a50-0d8e6c8f7a12",
                "event_type": "reid.person.renamed.v1",
                "causation": "reid.commands.v1/0/3",
                "person_id": PERSON["person_id"],
                "merged_in": False,
                "label": "Alice",
                "previous_label": "Visitor-A",
                "asked_by": "api",
                "command_id": COMMAND_ID,
            }
        ],
        next_before=18,
    )

    person_id: str
    steps: list[Step]
    next_before: int | None = None


class ChangedPerson(Person):
    """The person as it is after the command."""

    model_config = example(**PERSON, status="merged", command_id=COMMAND_ID)

    status: Literal["merged", "renamed"]
    command_id: str


class Forgotten(BaseModel):
    model_config = example(status="forgotten", command_id=COMMAND_ID, person_id=PERSON["person_id"])

    status: Literal["forgotten"] = "forgotten"
    command_id: str
    person_id: str


class Reset(BaseModel):
    """``person_ids``: those who are gone; ``removed``: how many."""

    model_config = example(
        status="reset",
        command_id=COMMAND_ID,
        camera_id="room2",
        removed=1,
        person_ids=[PERSON["person_id"]],
    )

    status: Literal["reset"] = "reset"
    command_id: str
    camera_id: str | None
    removed: int
    person_ids: list[str]


class Outcome(BaseModel):
    """``pending``: no outcome yet. ``rejected``: ``code`` and ``message`` say why. ``outcome``: where to ask
    again."""

    model_config = example(
        status="pending", command_id=COMMAND_ID, outcome=f"/commands/{COMMAND_ID}", event_type=None
    )

    status: Literal["pending", "done", "rejected"]
    command_id: str
    outcome: str
    event_type: str | None = None
    person_id: str | None = None
    person_ids: list[str] = []
    code: str | None = None
    message: str | None = None


class Problem(BaseModel):
    """What is wrong and, where there is one, the remedy."""

    model_config = example(detail="no person person_1762344658197_7 in the gallery")

    detail: str


class Invalid(BaseModel):
    """A request that can't be carried out as it is: what is wrong in words, or each place and its fault."""

    model_config = example(detail="a label has 1 to 80 printable characters")

    detail: str | list[dict[str, Any]]


class PersonReid(BaseModel):
    enabled: bool
    available: bool
    similarity_threshold: float
    cloud_storage: str
    ttl_days: int
    instance_type: str
    total_persons: int
    per_camera_trackers: int


class AccessMode(BaseModel):
    """``notice``: what an operator should know, while access is off."""

    auth: Literal["off", "on"]
    notice: str | None


class Config(BaseModel):
    model_config = example(
        person_reid={
            "enabled": True,
            "available": True,
            "similarity_threshold": 0.6,
            "cloud_storage": "local",
            "ttl_days": 90,
            "instance_type": "global_cross_camera",
            "total_persons": 1,
            "per_camera_trackers": 4,
        },
        access={"auth": "on", "notice": None},
    )

    person_reid: PersonReid
    access: AccessMode


class Camera(BaseModel):
    """``reporting``: its producer reported within the last seconds and neither ended nor failed.
    ``person_labels``: tracker id -> label, who is in front of it now."""

    camera_id: str
    state: str
    reporting: bool
    detail: str
    fps: float
    width: int
    height: int
    frames_captured: int
    frames_dropped: int
    frames_published: int
    tracks: int
    detector: str
    embedder: str
    reported_at: str | None
    captured_at: str | None
    person_labels: dict[str, str]


class Cameras(BaseModel):
    model_config = example(
        site_id="global",
        cameras=[
            {
                "camera_id": "room1",
                "state": "streaming",
                "reporting": True,
                "detail": "",
                "fps": 5.0,
                "width": 1280,
                "height": 720,
                "frames_captured": 412,
                "frames_dropped": 0,
                "frames_published": 412,
                "tracks": 1,
                "detector": "hog",
                "embedder": "appearance-512@1",
                "reported_at": "2025-11-05T12:11:40.500Z",
                "captured_at": "2025-11-05T12:11:40.400Z",
                "person_labels": {"7": "Visitor-A"},
            }
        ],
    )

    site_id: str
    cameras: list[Camera]


class ViewLag(BaseModel):
    """Offsets of the log, transaction markers included. ``end`` and ``lag``: null while Kafka is away."""

    view: str
    topic: str
    partition: int
    position: int
    end: int | None
    lag: int | None


class Readiness(BaseModel):
    model_config = example(
        ready=True,
        reasons=[],
        views=[
            {
                "view": "persons",
                "topic": "reid.events.v1",
                "partition": 0,
                "position": 18,
                "end": 18,
                "lag": 0,
            }
        ],
    )

    ready: bool
    reasons: list[str]
    views: list[ViewLag]


class ActivityBucket(BaseModel):
    """``at``: its beginning; milliseconds since the epoch."""

    at: int
    events: int


class Timeline(BaseModel):
    """Milliseconds since the epoch; ``first_at`` and ``last_at`` are null while the log has no event.
    ``events``: all of them. ``buckets``: those in which something happened, each of ``bucket_ms``."""

    model_config = example(
        first_at=1762344658197,
        last_at=1762344700012,
        events=19,
        bucket_ms=1000,
        buckets=[{"at": 1762344658000, "events": 19}],
    )

    first_at: int | None
    last_at: int | None
    events: int
    bucket_ms: int
    buckets: list[ActivityBucket]


class Health(BaseModel):
    model_config = example(status="ok")

    status: Literal["ok"] = "ok"
