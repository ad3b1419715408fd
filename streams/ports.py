"""The two seams of the identity agent: what decides, and the log that it reads and writes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from reid.contracts.cloudevents import Headers
from reid.contracts.commands import AnyCommand
from reid.contracts.detections import Detections
from reid.contracts.events import AnyEvent
from reid.contracts.zones import ZoneReport

S = TypeVar("S")
Message = Detections | ZoneReport | AnyCommand


class Snapshotter(Protocol[S]):
    """A state and its written form."""

    def initial_state(self) -> S: ...

    def dump(self, state: S) -> bytes:
        """The whole state, in a canonical form."""

    def load(self, raw: bytes) -> S:
        """Inverse of `dump`. Raises `Malformed`: damaged, or of another layout than this version's."""


class Decider(Snapshotter[S], Protocol[S]):
    """Pure: no I/O, no clock. The same inputs in the same order give the same events, byte for byte."""

    def check(self, message: Message) -> None:
        """Raises `PoisonInput` when the message can never be decided on. Changes nothing."""

    def step(self, state: S, message: Message) -> list[AnyEvent]:
        """The events of a checked message, in order, already folded into ``state``."""

    def evolve(self, state: S, event: AnyEvent) -> None:
        """Folds one event of the log into ``state``."""


class Input(NamedTuple):
    """One record of an input topic. ``timestamp``: the record's, milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Record(NamedTuple):
    """One record to be written to, or read from, the events partition."""

    key: bytes
    value: bytes
    headers: Headers


class DeadLetter(NamedTuple):
    """An input that can't be decided on, as it goes to ``topic``."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class SnapshotPart(NamedTuple):
    """One record of a snapshot. ``value`` None takes the key out of the compacted topic."""

    key: bytes
    value: bytes | None


class Decided(NamedTuple):
    """What the transactions left with the member-less group.

    ``offsets``: next offset to decide of each input topic; topics never decided lack. ``tip``: offset of the
    last event at that time, -1 for none: a log that ends below it was made anew.
    """

    offsets: dict[str, int]
    tip: int = -1


@dataclass(slots=True)
class Transaction:
    """All of it becomes visible, or nothing: events, dead letters, a snapshot of the state *before* these
    events, and the next offset to decide of each input topic."""

    events: list[Record] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    decided: dict[str, int] = field(default_factory=dict)
    snapshot: list[SnapshotPart] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.decided)


class Span(NamedTuple):
    """Offsets that a partition holds: from ``low``, below ``high``."""

    low: int
    high: int


class PartitionLog(Protocol):
    """One partition of the event log with its inputs, for its one writer.

    The order of calls is a protocol: `fence` before anything is read. Errors of all methods: `FencedOut`
    when a newer writer has the partition; `Unavailable` when Kafka is away or a transaction failed, after
    which only `fence` may be called.
    """

    def fence(self) -> None:
        """Take the partition over. Transactions of older writers that are open are aborted, and
        their later ones are refused."""

    @property
    def tip(self) -> int:
        """Offset of the last event that `events` gave or `commit` wrote; -1 before any."""

    def events(self, start: int = 0) -> Iterator[Record]:
        """The committed events, from offset ``start`` to the end at the time of the call.

        Raises `ConfigError` when the log begins above ``start``.
        """

    def snapshot(self) -> list[SnapshotPart]:
        """Committed records of the snapshots partition in their order, enough to hold the newest snapshot
        whole; older ones may lack, or be there in parts."""

    def decided(self) -> Decided:
        """What the committed transactions left."""

    def spans(self) -> dict[str, Span]:
        """What each input topic holds in this partition now."""

    def inputs(self, wanted: Mapping[str, Span]) -> Iterator[Input]:
        """Inputs of the topics within their spans, each topic in order, topics merged by timestamp."""

    def commit(self, transaction: Transaction) -> None:
        """Writes all of it in one transaction."""

    def close(self) -> None:
        """Lets go of connections. Aborts nothing by hand: the next `fence` does."""
