"""JSON by msgspec, and the errors that say what is wrong with a message."""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from reid.contracts.alerts import AnyAlert
from reid.contracts.audit import SearchMade
from reid.contracts.commands import AnyCommand
from reid.contracts.detections import CameraStatus, Detections
from reid.contracts.events import AnyEvent
from reid.contracts.pictures import Picture
from reid.contracts.upcasters import UPCASTERS, Upcaster, upcast
from reid.contracts.zones import ZoneReport
from reid.errors import ContractError, Malformed, TooNew, UnknownType

_encoder: Final = msgspec.json.Encoder()
_detections: Final = msgspec.json.Decoder(Detections)
_sighted: Final[msgspec.json.Decoder[Detections | ZoneReport]] = msgspec.json.Decoder(Detections | ZoneReport)
_commands: Final[msgspec.json.Decoder[AnyCommand]] = msgspec.json.Decoder(AnyCommand)
_events: Final[msgspec.json.Decoder[AnyEvent]] = msgspec.json.Decoder(AnyEvent)
#: Spared a call: whoever reads a long log asks for nothing else.
_event: Final = _events.decode
_alerts: Final[msgspec.json.Decoder[AnyAlert]] = msgspec.json.Decoder(AnyAlert)
_status: Final = msgspec.json.Decoder(CameraStatus)
_picture: Final = msgspec.json.Decoder(Picture)
_search: Final = msgspec.json.Decoder(SearchMade)
T = TypeVar("T")
#: What a decoder raises of what it can't read.
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TYPE: Final = re.compile(r"^(?P<stem>.+)\.v(?P<major>\d+)$")


class _Tag(msgspec.Struct):
    type: str = ""


_tag: Final = msgspec.json.Decoder(_Tag)


def encode(message: msgspec.Struct) -> bytes:
    """Any contract struct -> UTF-8 JSON."""
    return _encoder.encode(message)


def decode_detections(raw: bytes) -> Detections:
    """Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong."""
    return decode(_detections, raw, ("reid.detections.v1",))


def decode_sighted(raw: bytes) -> Detections | ZoneReport:
    """A record of the detections topic. Raises `Malformed`, `UnknownType` or `TooNew`."""
    return decode(_sighted, raw, ("reid.detections.v1", "reid.zone.report.v1"))


def decode_command(raw: bytes) -> AnyCommand:
    """Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong."""
    return decode(_commands, raw, COMMAND_TYPES)


def decode_event(raw: bytes) -> AnyEvent:
    """Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong."""
    try:
        return _event(raw)
    except _BROKEN:
        return decode(_events, raw, EVENT_TYPES)


def events_of(report: ZoneReport) -> list[AnyEvent]:
    """What the zone decided. Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong."""
    return [decode_event(bytes(raw)) for raw in report.events]


def decode_alert(raw: bytes) -> AnyAlert:
    """Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong."""
    return decode(_alerts, raw, ALERT_TYPES)


def decode_status(raw: bytes) -> CameraStatus:
    """Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong."""
    return decode(_status, raw, ("reid.camera.status.v1",))


def decode_picture(raw: bytes) -> Picture:
    """Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong."""
    return decode(_picture, raw, ("reid.picture.v1",))


def decode_search(raw: bytes) -> SearchMade:
    """Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong."""
    return decode(_search, raw, ("reid.audit.search.v1",))


def type_name(message: msgspec.Struct) -> str:
    """The contract's type name, such as ``reid.person.seen.v1``."""
    tag = type(message).__struct_config__.tag
    assert isinstance(tag, str), f"{type(message).__name__} is no contract type"
    return tag


def _tags(union: object) -> tuple[str, ...]:
    return tuple(cls.__struct_config__.tag for cls in union.__args__)  # type: ignore[attr-defined]


EVENT_TYPES: Final = _tags(AnyEvent)
COMMAND_TYPES: Final = _tags(AnyCommand)
ALERT_TYPES: Final = _tags(AnyAlert)


def decode(
    decoder: msgspec.json.Decoder[T],
    raw: bytes,
    known: tuple[str, ...],
    upcasters: Sequence[Upcaster] = UPCASTERS,
) -> T:
    """``known``: the types that ``decoder`` reads. Older ones are read by way of ``upcasters``.

    Raises `Malformed`, `UnknownType` or `TooNew`, naming what is wrong.
    """
    try:
        return decoder.decode(raw)
    except _BROKEN as error:
        older = _older(raw, known, upcasters)
        if older is None:
            raise _explain(raw, known, error) from error
    try:
        return decoder.decode(older)
    except msgspec.DecodeError as error:
        raise _explain(older, known, error) from error


def _older(raw: bytes, known: tuple[str, ...], upcasters: Sequence[Upcaster]) -> bytes | None:
    """The message brought up to date; None when it is of no older version."""
    try:
        tag = _tag.decode(raw).type
        if tag in known or all(step.source != tag for step in upcasters):
            return None
        return _encoder.encode(upcast(msgspec.json.decode(raw), upcasters))
    except _BROKEN:
        return None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Malformed(f"{tag}, an older version: {type(error).__name__}: {error}") from error


def _explain(raw: bytes, known: tuple[str, ...], error: Exception) -> ContractError:
    """The typed error of an undecodable message: a newer or unknown type is told from a broken one."""
    try:
        tag = _tag.decode(raw).type
    except _BROKEN:
        return Malformed(f"not a JSON object of {known[0]}: {error}")
    if tag in known:
        return Malformed(f"{tag}: {error}")
    named = _TYPE.match(tag)
    if named:
        versions = [int(m["major"]) for m in map(_TYPE.match, known) if m and m["stem"] == named["stem"]]
        if versions and int(named["major"]) > max(versions):
            return TooNew(f"{tag} is newer than v{max(versions)}, the newest known here: upgrade this reader")
    return UnknownType(f"type {tag!r} is not one of: {', '.join(known)}")
