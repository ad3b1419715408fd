"""Reading Kafka topics from here to there, for people and for the score. Commits nothing, joins no group."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from reid.errors import ConfigError, Unavailable
from reid.runtime.kafka import Reader, reader
from reid.runtime.kafka_refusal import away

_TIMEOUT_S: Final = 10.0
#: Small: these readers look at logs on the side, and librdkafka would prefetch 64 MB a partition.
_PREFETCH_KIB: Final = 4096
_MOMENTARY: Final = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


T = TypeVar("T")


def log_reader(bootstrap: str, **overrides: Any) -> Reader:
    """A `reader` of a small appetite that keeps its errors to itself: ours say what to do."""
    quiet = {"queued.max.messages.kbytes": _PREFETCH_KIB, "error_cb": lambda _error: None}
    return reader(bootstrap, **{**quiet, **overrides})


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """Raises `ConfigError` when the topic does not exist, `Unavailable` when Kafka is away."""
    found = _asked(consumer, lambda: consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic])
    if found.error is not None or not found.partitions:
        raise ConfigError(f"topic {topic} does not exist: make it with `saferoom topics create`")
    return sorted(found.partitions)


def spans(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """Partition -> (first offset, offset after the last). Raises `ConfigError`, `Unavailable`."""
    places = [TopicPartition(topic, partition) for partition in partitions(consumer, topic)]
    return {place.partition: _asked(consumer, partial(_span, consumer, place)) for place in places}


def _span(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    return consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)


def read(bootstrap: str, topic: str, start: Mapping[int, int], **overrides: Any) -> Iterator[Message]:
    """Records from ``start`` (by partition) to the end as it is when a partition's turn comes: a log that
    grows while it is read has no end of its own.

    Partitions one after another, so that each is in its own order. Raises `Unavailable`.
    """
    consumer = log_reader(bootstrap, **overrides)
    try:
        for partition, offset in sorted(start.items()):
            place = TopicPartition(topic, partition, offset)
            _, end = _asked(consumer, partial(_span, consumer, place))
            if offset < end:
                consumer.assign([place])
                yield from _until(consumer, topic, end)
    finally:
        consumer.close()


def read_all(bootstrap: str, topic: str) -> Iterator[Message]:
    """Every record that the topic still has, as `read`. Raises `ConfigError`, `Unavailable`."""
    consumer = log_reader(bootstrap)
    try:
        start = {partition: low for partition, (low, _) in spans(consumer, topic).items()}
    finally:
        consumer.close()
    yield from read(bootstrap, topic, start)


def _until(consumer: Consumer, topic: str, end: int) -> Iterator[Message]:
    heard = time.monotonic()
    while time.monotonic() - heard < _TIMEOUT_S:
        # `consume` waits for all 500 or the time-out, whichever is first.
        for message in _asked(consumer, lambda: consumer.consume(500, timeout=0.1)):
            heard = time.monotonic()
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise Unavailable(f"Kafka, topic {topic}: {error.str()}")
            # Markers of transactions are no records: the end may lie behind the last one.
            if error is not None or (message.offset() or 0) >= end:
                return
            yield message
    raise Unavailable(f"Kafka gave nothing of {topic} for {_TIMEOUT_S:.0f} s: see `saferoom doctor`")


def behind(committed: Consumer, ends: Mapping[tuple[str, int], int], timeout_s: float) -> int:
    """Records before ``ends`` (by topic and partition) that the consumer's group has not committed yet.

    Raises `KafkaException`.
    """
    places = committed.committed([TopicPartition(*place) for place in ends], timeout=timeout_s)
    done = {(place.topic, place.partition): max(place.offset, 0) for place in places}
    return sum(max(0, end - done[place]) for place, end in ends.items())


def headers_of(message: Message) -> dict[str, str]:
    """The record's headers as text."""
    found: Iterable[tuple[str, Any]] = message.headers() or []  # type: ignore[assignment]
    return {name: (value or b"").decode(errors="replace") for name, value in found}


def _asked(consumer: Consumer, ask: Callable[[], T]) -> T:
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            # A topic that was just made has no leader for a moment; a broker that is away stays away.
            if error.args[0].code() in _MOMENTARY and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise away(getattr(consumer, "bootstrap", ""), error) from error
