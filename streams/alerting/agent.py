"""Membership and the loop: which partitions are this agent's, and what arrives for them.

Several agents share the partitions by a consumer group; its offsets are not used. A partition's reader starts
where its writer stands, so nothing is left out and nothing is healed. What fails is recovered from both logs.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from reid.contracts.topics import ALERT_INPUTS
from reid.errors import FencedOut, Unavailable
from streams.alerting.ticks import Ticks
from streams.alerting.writer import AlertWriter
from streams.kafka_log import input_of
from streams.partition import DirtyState
from streams.ports import Input

#: Inputs of one batch at most.
BATCH: Final = 500
_POLL_S: Final = 0.1
_TICK_S: Final = 0.5
_BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0)

logger = logging.getLogger(__name__)


class _TakenForGone(Exception):
    """The group goes on without this consumer, which will be given nothing any more."""


class Agent:
    """``open_consumer(named)``: of a group, not subscribed yet, as its member of this worker's name or of
    none; ``open_writer(partition)``: unrecovered; ``on_ready(partitions)`` whenever all assigned ones are
    live."""

    def __init__(
        self,
        open_consumer: Callable[[bool], Consumer],
        open_writer: Callable[[int], AlertWriter],
        ticks: Ticks,
        on_ready: Callable[[list[int]], None],
        stopping: threading.Event,
    ) -> None:
        self._open_consumer, self._open_writer, self._ticks = open_consumer, open_writer, ticks
        self._on_ready, self._stopping = on_ready, stopping
        self._consumer = open_consumer(True)
        self._writers: dict[int, AlertWriter] = {}
        self._unrecovered: set[int] = set()
        self._ticked_at = 0.0
        self._turns = 0

    @property
    def progress(self) -> int:
        """Changes while the loop turns or a writer gets on: what a watchdog looks at."""
        return self._turns + sum(writer.progress for writer in list(self._writers.values()))

    def run(self) -> None:
        """Until ``stopping``. Raises `ConfigError`, `ContractError` for what no retry mends."""
        failures = 0
        self._subscribe()
        try:
            while not self._stopping.is_set():
                try:
                    self.turn()
                    failures = 0
                except DirtyState as error:
                    logger.exception("the alert rules failed on %s: the state is folded anew", error)
                except FencedOut as error:
                    logger.warning("%s: waiting for a new assignment", error)
                    self._drop(set(self._writers))
                    self._consumer.unsubscribe()
                    self._subscribe()
                except _TakenForGone as error:
                    logger.warning("%s: joining anew, without the name", error)
                    self._join_anew()
                except Unavailable as error:
                    failures += 1
                    logger.log(logging.WARNING if failures == 1 else logging.DEBUG, "%s: again", error)
                    self._stopping.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1])
            for partition in self._writers.keys() - self._unrecovered:
                self._writers[partition].finish()
        except Unavailable as error:
            logger.info("%s: the last offsets are not committed", error)
        finally:
            self._drop(set(self._writers))

    def close(self) -> None:
        """After `run`."""
        self._consumer.close()

    def turn(self) -> None:
        """One step: what must be recovered, else what is at hand."""
        self._turns += 1
        if self._unrecovered:
            self._recover()
        found = self._poll()
        for partition, inputs in found.items():
            writer = self._writers.get(partition)
            if writer is not None and partition not in self._unrecovered:
                self._guarded(partition, partial(writer.take, inputs))
        for partition, writer in self._writers.items():
            if partition not in self._unrecovered:
                self._guarded(partition, writer.settle)
        if time.monotonic() - self._ticked_at >= _TICK_S:
            self._ticked_at = time.monotonic()
            for writer in self._writers.values():
                self._ticks.send(writer.due(), writer.skew)

    def _guarded(self, partition: int, work: Callable[[], None]) -> None:
        """After any failure the state may have run ahead of the log."""
        try:
            work()
        except BaseException:
            self._unrecovered.add(partition)
            raise

    def _recover(self) -> None:
        for partition in sorted(self._unrecovered):
            if partition not in self._writers:
                self._writers[partition] = self._open_writer(partition)
            self._writers[partition].recover()
            self._unrecovered.discard(partition)
        self._consumer.assign(
            [
                TopicPartition(topic, partition, offset)
                for partition, writer in self._writers.items()
                for topic, offset in writer.positions.items()
            ]
        )
        self._on_ready(sorted(self._writers))

    def _poll(self) -> dict[int, list[Input]]:
        try:
            first = self._consumer.poll(_POLL_S)
            messages = [] if first is None else [first, *self._consumer.consume(BATCH - 1, timeout=0)]
        except KafkaException as error:
            raise Unavailable(f"Kafka refuses to be read: {error}") from error
        found: dict[int, list[Input]] = {}
        for message in messages:
            failure = message.error()
            if failure is None:
                record = input_of(message)
                found.setdefault(record.partition, []).append(record)
            elif failure.code() == KafkaError._FATAL:
                raise _TakenForGone(failure.str())
            elif failure.code() not in (KafkaError._PARTITION_EOF, KafkaError._TRANSPORT):
                # The client itself reconnects, and joins again.
                logger.debug("Kafka: %s", failure.str())
        return found

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            [topic.name for topic in ALERT_INPUTS],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._revoked,
        )

    def _join_anew(self) -> None:
        """Seen after a broker was away: as it came back it took two joins of this very member for two of one
        name, and the client, fenced by itself, never tries again. Whose the name is now may also be another
        process: without it neither fences the other."""
        self._drop(set(self._writers))
        self._consumer.close()
        self._consumer = self._open_consumer(False)
        self._subscribe()

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Reading begins when the writers stand somewhere: in the loop, where failures are met."""
        consumer.assign([])
        partitions = {place.partition for place in places}
        self._drop(set(self._writers) - partitions)
        self._unrecovered = {p for p in partitions if p not in self._writers}
        if not partitions:
            self._on_ready([])

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._drop({place.partition for place in places})

    def _drop(self, partitions: set[int]) -> None:
        for partition in partitions:
            writer = self._writers.pop(partition, None)
            self._unrecovered.discard(partition)
            if writer is not None:
                writer.close()
