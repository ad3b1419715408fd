"""How a process tells the supervisor that it is up: one small file, atomically there or not."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import psutil

from reid.errors import ConfigError
from reid.runtime.settings import Settings

logger = logging.getLogger(__name__)


def ready_file(settings: Settings, name: str) -> Path:
    """``home/run/{name}.ready``."""
    return settings.home / "run" / f"{name}.ready"


def mark_ready(settings: Settings, name: str, **facts: object) -> None:
    """Write one line of JSON: our pid and ``facts``. Raises `ConfigError` when the directory refuses."""
    path = ready_file(settings, name)
    line = json.dumps({"pid": os.getpid(), **facts}) + "\n"
    half = path.with_suffix(f".{os.getpid()}.tmp")
    before = _pid_in(path)
    if _of_another(before):
        logger.warning(
            "%s says that process %d is ready: two on one state directory take each other's place there; "
            "give each a SAFEROOM_HOME of its own",
            path,
            before,
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(line)
        half.replace(path)  # a reader sees the whole line or no file
    except OSError as error:
        raise ConfigError(
            f"can't write {path} ({error.strerror}): free some space, or set SAFEROOM_HOME to another disk"
        ) from error


def clear_ready(settings: Settings, name: str) -> None:
    """Idempotent. What another process wrote that lives stays: one started by mistake on the same state
    directory, and ended, would else make it look as if it did not serve."""
    path = ready_file(settings, name)
    if not _of_another(_pid_in(path)):
        path.unlink(missing_ok=True)


def _pid_in(path: Path) -> int | None:
    try:
        return int(json.loads(path.read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _of_another(pid: int | None) -> bool:
    return pid is not None and pid != os.getpid() and psutil.pid_exists(pid)


def read_ready(settings: Settings, name: str) -> dict[str, Any] | None:
    """The facts of a process that is ready *and alive*; None otherwise, also for a killed process's file."""
    try:
        facts = json.loads(ready_file(settings, name).read_text())
        pid = int(facts["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(facts) if psutil.pid_exists(pid) else None
