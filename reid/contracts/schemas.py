"""JSON Schemas (2020-12) of every message, made from its type."""

from typing import Any, Final

import msgspec

from reid.contracts.alerts import AnyAlert
from reid.contracts.audit import SearchMade
from reid.contracts.commands import AnyCommand
from reid.contracts.detections import CameraStatus, Detections
from reid.contracts.events import AnyEvent
from reid.contracts.pictures import Picture
from reid.contracts.zones import ZoneReport

Schema = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
#: What a schema says for people only: no part of its shape.
_PROSE: Final = ("title", "description", "$id", "$schema")


def _types() -> dict[str, type[msgspec.Struct]]:
    kinds: list[type[msgspec.Struct]] = [Detections, ZoneReport, CameraStatus, Picture, SearchMade]
    kinds += [*AnyCommand.__args__, *AnyEvent.__args__, *AnyAlert.__args__]
    found = {str(kind.__struct_config__.tag): kind for kind in kinds}
    assert len(found) == len(kinds), "two message types share a name"
    return found


#: Type name, such as ``reid.person.seen.v1`` -> its type: inputs and reports of cameras, the audit, commands,
#: events, alerts.
MESSAGE_TYPES: Final = _types()


def urn(type_name: str) -> str:
    """``$id`` of a type's schema, which ``ce_dataschema`` of its events names too."""
    return f"urn:saferoom:schema:{type_name}"


def json_schema(kind: type[msgspec.Struct]) -> Schema:
    """The published schema of a message type: self-contained, its name as ``$id``."""
    # Through JSON: msgspec gives a tuple's default as a tuple.
    schema: Schema = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(kind)))
    definitions: dict[str, Schema] = {name: _tidied(part) for name, part in schema["$defs"].items()}
    own = definitions.pop(schema["$ref"].rpartition("/")[2])
    head: Schema = {"$schema": DIALECT, "$id": urn(str(kind.__struct_config__.tag))}
    return head | own | ({"$defs": definitions} if definitions else {})


def shape(schema: Schema) -> Schema:
    """What of a schema decides which messages it allows: all but the prose. Keys sorted."""
    found: Schema = _shape(schema, names=False)
    return found


def _tidied(part: Schema) -> Schema:
    """Docstrings end up as descriptions with the indentation of their source: one line each paragraph."""
    if "description" in part:
        paragraphs = str(part["description"]).split("\n\n")
        part["description"] = "\n\n".join(" ".join(p.split()) for p in paragraphs)
    return part


def _shape(part: Any, *, names: bool) -> Any:
    """``names``: the keys of this object are names of fields or definitions, not keywords."""
    if isinstance(part, list):
        return [_shape(item, names=False) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value if key == "default" else _shape(value, names=key in ("properties", "$defs") and not names)
        for key, value in sorted(part.items())
        if names or key not in _PROSE
    }
