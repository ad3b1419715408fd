"""The views: how a batch of log records becomes operations and pub/sub messages."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Protocol

from projections import persons
from projections.changes import HashDelete, HashSet, Message, Op
from projections.histories import Histories
from projections.history import Place
from projections.store import CameraRef, PersonRef, ViewStore
from projections.workspace import Workspace
from reid.contracts.codec import decode_event, decode_status, encode
from reid.contracts.events import AnyEvent, TrackRef
from reid.contracts.topics import (
    CAMERAS,
    CAMERAS_VIEW,
    DAY_MS,
    EVENTS,
    PERSONS_VIEW,
    Topic,
    camera_status_key,
)
from reid.errors import Malformed, PoisonInput, ReidError

log = logging.getLogger(__name__)

#: Where no setting says otherwise.
HISTORY_ENTRIES: Final = 1000

Headers = list[tuple[str, bytes | None]]


class Record(NamedTuple):
    """One record of a topic, as read. ``value`` None: a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Rejected(NamedTuple):
    """A record that can never be applied, and why."""

    record: Record
    error: ReidError


@dataclass(slots=True)
class Projection:
    """What a batch of records does to a view."""

    ops: list[Op] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class View(Protocol):
    """``name`` is that of its position; ``topic`` what it follows."""

    @property
    def name(self) -> str: ...

    @property
    def topic(self) -> Topic: ...

    def project(self, records: Sequence[Record], store: ViewStore) -> Projection:
        """Reads the store, changes nothing in it. Raises `Unavailable`."""
        ...


class _Defect(Exception):
    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record


class PersonsView:
    """Persons, their index, sums and histories, live labels, and outcomes of commands, from the event log."""

    name, topic = PERSONS_VIEW, EVENTS

    def __init__(
        self, ttl_days: int, history_entries: int = HISTORY_ENTRIES, erase_histories: bool = True
    ) -> None:
        """``history_entries``: newest steps kept of each person."""
        self._ttl_ms = ttl_days * DAY_MS
        self._history_entries, self._erase_histories = history_entries, erase_histories

    def project(self, records: Sequence[Record], store: ViewStore) -> Projection:
        """A record that makes a handler itself fail is a defect of ours: it is rejected too, and the
        others are applied again from a clean start."""
        defects: list[Rejected] = []
        while True:
            hopeless = {id(found.record) for found in defects}
            try:
                made = self._attempt([r for r in records if id(r) not in hopeless], store)
            except _Defect as defect:
                cause = defect.__cause__
                log.error("an event makes the view's own code fail", exc_info=cause)
                defects.append(Rejected(defect.record, PoisonInput(f"defect of the projector: {cause!r}")))
            else:
                made.rejected += defects
                return made

    def _attempt(self, records: Sequence[Record], store: ViewStore) -> Projection:
        made = Projection()
        events = list(_decoded(records, made.rejected))
        refs: set[PersonRef] = set()
        tracks: set[tuple[str, TrackRef]] = set()
        sampled: set[CameraRef] = set()
        for _, event in events:
            more_refs, more_tracks = persons.needs(event)
            refs |= more_refs
            tracks |= more_tracks
            camera = persons.samples_of(event)
            if camera is not None:
                sampled.add(camera)
        work = Workspace(store, self._ttl_ms, Histories(self._history_entries, self._erase_histories))
        work.require(refs, tracks, sampled)
        for record, event in events:
            try:
                persons.apply(event, partial(_place, record), work)
            except ReidError as error:
                made.rejected.append(Rejected(record, error))
            except Exception as error:
                raise _Defect(record) from error
        made.ops, made.messages = work.ops(), work.messages()
        return made


class CamerasView:
    """The last report of each camera."""

    name, topic = CAMERAS_VIEW, CAMERAS

    def project(self, records: Sequence[Record], store: ViewStore) -> Projection:
        made, latest = Projection(), dict[tuple[str, str], Op]()
        for record in records:
            try:
                if record.value is None:
                    site_id, _, camera_id = (record.key or b"").decode().partition("/")
                    latest[site_id, camera_id] = HashDelete(camera_status_key(site_id), camera_id)
                else:
                    status = decode_status(record.value)
                    key = camera_status_key(status.site_id)
                    latest[status.site_id, status.camera_id] = HashSet(key, status.camera_id, encode(status))
            except UnicodeDecodeError as error:
                made.rejected.append(Rejected(record, Malformed(f"key of a camera report: {error}")))
            except ReidError as error:
                made.rejected.append(Rejected(record, error))
        made.ops = list(latest.values())
        return made


def _decoded(records: Sequence[Record], rejected: list[Rejected]) -> Iterator[tuple[Record, AnyEvent]]:
    for record in records:
        try:
            if record.value is None:
                raise Malformed("an event record without a value")
            yield record, decode_event(record.value)
        except ReidError as error:
            rejected.append(Rejected(record, error))


def _place(record: Record) -> Place:
    """Events that another agent wrote without our headers are told without their id and cause."""
    event_id = causation = b""
    for name, value in record.headers:
        if name == "ce_id":
            event_id = value or b""
        elif name == "ce_causation":
            causation = value or b""
    return Place(record.offset, event_id.decode(errors="replace"), causation.decode(errors="replace"))
