"""Does a schema read all that an older one allowed? Messages in a log are never rewritten.

For the part of JSON Schema that `reid.contracts.schemas` makes; a keyword that is not understood is a
breach, never a silent yes. Stricter than "still validates" in two points, because readers here skip what they
don't know and fill in what is missing: a field that is gone would drop what older messages say in it, and a
default that changed would change what older messages mean by leaving it out.
"""

from collections.abc import Iterator
from typing import Any, Final

Schema = dict[str, Any]

_PROSE: Final = {"title", "description", "$id", "$schema", "$defs", "default", "examples", "deprecated"}
#: Keyword -> whether the reader's bound ``new`` lets pass all that the writer's ``old`` let pass.
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "format", "contentEncoding", "multipleOf", "uniqueItems")
_KNOWN: Final = {
    *_PROSE,
    *_LOWER,
    *_UPPER,
    *_EXACT,
    "$ref",
    "anyOf",
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
}


def breaches(old: Schema, new: Schema) -> list[str]:
    """Why a reader of ``new`` could not take some message that ``old`` allowed. Empty: it takes them all."""
    return list(dict.fromkeys(_Comparison(old, new).compare(old, new, "")))


class _Comparison:
    def __init__(self, old_root: Schema, new_root: Schema) -> None:
        self._old_root, self._new_root = old_root, new_root
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        if "$ref" in old and "$ref" in new:
            pair = (old["$ref"], new["$ref"])
            if pair in self._seen:
                return  # Compared already, or being compared: types that hold themselves.
            self._seen.add(pair)
        old, new = _resolved(old, self._old_root), _resolved(new, self._new_root)
        unknown = sorted((old.keys() | new.keys()) - _KNOWN)
        unknown += [f"a list of types {s['type']}" for s in (old, new) if isinstance(s.get("type"), list)]
        if unknown:
            yield f"{place or 'message'}: {', '.join(unknown)} can't be compared"
        elif "anyOf" in old:
            for branch in old["anyOf"]:
                yield from self.compare(branch, new, place)
        elif "anyOf" in new:
            yield from self._any(old, new["anyOf"], place)
        else:
            yield from self._plain(old, new, place)

    def _any(self, old: Schema, branches: list[Schema], place: str) -> Iterator[str]:
        attempts = []
        for branch in branches:
            before = set(self._seen)
            found = list(self.compare(old, branch, place))
            if not found:
                return
            self._seen = before
            attempts.append((_kind(_resolved(branch, self._new_root)) != _kind(old), found))
        # Of the branches, the one of the same kind says best what is wrong.
        yield from min(attempts, key=lambda attempt: (attempt[0], len(attempt[1])))[1]

    def _plain(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        where = place or "message"
        if not new.keys() - _PROSE:
            return  # It takes anything.
        values, allowed = _values(old), _values(new)
        if allowed is not None:
            if values is None:
                yield f"{where}: was any {old.get('type', 'value')}, now one of {allowed}"
            elif gone := [value for value in values if value not in allowed]:
                yield f"{where}: {', '.join(map(str, gone))} no longer allowed"
            return
        if "type" in new and not _type_fits(old, new["type"]):
            yield f"{where}: was {old.get('type') or values or 'anything'}, now {new['type']}"
            return
        yield from _bounds(old, new, where)
        yield from self._fields(old, new, place)
        yield from self._items(old, new, place)

    def _fields(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in new.get("required", ()):
            if name not in before:
                yield f"{_join(place, name)}: new without a default"
            elif name not in old.get("required", ()):
                yield f"{_join(place, name)}: had a default, now required"
        for name, part in before.items():
            if name not in after:
                yield f"{_join(place, name)}: gone"
                continue
            yield from self.compare(part, after[name], _join(place, name))
            optional = name not in [*old.get("required", ()), *new.get("required", ())]
            if optional and part.get("default") != after[name].get("default"):
                changed = f"default was {part.get('default')}, now {after[name].get('default')}"
                yield f"{_join(place, name)}: {changed}"
        rest = new.get("additionalProperties", True)
        if rest is True or old.get("type") != "object":
            return
        if rest is False:
            if old.get("additionalProperties") is not False:
                yield f"{place or 'message'}: other fields no longer allowed"
        else:
            others = old.get("additionalProperties", True)
            yield from self.compare(others if isinstance(others, dict) else {}, rest, _join(place, "*"))

    def _items(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        if old.get("type") != "array":
            return
        firsts, rest = old.get("prefixItems", []), old.get("items", {})
        for index in range(max(len(firsts), len(new.get("prefixItems", [])))):
            before = firsts[index] if index < len(firsts) else rest
            after = new.get("prefixItems", [])
            wanted = after[index] if index < len(after) else new.get("items", {})
            if before is not False:
                yield from self.compare(_schema(before), _schema(wanted), f"{place}[{index}]")
        if rest is not False:
            yield from self.compare(_schema(rest), _schema(new.get("items", {})), f"{place}[]")


def _resolved(part: Schema, root: Schema) -> Schema:
    while "$ref" in part:
        name = part["$ref"].removeprefix("#/$defs/")
        part = {**root["$defs"][name], **{k: v for k, v in part.items() if k != "$ref"}}
    return part


def _schema(part: Schema | bool) -> Schema:
    """``true`` allows anything, ``false`` nothing."""
    if isinstance(part, dict):
        return part
    return {} if part else {"enum": []}


def _kind(part: Schema) -> Any:
    values = _values(part)
    return part.get("type") if values is None else sorted({type(v).__name__ for v in values})


def _values(part: Schema) -> list[Any] | None:
    if "const" in part:
        return [part["const"]]
    return part.get("enum")


_PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _type_fits(old: Schema, wanted: str) -> bool:
    values = _values(old)
    if values is not None:
        return all(
            isinstance(v, _PYTHON.get(wanted, ())) and (wanted == "boolean" or not isinstance(v, bool))
            for v in values
        )
    return old.get("type") == wanted or (old.get("type") == "integer" and wanted == "number")


def _bounds(old: Schema, new: Schema, where: str) -> Iterator[str]:
    if _values(old) is not None:
        # Each allowed value would have to be held against the bounds: nobody here bounds what was an enum.
        if set(new) & {*_LOWER, *_UPPER, *_EXACT}:
            yield f"{where}: was one of {_values(old)}, now bounded"
        return
    for word in _LOWER:
        if word in new and (word not in old or old[word] < new[word]):
            yield f"{where}: {word} was {old.get(word)}, now {new[word]}"
    for word in _UPPER:
        if word in new and (word not in old or old[word] > new[word]):
            yield f"{where}: {word} was {old.get(word)}, now {new[word]}"
    for word in _EXACT:
        if word in new and old.get(word) != new[word]:
            yield f"{where}: {word} was {old.get(word)}, now {new[word]}"


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
