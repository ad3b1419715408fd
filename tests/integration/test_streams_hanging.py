"""A transaction that Kafka called ended without a marker on its offsets: they hang, the partition does not.

Found by `benchmarks.chaos`: a broker killed between the two markers of a commit wrote only one of them after
its start. Here the offsets are put there by hand, for a transaction that the coordinator knows nothing of.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]
from aiokafka.protocol.transaction import (  # type: ignore[import-untyped]
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from reid.contracts.topics import (
    ALL_TOPICS,
    COMMANDS,
    DECIDED_GROUP,
    DETECTIONS,
    transactional_id,
)
from reid.runtime.admin import create_topics, delete_topics, list_topics
from streams.kafka_log import KafkaPartitionLog
from streams.ports import Record, Transaction

pytestmark = pytest.mark.integration

PARTITION = 1
#: CONCURRENT_TRANSACTIONS: the one before is still being ended.
_ENDING = 51
#: INVALID_TXN_STATE: a transaction that it does not know.
_REFUSED = 48


def _verified(kafka: str, value: str) -> None:
    """Whether Kafka refuses offsets of transactions that it does not know."""
    entry = ConfigEntry(
        "transaction.partition.verification.enable", value, incremental_operation=AlterConfigOpType.SET
    )
    broker = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[entry])
    client = AdminClient({"bootstrap.servers": kafka})
    for done in client.incremental_alter_configs([broker]).values():
        done.result(10)


@pytest.fixture
def trusting(kafka: str) -> Iterator[str]:
    delete_topics(kafka, {topic.name for topic in ALL_TOPICS} & set(list_topics(kafka)))
    create_topics(kafka, 4, 1)
    _verified(kafka, "false")
    yield kafka
    _verified(kafka, "true")


def errors(answer: Any) -> set[int]:
    return {error for _, found in answer.errors for _, error in found}


async def _hang(kafka: str, offsets: dict[str, int]) -> None:
    client = AIOKafkaClient(bootstrap_servers=kafka)
    await client.bootstrap()
    try:
        name, node = transactional_id(PARTITION), client.get_random_node()
        given = await client.send(node, InitProducerIdRequest(name, 30_000))
        while given.error_code == _ENDING:
            await asyncio.sleep(0.05)
            given = await client.send(node, InitProducerIdRequest(name, 30_000))
        assert given.error_code == 0
        places = [(topic, [(PARTITION, offset, "7")]) for topic, offset in offsets.items()]
        request = TxnOffsetCommitRequest(name, DECIDED_GROUP, given.producer_id, given.producer_epoch, places)
        # The broker may still be told to trust (`_verified`): until then it refuses, and keeps nothing.
        deadline = asyncio.get_running_loop().time() + 30
        while (said := errors(await client.send(node, request))) == {_REFUSED}:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        assert said == {0}
    finally:
        await client.close()


def _open(kafka: str) -> KafkaPartitionLog:
    log = KafkaPartitionLog(kafka, PARTITION)
    log.fence()
    return log


def test_offsets_that_hang_are_dropped_and_the_partition_goes_on(trusting: str) -> None:
    first = _open(trusting)
    first.decided()
    record = Record(b"k", b"v", [])
    first.commit(Transaction(events=[record], decided={DETECTIONS.name: 5, COMMANDS.name: 2}))
    asyncio.run(_hang(trusting, {DETECTIONS.name: 9, COMMANDS.name: 4}))
    second = _open(trusting)
    assert second.decided().offsets == {DETECTIONS.name: 5, COMMANDS.name: 2}
    # Also of a topic that the next transaction says nothing of.
    second.commit(Transaction(decided={DETECTIONS.name: 6}))
    third = _open(trusting)
    assert third.decided().offsets == {DETECTIONS.name: 6, COMMANDS.name: 2}
    for log in (first, second, third):
        log.close()
