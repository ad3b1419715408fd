"""The Kafka log keeps the contract of `PartitionLog`, and all clients agree where a key belongs."""

from collections.abc import Iterator
from itertools import count

import pytest
from aiokafka.codec import has_gzip, has_lz4, has_snappy, has_zstd

from reid.contracts.partitioning import partition_of
from reid.contracts.topics import ALL_TOPICS, DETECTIONS, DETECTIONS_DLQ
from reid.runtime.admin import create_topics, delete_topics, list_topics
from reid.runtime.kafka import producer
from streams.kafka_log import KafkaPartitionLog, headers_in, input_of
from streams.ports import DeadLetter, Input
from tests.integration.identity_worker import read_all
from tests.unit.streams.partition_log_contract import PartitionLogContract, Site

pytestmark = pytest.mark.integration

PARTITIONS = 12
#: Keys and their partitions of 4 and of 12. Computed by murmur2 as in Kafka's Java client; must never change,
#: or a site's history stands on another partition than its future.
GOLDEN = {
    "global": (3, 11),
    "annex": (2, 2),
    "site-1": (2, 10),
    "Zürich": (1, 1),
    "東京": (3, 7),
}


@pytest.fixture(scope="module")
def wide(kafka: str) -> str:
    """Topics with a fresh partition for each test."""
    delete_topics(kafka, {topic.name for topic in ALL_TOPICS} & set(list_topics(kafka)))
    create_topics(kafka, PARTITIONS, 1)
    return kafka


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count()


class TestKafkaPartitionLog(PartitionLogContract):
    @pytest.fixture
    def site(self, wide: str, numbers: Iterator[int]) -> Site:
        partition = next(numbers)
        before = len(read_all(wide, DETECTIONS_DLQ.name, 0))

        def put(topic: str, value: bytes) -> Input:
            done: list[Input] = []
            client = producer(wide)
            client.produce(
                topic, value, b"k", partition, on_delivery=lambda _, message: done.append(input_of(message))
            )
            assert client.flush(10.0) == 0
            return done[0]._replace(headers=[])

        def letters() -> list[DeadLetter]:
            found = read_all(wide, DETECTIONS_DLQ.name, 0)[before:]
            return [DeadLetter(DETECTIONS_DLQ.name, m.key(), m.value(), headers_in(m)) for m in found]  # type: ignore[arg-type]

        return Site(lambda: KafkaPartitionLog(wide, partition), put, letters)


@pytest.mark.parametrize(("key", "expected"), GOLDEN.items())
def test_a_key_belongs_where_it_always_did(key: str, expected: tuple[int, int]) -> None:
    assert (partition_of(key.encode(), 4), partition_of(key.encode(), 12)) == expected


def test_librdkafka_sends_every_key_where_we_expect_it(wide: str) -> None:
    client, sent = producer(wide), {}
    for key in [*GOLDEN, *(f"site-{n}" for n in range(200))]:
        client.produce(
            DETECTIONS.name,
            b"x",
            key.encode(),
            on_delivery=lambda _, m: sent.__setitem__(m.key(), m.partition()),
        )
    assert client.flush(10.0) == 0
    assert sent == {key: partition_of(key, PARTITIONS) for key in sent}
    assert len(sent) == 205 - 1 and len(set(sent.values())) == PARTITIONS


def test_the_worker_can_read_every_compression() -> None:
    """aiokafka needs cramjam for these; without it one lz4 message ends the Faust consumer for good."""
    assert has_gzip() and has_lz4() and has_snappy() and has_zstd()
