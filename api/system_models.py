"""Bodies of answers about the site itself: configuration, cameras, readiness, and the log's timeline."""

from typing import Literal

from pydantic import BaseModel

from api.models import example


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
    ``person_labels``: tracker id -> label, who is in front of it now. ``clock_ahead_ms``: of the other
    cameras' clocks, by when its sightings arrive; null while nobody can tell."""

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
    clock_ahead_ms: int | None = None


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
                "clock_ahead_ms": -12,
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
