"""What an encoder's network expects of a crop: recognised by family, listed by SHA-256, or in a sidecar.

Such as ``encoder.saferoom.yaml`` beside ``encoder.onnx``::

    family: torchreid            # what is left out below is this family's
    version: "3"                 # left out: a short hash of the weights
    width: 128
    height: 256
    channels: RGB
    scale: 0.00392156862745098   # (pixel * scale - mean) / std
    mean: [0.485, 0.456, 0.406]
    std: [0.229, 0.224, 0.225]
    dim: 512                     # optional: refused when the network gives another
    flip: false                  # true: mean with the mirrored crop, twice the time
    calibration: [[0.53, 0.0], [0.72, 0.6], [0.85, 1.0]]   # `saferoom calibrate` measures it
    agreement: 0.87              # and what two crops of a track have in common

What counts, the later over the earlier: the recognised family, the catalogue's entry of exactly this file
(`producers.models.catalogue`), the sidecar.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from producers.embed.base import Knots
from producers.embed.calibration import checked, checked_agreement
from producers.models.catalogue import entry_of
from producers.models.files import fingerprint
from producers.network import Network
from producers.sidecar import Stated, declared, new_sidecar, read, sidecar_of
from reid.contracts.names import LONGEST, alike, is_name, with_remedy
from reid.errors import ConfigError

log = logging.getLogger(__name__)

Size = Annotated[int, msgspec.Meta(ge=0, le=4096)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Family = Literal["torchreid", "fastreid", "openvino-retail"]


class Preparation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Crops stretched to width × height pixels (0: as the network states), then
    ``(pixel * scale - mean) / std`` by channel in ``channels`` order."""

    family: Family | None = None
    name: str = ""
    version: str = ""
    width: Size = 0
    height: Size = 0
    channels: Literal["BGR", "RGB"] = "RGB"
    scale: Positive = 1 / 255
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    dim: Annotated[int, msgspec.Meta(ge=1)] | None = None
    flip: bool = False
    calibration: tuple[tuple[float, float], ...] | None = None
    agreement: float | None = None
    calibrated_on: str = ""


_PLAIN: Final = {"scale": 1.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
#: FastReID's export and the Open Model Zoo's networks subtract mean and standard deviation themselves.
FAMILIES: Final[dict[str, Preparation]] = {
    "torchreid": Preparation(family="torchreid"),
    "fastreid": Preparation(family="fastreid", **_PLAIN),  # type: ignore[arg-type]
    "openvino-retail": Preparation(family="openvino-retail", channels="BGR", **_PLAIN),  # type: ignore[arg-type]
}
#: What is not written in any network's file, and must be declared where no family says it.
_INPUT: Final = {"width", "height", "channels", "scale", "mean", "std"}
#: FastReID names its networks by method and backbone: bot_R50, agw_S50, sbs_R101-ibn, mgn_R50-ibn.
_FASTREID: Final = re.compile(r"fast-?_?reid|(?<![a-z])(bot|agw|sbs|mgn)[_-][rs]\d+", re.IGNORECASE)


def preparation_of(path: Path, network: Network) -> Preparation:
    """Complete: name, version, size and knots are filled in. Raises `ConfigError` naming file and field,
    or showing the sidecar to write when nothing is known of the model."""
    sidecar, entry = sidecar_of(path), entry_of(path)
    if entry and entry.kind != "encoder":
        raise ConfigError(f"embedder {path}: is the detector {entry.name}; give it to --detector")
    stated: Stated = {**(entry.declares if entry else {}), **(read(sidecar) if sidecar else {})}
    where = str(sidecar or path)
    family = stated.get("family") or _family(path, network)
    if family is None and not stated:
        raise ConfigError(_unknown(path, network))
    base = FAMILIES.get(str(family), Preparation())
    # A file may be called as no model may: "osnet (1).onnx". The agent would refuse all that names it so.
    found = declared(base, {"name": alike(path.stem, "encoder"), **stated}, where)
    if not is_name(found.name):
        raise ConfigError(f"{where}: field {with_remedy('name', found.name, 'encoder')}")
    if len(found.version) > LONGEST or not found.version.isprintable():
        # It stands in every event that names the model.
        raise ConfigError(
            f"{where}: field version: {found.version[:40]!r}: {LONGEST} printable characters at most"
        )
    width, height = _size(found, network, where)
    prepared = msgspec.structs.replace(
        found,
        width=width,
        height=height,
        version=found.version or fingerprint(path),
        calibration=_knots(found, path, where),
        agreement=checked_agreement(found.agreement, where),
    )
    # After what is wrong in it: a sidecar may say nothing of the input.
    if family is None and not _INPUT & stated.keys():
        raise ConfigError(_unknown(path, network))
    return prepared


def _family(path: Path, network: Network) -> Family | None:
    """By the names that the tool of origin gave to the file, the graph, its input and its output."""
    names = [path.stem, *network.names]
    if any(name == "reid_embedding" or name.startswith("person-reidentification-retail") for name in names):
        return "openvino-retail"
    if any(name.lower().startswith("osnet") for name in names):
        return "torchreid"
    if any(name.startswith("batched_inputs") or _FASTREID.search(name) for name in names):
        return "fastreid"
    return None


def _size(found: Preparation, network: Network, where: str) -> tuple[int, int]:
    """Width and height. Raises `ConfigError` when neither the network nor the sidecar states them, or
    both do and differ."""
    shape = network.input_shape
    if shape and (len(shape) != 4 or shape[1] not in (3, None)):
        raise ConfigError(f"{where}: input {shape} is not (batch, 3, height, width): no encoder of crops")
    fixed = {"height": shape[2], "width": shape[3]} if shape else {}
    sizes = {}
    for axis, usual in (("width", 128), ("height", 256)):
        said, is_fixed = getattr(found, axis), fixed.get(axis)
        if said and is_fixed and said != is_fixed:
            raise ConfigError(f"{where}: field {axis}: {said}, but the network takes {is_fixed} only")
        sizes[axis] = said or is_fixed or (usual if found.family else 0)
        if not sizes[axis]:
            raise ConfigError(f"{where}: field {axis}: missing, and the network does not fix it")
    return sizes["width"], sizes["height"]


def _knots(found: Preparation, path: Path, where: str) -> Knots:
    if found.calibration:
        return checked(found.calibration, where)
    log.warning(
        "encoder %s HAS NO CALIBRATION: its raw cosine is compared with the threshold, which strangers may "
        "well reach; measure it with `saferoom calibrate %s DIR`",
        found.name,
        path,
    )
    return ()


def _unknown(path: Path, network: Network) -> str:
    height, width = _sides(network.input_shape)
    return (
        f"embedder {path}: of no known family ({', '.join(FAMILIES)}); declare its input in "
        f"{new_sidecar(path).name} beside it, such as: {{width: {width}, height: {height}, channels: RGB, "
        "scale: 0.00392156862745098, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}"
    )


def _sides(shape: Sequence[int | None]) -> tuple[int, int]:
    return ((shape[2] or 256), (shape[3] or 128)) if len(shape) == 4 else (256, 128)
