"""`create_topics` against a real broker."""

import dataclasses
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from reid.contracts.topics import ALL_TOPICS, CAMERAS, EVENTS
from reid.errors import ConfigError, Unavailable
from reid.runtime import admin
from reid.runtime.admin import create_topics, delete_topics, list_topics
from reid.runtime.kafka import producer, reader
from reid.runtime.servers.ports import choose

pytestmark = pytest.mark.integration


def test_creating_twice_creates_once(kafka: str) -> None:
    delete_topics(kafka, [topic.name for topic in ALL_TOPICS])
    assert create_topics(kafka, 4, 1) == sorted(topic.name for topic in ALL_TOPICS)
    assert create_topics(kafka, 4, 1) == []
    assert list_topics(kafka)[EVENTS.name] == 4
    assert list_topics(kafka)[CAMERAS.name] == 1


def test_another_partition_count_is_refused_with_the_remedy(topics: str) -> None:
    with pytest.raises(ConfigError, match=r"reid\.events\.v1 has 4 partitions, not 6.*SAFEROOM_PARTITIONS=4"):
        create_topics(topics, 6, 1)


def test_another_retention_is_refused_with_the_remedy(topics: str) -> None:
    forgetful = dataclasses.replace(EVENTS, retention_ms=60_000)
    with pytest.raises(ConfigError, match=r"retention\.ms=-1, not 60000.*kafka-configs"):
        create_topics(topics, 4, 1, [forgetful])


def test_too_few_brokers_is_a_clear_error(topics: str) -> None:
    delete_topics(topics, [EVENTS.name])
    with pytest.raises(ConfigError, match="SAFEROOM_REPLICATION_FACTOR"):
        create_topics(topics, 4, 3)


class Deaf:
    """A client that knows the broker and never hears who its controller is."""

    def __init__(self, real: AdminClient) -> None:
        self._real = real

    def list_topics(self, timeout: float) -> Any:
        return self._real.list_topics(timeout=timeout)

    def _none(self, asked: list[Any], **_: float) -> dict[str, "Future[Any]"]:
        name = getattr(asked[0], "topic", asked[0])
        future: Future[Any] = Future()
        future.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        return {name: future}

    create_topics = delete_topics = _none


@pytest.mark.parametrize(("deaf", "works"), [(1, True), (2, True), (9, False)])
def test_a_client_that_never_heard_of_the_controller_failed_though_kafka_was_there(
    topics: str, monkeypatch: pytest.MonkeyPatch, deaf: int, works: bool
) -> None:
    real, made = admin.admin_client, list[Deaf]()

    def client(bootstrap: str) -> Any:
        if len(made) == deaf:
            return real(bootstrap)
        made.append(Deaf(real(bootstrap)))
        return made[-1]

    monkeypatch.setattr(admin, "admin_client", client)
    if not works:
        with pytest.raises(Unavailable, match=r"does not answer \(Local: Timed out\)"):
            delete_topics(topics, [EVENTS.name])
        assert len(made) == 3
        return
    delete_topics(topics, [EVENTS.name])
    assert len(made) == deaf and EVENTS.name not in list_topics(topics)


def test_an_absent_broker_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reid.runtime.admin._TIMEOUT_S", 0.5)
    (port,) = choose(1)
    with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port} does not answer.*saferoom up"):
        create_topics(f"127.0.0.1:{port}", 4, 1)


def test_the_topics_fixture_gives_empty_topics(topics: str) -> None:
    writer = producer(topics)
    writer.produce(EVENTS.name, b"x", partition=0)
    assert writer.flush(10) == 0
    consumer = reader(topics)
    from confluent_kafka import TopicPartition

    low, high = consumer.get_watermark_offsets(TopicPartition(EVENTS.name, 0))
    consumer.close()
    assert (low, high) == (0, 1)
