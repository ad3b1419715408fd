"""A reader in a thread of its own behind a bounded buffer: what every real source is."""

import threading
from collections.abc import Iterator
from typing import Final, Protocol

import cv2

from producers.frames import CapturedFrame
from producers.sources.base import SourceStats
from producers.sources.buffer import FrameBuffer
from reid.errors import ReidError, Unavailable

#: Frames that may wait: at 5 frames/s a label is at most about a second and a half old.
CAPACITY: Final = 8
#: Longest that a reader may need to notice that it shall stop: a network read times out after this.
JOIN_TIMEOUT_S: Final = 3.0


class Reader(Protocol):
    """Produces frames until ``stop`` is set or the source ends; counts in ``stats`` the unreadable."""

    @property
    def name(self) -> str: ...

    def frames(self, stop: threading.Event, stats: SourceStats) -> Iterator[CapturedFrame]: ...


class ThreadedSource:
    """`Source` that runs a `Reader` in a daemon thread, started by the first iteration.

    ``lossy``: drop the oldest frame when the pipeline is late (see `FrameBuffer`).
    """

    def __init__(self, reader: Reader, *, lossy: bool = True, capacity: int = CAPACITY) -> None:
        self.stats = SourceStats()
        self._reader = reader
        self._buffer = FrameBuffer(capacity, lossy=lossy)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[CapturedFrame]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name=f"read {self._reader.name}", daemon=True)
            self._thread.start()
        return iter(self._buffer)

    def describe(self) -> str:
        return self._reader.name

    def stop(self) -> None:
        self._stop.set()
        self._buffer.abandon()

    def close(self) -> None:
        self.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(JOIN_TIMEOUT_S)

    def _read(self) -> None:
        stats = self.stats
        # What the consumer is told if this thread dies of something unforeseen (which then is logged).
        outcome: Exception | None = Unavailable(f"{self._reader.name}: its reader broke; see the log")
        try:
            for frame in self._reader.frames(self._stop, stats):
                if self._stop.is_set():
                    break
                height, width = frame.image.shape[:2]
                stats.streaming(width, height)
                stats.captured += 1
                stats.dropped += self._buffer.put(frame)
            outcome = None
        except (ReidError, OSError, cv2.error) as error:
            outcome = error
        finally:
            stats.state = "failed" if outcome else "ended"
            stats.detail = str(outcome or "")
            self._buffer.end(outcome)
