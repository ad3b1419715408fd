"""Processes that wait to be asked (`projections.sharing`), made before it is known whether they will be: a
rebuild would wait for another Python to start and import all of this again, a second of its few.

They are forked, which is sound only while the process has one thread and no connection to anything. Where it
has more, or the system is another one, there are none, and a crew starts processes of its own.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NoReturn

from projections.sharing import END_S, Helper, asked_no_more, processes
from projections.sharing_process import serve

_LOOK_S: Final = 0.01
_TASKS: Final = Path("/proc/self/task")


@contextmanager
def helpers(most: int | None = None) -> Iterator[list[Helper]]:
    """``most``: None for as many as there are cores, less this process. Whom nobody took ends with this."""
    made: list[Helper] = []
    if _forks():
        for _ in range(processes() - 1 if most is None else most):
            made.append(_forked(made))
    waiting = list(made)
    try:
        yield waiting
    finally:
        for helper in waiting:
            asked_no_more(helper, END_S)


def _forks() -> bool:
    """Threads of libraries count, too, of which Python knows nothing."""
    return sys.platform == "linux" and _TASKS.is_dir() and len(list(_TASKS.iterdir())) == 1


class _Forked:
    """A `subprocess.Popen` of a process that runs no other program."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Raises `subprocess.TimeoutExpired`."""
        until = None if timeout is None else time.monotonic() + timeout
        while self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
            elif until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("a helper", timeout or 0.0)
            else:
                time.sleep(_LOOK_S)
        return self._code

    def kill(self) -> None:
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)


def _forked(others: list[Helper]) -> _Forked:
    (theirs, asked), (said, told) = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        _serve((asked, said), others, theirs, told)
    os.close(theirs)
    os.close(told)
    return _Forked(pid, os.fdopen(asked, "wb"), os.fdopen(said, "rb"))


def _serve(not_ours: tuple[int, ...], others: list[Helper], asked: int, told: int) -> NoReturn:
    """In the new process, of which nothing returns to who called us."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for one in not_ours:
            os.close(one)
        # Or they would hear of no end as long as this process lives.
        for helper in others:
            for end in (helper.stdin, helper.stdout):
                if end is not None:
                    os.close(end.fileno())
        serve(os.fdopen(asked, "rb"), os.fdopen(told, "wb"))
        code = 0
    finally:
        os._exit(code)
