"""The one writer of one events partition. The output log is the commit log.

1. *Fence*: older writers of this partition can't commit any more. Only then
2. *fold* the committed events to their end, from the newest snapshot on: that is the state.
3. *Resume* each input topic behind the last input that the log, or the offsets committed with its
   transactions, tell of. Inputs below are skipped; a gap above is read straight from the input partition.
4. *Decide* a batch and commit it in one transaction: its events, its dead letters, its input offsets, and
   now and then a snapshot of the state before it. While it commits, the next batch is decided on top of it;
   a batch's transaction begins when the last one has ended well.
5. On any failure the state has run ahead of the log: it is dropped with all that was decided on it, and
   step 1 is next.

Not thread-safe: one thread at a time.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic

from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.codec import encode
from reid.contracts.detections import Detections
from reid.contracts.topics import INPUT_TOPICS
from reid.errors import ContractError, PoisonInput, ReidError, Unavailable
from streams.commits import AtOnce, Commits
from streams.fold import Fold, fold
from streams.inputs import Undecidable, check_clock, dead_letter, read
from streams.ports import Decider, Input, Message, PartitionLog, Record, S, Span, Transaction
from streams.resume import prove_tip, resume
from streams.route import IDENTITY
from streams.telemetry import Counts, Telemetry

#: A batch closes at whichever comes first: bounds the wait for its first decision, and what a crash redoes.
MAX_INPUTS: Final = 200
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DECIDE_S: Final = 0.1
#: How often an input may make the decider fail before it is given up. Not once: the failure may have been
#: the machine's (memory), and a dead letter is for good.
MAX_FAILURES: Final = 2
SNAPSHOT_EVENTS: Final = 5000
MAX_SKEW_MS: Final = 1_800_000

logger = logging.getLogger(__name__)


class DirtyState(ReidError):
    """The decider failed half way: the state is not the log's any more. Recover, then go on."""


@dataclass(slots=True)
class _Batch:
    transaction: Transaction = field(default_factory=Transaction)
    counts: Counts = field(default_factory=Counts)
    size: int = 0
    started: float = 0.0

    @property
    def full(self) -> bool:
        return (
            self.counts.inputs >= MAX_INPUTS
            or self.size >= MAX_BYTES
            or time.perf_counter() - self.started >= MAX_DECIDE_S
        )


