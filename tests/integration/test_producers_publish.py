"""The publisher on a real Kafka, and without one."""

import logging
import time

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from producers.publish import MAX_PENDING, Publisher
from reid.contracts.codec import decode_detections, decode_status
from reid.contracts.detections import CameraStatus, Detections, Frame, Person
from reid.contracts.topics import CAMERAS, DETECTIONS
from reid.runtime.admin import create_topics, delete_topics
from reid.runtime.kafka import reader
from tests.integration.event_log import until

pytestmark = pytest.mark.integration


def java_partition(key: bytes, partitions: int) -> int:
    """Kafka's own `BuiltInPartitioner`: positive murmur2 (seed 0x9747b28c) modulo the partitions."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    value = 0x9747B28C ^ len(key)
    whole = len(key) - len(key) % 4
    for start in range(0, whole, 4):
        part = int.from_bytes(key[start : start + 4], "little") * multiplier & mask
        part = (part ^ part >> 24) * multiplier & mask
        value = value * multiplier & mask ^ part
    if rest := key[whole:]:
        value = (value ^ int.from_bytes(rest, "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return ((value ^ value >> 15) & 0x7FFFFFFF) % partitions


def frame(camera_id: str, at: int) -> Frame:
    return Frame(camera_id, at, 640, 480, "s", None, (Person(1, (1.0, 2.0, 30.0, 90.0), 0.9),))


def everything(bootstrap: str, topic: str, partitions: int) -> list[tuple[int, bytes, bytes]]:
    """(partition, key, value) of all records."""
    consumer: Consumer = reader(bootstrap)
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found, ended = [], 0
    deadline = time.monotonic() + 20
    while ended < partitions and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            ended += 1
            continue
        found.append((message.partition(), message.key() or b"", message.value() or b""))
    consumer.close()
    return found


def test_frames_of_all_cameras_travel_together_in_order(topics: str) -> None:
    publisher = Publisher(topics, site_id="global", producer_id="p1", linger_ms=150)
    for at in range(5):
        for number in (2, 1):
            publisher.offer(frame(f"room{number}", 1000 + 200 * at - number))
    assert publisher.close(10) == 0
    records = everything(topics, DETECTIONS.name, 4)
    messages = [decode_detections(value) for _, _, value in records]
    frames = [f for message in messages for f in message.frames]
    assert len(messages) <= 2, "the linger gathers what comes together"
    assert [f.captured_at for f in frames] == sorted(f.captured_at for f in frames)
    assert {f.camera_id for f in frames} == {"room1", "room2"}
    assert all(isinstance(m, Detections) and m.producer_id == "p1" for m in messages)
    assert publisher.published == {"room1": 5, "room2": 5}
    assert not publisher.failed


@pytest.mark.parametrize("site", ["global", "annex", "site-7", "a", "Zürich"])
def test_a_site_lands_where_java_would_put_it(topics: str, site: str) -> None:
    publisher = Publisher(topics, site_id=site, producer_id="p1", linger_ms=0)
    publisher.offer(frame("room1", 1))
    publisher.close(10)
    ((partition, key, _),) = everything(topics, DETECTIONS.name, 4)
    assert (partition, key) == (java_partition(site.encode(), 4), site.encode())


def test_reports_are_keyed_by_site_and_camera(topics: str) -> None:
    publisher = Publisher(topics, site_id="global", producer_id="p1")
    status = CameraStatus(
        site_id="global", camera_id="room1", session="s", reported_at=5, state="failed", detail="why"
    )
    publisher.report(status)
    publisher.close(10)
    ((_, key, value),) = everything(topics, CAMERAS.name, 1)
    assert key == b"global/room1"
    assert decode_status(value) == status


def test_without_kafka_memory_stays_bounded_and_losses_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    publisher = Publisher(
        "127.0.0.1:9",
        site_id="global",
        producer_id="p1",
        linger_ms=0,
        **{"queue.buffering.max.messages": 50, "delivery.timeout.ms": 1500},
    )
    sent = 0
    for burst in range(60):
        for _ in range(5):
            publisher.offer(frame("room1", burst))
            sent += 1
        time.sleep(0.05)
    assert publisher.failed["room1"] > 0
    began = time.monotonic()
    publisher.close(2.0)
    assert time.monotonic() - began < 4
    assert publisher.published["room1"] == 0
    assert publisher.failed["room1"] <= sent
    texts = [record.getMessage() for record in caplog.records]
    assert sum("Kafka is away" in text for text in texts) == 1
    assert sum("takes nothing" in text for text in texts) <= 5


def test_what_kafka_never_took_was_called_neither_published_nor_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last line of a camera that is stopped while Kafka is away said "0 lost" of all that waited."""
    publisher = Publisher("127.0.0.1:9", site_id="global", producer_id="p1", linger_ms=0)
    for at in range(7):
        publisher.offer(frame("room1", at))
    publisher.close(1.0)
    assert (publisher.failed["room1"], publisher.published["room1"]) == (7, 0)
    assert not [record for record in caplog.records if "frames are lost" in record.getMessage()]


def test_that_kafka_takes_frames_again_was_told_by_nobody(
    topics: str, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = Publisher(topics, site_id="global", producer_id="p1", linger_ms=0)
    for at in range(2):
        publisher._outage.on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        publisher.offer(frame("room1", at))
        until(lambda at=at: publisher.published["room1"] == at + 1)
    publisher.close(10)
    told = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert told == ["Kafka is away", "Kafka is back"] * 2


@pytest.mark.parametrize("before", [True, False])
def test_a_camera_without_its_topics_broke_and_had_to_be_started_again_when_they_were_there(
    topics: str, caplog: pytest.LogCaptureFixture, before: bool
) -> None:
    """Half a minute after its start, shorter here, with tracebacks; it had said nothing until then. And a
    broker that makes topics by itself had made them, of one partition. ``before``: they went as it ran."""

    def delete() -> None:
        delete_topics(topics, [CAMERAS.name, DETECTIONS.name])

    if not before:
        delete()
    soon = {"topic.metadata.propagation.max.ms": 200, "topic.metadata.refresh.interval.ms": 500}
    publisher = Publisher(topics, site_id="global", producer_id="p1", linger_ms=0, **soon)
    if before:
        publisher.offer(frame("room1", 1))
        until(lambda: publisher.published["room1"])
        delete()
    assert publisher._missing == (set() if before else {CAMERAS.name, DETECTIONS.name})
    status = CameraStatus(site_id="global", camera_id="room1", session="s", reported_at=5, state="ended")
    known = publisher.published["room1"]

    def lost(number: int) -> bool:
        publisher.report(status)
        publisher.offer(frame("room1", number))
        time.sleep(0.05)
        return publisher.failed["room1"] >= number

    until(lambda: lost(20))
    told = [record.getMessage() for record in caplog.records if "topics create" in record.getMessage()]
    assert {text.partition(":")[0] for text in told} >= {f"nothing is sent to {DETECTIONS.name}"}
    assert len(told) <= 3
    create_topics(topics, 4, 1)
    until(lambda: lost(1) and publisher.published["room1"] > known)
    publisher.close(10)


def test_what_nobody_gathers_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Publisher, "_gather", lambda self: None)
    publisher = Publisher("127.0.0.1:9", site_id="global", producer_id="p1")
    for at in range(MAX_PENDING + 7):
        publisher.offer(frame("room1", at))
    assert publisher.failed["room1"] == 7
    assert len(publisher._pending) == MAX_PENDING
