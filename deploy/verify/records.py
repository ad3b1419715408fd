"""Records of one partition, streamed: a log of any length needs the memory of one fetch."""

import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from deploy.log import log_reader
from reid.contracts.cloudevents import Headers
from reid.errors import Unavailable

_STALL_S: Final = 20.0
_CHUNK: Final = 500


class Record(NamedTuple):
    """``timestamp``: of the record, milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


def records(
    bootstrap: str, topic: str, partition: int, low: int, high: int, committed: bool = True
) -> Iterator[Record]:
    """From offset ``low``, below ``high``. Not ``committed``: as the agent reads its inputs, where a
    transaction is nobody's promise.

    Raises `Unavailable`.
    """
    if low >= high:
        return
    isolation = "read_committed" if committed else "read_uncommitted"
    consumer = log_reader(bootstrap, **{"isolation.level": isolation})
    try:
        consumer.assign([TopicPartition(topic, partition, low)])
        heard = time.monotonic()
        while time.monotonic() - heard < _STALL_S:
            first = consumer.poll(1.0)
            for message in [] if first is None else [first, *consumer.consume(_CHUNK, timeout=0)]:
                heard = time.monotonic()
                error, offset = message.error(), message.offset()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise Unavailable(f"{topic}/{partition}: {error.str()}")
                # Markers of transactions are no records: the end may lie behind the last one.
                if error is not None or offset is None or offset >= high:
                    return
                yield _record(message)
                if offset + 1 >= high:
                    return
        raise Unavailable(f"{topic}/{partition}: nothing to read below offset {high} for {_STALL_S:.0f} s")
    except KafkaException as error:
        raise Unavailable(f"{topic}/{partition}: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _record(message: Any) -> Record:
    headers = [(name, value or b"") for name, value in message.headers() or []]
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        headers,
    )
