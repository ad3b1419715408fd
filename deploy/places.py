"""Where a command may write what it found."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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
    """As `whole_file`."""
    with whole_file(path, option) as file:
        file.write(text.encode())


@contextmanager
def whole_file(path: Path, option: str) -> Iterator[BinaryIO]:
    """A file that is there, whole, at the end of the block, or not at all. A pipe or a device gets what is
    written as it comes: a file in its place would end it for all others.

    Raises `ConfigError` naming the ``option`` when the place can't be written.
    """
    if wrong := _wrong(path):
        raise ConfigError(f"can't write {path} ({wrong}): give {option} another place")
    through = _is_no_file(path)
    half = path if through else _half(path)
    try:
        with half.open("wb") as file:
            yield file
        if not through:
            half.replace(path)
    except OSError as error:
        why = error.strerror or error  # Arrow's have none
        raise ConfigError(f"can't write {path} ({why}): give {option} another place") from error
    finally:
        if not through:
            half.unlink(missing_ok=True)


def _half(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _is_no_file(path: Path) -> bool:
    """A pipe, a device, or a link as ``/dev/stdout`` is."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
