"""Bodies of answers about journeys. Times and durations are milliseconds, times since the epoch."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

ID: Final = "person_1762344658197_0"
LEG: Final[dict[str, Any]] = {
    "camera_id": "room1",
    "entered_at": 1762344658197,
    "left_at": 1762344671400,
    "dwell_ms": 13203,
    "tracks": 1,
}
NOW_LEG: Final = LEG | {
    "camera_id": "room2",
    "entered_at": 1762344678900,
    "left_at": None,
    "dwell_ms": 21112,
}


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Leg(BaseModel):
    """Time in front of one camera; ``tracks``: how many showed it. ``left_at``: null while the person is
    there, and ``dwell_ms`` then goes to the last sighting."""

    camera_id: str
    entered_at: int
    left_at: int | None
    dwell_ms: int
    tracks: int


class Trajectory(BaseModel):
    """``legs`` in the order of entering; cameras that share a view make two at a time. ``visits``: as of the
    person, also those that are too old to be kept as legs."""

    model_config = _example(person_id=ID, label="Visitor-A", legs=[LEG, NOW_LEG], visits=1)

    person_id: str
    label: str
    legs: list[Leg]
    visits: int


class Journey(BaseModel):
    """From coming to leaving. ``visit``: which of the person's visits kept, from 1. ``ended_at``: null while
    the person is in front of a camera."""

    person_id: str
    label: str
    visit: int
    started_at: int
    ended_at: int | None
    legs: list[Leg]


class Journeys(BaseModel):
    """Newest first. ``next``: cursor of the page after this; null on the last."""

    model_config = _example(
        journeys=[
            {
                "person_id": ID,
                "label": "Visitor-A",
                "visit": 1,
                "started_at": 1762344658197,
                "ended_at": None,
                "legs": [LEG, NOW_LEG],
            }
        ],
        next=None,
    )

    journeys: list[Journey]
    next: str | None


class Transition(BaseModel):
    """From leaving the one camera to entering the other: 0 where both saw the person at once. Quantiles are
    within 1 %."""

    from_camera: str
    to_camera: str
    count: int
    median_ms: int
    p10_ms: int
    p90_ms: int


class Transitions(BaseModel):
    """Of all journeys kept."""

    model_config = _example(
        transitions=[
            {
                "from_camera": "room1",
                "to_camera": "room2",
                "count": 12,
                "median_ms": 7488,
                "p10_ms": 5216,
                "p90_ms": 9856,
            }
        ]
    )

    transitions: list[Transition]


class CameraHour(BaseModel):
    """``hour``: its beginning. ``unique_visitors``: persons there at any time of it; ``entries``: how often
    somebody came; ``peak``: most at once, to the second; ``dwell_ms``: of all together."""

    hour: int
    camera_id: str
    unique_visitors: int
    entries: int
    peak: int
    dwell_ms: int


class Occupancy(BaseModel):
    """Hours and cameras with somebody, in this order, of the hours from ``since`` to before ``until``."""

    model_config = _example(
        since=1762344000000,
        until=1762347600000,
        hours=[
            {
                "hour": 1762344000000,
                "camera_id": "room1",
                "unique_visitors": 3,
                "entries": 5,
                "peak": 2,
                "dwell_ms": 61035,
            }
        ],
    )

    since: int
    until: int
    hours: list[CameraHour]


class Flows(BaseModel):
    """``matrix[i][j]``: how often somebody went from ``cameras[i]`` to ``cameras[j]``."""

    model_config = _example(cameras=["room1", "room2"], matrix=[[0, 12], [9, 0]])

    cameras: list[str]
    matrix: list[list[int]]


class Together(BaseModel):
    """``count``: times that at least two of them came to a camera and left it together; ``ms``: in all."""

    count: int
    ms: int
    cameras: list[str]


class Group(BaseModel):
    """``confidence``: 1 less the probability that chance alone made any pair as close as the weakest of them
    here. ``since``, ``last``: first and last time together."""

    person_ids: list[str]
    labels: list[str]
    confidence: Annotated[float, Field(ge=0, le=1)]
    together: Together
    since: int
    last: int


class Groups(BaseModel):
    """Of the 30 days up to the latest journey, the surest first."""

    model_config = _example(
        groups=[
            {
                "person_ids": [ID, "person_1762344658997_1"],
                "labels": ["Visitor-A", "Visitor-B"],
                "confidence": 0.999998,
                "together": {"count": 9, "ms": 152004, "cameras": ["room1", "room2", "room4"]},
                "since": 1762344658197,
                "last": 1762344990215,
            }
        ]
    )

    groups: list[Group]
