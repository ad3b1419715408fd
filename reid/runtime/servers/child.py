"""A server as our child process: it never outlives us, never sees our Ctrl-C, and its log stays bounded."""

import contextlib
import logging
import logging.handlers
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from reid.errors import ConfigError

_log = logging.getLogger(__name__)
_LOG_BYTES: Final = 4 * 1024 * 1024
_TAIL_LINES: Final = 12

#: Runs between fork and exec of the server, in a fresh interpreter: `preexec_fn` would run Python between
#: fork and exec of *this* process, whose other threads may hold locks (a known deadlock). 1 is
#: PR_SET_PDEATHSIG. The parent may die before prctl is reached, hence the look at getppid().
_LEASH: Final = (
    "import ctypes,os,signal,sys\n"
    "ctypes.CDLL(None).prctl(1,signal.SIGTERM,0,0,0)\n"
    "os.getppid()==int(sys.argv[1]) or sys.exit(3)\n"
    "os.execv(sys.argv[2],sys.argv[2:])\n"
)


class Child:
    """The process ``argv``, its output appended to ``log_path`` (rotated once at 4 MiB).

    Linux sends the parent-death signal when the *thread* that forked ends, so one thread forks, copies
    the output, and lives exactly as long as the child. Where there is no such signal (macOS), `Claim` ends
    what a killed parent left behind at the next start.
    ``start_new_session`` keeps the terminal's Ctrl-C from it: the supervisor ends its children in order.
    """

    def __init__(self, argv: Sequence[str], log_path: Path, env: Mapping[str, str]) -> None:
        self._argv = [str(part) for part in argv]
        self._log_path = log_path
        self._env = dict(env)
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._process: subprocess.Popen[str] | None = None
        self._failure: OSError | None = None
        self._lossy = False
        self._spawned = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"child-{log_path.stem}", daemon=True)

    def start(self) -> int:
        """Returns the pid. Raises `ConfigError` when the program can't be run or the log not be written."""
        if shutil.which(self._argv[0]) is None:  # the launcher on Linux would only find out later
            raise ConfigError(f"can't start {self._argv[0]}: no such program; reinstall what it belongs to")
        self._thread.start()
        self._spawned.wait()
        if self._process is None:
            raise ConfigError(f"can't start {self._argv[0]}: {self._failure}") from self._failure
        return self._process.pid

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process is not None else -1

    def tail(self) -> str:
        """The last lines it wrote, for an error message."""
        if self.exit_code is not None:
            self._thread.join(2.0)  # what it wrote last tells why it died
        return "\n".join(self._tail) or "(it wrote nothing)"

    def stop(self, timeout_s: float) -> bool:
        """SIGTERM, then SIGKILL after ``timeout_s``. Returns whether it ended by itself. Idempotent."""
        process = self._process
        if process is None or process.poll() is not None:
            return True
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout_s)
            polite = True
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            polite = False
        self._thread.join(2.0)
        return polite

    def _run(self) -> None:
        try:
            self._log_path.parent.mkdir(parents=True, exist_ok=True)
            sink = logging.handlers.RotatingFileHandler(self._log_path, maxBytes=_LOG_BYTES, backupCount=1)
            self._process = subprocess.Popen(
                self._leashed(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=self._env,
                start_new_session=True,
            )
        except OSError as error:
            self._failure = error
            return
        finally:
            self._spawned.set()
        assert self._process.stdout is not None
        with self._process.stdout as output:
            self._copy(output, sink)
        with contextlib.suppress(OSError):  # a full disk again; told when the line was lost
            sink.close()
        self._process.wait()

    def _leashed(self) -> list[str]:
        if not sys.platform.startswith("linux"):
            return self._argv
        return [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), *self._argv]

    def _copy(self, output: IO[str], sink: logging.handlers.RotatingFileHandler) -> None:
        # The pipe must be drained whatever happens to the file: a full pipe would stop the server.
        sink.handleError = self._log_lost  # type: ignore[method-assign]
        for line in output:
            if not line.startswith("\tat "):  # a Java stack would push out the line that says what it is
                self._tail.append(line.rstrip())
            record = logging.LogRecord("server", logging.INFO, "", 0, line.rstrip(), None, None)
            sink.handle(record)

    def _log_lost(self, record: logging.LogRecord) -> None:
        if not self._lossy:  # once: on a full disk it would be every line
            self._lossy = True
            _log.warning("can't write %s (%s): its lines are lost", self._log_path, sys.exc_info()[1])
