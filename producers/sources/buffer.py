"""Bounded hand-over from the reader thread to the pipeline."""

import threading
from collections import deque
from collections.abc import Iterator

from producers.frames import CapturedFrame


class FrameBuffer:
    """At most ``capacity`` frames wait. Thread-safe for one writer and one reader.

    ``lossy``: a late reader costs the *oldest* frame, because a live label must be about now; otherwise
    the writer waits, because a file read flat out has no now.
    """

    def __init__(self, capacity: int, *, lossy: bool) -> None:
        self._frames: deque[CapturedFrame] = deque()
        self._capacity = capacity
        self._lossy = lossy
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None

    def put(self, frame: CapturedFrame) -> int:
        """Number of frames dropped for it: 0 or 1."""
        with self._changed:
            if not self._lossy:
                self._changed.wait_for(lambda: self._closed or len(self._frames) < self._capacity)
            dropped = 0
            if len(self._frames) >= self._capacity:
                self._frames.popleft()
                dropped = 1
            self._frames.append(frame)
            self._changed.notify_all()
            return dropped

    def end(self, error: BaseException | None = None) -> None:
        """No more frames will come; the reader gets what waits, then ``error`` or the end."""
        with self._changed:
            self._closed = True
            self._error = self._error or error
            self._changed.notify_all()

    def abandon(self) -> None:
        """Nobody wants the waiting frames any more: both sides are released at once."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._error = None
            self._changed.notify_all()

    def __iter__(self) -> Iterator[CapturedFrame]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._frames))
                if not self._frames:
                    if self._error is not None:
                        raise self._error
                    return
                frame = self._frames.popleft()
                self._changed.notify_all()
            yield frame