class PartitionWriter(Generic[S]):
    """Recover first; then `decide`, `advance` and `heal` in any order. After an exception: recover again.

    ``commits``: where transactions are carried out; while one is, at most one more batch is decided.
    """

    def __init__(
        self,
        log: PartitionLog,
        decider: Decider[S],
        partition: int,
        partitions: int,
        telemetry: Telemetry,
        snapshot_events: int = SNAPSHOT_EVENTS,
        max_skew_ms: int = MAX_SKEW_MS,
        commits: Commits | None = None,
    ) -> None:
        self._log = log
        self._commits = commits or AtOnce()
        self._open = _Batch()
        self._flight: _Batch | None = None
        self._decider = decider
        self._partition = partition
        self._partitions = partitions
        self._telemetry = telemetry
        self._failures: dict[tuple[str, int], int] = {}
        self._poison: dict[tuple[str, int], PoisonInput] = {}
        self._snapshot_events = snapshot_events
        self._max_skew_ms = max_skew_ms
        self._fold: Fold[S] = Fold(decider.initial_state())
        self._next = dict.fromkeys((topic.name for topic in INPUT_TOPICS), 0)
        self.progress = 0
        """Grows with every event folded and every input committed: what a watchdog looks at."""
        self.ended: Callable[[], None] = lambda: None
        """Called when a transaction has ended, from any thread: time to `advance`."""

    @property
    def state(self) -> S:
        """The fold of the log; belongs to the writer."""
        return self._fold.state

    @property
    def positions(self) -> Mapping[str, int]:
        """Next offset to decide of each input topic."""
        return self._next

    @property
    def committing(self) -> bool:
        """Whether a transaction has begun whose outcome was not looked at."""
        return self._flight is not None

    @property
    def committed(self) -> bool:
        """Whether that transaction has ended."""
        return self._flight is not None and not self._commits.busy

    def recover(self) -> dict[str, Span]:
        """Steps 1 to 3. Returns what the input topics hold, for `heal`.

        Raises `FencedOut`, `Unavailable`; `ContractError` for an event that can't be read; `ConfigError`
        when the inputs end below what was decided, or the events do.
        """
        self._abandon()
        self._log.fence()
        # Before the log: once this writer is fenced itself, offsets may run ahead of what it has folded.
        decided = self._log.decided()
        self._fold = fold(self._log, self._decider, self._on_event)
        prove_tip(IDENTITY, self._partition, decided.tip, self._log.tip)
        spans = self._log.spans()
        after = {
            topic: max(self._fold.decided.get(topic, 0), decided.offsets.get(topic, 0)) for topic in spans
        }
        self._next = {
            topic: resume(topic, self._partition, after[topic], span) for topic, span in spans.items()
        }
        self._telemetry.add(Counts(recoveries=1, folded=self._fold.tail))
        logger.info(
            "partition %d: %d events, %d of them from a snapshot, resumes at %s",
            self._partition,
            self._fold.events,
            self._fold.events - self._fold.tail,
            self._next,
        )
        return spans

    def heal(self, upto: Mapping[str, int]) -> None:
        """Decides the inputs from the positions up to the offsets ``upto``, read from their partitions."""
        wanted = {
            topic: Span(self._next[topic], stop) for topic, stop in upto.items() if stop > self._next[topic]
        }
        if not wanted:
            return
        self._submit()
        for record in self._log.inputs(wanted):
            self._take(record, self._open)
            self._open.counts.healed += 1
            if self._open.full:
                self._submit()
        for topic, span in wanted.items():
            # The rest of a span may hold nothing: transaction markers, or records past their retention.
            if span.high > self._next[topic]:
                self._next[topic] = self._open.transaction.decided[topic] = span.high
        self._submit()
        self._settle()

    def decide(self, inputs: Sequence[Input]) -> None:
        """Decides inputs in the order of arrival; skips what was decided, heals what was left out."""
        for record in inputs:
            expected = self._next[record.topic]
            if record.offset < expected:
                self._open.counts.skipped += 1
                continue
            if record.offset > expected:
                self.heal({record.topic: record.offset})
            self._take(record, self._open)
            if self._open.full:
                self._submit()
        self.advance()

    def advance(self) -> None:
        """What is decided begins to be committed, unless a transaction is still at hand: then it stays open,
        and what is decided until that one ends goes with it."""
        if not self._commits.busy:
            self._submit()

    def finish(self) -> None:
        """Lets the transaction at hand end. What was decided on top of it is for the next writer."""
        self._open = _Batch()
        self._settle()

    def close(self) -> None:
        self._commits.close()
        self._log.close()

    def _on_event(self) -> None:
        self.progress += 1

    def _take(self, record: Input, batch: _Batch) -> None:
        """Adds one input's outcome to the batch and folds it into the state."""
        if batch.counts.inputs == 0:
            batch.started = time.perf_counter()
        batch.counts.inputs += 1
        try:
            known = self._poison.get((record.topic, record.offset))
            if known is not None:
                raise known
            message = read(record, self._partitions)
            self._decider.check(message)
            check_clock(record, message, self._max_skew_ms)
        except (ContractError, PoisonInput) as error:
            self._bury(record, error, batch)
        else:
            self._step(record, message, batch)
        self._next[record.topic] = batch.transaction.decided[record.topic] = record.offset + 1

    def _step(self, record: Input, message: Message, batch: _Batch) -> None:
        self._write_down(batch)
        begun = time.perf_counter()
        try:
            events = self._decider.step(self._fold.state, message)
        except Exception as error:
            self._suspect(record, error)
            raise DirtyState(
                f"{record.topic}/{record.partition}/{record.offset}: {type(error).__name__}: {error}"
            ) from error
        batch.counts.decide_s += time.perf_counter() - begun
        causation = Causation(record.topic, record.partition, record.offset)
        key = message.site_id.encode()
        for ordinal, event in enumerate(events):
            made = Record(key, encode(event), headers_of(event, causation, ordinal, self._next))
            batch.size += len(made.value)
            self._fold.count(made)
            batch.transaction.events.append(made)
        batch.counts.events += len(events)
        if isinstance(message, Detections):
            batch.counts.frames += len(message.frames)

    def _write_down(self, batch: _Batch) -> None:
        """A snapshot, when one is due. Only before a batch's first event: then the state is the fold of the
        log up to its tip."""
        begun = batch.transaction.events or batch.transaction.snapshot
        if begun or not self._fold.due(self._snapshot_events):
            return
        self._settle()
        made = self._fold.snapshot(self._decider, self._log.tip, dict(self._next))
        batch.transaction.snapshot = made
        batch.counts.snapshots += bool(made)

    def _suspect(self, record: Input, error: Exception) -> None:
        """Remembers an input that made the decider fail, so that it can't stop the partition for ever."""
        place = (record.topic, record.offset)
        self._failures[place] = self._failures.get(place, 0) + 1
        if isinstance(error, PoisonInput):
            self._poison[place] = error
        elif self._failures[place] >= MAX_FAILURES:
            self._poison[place] = Undecidable(f"{type(error).__name__}: {error}")

    def _bury(self, record: Input, error: Exception, batch: _Batch) -> None:
        letter = dead_letter(record, error)
        logger.warning(
            "dead letter: %s/%d/%d to %s: %s",
            record.topic,
            record.partition,
            record.offset,
            letter.topic,
            error,
        )
        batch.transaction.dead_letters.append(letter)
        batch.size += len(letter.value or b"")
        batch.counts.dead_letters += 1

    def _submit(self) -> None:
        """The open batch's transaction begins; the one before has to end first, and well."""
        self._settle()
        batch, self._open = self._open, _Batch()
        if not batch.transaction:
            self._telemetry.add(batch.counts)
            return
        self._flight = batch
        self._commits.start(partial(self._commit, batch), self.ended)
        if not self._commits.busy:
            self._settle()

    def _commit(self, batch: _Batch) -> None:
        """Perhaps on another thread: nothing but the log and this batch is touched."""
        begun = time.perf_counter()
        self._log.commit(batch.transaction)
        batch.counts.commit_s = time.perf_counter() - begun

    def _settle(self) -> None:
        """Waits for the transaction at hand. Raises what it raised."""
        batch, self._flight = self._flight, None
        if batch is None:
            return
        self._commits.wait()
        batch.counts.transactions = 1
        self.progress += max(batch.counts.inputs, 1)
        self._telemetry.add(batch.counts)

    def _abandon(self) -> None:
        """Drops what is decided and not committed. A transaction at hand ends first: two threads must not
        share the log, and a writer that it finds fenced must not fence the one that took over.

        Raises `FencedOut`.
        """
        self._open = _Batch()
        try:
            self._settle()
        except Unavailable as error:
            logger.info("partition %d: %s; the log tells whether it is there", self._partition, error)
