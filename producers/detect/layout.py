"""What goes into a detection network and what comes out of it: recognised, or declared in a sidecar.

The sidecar of ``person.onnx`` is ``person.onnx.json``, such as::

    {"family": "yolov8", "width": 640, "height": 640, "channels": "RGB", "scale": 0.003921569,
     "letterbox": true, "person_class": 0, "min_score": 0.4}

Fields left out are those of the family.
"""

from pathlib import Path
from typing import Final, Literal

import msgspec

from producers.network import Network, Shape
from reid.errors import ConfigError

Family = Literal["yolox", "yolov5", "yolov8", "end2end", "fastestdet", "ssd"]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """``scale``, ``mean``, ``std``: ``(pixel * scale - mean) / std``, by channel in ``channels`` order.

    ``letterbox``: keep the aspect and pad (``centred``, or at the right and below); otherwise stretch.
    ``person_class``: number of the class person; None where the network knows no other.
    """

    family: Family
    width: int = 0
    height: int = 0
    channels: Literal["BGR", "RGB"] = "RGB"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    letterbox: bool = True
    centred: bool = True
    pad: int = 114
    person_class: int | None = 0
    min_score: float = 0.35
    iou: float = 0.5


FAMILIES: Final[dict[str, Layout]] = {
    "yolox": Layout(family="yolox", channels="BGR", scale=1.0, centred=False),
    "yolov5": Layout(family="yolov5"),
    "yolov8": Layout(family="yolov8"),
    "end2end": Layout(family="end2end"),
    "fastestdet": Layout(family="fastestdet", channels="BGR", letterbox=False),
    "ssd": Layout(family="ssd", channels="BGR", scale=1.0, letterbox=False, person_class=1),
}


def layout_of(path: Path, network: Network) -> Layout:
    """The sidecar's, else the recognised one. Raises `ConfigError` when there is neither."""
    sidecar = path.with_name(path.name + ".json")
    layout = _declared(sidecar) if sidecar.is_file() else _recognised(path, network)
    height, width = (*network.input_shape[2:4], None, None)[:2]
    width, height = layout.width or width, layout.height or height
    if not width or not height:
        raise ConfigError(
            f"model {path}: its input size is not fixed; state width and height in {sidecar.name}"
        )
    return msgspec.structs.replace(layout, width=width, height=height)


def _declared(sidecar: Path) -> Layout:
    try:
        stated = msgspec.json.decode(sidecar.read_bytes(), type=dict[str, object])
        family = str(stated.get("family"))
        if family not in FAMILIES:
            raise ConfigError(f"{sidecar}: family {family!r} is none of {', '.join(FAMILIES)}")
        return msgspec.convert(msgspec.structs.asdict(FAMILIES[family]) | stated, Layout)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{sidecar}: {error}") from error


def _recognised(path: Path, network: Network) -> Layout:
    family = _family(network.input_shape, network.output_shapes)
    if family is None:
        raise ConfigError(
            f"model {path}: output {network.output_shapes} is of no known detector family; "
            f"declare it in {path.name}.json with one of the families {', '.join(FAMILIES)}"
        )
    return FAMILIES[family]


def _family(given: Shape, found: tuple[Shape, ...]) -> str | None:
    out = found[0] if found else ()
    if len(out) == 4 and out[-1] == 7:
        return "ssd"
    if len(out) == 4 and out[1] == 85:
        return "fastestdet"
    if len(out) != 3:
        return None
    rows, columns = out[1], out[2]
    if columns == 6:
        return "end2end"
    cells = _cells(given)
    if rows is not None and columns is not None and rows == cells:
        return "yolox"
    if rows is not None and columns is not None and rows == 3 * cells:
        return "yolov5"
    if columns is not None and (columns == cells or (rows or 0) < columns):
        return "yolov8"
    return None


def _cells(given: Shape) -> int:
    """Grid cells at strides 8, 16 and 32 of an input of this size; 0 where it is not fixed."""
    if len(given) != 4 or not given[2] or not given[3]:
        return 0
    return sum((given[2] // stride) * (given[3] // stride) for stride in (8, 16, 32))
