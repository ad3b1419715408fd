"""`PartitionLog` on Kafka: a transactional producer, and readers that are assigned, never subscribed."""

import heapq
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from reid.contracts.cloudevents import Headers
from reid.errors import ConfigError, FencedOut, Unavailable
from reid.runtime.kafka import reader, transactional_producer
from reid.runtime.outage import Outage
from streams.ports import Decided, Input, Record, SnapshotPart, Span, Transaction
from streams.route import IDENTITY, Route
from streams.snapshots import MANIFEST_KEY

#: Longer than a coordinator's failover on one machine; the watchdog waits longer still.
_TIMEOUT_S: Final = 20.0
#: A commit waits for room, for delivery, for its offsets and for its end, each so long; beyond that it hangs.
COMMIT_LIMIT_S: Final = 5 * _TIMEOUT_S
#: The offsets of a transaction that is just ending are there within this, or never.
_ENDING_S: Final = 5.0
#: A read that brings nothing for so long, short of the offset that is known to exist, has lost its broker.
_STALL_S: Final = 20.0
_CHUNK: Final = 500
#: Records from the end of the snapshots within which the newest one is looked for first.
_LOOK_BACK: Final = 16
_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.TRANSACTION_COORDINATOR_FENCED,
    }
)


logger = logging.getLogger(__name__)


