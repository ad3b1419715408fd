"""What is declared of a model in a small file beside it: the sidecar.

``NAME.saferoom.yaml`` (or ``.yml``, ``.json``) stands beside ``NAME.onnx``; ``NAME.onnx.json`` is read too.
Which fields there are, `producers.embed.preparation.Preparation` says for encoders and
`producers.detect.layout.Layout` for detectors.
"""

import os
import re
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from reid.errors import ConfigError

SUFFIXES: Final = (".saferoom.yaml", ".saferoom.yml", ".saferoom.json")
Stated = dict[str, Any]
Declared = TypeVar("Declared", bound=msgspec.Struct)
#: msgspec's "Expected `int`, got `str` - at `$.width`".
_PLACE: Final = re.compile(r"(?P<reason>.*) - at `(?:key in )?\$\.?(?P<field>.*?)`$", re.DOTALL)


def new_sidecar(model: Path) -> Path:
    """Where a model's sidecar is to be written when it has none."""
    return model.with_name(model.stem + SUFFIXES[0])


def sidecar_of(model: Path) -> Path | None:
    """The model's sidecar, if it has one. Raises `ConfigError` when it has two: which counts?"""
    names = [*(model.stem + suffix for suffix in SUFFIXES), model.name + ".json"]
    found = [path for path in map(model.with_name, names) if path.is_file()]
    if len(found) > 1:
        raise ConfigError(f"model {model}: has two sidecars, {found[0].name} and {found[1].name}: keep one")
    return found[0] if found else None


def read(sidecar: Path) -> Stated:
    """Its fields, not yet checked. Raises `ConfigError` when it is no JSON or YAML, or no mapping."""
    kind, decode = (
        ("JSON", msgspec.json.decode) if sidecar.suffix == ".json" else ("YAML", msgspec.yaml.decode)
    )
    try:
        return decode(sidecar.read_bytes(), type=Stated)
    except OSError as error:
        raise ConfigError(f"{sidecar}: can't be read ({error.strerror})") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{sidecar}: holds no fields, one a line such as `family: torchreid`") from error
    except msgspec.MsgspecError as error:
        reason = " ".join(str(error).replace('in "<byte string>", ', "").split())
        raise ConfigError(f"{sidecar}: is no {kind}: {reason}") from error


def declared(base: Declared, stated: Stated, where: str) -> Declared:
    """``base`` with the stated fields put over it. Raises `ConfigError` naming ``where`` and the field."""
    try:
        return msgspec.convert(msgspec.structs.asdict(base) | stated, type(base))
    except msgspec.ValidationError as error:
        place = _PLACE.match(str(error))
        reason = f"field {place['field']}: {place['reason']}" if place and place["field"] else str(error)
        raise ConfigError(f"{where}: {reason}") from error


def write(sidecar: Path, stated: Stated) -> None:
    """Whole or not at all: a camera that starts meanwhile reads the old one. Raises `ConfigError`."""
    encode = msgspec.json.encode if sidecar.suffix == ".json" else msgspec.yaml.encode
    part = sidecar.with_name(f".{sidecar.name}.{os.getpid()}")
    try:
        part.write_bytes(encode(stated))
        part.replace(sidecar)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{sidecar}: can't be written ({error.strerror})") from error
