"""confluent-kafka clients with the settings that this product relies on, in one place."""

from typing import Any, Final

from confluent_kafka import Consumer, Producer

from reid.contracts.topics import MAX_LETTER_BYTES, MAX_MESSAGE_BYTES
from reid.runtime.kafka_access import client_config

Config = dict[str, Any]

#: librdkafka hashes keys with CRC32 unless told otherwise; Faust and Java use murmur2. All must agree,
#: or a site's commands land on another partition than its detections.
PARTITIONER: Final = "murmur2_random"

_QUIET: Final[Config] = {"log_level": 2, "client.id": "saferoom"}


class Reader(Consumer):
    """Knows where it reads: who is refused there is told why by `reid.runtime.kafka_refusal`."""

    bootstrap = ""


def producer(bootstrap: str, **overrides: object) -> Producer:
    """Idempotent producer, acks=all, lz4, bounded queue (64 MiB)."""
    config: Config = {
        **_QUIET,
        **client_config(bootstrap),
        "partitioner": PARTITIONER,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 5,
        "queue.buffering.max.kbytes": 65536,
        "message.max.bytes": MAX_MESSAGE_BYTES,
    }
    return Producer(config | overrides)


def transactional_producer(bootstrap: str, transactional_id: str, **overrides: object) -> Producer:
    """The writer of one events partition. The caller must call ``init_transactions()`` before it reads."""
    return producer(
        bootstrap,
        **{
            "transactional.id": transactional_id,
            "transaction.timeout.ms": 30_000,
            # Measured: takes small batches from 2-5k/s to 12-22k/s.
            "retry.backoff.ms": 5,
            "linger.ms": 0,
            "message.max.bytes": MAX_LETTER_BYTES,
            **overrides,
        },
    )


def reader(bootstrap: str, **overrides: object) -> Reader:
    """Consumer for `assign()` only: read_committed, commits nothing, tells the end of a partition."""
    config: Config = {
        **_QUIET,
        **client_config(bootstrap),
        "group.id": "saferoom-reader",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 50,
        # Whoever reads as fast as records come finds the queue full now and then: librdkafka would fetch
        # nothing for a second then, and reading a long log is mostly that.
        "fetch.queue.backoff.ms": 10,
        # Nothing is committed, so nothing is noted of each message for it: who does commit asks for that, or
        # names the offsets. And what was fetched ahead is read while it is still in the processor's cache,
        # not from 64 MB of memory that was never touched before.
        "enable.auto.offset.store": False,
        "queued.max.messages.kbytes": 8192,
    }
    made = Reader(config | overrides)
    made.bootstrap = bootstrap
    return made
