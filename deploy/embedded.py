"""An embedded server (`reid.runtime.servers`) as a supervised part."""

import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from deploy.child import REMEDY, ChildFailed
from reid.errors import ReidError
from reid.runtime.servers import Progress


class EmbeddedServer(Protocol):
    """Kafka or Redis of our own. ``pid``: None while it does not run."""

    @property
    def pid(self) -> int | None: ...

    def start(self, progress: Progress | None = None) -> str: ...

    def stop(self, timeout_s: float = ...) -> bool: ...


@dataclass(eq=False)
class ServerChild:
    """``address`` once it is ready.

    It starts and stops in daemon threads: neither a slow start nor a download that hangs keeps the
    supervisor from its other work, or this process from ending.
    """

    name: str
    server: EmbeddedServer
    progress: Progress | None = None
    ready_timeout: float = 900.0
    """Of the first start, which downloads; the server's own start has a time-out of its own."""
    address: str | None = None
    _error: BaseException | None = None
    _starting: bool = False
    _stopping: bool = False
    _started: bool = False
    _abandoned: bool = False

    def start(self) -> None:
        self._error, self._starting, self._started = None, True, False
        threading.Thread(target=self._start, name=f"start-{self.name}", daemon=True).start()

    def _start(self) -> None:
        try:
            # A server that died still holds its claim on the state directory.
            self.server.stop()
            self.address = self.server.start(self.progress)
            self._started = True
        except (ReidError, OSError) as error:
            self._error = error
        finally:
            self._starting = False

    def ready(self) -> bool:
        if self._error is not None:
            raise self._error
        return self._started

    def failure(self) -> str | None:
        if self._starting or self._stopping or self.server.pid is not None:
            return None
        return (
            f"{self.name} did not start: {self._error}" if self._error is not None else f"{self.name} is gone"
        )

    def finished(self) -> bool:
        return False

    def pid(self) -> int | None:
        return self.server.pid

    def terminate(self) -> None:
        if self._starting:
            # Only its own thread may touch the server now. Without a process it is still downloading.
            self._abandoned = not self._signal(signal.SIGTERM)
            return
        self._stopping = True
        threading.Thread(target=self._stop, name=f"stop-{self.name}", daemon=True).start()

    def _stop(self) -> None:
        try:
            self.server.stop()
        finally:
            self._stopping = self._started = False

    def gone(self) -> bool:
        return self._abandoned or not (self._starting or self._stopping or self.server.pid is not None)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        deadline = time.monotonic() + 2
        while not self.gone() and time.monotonic() < deadline:
            time.sleep(0.02)

    def late(self) -> ChildFailed:
        return ChildFailed(f"{self.name} was not ready within {self.ready_timeout:.0f} s\n{REMEDY}")

    def _signal(self, number: signal.Signals) -> bool:
        """Whether there was a process to tell."""
        pid = self.server.pid
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it ended as we looked, and whoever stops it has not said so yet
            return False
        return True
