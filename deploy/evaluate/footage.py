"""Cameras to look at, the simulated site's among them. Nothing waits for a clock."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from producers.detect.truth import MIN_VISIBILITY
from producers.frames import CapturedFrame
from producers.simulation.site import Site
from producers.simulation.source import SimulatedCamera
from reid.contracts.names import alike
from reid.errors import ConfigError


@dataclass(frozen=True)
class Camera:
    """``frames``: opens it anew; in order of capture, each with who is in it."""

    camera_id: str
    frames: Callable[[], Iterator[CapturedFrame]]


@dataclass(frozen=True)
class Footage:
    """``name``: for people."""

    name: str
    cameras: tuple[Camera, ...]


def simulated(people: int, cameras: int, seconds: float, seed: int, fps: float, start_ms: int) -> Footage:
    """The demo's site, from its start. Whom no detector is expected to find is not part of the truth."""
    return footage_of(Site(people, cameras, seed), seconds, fps, start_ms)


def footage_of(site: Site, seconds: float, fps: float, start_ms: int) -> Footage:
    """Any simulated site, from its start."""

    def opened(index: int) -> Iterator[CapturedFrame]:
        for frame in SimulatedCamera(site, index, fps, start_ms, realtime=False, until_s=seconds):
            seen = tuple(p for p in frame.truth or () if p.visibility >= MIN_VISIBILITY)
            yield CapturedFrame(frame.image, frame.captured_at, frame.number, seen)

    found = tuple(Camera(f"room{i + 1}", partial(opened, i)) for i in range(site.cameras))
    told = f"{site.people} people, {site.cameras} cameras, {seconds:g} s, seed {site.seed}"
    return Footage(f"simulated site: {told}", found)


def camera_ids(names: Sequence[str], sources: Sequence[Path]) -> list[str]:
    """What each is called, as a camera may be: what an id may not hold is a ``-``.

    Raises `ConfigError` naming the ``sources`` of two that are then one.
    """
    ids = [alike(name, "camera") for name in names]
    for camera_id, count in Counter(ids).items():
        if count > 1:
            both = [str(source) for source, each in zip(sources, ids, strict=True) if each == camera_id]
            raise ConfigError(
                f"{', '.join(both)}: two of one name, {camera_id}, which names the camera; rename one"
            )
    return ids
