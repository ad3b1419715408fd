"""Starts the parts in order, keeps them alive, ends them in reverse order. One a state directory.

Start: each part must serve before the next is started. Run: a part that died is started again, waiting
longer each time. Stop: SIGTERM, then SIGKILL, each part before those that it depends on, all within
`STOP_WITHIN_S`. Everything here is called from one thread, and `check` never blocks.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from deploy.child import Child, ChildFailed
from reid.errors import ReidError
from reid.runtime.servers.claim import Claim

STOP_WITHIN_S: Final = 9.0
_POLL_S: Final = 0.02
_BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
#: A part that served for so long starts its back-off anew when it dies.
_SETTLED_S: Final = 60.0
#: Whoever waits for the start is told so often for what.
_STILL_EVERY_S: Final = 15.0


class Interrupted(Exception):
    """Somebody asked to stop while the parts were still starting. No error."""


@dataclass(eq=False)
class _Watch:
    """One part's state. ``restart_at``, ``late_at``: moments of the monotonic clock."""

    child: Child
    up: bool = False
    up_since: float = 0.0
    restarts: int = 0
    attempt: int = 0
    restart_at: float | None = None
    late_at: float = 0.0


class _Waiting:
    """Tells now and then which parts still start, and how busy the machine is: that is mostly why."""

    def __init__(self, tell: Callable[[str], None], every_s: float) -> None:
        self._tell, self._every_s = tell, every_s
        self._began = self._told_at = time.monotonic()
        psutil.cpu_percent()  # the first of all is nothing to compare with

    def tell(self, children: Sequence[Child]) -> None:
        now = time.monotonic()
        if any(child.pid() is None for child in children):
            # One without a process downloads, which is no slow start, and tells that itself.
            self._began = self._told_at = now
        names = [child.name for child in children]
        if not names or now - self._told_at < self._every_s:
            return
        self._told_at = now
        self._tell(
            f"still waiting for {', '.join(names)}: {now - self._began:.0f} s, "
            f"and the machine's processors are {psutil.cpu_percent():.0f} % busy"
        )


class Supervisor:
    """``tell``: takes one line for people. ``stopping``: set by whoever wants the end (a signal handler)."""

    def __init__(
        self,
        run_dir: Path,
        tell: Callable[[str], None],
        stopping: threading.Event,
        backoff: Sequence[float] = _BACKOFF_S,
        stop_within_s: float = STOP_WITHIN_S,
        still_every_s: float = _STILL_EVERY_S,
    ) -> None:
        self._claim = Claim(run_dir, "SafeRoom")
        self._tell = tell
        self._stopping = stopping
        self._backoff = backoff
        self._stop_within_s = stop_within_s
        self._still_every_s = still_every_s
        self._watches: list[_Watch] = []

    def __enter__(self) -> Self:
        """Raises `ConfigError` when another supervisor has this state directory."""
        self._claim.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._claim.release()

    @property
    def children(self) -> list[Child]:
        return [watch.child for watch in self._watches]

    @property
    def restarts(self) -> dict[str, int]:
        """How often each part had to be started again."""
        return {watch.child.name: watch.restarts for watch in self._watches if watch.restarts}

    def start(self, *children: Child) -> None:
        """Starts ``children`` side by side and returns when all serve.

        Raises `ReidError` when one ends or is not ready in time, `Interrupted` when asked to stop.
        """
        fresh = [self._begin(child) for child in children]
        waiting = _Waiting(self._tell, self._still_every_s)
        while not all(watch.up for watch in fresh):
            for watch in fresh:
                if not watch.up:
                    self._settle(watch)
            waiting.tell([watch.child for watch in fresh if not watch.up])
            # Parts that serve already may die while a later one starts.
            self.check()
            self.wait(_POLL_S)
            if self._stopping.is_set():
                raise Interrupted

    def check(self) -> None:
        """One look at every part: notes deaths, starts again what is due."""
        now = time.monotonic()
        for watch in self._watches:
            if watch.restart_at is not None:
                if now >= watch.restart_at:
                    self._restart(watch)
            elif watch.up and watch.child.failure() is not None:
                if now - watch.up_since > _SETTLED_S:
                    watch.attempt = 0
                self._plan_restart(watch, watch.child.failure() or "")
            elif not watch.up and watch.restarts:
                self._retry(watch)

    def finished(self, *children: Child) -> bool:
        """Whether all these parts ended as they should."""
        return all(child.finished() for child in children)

    def wait(self, seconds: float) -> None:
        """Sleeps, or returns at once when asked to stop."""
        self._stopping.wait(seconds)

    def stop(self) -> list[str]:
        """Ends all parts, the last started first. Returns the names of those that had to be killed."""
        deadline = time.monotonic() + self._stop_within_s
        killed = []
        while self._watches:
            child = self._watches.pop().child
            # At most half of what is left: the parts still to come shall be asked before they are killed.
            if not _end(child, (deadline - time.monotonic()) / 2):
                killed.append(child.name)
        return killed

    def end(self, *children: Child) -> None:
        """Ends these parts for good."""
        ending = [watch for watch in self._watches if watch.child in children]
        self._watches = [watch for watch in self._watches if watch not in ending]
        for watch in ending:
            _end(watch.child, self._stop_within_s / 2)

    def _begin(self, child: Child) -> _Watch:
        watch = _Watch(child, late_at=time.monotonic() + child.ready_timeout)
        self._watches.append(watch)
        child.start()
        return watch

    def _settle(self, watch: _Watch) -> None:
        if watch.child.ready():
            watch.up, watch.up_since = True, time.monotonic()
        elif time.monotonic() > watch.late_at:
            raise watch.child.late()

    def _plan_restart(self, watch: _Watch, line: str) -> None:
        wait_s = self._backoff[min(watch.attempt, len(self._backoff) - 1)]
        self._tell(f"{line}; starting it again in {wait_s:g} s")
        watch.up = False
        watch.attempt += 1
        watch.restart_at = time.monotonic() + wait_s

    def _restart(self, watch: _Watch) -> None:
        watch.restart_at = None
        watch.restarts += 1
        watch.late_at = time.monotonic() + watch.child.ready_timeout
        try:
            watch.child.start()
        except (ReidError, OSError) as error:
            self._plan_restart(watch, f"{watch.child.name} can't be started: {error}")

    def _retry(self, watch: _Watch) -> None:
        """A restarted part that is not serving yet: a failure here costs a new attempt, not the rest."""
        try:
            self._settle(watch)
        except (ReidError, OSError) as error:
            if not isinstance(error, ChildFailed) or not watch.child.gone():
                watch.child.kill()
            self._plan_restart(watch, str(error).partition("\n")[0])
            return
        if watch.up:
            self._tell(f"{watch.child.name} serves again")


def _end(child: Child, allowed_s: float) -> bool:
    """Whether it ended when asked."""
    child.terminate()
    deadline = time.monotonic() + allowed_s
    while not child.gone() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    asked = child.gone()
    child.kill()
    return asked
