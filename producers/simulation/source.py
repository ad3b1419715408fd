"""A camera of the simulated site as a source of frames, by the wall clock or as fast as they can be made."""

import threading
import time
from collections.abc import Callable, Iterator

from producers.frames import CapturedFrame
from producers.simulation.site import Site
from reid.errors import ConfigError


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class SimulatedCamera:
    """Frames of one camera. Simulated time 0 is ``start_ms`` (milliseconds since the epoch).

    ``realtime``: frame n is taken when the clock reaches ``start_ms`` + n / ``fps``; frames whose time has
    passed before they could be made are dropped and counted. Otherwise every frame comes, and only
    ``captured_at`` advances. Ends after ``until_s`` simulated seconds, at `close`, or never.
    """

    def __init__(
        self,
        site: Site,
        camera_index: int,
        fps: float,
        start_ms: int,
        realtime: bool,
        until_s: float | None = None,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        if not 0 <= camera_index < site.cameras:
            raise ConfigError(
                f"no simulated camera {camera_index + 1}: the site has cameras 1 to {site.cameras}"
            )
        if fps <= 0:
            raise ConfigError(
                f"a simulated camera cannot run at {fps:g} frames a second: give it more than 0"
            )
        self._site, self._camera, self._fps = site, camera_index, fps
        self._start_ms, self._realtime, self._until_s, self._clock = start_ms, realtime, until_s, clock
        self._closed = threading.Event()
        self.dropped = 0
        """Frames left out because their time had passed."""

    def __iter__(self) -> Iterator[CapturedFrame]:
        number = 0
        # Before the clock is looked at: drawing the room takes longer than many a frame.
        self._site.furnish(self._camera)
        if self._realtime:
            # A camera switched on late has dropped nothing: it joins where the clock is.
            number = max(0, self._due_number())
        while not self._closed.is_set():
            seconds = number / self._fps
            if self._until_s is not None and seconds >= self._until_s:
                return
            captured_at = self._start_ms + round(1000 * seconds)
            if self._realtime and not self._wait_for(captured_at):
                return
            image, truth = self._site.observe(self._camera, seconds)
            yield CapturedFrame(image, captured_at, number, truth)
            number = self._after(number)

    def close(self) -> None:
        """Ends the iteration soon, from any thread, even while it waits."""
        self._closed.set()

    def _due_number(self) -> int:
        """Number of the latest frame whose time has come."""
        return int((self._clock() - self._start_ms) / 1000 * self._fps)

    def _after(self, number: int) -> int:
        following = number + 1
        if self._realtime and (late := self._due_number() - following) > 0:
            self.dropped += late
            following += late
        return following

    def _wait_for(self, moment: int) -> bool:
        """Waits until the clock shows ``moment``; False when closed meanwhile."""
        while (left := moment - self._clock()) > 0:
            if self._closed.wait(left / 1000):
                return False
        return not self._closed.is_set()
