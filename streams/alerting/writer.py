"""The one writer of one alerts partition. As the identity agent's, its output log is its commit log.

1. *Fence* older writers. Only then
2. *fold* the inputs that were decided and the alerts that came of them, from the newest snapshot on. The
   first start ever learns from the whole event log and tells nothing of it.
3. *Decide* a batch and commit it in one transaction: its alerts, the offsets of its inputs, and now and then
   a snapshot of the state before it.
4. On any failure the state may have run ahead of the log: it is dropped, and step 1 is next.

Differs from `streams.partition` in what the state is: there the fold of the output alone, here of inputs and
output. A gap in the offsets of an input is the marker of a transaction: who reads here leaves nothing out.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from reid.alerting import state as states
from reid.alerting.closing import due_at
from reid.alerting.state import AlertState
from reid.alerting.step import Source, step
from reid.contracts import codec
from reid.contracts.alert_rules import AlertRules
from reid.contracts.cloudevents import Causation, envelope_from, headers_of
from reid.contracts.commands import AcknowledgeAlert, Tick
from reid.contracts.events import AnyEvent
from reid.contracts.topics import EVENTS
from reid.contracts.zones import split_zone
from reid.domain.validate import check
from reid.errors import ContractError, PoisonInput
from streams.alerting.past import caused, fold_past
from streams.fold import Fold, restored
from streams.inputs import check_clock
from streams.inputs import read as read_command
from streams.partition import MAX_FAILURES, MAX_SKEW_MS, DirtyState
from streams.ports import Input, PartitionLog, Record, Span, Transaction
from streams.resume import prove_tip, resume
from streams.route import ALERTING

#: Identity events between two snapshots of the state.
SNAPSHOT_INPUTS: Final = 20_000
#: Seconds after which offsets of inputs that caused no alert are committed.
COMMIT_S: Final = 1.0

logger = logging.getLogger(__name__)


class Alerting:
    """State and its written form, as a `streams.ports.Snapshotter`."""

    def initial_state(self) -> AlertState:
        return AlertState()

    def dump(self, state: AlertState) -> bytes:
        return states.dump(state)

    def load(self, raw: bytes) -> AlertState:
        return states.load(raw)


class AlertWriter:
    """Recover first; then `take` in the order of the inputs. After an exception: recover again. One thread.

    ``partitions``: of the topics. ``progress`` grows with every input: what a watchdog looks at.
    """

    def __init__(
        self,
        log: PartitionLog,
        rules: AlertRules,
        partition: int,
        partitions: int,
        max_skew_ms: int = MAX_SKEW_MS,
        snapshot_inputs: int = SNAPSHOT_INPUTS,
    ) -> None:
        self._log, self._rules = log, rules
        self._partition, self._partitions = partition, partitions
        self._max_skew_ms, self._snapshot_inputs = max_skew_ms, snapshot_inputs
        self._alerting = Alerting()
        self._fold: Fold[AlertState] = Fold(AlertState())
        self._next: dict[str, int] = {}
        self._committed: dict[str, int] = {}
        self._committed_at = 0.0
        self._failures: dict[tuple[str, int], int] = {}
        #: Site -> by how much its latest event's time differs from its record's, ms.
        self.skew: dict[str, int] = {}
        self.progress = 0

    @property
    def state(self) -> AlertState:
        return self._fold.state

    @property
    def positions(self) -> Mapping[str, int]:
        """Next offset to decide of each input topic."""
        return self._next

    def recover(self) -> None:
        """Steps 1 and 2. Raises `FencedOut`, `Unavailable`, `DirtyState`; `ConfigError` when a topic was made
        anew; `ContractError` for an alert that can't be read."""
        self._log.fence()
        decided = self._log.decided()
        self._fold, records = self._restored()
        prove_tip(ALERTING, self._partition, decided.tip, self._log.tip)
        spans = self._log.spans()
        known = {topic: decided.offsets.get(topic, 0) for topic in spans}
        for record in records:
            envelope = envelope_from(record.headers)
            told = {**envelope.decided, envelope.causation.topic: envelope.causation.offset + 1}
            known |= {topic: max(known.get(topic, 0), offset) for topic, offset in told.items()}
        first = not (decided.offsets or records or self._fold.decided)
        after = {
            topic: span.high if first else max(known[topic], self._fold.decided.get(topic, 0))
            for topic, span in spans.items()
        }
        self._next = {topic: resume(topic, self._partition, after[topic], spans[topic]) for topic in spans}
        begin = max(self._fold.decided.get(EVENTS.name, 0), spans[EVENTS.name].low)
        state, inputs = self._fold.state, self._log.inputs({EVENTS.name: Span(begin, after[EVENTS.name])})
        fold_past(state, inputs, caused(records), self._observed, self._rules, self._dirty)
        self._committed = dict(self._next) if not first else {}
        self._commit(Transaction())
        logger.info(
            "partition %d: %d identity events and %d alert events behind the snapshot, resumes at %s",
            self._partition,
            max(self._next[EVENTS.name] - begin, 0),
            len(records),
            self._next,
        )

    def take(self, inputs: Sequence[Input]) -> None:
        """Decides a batch and commits what it told. Raises as `recover`."""
        transaction = Transaction()
        if self._fold.last is not None and self._fold.due(self._snapshot_inputs):
            transaction.snapshot = self._fold.snapshot(self._alerting, self._log.tip, dict(self._next))
        for record in inputs:
            if record.offset < self._next[record.topic]:
                continue
            self._next[record.topic] = record.offset + 1
            self._decide(record, transaction)
            self.progress += 1
        self._commit(transaction)

    def settle(self) -> None:
        """Commits the offsets of inputs that caused nothing, when they are due. Raises as `recover`."""
        if self._next != self._committed and time.monotonic() - self._committed_at >= COMMIT_S:
            self._commit(Transaction())

    def finish(self) -> None:
        """Commits the offsets of all inputs that were decided: the next writer, perhaps with other rules,
        goes on behind them. Raises as `recover`."""
        if self._next != self._committed:
            self._commit(Transaction(), now=True)

    def due(self) -> dict[str, int]:
        """By site, when time alone decides something next: ms since the epoch."""
        found = {name: due_at(site, self._rules) for name, site in self.state.sites.items()}
        return {name: at for name, at in found.items() if at is not None}

    def close(self) -> None:
        self._log.close()

    def _restored(self) -> tuple[Fold[AlertState], list[Record]]:
        """The state of the newest snapshot, or a new one, and the alerts behind it."""
        found = restored(self._log, self._alerting)
        if found is not None:
            begun, manifest = found
            tail = self._log.events(manifest.tip)
            last = next(tail, None)
            if last is not None and envelope_from(last.headers).id == manifest.event_id:
                begun.last = last
                return begun, self._counted(begun, list(tail))
            logger.warning("a snapshot of another log is left aside")
        begun = Fold(AlertState())
        return begun, self._counted(begun, list(self._log.events()))

    def _counted(self, begun: Fold[AlertState], records: list[Record]) -> list[Record]:
        begun.events += len(records)
        begun.last = records[-1] if records else begun.last
        return records

    def _decide(self, record: Input, transaction: Transaction) -> None:
        message = self._read(record)
        if message is None:
            return
        cause = Causation(record.topic, record.partition, record.offset)
        ids = (value.decode() for name, value in record.headers if name == "ce_id")
        site = self._fold.state.site(message.site_id)
        try:
            made = step(site, message, Source(str(cause), next(ids, "")), self._rules)
        except Exception as error:
            raise self._dirty(record, error) from error
        key = message.site_id.encode()
        for ordinal, alert in enumerate(made):
            headers = headers_of(alert, cause, ordinal, self._next)
            told = Record(key, codec.encode(alert), headers)
            transaction.events.append(told)
            self._fold.events += 1
            self._fold.last = told

    def _read(self, record: Input) -> AnyEvent | Tick | AcknowledgeAlert | None:
        """None for what is not decided on here, or can't be."""
        if record.topic == EVENTS.name:
            event = self._observed(record)
            if event is not None:
                self.skew[event.site_id] = abs(record.timestamp - event.at)
            return event
        try:
            command = read_command(record, self._partitions)
            check(command)
            check_clock(record, command, self._max_skew_ms)
        except (ContractError, PoisonInput):
            return None  # The identity agent has it among its dead letters.
        return command if isinstance(command, Tick | AcknowledgeAlert) else None

    def _observed(self, record: Input) -> AnyEvent | None:
        """A site's identity event. One that can't be read is left out, and said to be."""
        self._fold.tail += 1
        self._fold.grown += len(record.value or b"")
        self.progress += 1
        if self._failures.get((record.topic, record.offset), 0) >= MAX_FAILURES:
            return None
        try:
            event = codec.decode_event(record.value or b"")
            # What a zone sees, its site says: nobody is alerted twice.
            return None if split_zone(event.site_id)[1] else event
        except ContractError as error:
            logger.error("%s/%d/%d is left out: %s", record.topic, record.partition, record.offset, error)
            return None

    def _dirty(self, record: Input, error: Exception) -> DirtyState:
        place = (record.topic, record.offset)
        self._failures[place] = self._failures.get(place, 0) + 1
        told = f"{record.topic}/{record.partition}/{record.offset}: {type(error).__name__}: {error}"
        if self._failures[place] >= MAX_FAILURES:
            logger.critical("%s: the rules fail on it, it is left out", told)
        return DirtyState(told)

    def _commit(self, transaction: Transaction, now: bool = False) -> None:
        quiet = not (transaction.events or transaction.snapshot)
        moved = self._next != self._committed
        due = now or time.monotonic() - self._committed_at >= COMMIT_S
        if quiet and not (moved and due):
            return
        transaction.decided = dict(self._next)
        self._log.commit(transaction)
        self._committed, self._committed_at = dict(self._next), time.monotonic()
