"""Zeroes the subnormal weights of a model, which slow CPU inference four to five times.

Training with weight decay leaves many |w| < 1e-38, and every product with one takes a slow path of the
processor. An ONNX file is a protobuf; weights are overwritten in place with zeros of the same length, so that
it need not be written anew and the ``onnx`` package is not needed. Field numbers: onnx.proto3 (ModelProto
graph 7; GraphProto node 1, initializer 5; NodeProto attribute 5; AttributeProto t 5, g 6; TensorProto
data_type 2, float_data 4, raw_data 9, data_location 14). OpenVINO's .xml says where in
the .bin which constant lies.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.etree import ElementTree

import numpy as np

from reid.errors import ConfigError

#: Below this nothing is left of a float32 product anyway.
NEGLIGIBLE: Final = 1e-30
_FLOAT: Final = 1
_EXTERNAL: Final = 1
_TENSORS: Final = {"model": {7: "graph"}, "graph": {1: "node", 5: "tensor"}, "node": {5: "attribute"}}
_CHILDREN: Final = {**_TENSORS, "attribute": {5: "tensor", 6: "graph"}}


class _Field(NamedTuple):
    number: int
    start: int
    end: int
    value: int


def without_subnormals(model: bytes) -> tuple[bytes, int]:
    """The model with negligible weights set to 0, and how many there were.

    Raises `ConfigError` when ``model`` is no protobuf, or has weights in another file: a version of its file
    alone would call other weights the same.
    """
    raw = bytearray(model)
    try:
        count = sum(_zero(raw, start, end) for start, end in _walk(raw, "model", 0, len(raw)))
    except (IndexError, ValueError) as error:
        raise ConfigError("not an ONNX file: it is damaged, or of another format") from error
    return bytes(raw), count


def ir_without_subnormals(description: bytes, weights: bytes) -> tuple[bytes, int]:
    """The content of an OpenVINO .bin with negligible float32 weights set to 0, and how many there were.

    Half-precision constants stay: their smallest are far from float32's subnormal range. Raises
    `ConfigError` when ``description`` is no representation, or names weights beyond the end of the file.
    """
    raw = bytearray(weights)
    try:
        layers = ElementTree.fromstring(description).iter("layer")
        places = [layer.find("data") for layer in layers if layer.get("type") == "Const"]
        spans = [
            (int(place.get("offset", "")), int(place.get("size", "")))
            for place in places
            if place is not None and place.get("element_type") == "f32"
        ]
        count = sum(_zero_span(raw, start, start + size) for start, size in spans)
    except (ElementTree.ParseError, ValueError) as error:
        raise ConfigError(f"not an OpenVINO model, or .xml and .bin are not of one model: {error}") from error
    return bytes(raw), count


def _walk(raw: bytearray, kind: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of all tensors in a message."""
    if kind == "tensor":
        yield start, end
        return
    for field in _fields(raw, start, end):
        child = _CHILDREN[kind].get(field.number)
        if child:
            yield from _walk(raw, child, field.start, field.end)


def _zero(raw: bytearray, start: int, end: int) -> int:
    fields = list(_fields(raw, start, end))
    if any(f.number == 14 and f.value == _EXTERNAL for f in fields):
        raise ConfigError(
            "its weights lie in another file; make it one: "
            "python -c \"import onnx; onnx.save(onnx.load('two.onnx'), 'one.onnx')\""
        )
    if not any(f.number == 2 and f.value == _FLOAT for f in fields):
        return 0
    return sum(_zero_span(raw, field.start, field.end) for field in fields if field.number in (4, 9))


def _zero_span(raw: bytearray, start: int, end: int) -> int:
    """Zeroes the negligible float32 of a span in place; returns how many there were."""
    if start == end or (end - start) % 4:
        return 0
    weights = np.frombuffer(raw, "<f4", (end - start) // 4, start)
    tiny = (weights != 0) & (np.abs(weights) < NEGLIGIBLE)
    weights[tiny] = 0.0
    return int(tiny.sum())


def _fields(raw: bytearray, start: int, end: int) -> Iterator[_Field]:
    """Fields of one message; ``value`` of varints, the span of everything else."""
    at = start
    while at < end:
        tag, at = _varint(raw, at)
        wire, value, begin = tag & 7, 0, at
        if wire == 0:
            value, at = _varint(raw, at)
        elif wire == 1:
            at += 8
        elif wire == 2:
            length, begin = _varint(raw, at)
            at = begin + length
        elif wire == 5:
            at += 4
        else:
            raise ValueError(f"wire type {wire}")
        if at > end:
            raise ValueError("a field runs over its message's end")
        yield _Field(tag >> 3, begin, at, value)


def _varint(raw: bytearray, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
