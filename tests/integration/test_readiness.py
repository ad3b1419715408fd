"""Readiness asks the real Kafka how far the agent came."""

import asyncio

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from api.deciding import Deciding
from api.readiness import KafkaLog
from reid.contracts.topics import DECIDED_GROUP, DETECTIONS
from reid.errors import Unavailable

pytestmark = pytest.mark.integration


async def test_inputs_that_nobody_decides_are_told_until_they_are_decided(topics: str) -> None:
    log = KafkaLog(topics, Deciding(0.5))
    await _made(log)
    producer = Producer({"bootstrap.servers": topics})
    for _ in range(3):
        producer.produce(DETECTIONS.name, b"{}", partition=1)
    assert producer.flush(30.0) == 0
    assert await log.standing(await log.ends()) == [], "they came just now"
    await asyncio.sleep(0.6)
    [found] = await log.standing(await log.ends())
    assert (found.partition, found.waiting) == (1, 3)
    consumer = Consumer({"bootstrap.servers": topics, "group.id": DECIDED_GROUP})
    try:
        # As the writer's transactions do, which are no members of the group either.
        consumer.commit(offsets=[TopicPartition(DETECTIONS.name, 1, 3)], asynchronous=False)
    finally:
        consumer.close()
    assert await log.standing(await log.ends()) == []


async def _made(log: KafkaLog) -> None:
    """Topics that were made just now have no leader for a moment."""
    for _ in range(100):
        try:
            assert await log.standing(await log.ends()) == []
            return
        except Unavailable:
            await asyncio.sleep(0.1)
    raise AssertionError("the topics have no leader")
