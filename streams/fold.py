"""The state of a partition as the fold of its log: from a snapshot and the tail behind it, or from zero."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic

from reid.contracts.cloudevents import envelope_from
from reid.contracts.codec import decode_event
from reid.errors import Malformed
from streams.ports import Decider, PartitionLog, Record, S, SnapshotPart, Snapshotter
from streams.snapshots import Manifest, pack, unpack

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Fold(Generic[S]):
    """``decided``: next offset to decide of each input topic, as the events tell. ``events``: how many are
    folded; ``last``: the last of them, where there is one behind the snapshot. ``tail``, ``grown``: events
    and bytes since the newest snapshot; ``snapshot_bytes``: how long that was."""

    state: S
    decided: dict[str, int] = field(default_factory=dict)
    events: int = 0
    last: Record | None = None
    tail: int = 0
    grown: int = 0
    snapshot_bytes: int = 0
    parts: set[bytes] = field(default_factory=set)

    def count(self, record: Record) -> None:
        """One more event is in the state."""
        self.events += 1
        self.tail += 1
        self.grown += len(record.value)
        self.last = record

    def due(self, every: int) -> bool:
        """Whether a snapshot pays: after so many events, and when the log grew by what it costs to write."""
        return self.tail >= every and self.grown >= self.snapshot_bytes

    def snapshot(self, decider: Snapshotter[S], tip: int, decided: dict[str, int]) -> list[SnapshotPart]:
        """Records that hold the state as it stands at the event ``tip``; keys of longer ones taken out."""
        assert self.last is not None, "a snapshot is due after some events only"
        event_id = envelope_from(self.last.headers).id
        made = pack(decider.dump(self.state), tip, event_id, decided, self.events)
        keys = {part.key for part in made}
        gone = [SnapshotPart(key, None) for key in sorted(self.parts - keys)] if made else []
        self.parts = keys or self.parts
        self.tail, self.grown = 0, 0
        self.snapshot_bytes = sum(len(part.value or b"") for part in made)
        return [*gone, *made]


def fold(log: PartitionLog, decider: Decider[S], on_event: Callable[[], None]) -> Fold[S]:
    """The committed log, folded. Raises `ContractError` for an event that can't be read."""
    found = restored(log, decider)
    if found is not None:
        from_snapshot, manifest = found
        tail = log.events(manifest.tip)
        last = next(tail, None)
        if last is not None and envelope_from(last.headers).id == manifest.event_id:
            return _folded(from_snapshot, tail, decider, on_event)
        logger.warning("a snapshot of another log is left aside")
    return _folded(Fold(decider.initial_state()), log.events(), decider, on_event)


def restored(log: PartitionLog, decider: Snapshotter[S]) -> tuple[Fold[S], Manifest] | None:
    """State and manifest of the newest snapshot; None where none can be used."""
    records = log.snapshot()
    try:
        found = unpack(records)
        if found is None:
            return None
        manifest, raw = found
        state = decider.load(raw)
    except Malformed as error:
        logger.warning("the newest snapshot can't be used, the log is folded anew: %s", error)
        return None
    begun = Fold(state, dict(manifest.decided), manifest.events)
    begun.parts = {record.key for record in records if record.value is not None}
    begun.snapshot_bytes = sum(len(record.value or b"") for record in records)
    return begun, manifest


def _folded(
    begun: Fold[S], records: Iterator[Record], decider: Decider[S], on_event: Callable[[], None]
) -> Fold[S]:
    for record in records:
        envelope = envelope_from(record.headers)
        decider.evolve(begun.state, decode_event(record.value))
        begun.count(record)
        told = {**envelope.decided, envelope.causation.topic: envelope.causation.offset + 1}
        for topic, offset in told.items():
            begun.decided[topic] = max(begun.decided.get(topic, 0), offset)
        on_event()
    return begun
