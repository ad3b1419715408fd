"""Writes small ONNX files by hand: the `onnx` package is no dependency of this product."""

import struct

import numpy as np
import numpy.typing as npt


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _tensor(name: str, values: npt.NDArray[np.float32], *, packed: bool) -> bytes:
    dims = b"".join(_field(1, size) for size in values.shape)
    if packed:
        data = _field(4, struct.pack(f"<{values.size}f", *values.ravel().tolist()))
    else:
        data = _field(9, values.astype("<f4").tobytes())
    return dims + _field(2, 1) + _field(8, name) + data


def _value(name: str, shape: tuple[int, ...], element: int = 1) -> bytes:
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, element) + _field(2, dims)))


def linear_model(
    weights: npt.NDArray[np.float32],
    side: tuple[int, int],
    *,
    packed: bool = False,
    batch: int = 1,
    graph_name: str = "graph",
    image: str = "image",
    element: int = 1,
) -> bytes:
    """``(batch, 3, *side)`` -> mean over the picture's plane -> (batch, 3) @ ``weights`` (3, d).

    ``graph_name``, ``image``: names of the graph and of its input. ``element``: the input's type as
    onnx.proto3 numbers them: 1 float32, 2 uint8, 7 int64, 10 float16; computed is in float32."""
    cast = _field(1, "to") + _field(3, 1) + _field(20, 2)
    floats = _field(1, image) + _field(2, "floats") + _field(4, "Cast") + _field(5, cast)
    axes = _field(1, "axes") + b"".join(_field(8, axis) for axis in (2, 3)) + _field(20, 7)
    keep = _field(1, "keepdims") + _field(3, 0) + _field(20, 2)
    mean = (
        _field(1, "floats") + _field(2, "mean") + _field(4, "ReduceMean") + _field(5, axes) + _field(5, keep)
    )
    product = _field(1, "mean") + _field(1, "weights") + _field(2, "vector") + _field(4, "MatMul")
    graph = (
        _field(1, floats)
        + _field(1, mean)
        + _field(1, product)
        + _field(2, graph_name)
        + _field(5, _tensor("weights", weights, packed=packed))
        + _field(11, _value(image, (batch, 3, *side), element))
        + _field(12, _value("vector", (batch, weights.shape[1])))
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 13))
