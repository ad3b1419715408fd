"""Cameras that stream now: webcams, RTSP and HTTP. They die and come back."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Final

import cv2

from producers.frames import CapturedFrame
from producers.sources.base import SourceStats
from producers.sources.pace import BackOff, Sampler
from producers.sources.turns import Turns
from reid.errors import Unavailable

log = logging.getLogger(__name__)

#: A stream that says nothing for so long is dead. Also bounds how long closing it may take.
TIMEOUT_MS: Final = 2500
#: Undecodable frames in a row after which the connection is taken to be broken.
MAX_CORRUPT_RUN: Final = 25
#: Of all cameras of this process.
_TURNS: Final = Turns()


class LiveReader:
    """Frames of a stream at ``fps`` a second; captured_at is the time of the grab.

    ``target``: webcam index, or URL. Never ends and never raises: while the camera is away, ``stats`` says
    so, and it is tried again with exponential back-off, after those that answered when last tried.
    """

    def __init__(self, target: int | str, *, fps: float, name: str, first_pause: float = 0.5) -> None:
        self.name = name
        self._target = target
        self._fps = fps
        self._back_off = BackOff(first_pause)
        self._number = 0
        self._answered = True

    def frames(self, stop: threading.Event, stats: SourceStats) -> Iterator[CapturedFrame]:
        while not stop.is_set():
            capture = self._open(stop)
            if capture is None:
                return
            try:
                yield from self._stream(capture, stop, stats)
            except Unavailable as error:
                if stats.state != "reconnecting":
                    log.warning("%s; trying again", error)
                stats.state, stats.detail = "reconnecting", str(error)
            finally:
                capture.release()
            self._back_off.wait(stop)

    def _open(self, stop: threading.Event) -> cv2.VideoCapture | None:
        """None when it was stopped before its turn came."""
        if isinstance(self._target, int):
            return cv2.VideoCapture(self._target)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS]
        with _TURNS.turn(stop, late=not self._answered) as mine:
            if not mine:
                return None
            capture = cv2.VideoCapture(self._target, cv2.CAP_FFMPEG, limits)
        self._answered = capture.isOpened()
        return capture

    def _stream(
        self, capture: cv2.VideoCapture, stop: threading.Event, stats: SourceStats
    ) -> Iterator[CapturedFrame]:
        """Raises `Unavailable` when the camera cannot be opened, or stops."""
        if not capture.isOpened():
            raise Unavailable(f"camera {self.name} does not answer: check its address, power and password")
        sampler, corrupt_run = Sampler(self._fps), 0
        while not stop.is_set():
            if not capture.grab():
                raise Unavailable(f"camera {self.name} stopped sending")
            now = time.time() * 1000
            # Every frame is grabbed, few are converted: the driver's queue must not fill with old ones.
            if not sampler.wants(now):
                continue
            ok, image = capture.retrieve()
            if not ok or image is None:
                stats.corrupt += 1
                corrupt_run += 1
                if corrupt_run >= MAX_CORRUPT_RUN:
                    raise Unavailable(f"camera {self.name} sends frames that cannot be decoded")
                continue
            corrupt_run = 0
            self._back_off.reset()
            yield CapturedFrame(image, int(now), self._number)
            self._number += 1
