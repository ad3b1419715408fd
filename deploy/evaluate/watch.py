"""Footage through the real pipeline, camera by camera and frame by frame, in the order of capture."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from deploy.evaluate.footage import Footage
from producers.camera import CameraPipeline, StageTimes
from producers.describe.describer import Describer
from producers.detect.select import open_detector
from producers.embed.base import Embedder
from producers.frames import CapturedFrame, TruePerson
from producers.looks import Looks
from producers.quality import crop
from producers.track import ByteTrack
from reid.contracts.detections import Detections, Frame
from reid.contracts.events import TrackRef
from reid.contracts.topics import DEFAULT_SITE
from reid.errors import ConfigError

SESSION: Final = "evaluate"


class Look(NamedTuple):
    """One frame as it was seen, and who was in it. ``frame``: None where nothing was published."""

    camera_id: str
    captured_at: int
    truth: tuple[TruePerson, ...]
    frame: Frame | None


@dataclass
class Watched:
    """``looks`` in order of capture; ``shots``: each track's best crop, with its quality."""

    looks: list[Look] = field(default_factory=list)
    shots: dict[TrackRef, tuple[float, npt.NDArray[np.uint8]]] = field(default_factory=dict)
    times: StageTimes = field(default_factory=StageTimes)

    def messages(self) -> Iterator[Detections]:
        for look in self.looks:
            if look.frame is not None:
                yield Detections(DEFAULT_SITE, SESSION, (look.frame,))


def watch(
    footage: Footage,
    detector: str,
    embedder: Embedder,
    fps: float,
    embed_interval: float,
    described: bool = False,
) -> Watched:
    """``described``: clothes are named, too. Raises `ConfigError` when footage, detector or encoder do not go
    together."""
    found = Watched()
    pipelines = {
        camera.camera_id: CameraPipeline(
            camera.camera_id,
            SESSION,
            open_detector(detector),
            ByteTrack(fps),
            embedder,
            embed_interval=embed_interval,
            looks=Looks(Describer()) if described else None,
        )
        for camera in footage.cameras
    }
    streams = [_named(camera.camera_id, camera.frames()) for camera in footage.cameras]
    for camera_id, captured in heapq.merge(*streams, key=lambda pair: pair[1].captured_at):
        frame = pipelines[camera_id].process(captured)
        found.looks.append(Look(camera_id, captured.captured_at, captured.truth or (), frame))
        if frame is not None:
            _keep_shots(found, frame, captured)
    if not found.looks:
        raise ConfigError(f"{footage.name}: there is no frame to look at")
    found.times = _sum([pipeline.times for pipeline in pipelines.values()])
    return found


def _named(camera_id: str, frames: Iterator[CapturedFrame]) -> Iterator[tuple[str, CapturedFrame]]:
    return ((camera_id, frame) for frame in frames)


def _keep_shots(found: Watched, frame: Frame, captured: CapturedFrame) -> None:
    for person in frame.persons:
        track = TrackRef(frame.camera_id, frame.session, str(person.tracker_id))
        known = found.shots.get(track)
        if known is None or person.quality > known[0]:
            part = crop(captured.image, np.array(person.bbox, np.float32))
            found.shots[track] = person.quality, part.copy()


def _sum(times: list[StageTimes]) -> StageTimes:
    return StageTimes(
        frames=sum(t.frames for t in times),
        detect=sum(t.detect for t in times),
        track=sum(t.track for t in times),
        embed=sum(t.embed for t in times),
        crops=sum(t.crops for t in times),
    )
