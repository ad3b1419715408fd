"""One running server a state directory: a claim that dies with its process, however it dies."""

import contextlib
import fcntl
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Final

import psutil

from reid.errors import ConfigError

#: Less than this and a log segment or an AOF rewrite is about to fail: better said before than after.
MIN_FREE_BYTES: Final = 256 * 1024 * 1024
_STALE_TIMEOUT_S: Final = 15.0


class Claim:
    """Exclusive use of ``directory`` by this process, for the server called ``name``.

    The lock is a `flock`: the kernel drops it with the process, so a killed owner leaves nothing that a
    restart would have to clear. The file's content only serves to *name* the owner. Beside it stands the
    pid of the server itself; when an owner died without its server (macOS has no parent-death signal),
    the next owner ends that server before it starts another on the same data.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._lock_file = directory / "owner.lock"
        self._pid_file = directory / "server.pid"
        self._fd: int | None = None

    def __enter__(self) -> "Claim":
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def take(self) -> None:
        """Raises `ConfigError` when another process has it, or the directory can't be written."""
        usable_directory(self._directory)
        try:
            fd = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable(self._directory, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise ConfigError(
                f"{self._name} in {self._directory} is already in use by process {owner}: stop that one, "
                "or give this one another state directory with SAFEROOM_HOME"
            ) from error
        except OSError as error:
            os.close(fd)
            raise unusable(self._directory, error) from error
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(fd)
            raise unusable(self._directory, error) from error
        self._fd = fd
        self._end_orphan()

    def release(self) -> None:
        """Idempotent. The files stay: removing a lock file while another process opens it is a race."""
        if self._fd is None:
            return
        self._pid_file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
        os.close(self._fd)
        self._fd = None

    def started(self, pid: int) -> None:
        """Note the server's pid with its start time: pids are used again, the pair is not."""
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(pid).create_time()
            self._pid_file.write_text(json.dumps({"pid": pid, "started": started}))

    def _end_orphan(self) -> None:
        server = self._orphan()
        self._pid_file.unlink(missing_ok=True)
        if server is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            server.terminate()
            try:
                server.wait(_STALE_TIMEOUT_S)
            except psutil.TimeoutExpired:
                server.kill()
                server.wait(_STALE_TIMEOUT_S)

    def _orphan(self) -> psutil.Process | None:
        try:
            noted = json.loads(self._pid_file.read_text())
            server = psutil.Process(int(noted["pid"]))
            same = abs(server.create_time() - float(noted["started"])) < 1.0
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None  # no file, a torn file, or a pid of nobody: stale in every case
        return server if same and server.status() != psutil.STATUS_ZOMBIE else None


def usable_directory(directory: Path) -> None:
    """Make ``directory``, or raise `ConfigError` when it can't be written or its disk is full."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(directory).free
    except OSError as error:
        raise unusable(directory, error) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigError(f"state directory {directory} is not writable: fix its owner, or set SAFEROOM_HOME")
    if free < MIN_FREE_BYTES:
        raise ConfigError(
            f"state directory {directory} has {free / 1e6:.0f} MB free, {MIN_FREE_BYTES / 1e6:.0f} MB are "
            "needed: free some space, or set SAFEROOM_HOME to another disk"
        )


def unusable(directory: Path, error: OSError) -> ConfigError:
    """The one line for a state directory that the system refuses."""
    return ConfigError(
        f"state directory {directory} can't be used ({error.strerror or error}): "
        "fix it, or set SAFEROOM_HOME to another"
    )
