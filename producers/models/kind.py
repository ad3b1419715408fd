"""Whether a model is an encoder or a detector: by the catalogue, its sidecar, or its output."""

from pathlib import Path

from producers.detect.layout import FAMILIES as DETECTORS
from producers.models.catalogue import Kind, entry_named, entry_of
from producers.network import open_network
from producers.sidecar import new_sidecar, read, sidecar_of
from reid.errors import ConfigError


def kind_of(setting: str) -> Kind:
    """Raises `ConfigError` when there is no such file, or it cannot be loaded."""
    entry = entry_named(setting)
    if entry is not None and entry.built_in:
        return entry.kind
    path = Path(setting).expanduser()
    if not path.is_file():
        raise ConfigError(f"model {setting}: no such file; see `saferoom models list`")
    entry = entry_of(path)
    if entry is not None:
        return entry.kind
    sidecar = sidecar_of(path)
    if sidecar is not None:
        return "detector" if read(sidecar).get("family") in DETECTORS else "encoder"
    shapes = open_network(path).output_shapes
    if not shapes:
        raise ConfigError(
            f"model {setting}: its file does not say what it gives; declare it in {new_sidecar(path).name}"
        )
    return "encoder" if _is_vector(shapes[0]) else "detector"


def _is_vector(shape: tuple[int | None, ...]) -> bool:
    """(n, d), or (n, d, 1, 1)."""
    return len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1))
