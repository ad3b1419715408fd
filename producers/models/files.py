"""What a model consists of on disk, and its SHA-256."""

import hashlib
from pathlib import Path

from reid.errors import ConfigError


def parts_of(model: Path) -> tuple[Path, ...]:
    """The weights first. OpenVINO's representation is two files: .bin and .xml."""
    return (model.with_suffix(".bin"), model) if model.suffix.lower() == ".xml" else (model,)


def sha256(path: Path) -> str:
    """Hex digits of the whole file. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(model: Path) -> tuple[str, ...]:
    """Of all its parts, the weights first. Raises `ConfigError` naming the part that is missing."""
    found = []
    for part in parts_of(model):
        try:
            found.append(sha256(part))
        except OSError as error:
            raise ConfigError(f"model {model}: {part.name} can't be read ({error.strerror})") from error
    return tuple(found)


def fingerprint(model: Path) -> str:
    """Eight hex digits of the weights: other weights of the same name are never compared with these."""
    return digests(model)[0][:8]
