"""A simulated camera as a source: pacing, numbers, drops, closing."""

import itertools
import threading
from functools import cache

import pytest

from producers.frames import CapturedFrame
from producers.simulation.site import Site
from producers.simulation.source import SimulatedCamera
from producers.sources.simulated import SimulatedSource
from reid.errors import ConfigError

START = 1_700_000_000_000


@cache
def site() -> Site:
    return Site(people=2, size=(160, 120))


def first(camera: SimulatedCamera, count: int) -> list[CapturedFrame]:
    return list(itertools.islice(camera, count))


def test_as_fast_as_possible_every_frame_comes() -> None:
    frames = first(SimulatedCamera(site(), 0, 5.0, START, realtime=False), 4)
    assert [frame.captured_at - START for frame in frames] == [0, 200, 400, 600]
    assert [frame.number for frame in frames] == [0, 1, 2, 3]
    assert all(frame.truth == site().truth(0, frame.number / 5) for frame in frames)


def test_ends_when_asked() -> None:
    camera = SimulatedCamera(site(), 1, 4.0, START, realtime=False, until_s=1.0)
    assert [frame.number for frame in camera] == [0, 1, 2, 3]


def test_a_late_reader_loses_frames_and_they_are_counted() -> None:
    now = START
    camera = SimulatedCamera(site(), 0, 10.0, START, realtime=True, clock=lambda: now)
    frames = iter(camera)
    assert next(frames).number == 0
    now += 450
    late = next(frames)
    assert (late.number, late.captured_at, camera.dropped) == (4, START + 400, 3)


def test_frames_left_out_count_among_the_captured_as_those_of_other_sources_do() -> None:
    """A demo on a busy machine told of 529 frames and 437 of them dropped, which were not among them."""
    now = START
    camera = SimulatedCamera(site(), 0, 10.0, START, realtime=True, clock=lambda: now)
    source = SimulatedSource(camera, "sim")
    frames = iter(source)
    next(frames)
    now = START + 450
    assert next(frames).number == 4
    assert (source.stats.captured, source.stats.dropped) == (5, 3)
    source.close()


def test_a_camera_switched_on_late_has_dropped_nothing() -> None:
    camera = SimulatedCamera(site(), 0, 10.0, START, realtime=True, clock=lambda: START + 3_050)
    assert next(iter(camera)).number == 30
    assert camera.dropped == 0


def test_drawing_the_room_drops_nothing() -> None:
    now = START

    class Slow(Site):
        def furnish(self, camera: int) -> None:
            nonlocal now
            super().furnish(camera)
            now += 2_050

    camera = SimulatedCamera(
        Slow(people=2, size=(160, 120)), 0, 10.0, START, realtime=True, clock=lambda: now
    )
    assert next(iter(camera)).number == 20
    assert camera.dropped == 0


def test_closing_ends_even_a_camera_that_waits() -> None:
    camera = SimulatedCamera(site(), 0, 10.0, START, realtime=True, clock=lambda: START - 3_600_000)
    threading.Timer(0.05, camera.close).start()
    assert list(camera) == []


@pytest.mark.parametrize(("index", "fps"), [(4, 5.0), (-1, 5.0), (0, 0.0)])
def test_impossible_cameras_are_refused(index: int, fps: float) -> None:
    with pytest.raises(ConfigError):
        SimulatedCamera(site(), index, fps, START, realtime=False)
