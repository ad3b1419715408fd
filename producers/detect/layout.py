"""What goes into a detection network and what comes out of it: recognised, or declared in a sidecar.

Such as ``person.saferoom.yaml`` beside ``person.onnx``::

    family: yolov8
    width: 640                   # left out: as the network states
    height: 640
    channels: RGB
    scale: 0.00392156862745098   # (pixel * scale - mean) / std
    letterbox: true
    person_class: 0
    min_score: 0.4

Fields left out are those of the family. What counts, the later over the earlier: the family recognised by the
shapes, the catalogue's entry of exactly this file (`producers.models.catalogue`), the sidecar.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from producers.models.catalogue import entry_of
from producers.network import Network, Shape
from producers.sidecar import Stated, declared, new_sidecar, read, sidecar_of
from reid.errors import ConfigError

Family = Literal["yolox", "yolov5", "yolov8", "end2end", "fastestdet", "ssd"]
Size = Annotated[int, msgspec.Meta(ge=0, le=8192)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
#: The least that describes a candidate: four numbers of its box, its objectness if any, one class.
_BOX_AND_CLASS, _BOX_OBJECT_AND_CLASS = 5, 6


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``scale``, ``mean``, ``std``: ``(pixel * scale - mean) / std``, by channel in ``channels`` order.

    ``letterbox``: keep the aspect and pad (``centred``, or at the right and below); otherwise stretch.
    ``person_class``: number of the class person; None where the network knows no other.
    """

    family: Family
    width: Size = 0
    height: Size = 0
    channels: Literal["BGR", "RGB"] = "RGB"
    scale: Positive = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    letterbox: bool = True
    centred: bool = True
    pad: Annotated[int, msgspec.Meta(ge=0, le=255)] = 114
    person_class: Annotated[int, msgspec.Meta(ge=0)] | None = 0
    min_score: Share = 0.35
    iou: Share = 0.5


FAMILIES: Final[dict[str, Layout]] = {
    "yolox": Layout(family="yolox", channels="BGR", scale=1.0, centred=False),
    "yolov5": Layout(family="yolov5"),
    "yolov8": Layout(family="yolov8"),
    "end2end": Layout(family="end2end"),
    # Its scores are high: at 0.35 one to three of four boxes were none of YOLOX's on the test videos, at its
    # authors' 0.65 few.
    "fastestdet": Layout(family="fastestdet", channels="BGR", letterbox=False, min_score=0.65),
    "ssd": Layout(family="ssd", channels="BGR", scale=1.0, letterbox=False, person_class=1),
}


def layout_of(path: Path, network: Network) -> Layout:
    """Complete: the size is filled in. Raises `ConfigError` naming file and field, or showing the sidecar to
    write when nothing is known of the model."""
    sidecar, entry = sidecar_of(path), entry_of(path)
    if entry and entry.kind != "detector":
        raise ConfigError(f"detector {path}: is the encoder {entry.name}; give it to --embedder")
    stated: Stated = {**(entry.declares if entry else {}), **(read(sidecar) if sidecar else {})}
    where = str(sidecar or path)
    family = stated.get("family") or _family(network.input_shape, network.output_shapes)
    if family is None:
        raise ConfigError(_unknown(path, network))
    if family not in FAMILIES:
        raise ConfigError(f"{where}: field family: {family!r} is none of {', '.join(FAMILIES)}")
    layout = declared(FAMILIES[family], stated, where)
    return msgspec.structs.replace(layout, **_size(layout, network.input_shape, where))


def _size(layout: Layout, given: Shape, where: str) -> dict[str, int]:
    """Width and height. Raises `ConfigError` when neither the network nor the sidecar states them, or both
    do and differ."""
    fixed = {"height": given[2], "width": given[3]} if len(given) == 4 else {}
    sizes = {}
    for axis in ("width", "height"):
        said, is_fixed = getattr(layout, axis), fixed.get(axis)
        if said and is_fixed and said != is_fixed:
            raise ConfigError(f"{where}: field {axis}: {said}, but the network takes {is_fixed} only")
        sizes[axis] = said or is_fixed or 0
        if not sizes[axis]:
            raise ConfigError(f"{where}: field {axis}: missing, and the network does not fix it")
    return sizes


def _unknown(path: Path, network: Network) -> str:
    return (
        f"detector {path}: its output {network.output_shapes} is of no known family; declare it in "
        f"{new_sidecar(path).name} beside it, such as: {{family: yolov8, width: 640, height: 640}} "
        f"(families: {', '.join(FAMILIES)})"
    )


def _family(given: Shape, found: tuple[Shape, ...]) -> str | None:
    out = found[0] if found else ()
    if len(out) == 4:
        return _of_plane(given, out)
    if len(out) != 3:
        return None
    rows, columns, cells = out[1], out[2], _cells(given)
    # First what the input's size proves; a network of few boxes or one class could pass for another.
    if cells and (columns or 0) >= _BOX_OBJECT_AND_CLASS:
        if rows == cells:
            return "yolox"
        if rows == 3 * cells:
            return "yolov5"
    if cells and columns == cells and (rows or 0) >= _BOX_AND_CLASS:
        return "yolov8"
    if columns == 6:
        return "end2end"
    return "yolov8" if columns is not None and _BOX_AND_CLASS <= (rows or 0) < columns else None


def _of_plane(given: Shape, out: Shape) -> str | None:
    if out[-1] == 7:
        return "ssd"
    sides = tuple(side // 16 if side else None for side in given[2:4])
    return "fastestdet" if (out[1] or 0) >= _BOX_OBJECT_AND_CLASS and out[2:] == sides else None


def _cells(given: Shape) -> int:
    """Grid cells at strides 8, 16 and 32 of an input of this size; 0 where it is not fixed."""
    if len(given) != 4 or not given[2] or not given[3]:
        return 0
    return sum((given[2] // stride) * (given[3] // stride) for stride in (8, 16, 32))
