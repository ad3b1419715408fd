"""A topic from here to its end, in large batches, for those who fold a log anew."""

import time
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from projections.views import Record
from reid.errors import Unavailable

#: Records of one batch: large, so that a person seen a hundred times is written once.
BATCH: Final = 20_000
#: Seconds without any record after which Kafka counts as away.
SILENCE_S: Final = 15.0
METADATA_S: Final = 5.0
#: Messages of one call of `consume`.
_CHUNK: Final = 250


class _Headers:
    """Those of a message, made when somebody asks: to make them costs as much as to decode an event."""

    __slots__ = ("_message",)

    def __init__(self, message: Message) -> None:
        self._message = message

    def __iter__(self) -> Iterator[tuple[str, bytes | None]]:
        return iter(cast(list[tuple[str, bytes | None]], self._message.headers() or []))


class Batch(NamedTuple):
    """``positions``: next offset of each partition that moved, transaction markers passed."""

    records: list[Record]
    positions: dict[int, int]


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """Raises `Unavailable` when Kafka is away or has no such topic."""
    try:
        known = consumer.list_topics(topic, timeout=METADATA_S).topics[topic]
    except KafkaException as error:
        raise Unavailable(
            f"Kafka is away ({error.args[0].str()}): start it with `saferoom up`, "
            "or check KAFKA_BOOTSTRAP_SERVERS"
        ) from error
    if known.error is not None or not known.partitions:
        raise Unavailable(f"topic {topic} does not exist: make it with `saferoom topics create`")
    return sorted(known.partitions)


def is_empty(consumer: Consumer, topic: str, partition: int) -> bool:
    """Asking is cheaper than reading to the end: assigning another partition costs a second. False when
    Kafka does not say: who reads finds out."""
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), METADATA_S)
    except KafkaException:
        return False
    return low == high


def batches(
    consumer: Consumer,
    topic: str,
    starts: Mapping[int, int | None],
    limits: Mapping[int, int] | None = None,
    size: int = BATCH,
) -> Iterator[Batch]:
    """Committed records of every partition in ``starts`` (None: from its beginning), each in its order.

    Each partition ends where the log ends when reading gets there, or before its offset in ``limits``.
    ``consumer``: a `reid.runtime.kafka.reader`; it is assigned here. Raises `Unavailable`.
    """
    reached = dict(limits or {})
    left = {p for p in starts if p not in reached or (starts[p] or 0) < reached[p]}
    consumer.assign(
        [TopicPartition(topic, p, OFFSET_BEGINNING if starts[p] is None else starts[p] or 0) for p in left]
    )
    records: list[Record] = []
    positions: dict[int, int] = {}
    heard = time.monotonic()
    while left:
        # `consume` waits for all that it is asked for: short and few, or every batch would end with a wait.
        messages = _consumed(consumer, min(size - len(records), _CHUNK))
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_S:
            raise Unavailable(f"Kafka gave nothing of {topic} for {SILENCE_S:.0f} s: see `saferoom doctor`")
        for message in messages:
            partition, offset = cast(int, message.partition()), cast(int, message.offset())
            if partition not in left:
                continue
            if _is_end(message):
                positions[partition] = min(offset, reached.get(partition, offset))
                left.discard(partition)
            elif offset >= reached.get(partition, offset + 1):
                positions[partition] = reached[partition]
                left.discard(partition)
            else:
                records.append(
                    Record(
                        topic,
                        partition,
                        offset,
                        message.key(),
                        message.value(),
                        _Headers(message),
                        message.timestamp()[1],
                    )
                )
                positions[partition] = offset + 1
        if len(records) >= size or (not left and positions):
            yield Batch(records, positions)
            records, positions = [], {}


def _consumed(consumer: Consumer, most: int) -> list[Message]:
    try:
        return consumer.consume(most, timeout=0.05)
    except KafkaException as error:
        raise Unavailable(f"Kafka refuses to be read: {error}") from error


def _is_end(message: Message) -> bool:
    error = message.error()
    if error is None:
        return False
    if error.code() != KafkaError._PARTITION_EOF:
        raise Unavailable(f"Kafka: {error.str()}")
    return True
