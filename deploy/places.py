"""Where a command may write what it found."""

import os
from pathlib import Path

from reid.errors import ConfigError


def check_places(json_file: Path | None, html_file: Path | None = None) -> None:
    """Before a long run, what writing would say after it. Raises `ConfigError`."""
    for option, path in (("--json", json_file), ("--html", html_file)):
        if path is None:
            continue
        wrong = None
        if not path.parent.is_dir():
            wrong = f"no directory {path.parent}"
        elif path.is_dir():
            wrong = "it is a directory"
        elif not os.access(path.parent, os.W_OK | os.X_OK):
            wrong = f"no right to write in {path.parent}"
        if wrong:
            raise ConfigError(f"can't write {path} ({wrong}): give {option} another place")
