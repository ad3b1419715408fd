"""A lane's feed on a real Kafka."""

import threading
from collections.abc import Sequence

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment  # type: ignore[import-untyped]
from confluent_kafka.admin import AdminClient

from reid.contracts.topics import COMMANDS, DETECTIONS, WORKER_APP_ID
from reid.runtime.kafka import producer
from reid.runtime.outage import Outage
from reid.runtime.settings import Settings
from streams.feed import KafkaFeed
from streams.ports import Input
from tests.integration.identity_worker import until, worker

pytestmark = pytest.mark.integration

PARTITION = 2


def put(bootstrap: str, *values: bytes) -> None:
    client = producer(bootstrap)
    for value in values:
        client.produce(DETECTIONS.name, value, b"k", PARTITION, headers=[("name", b"x"), ("none", None)])
    assert client.flush(10.0) == 0


def test_a_feed_brings_everything_from_its_offset_on_in_order_until_it_is_enough(topics: str) -> None:
    put(topics, b"a", b"b", b"c")
    brought = list[Input]()

    def take(records: Sequence[Input]) -> bool:
        brought.extend(records)
        return len(brought) < 4

    KafkaFeed(topics, PARTITION, Outage()).start(1, take)
    until(lambda: len(brought) == 2, "what is there")
    put(topics, b"d", b"e")
    until(lambda: f"feed-{PARTITION}" not in {t.name for t in threading.enumerate()}, "the end")
    assert [(r.topic, r.partition, r.offset, r.key, r.value) for r in brought] == [
        (DETECTIONS.name, PARTITION, offset, b"k", value)
        for offset, value in ((1, b"b"), (2, b"c"), (3, b"d"), (4, b"e"))
    ]
    assert brought[0].headers == [("name", b"x"), ("none", b"")]
    assert brought[0].timestamp > 0


def test_faust_is_given_no_detections(topics: str, settings: Settings) -> None:
    """It took a quarter of the processor time of a frame to hand them over."""
    with worker(settings):
        groups = AdminClient({"bootstrap.servers": topics}).list_groups(WORKER_APP_ID, timeout=10.0)
        places = [
            ConsumerProtocolMemberAssignment.decode(member.assignment).assignment
            for group in groups
            for member in group.members
        ]
    assert [topic for of_member in places for topic, _ in of_member] == [COMMANDS.name]
