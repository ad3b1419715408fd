import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import cast

import pytest

from producers.camera import CameraPipeline
from producers.detect.base import Boxes, Detector
from producers.embed.appearance import Appearance
from producers.frames import CapturedFrame
from producers.publish import Publisher
from producers.run import JOIN_S, _stop
from producers.sources.base import Source, SourceStats
from producers.sources.threaded import JOIN_TIMEOUT_S, ThreadedSource
from producers.sources.turns import Turns
from producers.track import ByteTrack
from producers.worker import MAX_FAILURES, CameraWorker
from reid.contracts.detections import CameraStatus, Frame, Model
from tests.unit.producers.recordings import picture


class Kept:
    """`Publisher` that keeps what it is given."""

    def __init__(self) -> None:
        self.published: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.frames: list[Frame] = []
        self.last: dict[str, CameraStatus] = {}

    def offer(self, frame: Frame) -> None:
        self.frames.append(frame)

    def report(self, status: CameraStatus) -> None:
        self.last[status.camera_id] = status

    def close(self, timeout_s: float) -> None:
        pass


class Hanging:
    """A reader in a call that does not hear of ``stop``, as FFmpeg in a camera that never answers."""

    name = "hanging"

    def __init__(self) -> None:
        self.inside, self.released = threading.Event(), threading.Event()

    def frames(self, stop: threading.Event, stats: SourceStats) -> Iterator[CapturedFrame]:
        self.inside.set()
        self.released.wait(30)
        return iter(())


class Odd:
    """A detector that frames of these numbers break."""

    name = "odd"

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    def detect(self, frame: CapturedFrame) -> Boxes:
        if frame.number in self._numbers:
            raise ValueError(f"frame {frame.number}")
        return Boxes.of([], [])


class Frames:
    """A reader of small pictures, one a second of the film."""

    name = "frames"

    def frames(self, stop: threading.Event, stats: SourceStats) -> Iterator[CapturedFrame]:
        return (CapturedFrame(picture(n), 1_000_000 + 1000 * n, n) for n in range(30))


class Blank:
    name = "blank"

    def detect(self, frame: CapturedFrame) -> Boxes:
        return Boxes.of([], [])


def worker(
    source: Source, kept: Kept, camera_id: str = "room1", detector: Detector | None = None
) -> CameraWorker:
    def pipeline() -> CameraPipeline:
        return CameraPipeline(
            camera_id, "s", detector or Blank(), ByteTrack(5), Appearance(), embed_interval=0.4
        )

    return CameraWorker(
        camera_id,
        "s",
        lambda: source,
        pipeline,
        cast(Publisher, kept),
        site_id="here",
        detector="blank",
        model=Model("m", "1", 1),
    )


def test_ending_waited_for_each_hanging_camera_in_turn() -> None:
    readers = [Hanging() for _ in range(4)]
    kept = Kept()
    workers = [worker(ThreadedSource(r), kept, f"room{n}") for n, r in enumerate(readers)]
    for one in workers:
        one.start()
    assert all(reader.inside.wait(10) for reader in readers)
    began = time.monotonic()
    _stop(workers, cast(Publisher, kept))
    assert time.monotonic() - began < JOIN_S + 0.9 < JOIN_TIMEOUT_S
    assert {status.state for status in kept.last.values()} == {"ended"}
    for reader in readers:
        reader.released.set()


def test_cameras_that_hang_kept_one_that_works_from_its_turn() -> None:
    turns, stop, order = Turns(), threading.Event(), []

    def open_one(name: str, late: bool) -> None:
        with turns.turn(stop, late=late) as mine:
            assert mine
            order.append(name)

    with turns.turn(stop, late=True) as mine:
        assert mine
        threads = [threading.Thread(target=open_one, args=(f"hangs {n}", True)) for n in range(3)]
        threads.append(threading.Thread(target=open_one, args=("works", False)))
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        assert not order
    for thread in threads:
        thread.join(5)
    assert order[0] == "works"
    assert len(order) == 4


def test_who_waits_for_a_turn_is_stopped_at_once() -> None:
    turns, never, stop = Turns(), threading.Event(), threading.Event()
    stop.set()
    with turns.turn(never, late=False), turns.turn(stop, late=False) as mine:
        assert not mine
    with turns.turn(never, late=True) as mine:
        assert mine, "who was stopped is still waited for"


@pytest.mark.parametrize("late", [False, True])
def test_a_turn_ends_with_an_error_too(late: bool) -> None:
    turns, never = Turns(), threading.Event()
    with pytest.raises(ZeroDivisionError), turns.turn(never, late=late):
        raise ZeroDivisionError
    with turns.turn(never, late=late) as mine:
        assert mine


def test_a_frame_that_its_detector_could_not_take_ended_the_camera() -> None:
    kept = Kept()
    one = worker(ThreadedSource(Frames(), lossy=False), kept, detector=Odd(range(3, 3 + MAX_FAILURES - 1)))
    one.run()
    status = one.status()
    assert (status.detail, status.frames_corrupt) == ("", MAX_FAILURES - 1)
    assert len(kept.frames) == 30 - (MAX_FAILURES - 1)


def test_frames_that_all_break_the_detector_fail_the_camera_and_say_why() -> None:
    kept = Kept()
    one = worker(ThreadedSource(Frames(), lossy=False), kept, detector=Odd(range(30)))
    one.run()
    status = one.status()
    assert (status.state, status.frames_corrupt) == ("failed", MAX_FAILURES)
    assert f"frame {MAX_FAILURES - 1}" in status.detail
