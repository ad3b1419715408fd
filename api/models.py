"""Bodies of requests and answers. Names and types are the old system's; times are RFC 3339 in UTC."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from reid.domain.labels import MAX_LABEL

MAX_ID: Final = 200
#: Names in a body of which each unknown one is a fault.
MOST_NAMES: Final = 1000
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


class Closed(BaseModel):
    """A body in which a name that is not known is a fault: a misspelt ``camera_id`` would reset everybody."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few(cls, body: Any) -> Any:
        """1 MiB has room for 85,000 names; nobody else was answered for the second that they took."""
        if isinstance(body, dict) and len(body) > MOST_NAMES:
            raise PydanticCustomError("too_many_fields", f"A body has at most {MOST_NAMES} fields")
        return body


class ResetRequest(Closed):
    """``camera_id`` absent or null: everybody. Else those ever seen there, on whatever cameras besides."""

    model_config = example(camera_id="room2")

    camera_id: Id | None = None


class RenameRequest(BaseModel):
    """Printable characters, not all of them blank."""

    model_config = example(label="Alice")

    label: Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]


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


class UnmergeRequest(Closed):
    """The merge of ``absorbed_id`` into ``person_id`` is undone."""

    model_config = example(person_id="person_1762344658197_0", absorbed_id="person_1762344671002_1")

    person_id: Id
    absorbed_id: Id


class MoveRequest(Closed):
    """``tracks`` of ``person_id`` were somebody else: the person ``into``, or a new one."""

    model_config = example(person_id="person_1762344658197_0", tracks=["room2/19a53f06a15/7"])

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

    model_config = example(detail=f"a label has 1 to {MAX_LABEL} printable characters")

    detail: str | list[dict[str, Any]]
