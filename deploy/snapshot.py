"""What the demo shows and writes: one moment of the running system, as data."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reid.contracts.detections import CameraStatus
from reid.contracts.events import TrackRef


class ShownTrack(NamedTuple):
    """A track that has a person now."""

    track: TrackRef
    person_id: str
    label: str


@dataclass(frozen=True)
class Snapshot:
    """Ages in seconds, latencies in milliseconds, memory in bytes by part. None: not known (yet).

    ``agent_lag``, ``view_lag``: messages not decided, log records not yet in the view.
    ``label_age``: how old the newest sighting was that the API showed, when it was asked.
    ``latency``: medians and 95th percentiles, capture to event log.
    """

    cameras: tuple[CameraStatus, ...] = ()
    tracks: tuple[ShownTrack, ...] = ()
    persons: tuple[dict[str, Any], ...] = ()
    events: int = 0
    events_by_type: dict[str, int] = field(default_factory=dict)
    events_per_s: float = 0.0
    messages: int = 0
    agent_lag: int | None = None
    view_lag: int | None = None
    label_age: float | None = None
    latency: tuple[float, float] | None = None
    first_label_at: float | None = None
    memory: dict[str, int] = field(default_factory=dict)
    trouble: str = ""

    @property
    def frames_captured(self) -> int:
        return sum(camera.frames_captured for camera in self.cameras)

    @property
    def frames_dropped(self) -> int:
        """Of those captured."""
        return sum(camera.frames_dropped for camera in self.cameras)

    @property
    def memory_total(self) -> int:
        return sum(self.memory.values())
