"""The checker says no to every kind of change that some older message would not survive."""

import re
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from reid.contracts.compatibility import breaches
from reid.contracts.schemas import MESSAGE_TYPES, json_schema, shape


class Point(msgspec.Struct):
    x: float
    y: float = 0.0


class Node(msgspec.Struct):
    name: str
    children: list["Node"] = []


class Numbered(msgspec.Struct):
    name: int
    children: list["Numbered"] = []


def change(old: Any, new: Any) -> list[str]:
    """Breaches where a field ``it`` of type ``old`` becomes of type ``new``."""
    return breaches(_schema(old), _schema(new))


def _schema(kind: Any) -> dict[str, Any]:
    return fields(("it", kind))


def fields(*of: Any) -> dict[str, Any]:
    return msgspec.json.schema(msgspec.defstruct("Message", of, kw_only=True))


@pytest.mark.parametrize("name", MESSAGE_TYPES)
def test_every_type_reads_itself(name: str) -> None:
    schema = json_schema(MESSAGE_TYPES[name])
    assert breaches(schema, schema) == [] == breaches(shape(schema), schema)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (int, float),
        (int, int | str),
        (str, str | None),
        (int | str, int | str | None),
        (Literal["a", "b"], Literal["a", "b", "c"]),
        (Literal["a", "b"], str),
        (list[int], list[float]),
        (dict[str, int], dict[str, int | None]),
        (tuple[int, int], tuple[float, float]),
        (tuple[int, int], list[int]),
        (Annotated[int, Meta(ge=0)], int),
        (Annotated[int, Meta(ge=1, le=5)], Annotated[int, Meta(ge=0, le=5)]),
        (Annotated[str, Meta(max_length=5)], Annotated[str, Meta(max_length=6)]),
        (Point, Any),
        (Node, Node),
        (Point | None, Point | None),
    ],
)
def test_what_takes_all_it_took_before_passes(old: Any, new: Any) -> None:
    assert change(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (float, int, "it: was number, now integer"),
        (int, str, "it: was integer, now string"),
        (str | None, str, "it: was null, now string"),
        (int | str, int | None, "it: was string, now integer"),
        (Any, int, "it: was anything, now integer"),
        (str, Literal["a", "b"], "it: was any string, now one of"),
        (Literal["a", "b"], Literal["a"], "it: b no longer allowed"),
        (Literal["a", "b"], int, "it: was .*, now integer"),
        (list[float], list[int], r"it\[\]: was number, now integer"),
        (dict[str, int | None], dict[str, int], r"it\.\*: was null"),
        (dict[str, Any], dict[str, int], r"it\.\*: was anything"),
        (tuple[int, int], tuple[int, int, int], "it"),
        (tuple[int, float], tuple[int, int], r"it\[1\]: was number"),
        (list[int], tuple[int, int], "it: minItems was None, now 2"),
        (int, Annotated[int, Meta(ge=0)], "it: minimum was None, now 0"),
        (Annotated[int, Meta(le=9)], Annotated[int, Meta(le=5)], "it: maximum was 9, now 5"),
        (str, Annotated[str, Meta(pattern="^a")], "it: pattern was None"),
        (str, bytes, "it: contentEncoding was None, now base64"),
        (Point, int, "it: was object, now integer"),
    ],
)
def test_what_takes_less_is_told(old: Any, new: Any, says: str) -> None:
    found = change(old, new)
    assert any(re.search(says, told) for told in found), found


BEFORE = fields(("a", int), ("b", str, "x"))


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ((("a", int), ("b", str, "x"), ("c", int)), ["c: new without a default"]),
        ((("a", int), ("b", str)), ["b: had a default, now required"]),
        ((("a", int), ("b", str, "y")), ["b: default was x, now y"]),
        ((("a", int),), ["b: gone"]),
        ((("a", int), ("c", str, "x")), ["b: gone"]),
        ((("c", int), ("b", str, "x")), ["c: new without a default", "a: gone"]),
        ((("a", int), ("b", str, "x"), ("c", int, 0)), []),
        ((("b", str, "x"), ("a", int, 0)), []),
    ],
    ids=["added", "required", "default", "removed", "renamed", "renamed-required", "grown", "relaxed"],
)
def test_fields(after: tuple[Any, ...], says: list[str]) -> None:
    assert breaches(BEFORE, fields(*after)) == says


def test_breach_deep_inside_is_placed() -> None:
    inner = msgspec.defstruct("Point", [("x", float), ("y", int, 1)])
    assert breaches(fields(("at", list[Point])), fields(("at", list[inner]))) == [
        "at[].y: was number, now integer",
        "at[].y: default was 0.0, now 1",
    ]


def test_types_that_hold_themselves() -> None:
    old, new = msgspec.json.schema(Node), msgspec.json.schema(Numbered)
    assert breaches(old, new) == ["name: was string, now integer"]


def test_closed_to_other_fields() -> None:
    closed = msgspec.json.schema(
        msgspec.defstruct("Message", [("a", int), ("b", str, "x")], forbid_unknown_fields=True)
    )
    assert breaches(BEFORE, closed) == ["message: other fields no longer allowed"]
    assert breaches(closed, BEFORE) == []


@pytest.mark.parametrize("part", [{"oneOf": []}, {"not": {}}, {"type": ["string", "null"]}])
def test_what_is_not_understood_is_no_yes(part: dict[str, Any]) -> None:
    (told,) = breaches({"type": "string"}, part)
    assert "can't be compared" in told


def test_one_value_is_an_enum_of_one() -> None:
    assert breaches({"const": 1}, {"enum": [1, 2]}) == []
    assert breaches({"enum": [1, 2]}, {"const": 1}) == ["message: 2 no longer allowed"]


def test_what_was_an_enum_is_not_held_against_bounds() -> None:
    assert breaches({"enum": [1, 2]}, {"type": "integer", "minimum": 0}) == [
        "message: was one of [1, 2], now bounded"
    ]


def test_yes_and_no_are_no_numbers() -> None:
    assert breaches({"enum": [True]}, {"type": "boolean"}) == []
    assert breaches({"enum": [True]}, {"type": "integer"}) == ["message: was [True], now integer"]


def test_open_dictionary_may_not_become_narrower() -> None:
    numbers = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert breaches(numbers, {"type": "object", "additionalProperties": {"type": "number"}}) == []
    assert breaches({"type": "object"}, numbers) == ["*: was anything, now integer"]
