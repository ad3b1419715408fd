"""The limit: confluent-kafka copies the same bytes, ``python -m benchmarks.bench.sides.bare BOOTSTRAP``.

With ``naive`` behind the address it identifies as the old system did: every embedding of every frame against
every embedding of every person, one after the other.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from confluent_kafka import Message, TopicPartition

from benchmarks.bench.sides.naive import Naive
from reid.contracts.topics import DETECTIONS, EVENTS
from reid.runtime.kafka import reader, transactional_producer
from streams.partition import MAX_BYTES, MAX_INPUTS

GROUP: Final = "bench-bare"
_TIMEOUT_S: Final = 20


def run(bootstrap: str, outcome: Callable[[bytes], list[bytes]]) -> None:
    consumer = reader(bootstrap, **{"group.id": GROUP, "enable.partition.eof": False})
    consumer.assign([TopicPartition(DETECTIONS.name, 0, 0)])
    producer = transactional_producer(bootstrap, "bench-bare")
    producer.init_transactions(_TIMEOUT_S)
    while True:
        batch = _whole(consumer.consume(1, timeout=1.0))
        size = sum(len(message.value() or b"") for message in batch)
        while batch and len(batch) < MAX_INPUTS and size < MAX_BYTES:
            more = _whole(consumer.consume(MAX_INPUTS - len(batch), timeout=0))
            if not more:
                break
            batch += more
            size += sum(len(message.value() or b"") for message in more)
        if not batch:
            continue
        producer.begin_transaction()
        for message in batch:
            for value in outcome(bytes(message.value() or b"")):
                producer.produce(EVENTS.name, value, message.key(), 0, headers=message.headers() or [])
        after = TopicPartition(DETECTIONS.name, 0, (batch[-1].offset() or 0) + 1)
        producer.send_offsets_to_transaction([after], consumer.consumer_group_metadata(), _TIMEOUT_S)
        producer.commit_transaction(_TIMEOUT_S)


def _whole(messages: list[Message]) -> list[Message]:
    """Records only: an error, as of a broker that is just starting, has no offset to commit."""
    return [message for message in messages if message.error() is None]


if __name__ == "__main__":
    known = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    run(sys.argv[1], Naive(known).outcome if known else lambda value: [value])
