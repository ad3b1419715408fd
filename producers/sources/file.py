"""Video files, and directories of images, as cameras."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from producers.frames import CapturedFrame, Image
from producers.sources.base import SourceStats
from producers.sources.pace import Pacer, Sampler
from reid.errors import ConfigError

#: Decoding errors in a row after which the rest of a file is given up.
MAX_CORRUPT_RUN: Final = 50
#: Pause between the end of a looped recording and its start, ms: longer than a tracker's memory, so that
#: nobody in the last frame is taken for somebody in the first.
LOOP_GAP_MS: Final = 3000.0
IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

Timed = tuple[float, Image | None]
"""Time within the recording in ms, and the picture; None where it is not due or corrupt."""


class RecordingReader:
    """Frames of a recording at ``fps`` a second; captured_at = start + time within the recording.

    ``start_ms``: epoch milliseconds of the first frame, by default the moment reading begins.
    ``realtime``: paced as it was filmed; otherwise flat out. ``loop``: begin again at the end.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float,
        realtime: bool = True,
        loop: bool = False,
        start_ms: int | None = None,
    ) -> None:
        self.path = path
        self.name = str(path)
        self._fps = fps
        self._realtime = realtime
        self._loop = loop
        self._start_ms = start_ms

    def frames(self, stop: threading.Event, stats: SourceStats) -> Iterator[CapturedFrame]:
        """Raises `ConfigError` when the recording cannot be read at all."""
        start = int(time.time() * 1000) if self._start_ms is None else self._start_ms
        pacer, number, base = Pacer(stop), 0, 0.0
        while not stop.is_set():
            last = 0.0
            for offset, image in self._pass(Sampler(self._fps), stop, stats):
                last = offset
                if self._realtime:
                    pacer.wait(base + offset)
                if image is not None:
                    yield CapturedFrame(image, start + round(base + offset), number)
                number += 1
            if number == 0:
                raise ConfigError(self._unreadable())
            if not self._loop:
                return
            base += last + LOOP_GAP_MS

    def _pass(self, sampler: Sampler, stop: threading.Event, stats: SourceStats) -> Iterator[Timed]:
        raise NotImplementedError

    def _unreadable(self) -> str:
        return f"source {self.path}: no picture in it could be decoded; give another file or directory"


class VideoReader(RecordingReader):
    """A video file by FFmpeg."""

    def _pass(self, sampler: Sampler, stop: threading.Event, stats: SourceStats) -> Iterator[Timed]:
        capture = cv2.VideoCapture(str(self.path))
        try:
            if not capture.isOpened():
                raise ConfigError(
                    f"source {self.path}: not a video that FFmpeg can read; "
                    "check it with `ffprobe`, or convert it to an H.264 .mp4"
                )
            yield from _decoded(capture, sampler, stop, stats)
        finally:
            capture.release()


class _Clock:
    """When a frame was taken, ms since the first.

    Frames of most files are evenly apart, and counted. From the first on whose own stamp is half a frame off
    that, the stamps tell: a phone, a browser or a recorder that writes only what moves takes frames when they
    come, and their mean rate would tell a pause as slow motion.
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._first: float | None = None
        self._stamped = False
        self._stamp = self._last = float("-inf")

    def at(self, index: int, stamp: float) -> float:
        """``index``: of the frame in the file; ``stamp``: milliseconds, as the container has it."""
        if self._first is None:
            self._first = stamp - index * self._period
        # Raw streams have no stamps, of joined files they may begin anew: then it is counted from there.
        rises, self._stamp = stamp > self._stamp, stamp
        even, told = index * self._period, stamp - self._first
        self._stamped |= rises and abs(told - even) > self._period / 2
        if not self._stamped:
            self._last = even
        elif rises:
            self._last = max(told, self._last + 1.0)
        else:
            self._last += self._period
            self._first = stamp - self._last
        return self._last


def _decoded(
    capture: cv2.VideoCapture, sampler: Sampler, stop: threading.Event, stats: SourceStats
) -> Iterator[Timed]:
    clock = _Clock(1000.0 / (capture.get(cv2.CAP_PROP_FPS) or 25.0))
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    index = corrupt_run = 0
    while not stop.is_set():
        index += 1
        if not capture.grab():
            # A container that promises more frames than were read is damaged here, not at its end.
            if index >= total or corrupt_run >= MAX_CORRUPT_RUN:
                return
            corrupt_run += 1
            stats.corrupt += 1
            capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            continue
        offset = clock.at(index - 1, capture.get(cv2.CAP_PROP_POS_MSEC))
        if not sampler.wants(offset):
            continue
        ok, image = capture.retrieve()
        if not ok or image is None:
            corrupt_run += 1
            stats.corrupt += 1
            continue
        corrupt_run = 0
        yield offset, image


class DirectoryReader(RecordingReader):
    """The images of a directory in the order of their names, ``fps`` a second."""

    def _pass(self, sampler: Sampler, stop: threading.Event, stats: SourceStats) -> Iterator[Timed]:
        paths = sorted(p for p in self.path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        if not paths:
            raise ConfigError(f"source {self.path}: the directory holds no image (.jpg, .png, …)")
        decoded = 0
        for index, path in enumerate(paths):
            if stop.is_set():
                return
            image = _picture(path)
            if image is None:
                stats.corrupt += 1
            decoded += image is not None
            yield index * 1000.0 / self._fps, image
        if not decoded:
            raise ConfigError(self._unreadable())


def _picture(path: Path) -> Image | None:
    """None where it is none, cannot be read, or has gone since the directory was listed."""
    try:
        raw = np.fromfile(path, np.uint8)
    except OSError:
        return None
    image = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
    return None if image is None else np.asarray(image, np.uint8)