class KafkaPartitionLog:
    """Partition ``partition`` of the route's output topic. One thread at a time; `inputs` and `spans` may be
    read beside a `commit`."""

    def __init__(
        self, bootstrap: str, partition: int, outage: Outage | None = None, route: Route = IDENTITY
    ) -> None:
        self._route = route
        self._outage = outage or Outage()
        self._bootstrap = bootstrap
        self._partition = partition
        self._producer: Producer | None = None
        self._suspect = False
        self._group: Any = None
        self._tip = -1

    @property
    def tip(self) -> int:
        return self._tip

    def fence(self) -> None:
        self.close()
        self._suspect = False
        producer = transactional_producer(
            self._bootstrap, self._route.transactional_id(self._partition), error_cb=self._on_error
        )
        try:
            producer.init_transactions(_TIMEOUT_S)
        except KafkaException as error:
            raise self._typed("take the partition over", error) from error
        self._outage.on_contact()
        self._producer = producer

    def events(self, start: int = 0) -> Iterator[Record]:
        name = self._route.output.name
        low, high = self._spans([name], "read_committed")[name]
        if low > start:
            raise ConfigError(
                f"{name}/{self._partition} begins at offset {low}: its older events are gone. They are the "
                "truth: restore them, and set the topic's retention.ms and retention.bytes to -1"
            )
        self._tip = -1
        for message in self._read(name, Span(start, high), "read_committed"):
            offset = message.offset()
            assert offset is not None
            self._tip = offset
            yield Record(message.key() or b"", message.value() or b"", headers_in(message))

    def snapshot(self) -> list[SnapshotPart]:
        """Looks backwards for a manifest with all its parts: old snapshots are not read, compacted or not."""
        name = self._route.snapshots.name
        low, high = self._spans([name], "read_committed")[name]
        behind, found = _LOOK_BACK, list[SnapshotPart]()
        while low < high:
            start = max(high - behind, low)
            found = [
                SnapshotPart(message.key() or b"", message.value())
                for message in self._read(name, Span(start, high), "read_committed")
            ]
            manifests = [place for place, part in enumerate(found) if part.key == MANIFEST_KEY]
            # The parts of a snapshot stand right before its manifest, behind the manifest before it.
            if len(manifests) > 1 or start == low:
                return found
            behind *= 8
        return found

    def decided(self) -> Decided:
        try:
            found = self._settled_offsets()
        except KafkaException as error:
            raise self._typed("read the decided offsets", error) from error
        known = [place for place in found if place.offset >= 0]
        tips = [int(p.metadata) for p in known if p.metadata and p.metadata.lstrip("-").isdigit()]
        return Decided({place.topic: place.offset for place in known}, max(tips, default=-1))

    def _offsets(self, isolation: str, within_s: float = _TIMEOUT_S) -> list[TopicPartition]:
        places = [TopicPartition(topic.name, self._partition) for topic in self._route.inputs]
        consumer = self._reader(isolation)
        try:
            self._group = consumer.consumer_group_metadata()
            return consumer.committed(places, timeout=within_s)
        finally:
            consumer.close()

    def _settled_offsets(self) -> list[TopicPartition]:
        """read_committed makes the broker wait for offsets of a transaction that is just ending."""
        try:
            return self._offsets("read_committed", _ENDING_S)
        except KafkaException:
            # Is it the coordinator that does not answer yet, or these offsets?
            last = self._offsets("read_uncommitted")
        try:
            return self._offsets("read_committed", _ENDING_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._TIMED_OUT or self._producer is None:
                raise
        return self._drop_hanging(self._producer, last)

    def _drop_hanging(self, producer: Producer, last: list[TopicPartition]) -> list[TopicPartition]:
        """Kafka may call a transaction ended whose marker the offsets never got (4.4.0, killed between the
        two markers of a commit and started again). Fenced or not, its offsets then stay pending for ever.

        A marker of any later transaction of this transactional id settles them: this one's says that they
        do not count. The log says what was decided; only inputs behind its last event are decided again.
        """
        again = [TopicPartition(p.topic, p.partition, max(p.offset, 0), p.metadata) for p in last]
        producer.begin_transaction()
        producer.send_offsets_to_transaction(again, self._group, _TIMEOUT_S)
        producer.abort_transaction(_TIMEOUT_S)
        settled = self._offsets("read_committed")
        logger.warning(
            "partition %d: offsets of a transaction that Kafka never ended: dropped", self._partition
        )
        return settled

    def spans(self) -> dict[str, Span]:
        isolation = self._route.isolation
        return self._spans([topic.name for topic in self._route.inputs], isolation)

    def inputs(self, wanted: Mapping[str, Span]) -> Iterator[Input]:
        streams = [self._inputs(topic, span) for topic, span in wanted.items()]
        return heapq.merge(*streams, key=attrgetter("timestamp"))

    def commit(self, transaction: Transaction) -> None:
        producer = self._producer
        assert producer is not None, "fence() comes first"
        try:
            producer.poll(0)
            self._refuse_suspect()
            producer.begin_transaction()
            output = self._route.output.name
            last = len(transaction.events) - 1
            for number, (key, value, headers) in enumerate(transaction.events):
                # Where the last one stands is where the log ends: the others' places need not be told.
                told = self._on_event if number == last else None
                self._produce(producer, output, key, value, headers, self._partition, told)
            for part, content in transaction.snapshot:
                self._produce(producer, self._route.snapshots.name, part, content, [], self._partition)
            for letter in transaction.dead_letters:
                self._produce(producer, letter.topic, letter.key, letter.value, letter.headers)
            producer.flush(_TIMEOUT_S)
            self._refuse_suspect()
            # Beside each offset, the end of the events: it tells when that topic was made anew.
            tip = str(self._tip)
            places = [TopicPartition(t, self._partition, o, tip) for t, o in transaction.decided.items()]
            producer.send_offsets_to_transaction(places, self._metadata(), _TIMEOUT_S)
            producer.commit_transaction(_TIMEOUT_S)
        except KafkaException as error:
            raise self._typed("commit", error) from error
        except SystemError as error:
            # A fatal error while a delivery callback waits: confluent-kafka 2.16 calls it with the error set.
            cause = error.__cause__
            if not isinstance(cause, KafkaException):
                raise
            raise self._typed("commit", cause) from error

    def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            # What is still queued belongs to a transaction that the next writer aborts.
            producer.purge()

    def _on_event(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            offset = message.offset()
            assert offset is not None
            self._tip = max(self._tip, offset)

    def _on_error(self, error: KafkaError) -> None:
        self._suspect = self._suspect or error.code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
        self._outage.on_error(error)

    def _refuse_suspect(self) -> None:
        """A producer whose broker went away while it lived may send its offsets to a dead connection and
        wait for ever, time-out or not (librdkafka 2.16: the cached group coordinator outlives its broker).
        A new producer does not."""
        if self._suspect:
            raise Unavailable(f"partition {self._partition}: Kafka was away")

    def _metadata(self) -> Any:
        if self._group is None:
            self.decided()
        return self._group

    def _produce(
        self,
        producer: Producer,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
        partition: int = -1,
        on_delivery: Callable[[KafkaError | None, Message], None] | None = None,
    ) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                producer.produce(topic, value, key, partition, on_delivery, headers=headers)  # type: ignore[arg-type]
                return
            except BufferError as error:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"partition {self._partition}: Kafka takes no records since {_TIMEOUT_S:.0f} s"
                    ) from error
                producer.poll(0.1)

    def _inputs(self, topic: str, span: Span) -> Iterator[Input]:
        for message in self._read(topic, span, self._route.isolation):
            yield input_of(message)

    def _spans(self, topics: list[str], isolation: str) -> dict[str, Span]:
        consumer = self._reader(isolation)
        try:
            spans = {}
            for topic in topics:
                place = TopicPartition(topic, self._partition)
                found = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
                if found is None:
                    raise Unavailable(f"{topic}/{self._partition}: no watermarks within {_TIMEOUT_S:.0f} s")
                spans[topic] = Span(*found)
            return spans
        except KafkaException as error:
            raise self._typed("look up the ends of its topics", error) from error
        finally:
            consumer.close()

    def _read(self, topic: str, span: Span, isolation: str) -> Iterator[Message]:
        """Records from ``span.low``, below ``span.high``. Transaction markers take up offsets without a
        record, so the end is told by the end-of-partition event, not by counting."""
        low, high = span
        if low >= high:
            return
        consumer = self._reader(isolation)
        try:
            consumer.assign([TopicPartition(topic, self._partition, low)])
            deadline = time.monotonic() + _STALL_S
            while True:
                for message in at_hand(consumer):
                    deadline = time.monotonic() + _STALL_S
                    error = message.error()
                    offset = message.offset()
                    assert offset is not None
                    if error is None:
                        if offset < high:
                            yield message
                    elif error.code() != KafkaError._PARTITION_EOF:
                        raise Unavailable(f"{topic}/{self._partition} at {offset}: {error.str()}")
                    if offset >= high or (error is None and offset + 1 >= high):
                        return
                if time.monotonic() > deadline:
                    raise Unavailable(f"{topic}/{self._partition}: nothing to read below offset {high}")
        except KafkaException as error:
            raise self._typed(f"read {topic}", error) from error
        finally:
            consumer.close()

    def _reader(self, isolation: str) -> Consumer:
        return reader(
            self._bootstrap,
            **{
                "group.id": self._route.group,
                "isolation.level": isolation,
                "error_cb": self._outage.on_error,
            },
        )

    def _typed(self, doing: str, error: KafkaException) -> FencedOut | Unavailable:
        cause: KafkaError = error.args[0]
        if cause.code() in _FENCED:
            return FencedOut(f"partition {self._partition}: a newer writer has taken it over ({cause.str()})")
        return Unavailable(f"partition {self._partition}: can't {doing}: {cause.str()}")


def at_hand(consumer: Consumer) -> list[Message]:
    """Waits for one message, and takes what else is there. ``consume`` alone waits for a full chunk."""
    first = consumer.poll(1.0)
    return [] if first is None else [first, *consumer.consume(_CHUNK, timeout=0)]


def input_of(message: Message) -> Input:
    """A consumed record as the agent takes it."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None
    key, value = message.key(), message.value()
    assert not isinstance(key, str) and not isinstance(value, str)
    return Input(topic, partition, offset, message.timestamp()[1], key, value, headers_in(message))


def headers_in(message: Message) -> Headers:
    """Headers of a consumed record. Kafka allows a header without value: it reads as empty."""
    pairs: Any = message.headers() or []
    return [(name, value or b"") for name, value in pairs]
