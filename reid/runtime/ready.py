"""How a process tells the supervisor that it is up: one small file, atomically there or not."""

import json
import os
from pathlib import Path
from typing import Any

import psutil

from reid.errors import ConfigError
from reid.runtime.settings import Settings


def ready_file(settings: Settings, name: str) -> Path:
    """``home/run/{name}.ready``."""
    return settings.home / "run" / f"{name}.ready"


def mark_ready(settings: Settings, name: str, **facts: object) -> None:
    """Write one line of JSON: our pid and ``facts``. Raises `ConfigError` when the directory refuses."""
    path = ready_file(settings, name)
    line = json.dumps({"pid": os.getpid(), **facts}) + "\n"
    half = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(line)
        half.replace(path)  # a reader sees the whole line or no file
    except OSError as error:
        raise ConfigError(
            f"can't write {path} ({error.strerror}): free some space, or set SAFEROOM_HOME to another disk"
        ) from error


def clear_ready(settings: Settings, name: str) -> None:
    """Idempotent."""
    ready_file(settings, name).unlink(missing_ok=True)


def read_ready(settings: Settings, name: str) -> dict[str, Any] | None:
    """The facts of a process that is ready *and alive*; None otherwise, also for a killed process's file."""
    try:
        facts = json.loads(ready_file(settings, name).read_text())
        pid = int(facts["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(facts) if psutil.pid_exists(pid) else None
