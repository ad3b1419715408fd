"""Where a command may write what it found."""

import os
import stat
from pathlib import Path

from reid.errors import ConfigError


def check_places(json_file: Path | None, html_file: Path | None = None) -> None:
    """Before a long run, what writing would say after it. Raises `ConfigError`."""
    for option, path in (("--json", json_file), ("--html", html_file)):
        if path is not None and (wrong := _wrong(path)):
            raise ConfigError(f"can't write {path} ({wrong}): give {option} another place")


def _wrong(path: Path) -> str | None:
    try:
        if not path.parent.is_dir():
            return f"no directory {path.parent}"
        if path.is_dir():
            return "it is a directory"
        if _is_no_file(path) and path.exists():
            return None if os.access(path, os.W_OK) else "no right to write to it"
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return f"no right to write in {path.parent}"
        half = _half(path)
        half.touch()
        half.unlink()
    except OSError as error:  # a name too long, a file system that makes no files
        return str(error.strerror)
    return None


def write_text(path: Path, text: str, option: str) -> None:
    """Whole or not at all. A pipe or a device gets it as it is: a file in its place would end it for all
    others. Raises `ConfigError` naming the ``option`` when the place can't be written."""
    half = _half(path)
    try:
        if _is_no_file(path):
            path.write_text(text, encoding="utf-8")
            return
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise ConfigError(f"can't write {path} ({error.strerror}): give {option} another place") from error


def _half(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _is_no_file(path: Path) -> bool:
    """A pipe, a device, or a link as ``/dev/stdout`` is."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
