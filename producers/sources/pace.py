"""When to take a frame of a source that has more of them than are wanted."""

import threading
import time
from typing import Final

#: Longest pause of a reconnecting camera, seconds.
LONGEST_PAUSE_S: Final = 15.0


class Sampler:
    """Takes about ``fps`` frames a second of a faster source, evenly spaced on the source's own clock."""

    def __init__(self, fps: float) -> None:
        self._period = 1000.0 / fps
        self._due = float("-inf")

    def wants(self, at_ms: float) -> bool:
        """Whether the frame taken at ``at_ms`` (rising) is due."""
        # A tenth of a period of slack: 30 fps / 5 must not become every seventh frame by rounding.
        if at_ms < self._due - 0.1 * self._period:
            return False
        late = at_ms - self._due
        self._due = at_ms + self._period if late > self._period else self._due + self._period
        return True


class Pacer:
    """Holds a recording back to the speed of life: returns when ``offset_ms`` of it were filmed."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._began = time.monotonic()

    def wait(self, offset_ms: float) -> None:
        pause = self._began + offset_ms / 1000.0 - time.monotonic()
        if pause > 0:
            self._stop.wait(pause)


class BackOff:
    """Doubling pauses from ``first`` to `LONGEST_PAUSE_S` seconds; `reset` after a success."""

    def __init__(self, first: float = 0.5) -> None:
        self._first = first
        self.pause = first

    def wait(self, stop: threading.Event) -> None:
        stop.wait(self.pause)
        self.pause = min(self.pause * 2, LONGEST_PAUSE_S)

    def reset(self) -> None:
        self.pause = self._first
