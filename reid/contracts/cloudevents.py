"""CloudEvents 1.0 in Kafka *binary* mode: attributes are headers, the value is the data alone.

``ce_id`` is a UUIDv5 of (causation, type, ordinal): the same input can never make two different events.
``ce_causation`` is our extension: topic/partition/offset of the input that caused the event. So is
``ce_decided``: next offset to decide of the *other* input topics at that moment, ``topic=offset,…``. With
both the log tells the one order in which the inputs of all topics were decided.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha1
from typing import Final, NamedTuple, Self

from reid.contracts.codec import type_name
from reid.contracts.events import Event
from reid.errors import Malformed

NAMESPACE: Final = uuid.UUID("6f0c9b7e-53c1-5d0e-9a50-0d8e6c8f7a11")
_NAMESPACE: Final = NAMESPACE.bytes
#: The hexadecimal digit of a UUID's variant: its upper two bits are 10.
_VARIANT: Final = {f"{digit:x}": f"{digit & 0x3 | 0x8:x}" for digit in range(16)}
Headers = list[tuple[str, bytes]]
_SUBJECTS: Final = ("alert_id", "person_id", "survivor_id")


class Causation(NamedTuple):
    """Place of an input in its topic."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Inverse of ``str``. Raises `Malformed`."""
        try:
            topic, partition, offset = text.rsplit("/", 2)
            return cls(topic, int(partition), int(offset))
        except ValueError as error:
            raise Malformed(f"ce_causation {text!r} is not topic/partition/offset") from error


class Envelope(NamedTuple):
    """What the headers of an event record say."""

    id: str
    type: str
    causation: Causation
    decided: dict[str, int]


def rfc3339(ms: int) -> str:
    """Milliseconds since the epoch -> ``2026-11-22T10:00:00.000Z``."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def event_id(causation: Causation, type_: str, ordinal: int) -> str:
    """UUIDv5 of what caused the event, its type, and its place among the events of that input."""
    # As uuid.uuid5, which makes an object of it first and takes three times as long.
    name = f"{_text(causation)}/{type_}/{ordinal}".encode()
    text = sha1(_NAMESPACE + name, usedforsecurity=False).hexdigest()
    variant = _VARIANT[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


@lru_cache(maxsize=64)
def _text(causation: Causation) -> str:
    """Of the input whose events are being written."""
    return str(causation)


@lru_cache(maxsize=256)
def _of_type(type_: str) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return ("ce_type", type_.encode()), ("ce_dataschema", f"urn:saferoom:schema:{type_}".encode())


def headers_of(
    event: Event, causation: Causation, ordinal: int, decided: Mapping[str, int] | None = None
) -> Headers:
    """Kafka headers of the ``ordinal``-th event (from 0) that the input at ``causation`` made.

    ``decided``: next offset to decide of each input topic; that of the causation itself is left out.
    """
    type_ = type_name(event)
    of_type, schema = _of_type(type_)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id(causation, type_, ordinal).encode()),
        of_type,
        ("ce_source", f"/saferoom/{event.site_id}".encode()),
        ("ce_subject", _subject(event).encode()),
        ("ce_time", rfc3339(event.at).encode()),
        schema,
        ("ce_causation", _text(causation).encode()),
        ("content-type", b"application/json"),
    ]
    others = sorted((topic, offset) for topic, offset in (decided or {}).items() if topic != causation.topic)
    if others:
        headers.append(("ce_decided", ",".join(f"{topic}={offset}" for topic, offset in others).encode()))
    return headers


def _subject(event: Event) -> str:
    """Whom it is about: an alert, a person, or the site."""
    for name in _SUBJECTS:
        subject: str | None = getattr(event, name, None)
        if subject:
            return subject
    return event.site_id


def envelope_from(headers: Headers | None) -> Envelope:
    """Reads the headers of an event record. Raises `Malformed` when one is missing."""
    found = {name: value.decode() for name, value in headers or [] if value is not None}
    try:
        causation = Causation.parse(found["ce_causation"])
        return Envelope(found["ce_id"], found["ce_type"], causation, _decided(found.get("ce_decided", "")))
    except KeyError as error:
        raise Malformed(f"event record without its {error.args[0]} header") from error


def _decided(text: str) -> dict[str, int]:
    try:
        pairs = (pair.rsplit("=", 1) for pair in text.split(",") if pair)
        return {topic: int(offset) for topic, offset in pairs}
    except ValueError as error:
        raise Malformed(f"ce_decided {text!r} is not topic=offset,…") from error
