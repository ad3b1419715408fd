"""The parts that a supervisor keeps alive, and the most usual of them: a process of ours."""

import json
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from deploy.lifeline import lifeline
from reid.errors import Unavailable

LOG_LIMIT_BYTES = 16 * 1024 * 1024
#: On a machine with other work a part that starts in 5 s was seen to take more than 60; one that fails ends
#: by itself, and is told at once.
READY_WITHIN_S: Final = 300.0
#: What somebody can do about it.
REMEDY: Final = (
    "Is the machine busy with other programs? End some, and start again: what is done already is kept. "
    "`saferoom doctor` looks for other causes"
)


class ChildFailed(Unavailable):
    """A child ended, or did not become ready. The message has its last log lines."""


class Child(Protocol):
    """What a supervisor knows of a part. No method blocks, but `kill` (briefly)."""

    name: str
    ready_timeout: float

    def start(self) -> None: ...

    def ready(self) -> bool:
        """Whether it serves now. Raises `ReidError` when it never will."""

    def failure(self) -> str | None:
        """None while it lives, or ended as it should; else one line that says how it ended."""

    def finished(self) -> bool:
        """Ended as it should (a camera at the end of its file)."""

    def late(self) -> ChildFailed:
        """The error of a part that is not ready within `ready_timeout`."""

    def pid(self) -> int | None: ...

    def terminate(self) -> None:
        """Asks it to end."""

    def gone(self) -> bool: ...

    def kill(self) -> None:
        """Ends it without asking."""


@dataclass(eq=False)
class ProcessChild:
    """A process with its own process group (Ctrl-C reaches the supervisor only) and log file.

    ``ready_file``: written by the child when it serves, ``{"pid": …}``; None means ready once started.
    ``env``: added to ours, asked anew at each start. ``may_finish``: an exit with code 0 is no failure.
    """

    name: str
    command: list[str]
    log_file: Path
    ready_file: Path | None = None
    ready_timeout: float = READY_WITHIN_S
    env: Callable[[], Mapping[str, str]] = dict
    may_finish: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    _log_start: int = 0

    def start(self) -> None:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".old.log"))
        if self.ready_file is not None:
            self.ready_file.unlink(missing_ok=True)
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                lifeline(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.env()},
                process_group=0,
            )

    def ready(self) -> bool:
        if (failure := self.failure()) is not None:
            raise ChildFailed(self._with_log(failure))
        if self.ready_file is None or self.finished():
            return True
        return self.facts().get("pid") == self.pid()

    def facts(self) -> dict[str, Any]:
        """What the child wrote when it became ready; empty before."""
        if self.ready_file is None:
            return {}
        try:
            facts = json.loads(self.ready_file.read_text())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def failure(self) -> str | None:
        code = self.process.poll() if self.process is not None else None
        if code is None or (code == 0 and self.may_finish):
            return None
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}; log: {self.log_file}"

    def finished(self) -> bool:
        return self.may_finish and self.process is not None and self.process.poll() == 0

    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    def terminate(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        if self.ready_file is not None:
            self.ready_file.unlink(missing_ok=True)

    def late(self) -> ChildFailed:
        """The error of a child that did not become ready in time."""
        return ChildFailed(
            self._with_log(
                f"{self.name} was not ready within {self.ready_timeout:.0f} s; log: {self.log_file}"
            )
            + f"\n{REMEDY}"
        )

    def _with_log(self, line: str, lines: int = 8) -> str:
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            last = deque((text.decode(errors="replace").rstrip() for text in log), maxlen=lines)
        return "\n".join([line, *(f"    {text}" for text in last)])
