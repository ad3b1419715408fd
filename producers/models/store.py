"""Where fetched models lie, and from a model's name to its path."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from producers.models.catalogue import Entry, entry_named
from producers.models.files import sha256

State = Literal["built in", "present", "other contents", "absent"]


def models_directory(home: Path) -> Path:
    """Below the state directory, ``SAFEROOM_HOME``."""
    return home / "models"


def state_of(entry: Entry, directory: Path) -> State:
    """Whether all its files are there, with the SHA-256 of the catalogue."""
    if entry.built_in:
        return "built in"
    paths = [directory / part.name for part in entry.files]
    if not all(path.is_file() for path in paths):
        return "absent"
    right = all(sha256(path) == part.sha256 for path, part in zip(paths, entry.files, strict=True))
    return "present" if right else "other contents"


def located(entry: Entry, directories: Sequence[Path]) -> tuple[State, Path | None]:
    """From the first directory that has it; else "other contents" where one has files of these names."""
    states = [(state_of(entry, directory), directory) for directory in directories]
    for state, directory in states:
        if state == "present":
            return state, directory / entry.files[0].name
    return next((state for state, _ in states if state != "absent"), "absent"), None


def resolved(setting: str, home: Path) -> str:
    """A catalogue's name -> the path of its fetched file; anything else, and what is absent, as it is.

    A file or directory of that name in the working directory goes before the catalogue.
    """
    entry = None if Path(setting).expanduser().exists() else entry_named(setting)
    if entry is None or entry.built_in:
        return setting
    path = models_directory(home) / entry.files[0].name
    return str(path) if path.is_file() else setting


def remedy(setting: str) -> str | None:
    """What to do about a setting that is no file, when the catalogue knows it by name."""
    entry = entry_named(setting)
    if entry is None or entry.built_in:
        return None
    origin = "" if all(part.url for part in entry.files) else " --from FILE|DIR"
    return f"get it with `saferoom models fetch {entry.name}{origin}`"
