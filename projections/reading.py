"""A topic from here to its end, in large batches, for those who fold a log anew."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple, cast

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from projections.records import Record
from reid.errors import Unavailable
from reid.runtime.kafka_refusal import away

#: Records of one batch: large, so that a person seen a hundred times is written once.
BATCH: Final = 20_000
#: Seconds without any record after which Kafka counts as away.
SILENCE_S: Final = 15.0
METADATA_S: Final = 5.0
_made: Final = tuple.__new__
#: Messages of one call of `consume`.
_CHUNK: Final = 250
#: What a broker says for a moment when a partition is new or gets another leader.
_ELECTING: Final = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}


class _Headers(msgspec.Struct, gc=False):
    """Those of a message, made when somebody asks: to make them costs as much as to decode an event."""

    message: Any

    def __iter__(self) -> Iterator[tuple[str, bytes | None]]:
        return iter(self.message.headers() or ())


class Batch(NamedTuple):
    """``positions``: next offset of each partition that moved, transaction markers passed."""

    records: list[Record]
    positions: dict[int, int]


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """Raises `Unavailable` when Kafka is away or has no such topic."""
    try:
        known = consumer.list_topics(topic, timeout=METADATA_S).topics[topic]
    except KafkaException as error:
        raise away(getattr(consumer, "bootstrap", ""), error) from error
    if known.error is not None or not known.partitions:
        raise Unavailable(f"topic {topic} does not exist: make it with `saferoom topics create`")
    return sorted(known.partitions)


def end_of(consumer: Consumer, topic: str, partition: int) -> int:
    """The offset after the last, as it is now. Raises `Unavailable`."""
    deadline = time.monotonic() + METADATA_S
    while True:
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, partition), METADATA_S)[1]
        except KafkaException as error:
            if error.args[0].code() not in _ELECTING or time.monotonic() > deadline:
                raise Unavailable(
                    f"Kafka does not say where {topic}/{partition} ends: {error.args[0].str()}"
                ) from error
            time.sleep(0.05)


def batches(
    consumer: Consumer,
    topic: str,
    starts: Mapping[int, int | None],
    limits: Mapping[int, int] | None = None,
    size: int = BATCH,
) -> Iterator[Batch]:
    """Committed records of every partition in ``starts`` (None: from its beginning), each in its order.

    Each partition ends before its offset in ``limits``, else where its log ended when this began: a log that
    grows while it is read has no end of its own.
    ``consumer``: a `reid.runtime.kafka.reader`; it is assigned here. Raises `Unavailable`.
    """
    bounds = limits or {}
    ends = {p: bounds[p] if p in bounds else end_of(consumer, topic, p) for p in starts}
    left = {p for p in starts if (starts[p] or 0) < ends[p]}
    records: list[Record] = []
    positions = {p: ends[p] for p in starts if starts[p] is None and p not in left}
    if not left and positions:
        yield Batch(records, positions)
    # Only those with something to read: to hear that another has nothing takes a second.
    consumer.assign(
        [TopicPartition(topic, p, OFFSET_BEGINNING if starts[p] is None else starts[p] or 0) for p in left]
    )
    heard = time.monotonic()
    while left:
        # `consume` waits for all that it is asked for: short and few, or every batch would end with a wait.
        messages = _consumed(consumer, min(size - len(records), _CHUNK))
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_S:
            raise Unavailable(f"Kafka gave nothing of {topic} for {SILENCE_S:.0f} s: see `saferoom doctor`")
        if _ordinary(messages, left, ends, positions):
            records += _records(topic, messages)
        else:
            records += _records(topic, _until(messages, left, ends, positions))
        if len(records) >= size or (not left and positions):
            yield Batch(records, positions)
            records, positions = [], {}


def _ordinary(
    messages: Sequence[Message], left: Collection[int], ends: Mapping[int, int], positions: dict[int, int]
) -> bool:
    """Whether all of them are records that are wanted, as nearly always: then ``positions`` pass them.
    Each partition's come in their order."""
    if [message for message in messages if message.error() is not None]:
        return False
    reached = {cast(int, message.partition()): cast(int, message.offset()) for message in messages}
    if not all(partition in left and offset < ends[partition] for partition, offset in reached.items()):
        return False
    positions.update((partition, offset + 1) for partition, offset in reached.items())
    return True


def _until(
    messages: Sequence[Message], left: set[int], ends: Mapping[int, int], positions: dict[int, int]
) -> list[Message]:
    """Those of them that are records before the end of their partition. One that ended is none of ``left``
    any more."""
    wanted = []
    for message in messages:
        partition, offset = message.partition(), message.offset()
        if partition not in left or offset is None:
            continue
        if (error := message.error()) is not None:
            _refuse(error)
            positions[partition] = min(offset, ends[partition])
            left.discard(partition)
        elif offset >= ends[partition]:
            positions[partition] = ends[partition]
            left.discard(partition)
        else:
            wanted.append(message)
            positions[partition] = offset + 1
    return wanted


def _records(topic: str, messages: Sequence[Message]) -> Iterator[Record]:
    """Field by field: a call for each message and field is all that Python does of it."""
    fields = zip(
        repeat(topic),
        [message.partition() for message in messages],
        [message.offset() for message in messages],
        [message.key() for message in messages],
        [message.value() for message in messages],
        map(_Headers, messages),
        [message.timestamp()[1] for message in messages],
        strict=False,
    )
    # As the tuple's own constructor would, which is a function in Python.
    return map(_made, repeat(Record), fields)


def _consumed(consumer: Consumer, most: int) -> list[Message]:
    try:
        return consumer.consume(most, timeout=0.05)
    except KafkaException as error:
        raise Unavailable(f"Kafka refuses to be read: {error}") from error


def _refuse(error: KafkaError) -> None:
    """Raises `Unavailable`, but for the end of a partition."""
    if error.code() != KafkaError._PARTITION_EOF:
        raise Unavailable(f"Kafka: {error.str()}")
