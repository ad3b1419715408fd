"""One record of a log as a view is told of it, and its place there."""

from collections.abc import Iterable
from typing import NamedTuple

from projections.history import Place

Headers = Iterable[tuple[str, bytes | None]]


class Record(NamedTuple):
    """One record of a topic, as read. ``value`` None: a tombstone. ``headers`` may be read when asked for:
    few events are told with theirs. ``timestamp``: milliseconds since the epoch, 0 where there is none."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int = 0


def place_of(record: Record) -> Place:
    """Events that another agent wrote without our headers are told without their id and cause."""
    event_id = causation = b""
    for name, value in record.headers:
        if name == "ce_id":
            event_id = value or b""
        elif name == "ce_causation":
            causation = value or b""
    place = record.offset, event_id.decode(errors="replace"), causation.decode(errors="replace")
    # As the tuple's own constructor would, which is a function in Python.
    return tuple.__new__(Place, place)
