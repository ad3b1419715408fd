"""An in-memory `PartitionLog` that fails where it is told to, and a decider small enough to see through."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from operator import attrgetter

from reid.contracts.cloudevents import Headers, envelope_from
from reid.contracts.codec import encode
from reid.contracts.commands import AnyCommand, RenamePerson
from reid.contracts.detections import Detections, Frame, Person
from reid.contracts.events import AnyEvent, CommandRejected, PersonForgotten
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.errors import FencedOut, PoisonInput, Unavailable
from streams.ports import DeadLetter, Decided, Input, Message, Record, SnapshotPart, Span, Transaction

PARTITIONS = 4
SITE = "global"
PARTITION = partition_of(SITE.encode(), PARTITIONS)


@dataclass
class MemoryPartition:
    """What the brokers hold of one partition. ``crashes``: for the n-th commit from now, whether it fails
    before anything is written ("lost") or after all of it is ("unheard")."""

    inputs: dict[str, list[Input]] = field(default_factory=lambda: {DETECTIONS.name: [], COMMANDS.name: []})
    ends: dict[str, int] = field(default_factory=lambda: {DETECTIONS.name: 0, COMMANDS.name: 0})
    lows: dict[str, int] = field(default_factory=lambda: {DETECTIONS.name: 0, COMMANDS.name: 0})
    events: list[Record] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    decided: dict[str, int] = field(default_factory=dict)
    decided_tip: int = -1
    snapshots: list[SnapshotPart] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    epoch: int = 0
    crashes: dict[int, str] = field(default_factory=dict)
    attempts: int = 0

    def put(
        self,
        value: bytes | None,
        topic: str = DETECTIONS.name,
        key: bytes | None = SITE.encode(),
        headers: Headers | None = None,
        timestamp: int = 0,
    ) -> Input:
        """Appends an input record and returns it."""
        record = Input(topic, PARTITION, self.ends[topic], timestamp, key, value, headers or [])
        self.inputs[topic].append(record)
        self.ends[topic] += 1
        return record

    def copy(self) -> MemoryPartition:
        """As it is now: what is written to either is not in the other."""
        held = {each.name: copy(getattr(self, each.name)) for each in fields(self)}
        return MemoryPartition(**held | {"inputs": {topic: [*of] for topic, of in self.inputs.items()}})

    def mark(self, topic: str = DETECTIONS.name) -> None:
        """A transaction marker: it takes up an offset and is no record."""
        self.ends[topic] += 1

    def event_ids(self) -> list[str]:
        return [envelope_from(record.headers).id for record in self.events]


class MemoryLog:
    """A writer's hold on a `MemoryPartition`."""

    def __init__(self, partition: MemoryPartition) -> None:
        self._held = partition
        self._epoch = 0
        self._tip = -1

    def fence(self) -> None:
        self._held.epoch += 1
        self._epoch = self._held.epoch

    @property
    def tip(self) -> int:
        return self._tip

    def events(self, start: int = 0) -> Iterator[Record]:
        self._tip = -1
        for offset, record in enumerate(self._held.events[start:], start):
            self._tip = offset
            yield record

    def snapshot(self) -> list[SnapshotPart]:
        return list(self._held.snapshots)

    def decided(self) -> Decided:
        return Decided(dict(self._held.decided), self._held.decided_tip)

    def spans(self) -> dict[str, Span]:
        return {topic: Span(self._held.lows[topic], end) for topic, end in self._held.ends.items()}

    def inputs(self, wanted: Mapping[str, Span]) -> Iterator[Input]:
        streams = [
            [r for r in self._held.inputs[topic] if span.low <= r.offset < span.high]
            for topic, span in wanted.items()
        ]
        return heapq.merge(*streams, key=attrgetter("timestamp"))

    def commit(self, transaction: Transaction) -> None:
        if self._epoch != self._held.epoch:
            raise FencedOut("a newer writer has it")
        self._held.attempts += 1
        crash = self._held.crashes.get(self._held.attempts)
        if crash == "lost":
            raise Unavailable("commit lost")
        self._held.transactions.append(transaction)
        self._held.events += transaction.events
        self._held.dead_letters += transaction.dead_letters
        self._held.decided |= transaction.decided
        self._held.snapshots += transaction.snapshot
        self._tip = self._held.decided_tip = len(self._held.events) - 1
        if crash == "unheard":
            raise Unavailable("commit done, but its answer was lost")

    def close(self) -> None:
        self._epoch = -1


class CountingDecider:
    """One event for each frame with persons, numbered through: a lost or doubled input shows in every
    later event. ``trip``: message producer ids that make it fail, and how often."""

    def __init__(self, trip: dict[str, int] | None = None) -> None:
        self.trip = trip if trip is not None else {}

    def initial_state(self) -> dict[str, int]:
        return {}

    def check(self, message: Message) -> None:
        if isinstance(message, Detections) and message.producer_id == "poison":
            raise PoisonInput("poison")

    def step(self, state: dict[str, int], message: Message) -> list[AnyEvent]:
        events: list[AnyEvent] = []
        if isinstance(message, Detections):
            for frame in message.frames:
                if frame.persons:
                    number = state.get(message.site_id, 0)
                    event = PersonForgotten(
                        site_id=message.site_id,
                        at=frame.captured_at,
                        person_id=f"{message.producer_id}-{number}",
                    )
                    self.evolve(state, event)
                    events.append(event)
            self._maybe_trip(message)
        else:
            events.append(_rejected(message, state.get(message.site_id, 0)))
        return events

    def evolve(self, state: dict[str, int], event: AnyEvent) -> None:
        if isinstance(event, PersonForgotten):
            state[event.site_id] = state.get(event.site_id, 0) + 1

    def dump(self, state: dict[str, int]) -> bytes:
        return json.dumps(state, sort_keys=True).encode()

    def load(self, raw: bytes) -> dict[str, int]:
        state: dict[str, int] = json.loads(raw)
        return state

    def _maybe_trip(self, message: Detections) -> None:
        if self.trip.get(message.producer_id, 0) > 0:
            self.trip[message.producer_id] -= 1
            raise IndexError(f"tripped on {message.producer_id}")


def _rejected(command: AnyCommand, count: int) -> CommandRejected:
    return CommandRejected(
        site_id=command.site_id,
        at=command.issued_at,
        command_id=command.command_id,
        command="rename",
        code="unknown_person",
        message=f"after {count}",
    )


def detections(name: str, *persons: int, site: str = SITE) -> bytes:
    """A message of producer ``name``: one frame for each number, with so many persons in it."""
    frames = tuple(
        Frame(
            camera_id="room1",
            captured_at=1_700_000_000_000 + at,
            width=640,
            height=480,
            persons=tuple(Person(tracker_id=n, bbox=(0.0, 0.0, 10.0, 20.0)) for n in range(count)),
        )
        for at, count in enumerate(persons or (1,))
    )
    return encode(Detections(site_id=site, producer_id=name, frames=frames))


def command(name: str, site: str = SITE) -> bytes:
    return encode(
        RenamePerson(
            site_id=site, command_id=name, issued_at=1_700_000_000_000, person_id="person_1_0", label="Ada"
        )
    )
