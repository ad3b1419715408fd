"""Views that an older program left in Redis, rebuilt beside while they are followed and read as they stand.

In a process of its own (`projections.renewal_process`), as `saferoom rebuild` does it: the live way keeps its
core and its cycle collector. Should the projector end, the rebuild ends, and leaves the views as they were.
"""

import logging
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final, NamedTuple

from projections.rebuild import Rebuilt
from projections.sharing import asked_no_more
from projections.views import View
from reid.errors import ReidError, Unavailable

log = logging.getLogger(__name__)

COMMAND: Final = [sys.executable, "-m", "projections.renewal_process"]
#: Seconds that the process has to empty its database once it is asked to end.
END_S: Final = 4.0


class Job(NamedTuple):
    """What the process is told. ``redis``: of the live views."""

    bootstrap: str
    redis: str
    views: list[View]


class Done(NamedTuple):
    """``rebuilt``: None where somebody else was faster."""

    rebuilt: Rebuilt | None


class Failed(NamedTuple):
    """For good, where no waiting will mend it."""

    error: ReidError
    for_good: bool


class Renewal:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._failed = self._ending = False

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self, why: str) -> None:
        """Once: what failed for good is left to an operator."""
        if self.running or self._failed:
            return
        log.warning("%s: rebuilding the views beside; until then they are served as they are", why)
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        attend = (self._process,)
        self._thread = threading.Thread(target=self._attend, args=attend, name="renewal", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Of the projector. A rebuild that is not done begins anew with the next one."""
        process, thread = self._process, self._thread
        if process is None or thread is None:
            return
        self._ending = True
        asked_no_more(process, END_S)
        thread.join(END_S)

    def _attend(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump(self._job, process.stdin)
            process.stdin.flush()
            while not isinstance(heard := pickle.load(process.stdout), Done):
                self._tell(heard)
                if isinstance(heard, Failed) and heard.for_good:
                    self._failed = True
                    return
        except (EOFError, OSError, ValueError):
            if self._ending:
                return
            self._tell(Failed(Unavailable("the process that rebuilds the views ended"), True))
            self._failed = True
            return
        finally:
            with suppress(OSError, ValueError):
                process.stdin.close()
            process.stdout.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
        if (done := heard.rebuilt) is None:
            log.info("the views were rebuilt by somebody else")
        else:
            log.info("the views are rebuilt: %d records in %.1f s", done.records, done.seconds)

    def _tell(self, heard: "int | Failed") -> None:
        if isinstance(heard, int):
            log.info("rebuilding the views: %d records so far", heard)
        elif heard.for_good:
            log.error("the views stay as they are until `saferoom rebuild`: %s", heard.error)
        else:
            log.warning("rebuilding the views again soon: %s", heard.error)
