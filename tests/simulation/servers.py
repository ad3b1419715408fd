"""Kafka and Redis in memory, as the agent and the projector see them, with faults at their boundaries."""

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError

from projections.changes import Change
from projections.store import CameraRef, Documents, MemoryViewStore, PersonRef
from projections.views import Rejected
from reid.contracts.topics import CAMERAS, EVENTS
from reid.errors import FencedOut, ReidError
from streams.commits import Commit
from streams.ports import Decided, Input, Record, SnapshotPart, Span, Transaction
from tests.simulation.faults import Faults
from tests.unit.streams.memory import PARTITION, MemoryLog, MemoryPartition


class SimulatedLog(MemoryLog):
    """The agent's log. A transaction is staged step by step and applied at once, as brokers do: a request
    that comes twice is known by its number, and one of a fenced writer is refused."""

    def __init__(self, held: MemoryPartition, faults: Faults) -> None:
        super().__init__(held)
        self._faults = faults
        self._staged: Transaction | None = None

    def fence(self) -> None:
        self._staged = None
        self._faults.at("agent.fence", super().fence)

    def snapshot(self) -> list[SnapshotPart]:
        return self._faults.at("agent.snapshot", super().snapshot)

    def events(self, start: int = 0) -> Iterator[Record]:
        for number, record in enumerate(super().events(start)):
            if number % 5 == 0:
                self._faults.at("agent.fold", lambda: None)
            yield record

    def decided(self) -> Decided:
        return self._faults.at("agent.decided", super().decided)

    def spans(self) -> dict[str, Span]:
        return self._faults.at("agent.spans", super().spans)

    def inputs(self, wanted: Mapping[str, Span]) -> Iterator[Input]:
        for record in super().inputs(wanted):
            self._faults.at("agent.inputs", lambda: None)
            yield record

    def commit(self, transaction: Transaction) -> None:
        self._faults.at("agent.begin", lambda: self._begin(transaction))
        self._faults.at("agent.produce", self._refuse_fenced)
        self._faults.at("agent.offsets", self._refuse_fenced)
        self._faults.at("agent.commit", self._end)

    def _begin(self, transaction: Transaction) -> None:
        self._refuse_fenced()
        self._staged = transaction

    def _end(self) -> None:
        staged, self._staged = self._staged, None
        if staged is not None:
            super().commit(staged)

    def _refuse_fenced(self) -> None:
        if self._epoch != self._held.epoch:
            raise FencedOut("a newer writer has it")


class SimulatedCommits:
    """Carries a transaction out at any time between its start and its wait, as ``dice`` fall."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._waiting: Commit | None = None
        self._error: ReidError | None = None

    @property
    def busy(self) -> bool:
        if self._dice.random() < 0.3:
            self._carry_out()
        return self._waiting is not None

    def start(self, commit: Commit, ended: Callable[[], None]) -> None:
        assert self._waiting is None and self._error is None, "one transaction at a time"
        self._waiting = commit

    def wait(self) -> None:
        self._carry_out()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        self._waiting = None

    def _carry_out(self) -> None:
        commit, self._waiting = self._waiting, None
        if commit is not None:
            try:
                commit()
            except ReidError as error:
                self._error = error


@dataclass
class _Record:
    """A consumed message, or the end of a partition."""

    place: tuple[str, int, int]
    record: Record | None

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.place[2]

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self.record is None else None

    def key(self) -> bytes | None:
        return self.record.key if self.record else None

    def value(self) -> bytes | None:
        return self.record.value if self.record else None

    def headers(self) -> Any:
        return self.record.headers if self.record else None

    def timestamp(self) -> tuple[int, int]:
        """The simulated log keeps none."""
        return TIMESTAMP_NOT_AVAILABLE, 0


class SimulatedConsumer:
    """What the projector asks of a consumer: two topics of one partition each."""

    def __init__(self, logs: Mapping[str, list[Record]], faults: Faults) -> None:
        self._logs = logs
        self._faults = faults
        self._at: dict[str, int] = {}
        self._told: dict[str, int] = {}

    def list_topics(self, timeout: float = 0) -> Any:
        def ask() -> Any:
            topics = {n: SimpleNamespace(partitions={home(n): None}) for n in self._logs}
            return SimpleNamespace(topics=topics)

        return self._faults.at("projector.topics", ask)

    def get_watermark_offsets(self, place: Any, timeout: float = 0) -> tuple[int, int]:
        return 0, len(self._logs[place.topic])

    def assign(self, places: Sequence[Any]) -> None:
        self._at = {place.topic: max(place.offset, 0) for place in places}
        self._told = {}

    def poll(self, timeout: float = 0) -> _Record | None:
        def redelivered() -> _Record | None:
            for topic in self._at:
                self._at[topic] = max(self._at[topic] - 1, 0)
            return self._next()

        return self._faults.at("projector.poll", self._next, redelivered)

    def consume(self, count: int, timeout: float = 0) -> list[_Record]:
        found: list[_Record] = []
        while len(found) < min(count, 7) and (record := self._next()) is not None:
            found.append(record)
        return found

    def _next(self) -> _Record | None:
        for topic, log in self._logs.items():
            offset = self._at[topic]
            if offset < len(log):
                self._at[topic] += 1
                return _Record((topic, home(topic), offset), log[offset])
            if self._told.get(topic) != offset:
                self._told[topic] = offset
                return _Record((topic, home(topic), offset), None)
        return None


def home(topic: str) -> int:
    """The one partition that a simulated topic has."""
    return {EVENTS.name: PARTITION, CAMERAS.name: 0}[topic]


class SimulatedStore:
    """Redis: the store itself, which may be replaced by an older copy at any time, behind its boundary."""

    def __init__(self, current: list[MemoryViewStore], faults: Faults) -> None:
        self._current = current
        self._faults = faults

    def positions(self, view: str) -> dict[int, int]:
        return self._faults.at("projector.positions", lambda: self._current[0].positions(view))

    def form(self, view: str) -> int:
        return self._faults.at("projector.form", lambda: self._current[0].form(view))

    def generation(self) -> str:
        return self._faults.at("projector.generation", lambda: self._current[0].generation())

    def load(
        self,
        persons: Collection[PersonRef],
        cameras: Collection[CameraRef],
        sampled: Collection[CameraRef] = (),
    ) -> Documents:
        return self._faults.at("projector.load", lambda: self._current[0].load(persons, cameras, sampled))

    def hashes(self, keys: Collection[str]) -> dict[str, dict[str, bytes]]:
        return self._faults.at("projector.hashes", lambda: self._current[0].hashes(keys))

    def commit(self, change: Change) -> None:
        self._faults.at("projector.commit", lambda: self._current[0].commit(change))

    def dump(self, prefix: str) -> dict[str, Any]:
        return self._current[0].dump(prefix)


class SimulatedLetters:
    """The projector's dead letters: kept at least once."""

    def __init__(self, kept: list[tuple[str, int]], faults: Faults) -> None:
        self._kept = kept
        self._faults = faults

    def send(self, rejected: Sequence[Rejected]) -> None:
        places = [(found.record.topic, found.record.offset) for found in rejected]
        self._faults.at("projector.letters", lambda: self._kept.extend(places))
