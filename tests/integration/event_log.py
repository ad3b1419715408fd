"""Writes to the log as the identity agent does, and waits for the views, for tests on real servers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from projections.alerts import AlertsView
from projections.dead_letters import KafkaDeadLetters
from projections.follower import Follower
from projections.projector import READER
from projections.redis_store import RedisViewStore
from projections.views import CamerasView, PersonsView
from reid.contracts.alerts import AnyAlert
from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.codec import encode
from reid.contracts.detections import CameraStatus
from reid.contracts.topics import ALERTS, CAMERAS, COMMANDS, EVENTS, EVENTS_DLQ, transactional_id
from reid.runtime import kafka

TTL_DAYS = 90


class EventLog:
    """One writer: each `write` is a transaction."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer = kafka.transactional_producer(bootstrap, transactional_id(0))
        self._producer.init_transactions(20)
        self._plain = kafka.producer(bootstrap, **{"linger.ms": 0})
        self._inputs = 0

    def write(self, *events: Any, abort: bool = False) -> None:
        """Events, or raw bytes of what only looks like one. ``abort``: the transaction is given up."""
        self._producer.begin_transaction()
        cause = Causation(COMMANDS.name, 0, self._inputs)
        self._inputs += 1
        for ordinal, event in enumerate(events):
            if isinstance(event, bytes):
                self._producer.produce(EVENTS.name, event, b"global", headers=[("ce_id", b"broken")])
            else:
                headers: Any = headers_of(event, cause, ordinal)
                self._producer.produce(EVENTS.name, encode(event), event.site_id.encode(), headers=headers)
        self._producer.flush(20)
        if abort:
            self._producer.abort_transaction(20)
        else:
            self._producer.commit_transaction(20)

    def report(self, status: CameraStatus) -> None:
        key = f"{status.site_id}/{status.camera_id}".encode()
        self._plain.produce(CAMERAS.name, encode(status), key)
        self._plain.flush(20)

    def alert(self, event: AnyAlert) -> None:
        """As the rules found it, without what caused it."""
        self._plain.produce(ALERTS.name, encode(event), event.site_id.encode())
        self._plain.flush(20)

    def command(self, seconds: float = 60.0) -> tuple[bytes | None, bytes]:
        """Key and value of the next command that somebody asked for."""
        return self._next(COMMANDS.name, seconds)[:2]

    def dead_letter(self, seconds: float = 60.0) -> tuple[bytes | None, bytes, dict[str, str]]:
        return self._next(EVENTS_DLQ.name, seconds)

    def _next(self, topic: str, seconds: float) -> tuple[bytes | None, bytes, dict[str, str]]:
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition

        consumer = kafka.reader(self._bootstrap, **{"enable.partition.eof": False})
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        try:
            message = consumer.poll(seconds)
            assert message is not None, f"nothing on {topic} within {seconds} s"
            value = message.value()
            assert value is not None
            headers: Any = message.headers() or []
            return message.key(), value, {name: raw.decode() for name, raw in headers}
        finally:
            consumer.close()


@contextmanager
def projector(bootstrap: str, redis_url: str) -> Iterator[threading.Thread]:
    """A projector at work in a thread; ends with the block."""
    stop, ready = threading.Event(), threading.Event()
    consumer = kafka.reader(bootstrap, error_cb=lambda _: None, **READER)
    producer = kafka.producer(bootstrap, error_cb=lambda _: None, **{"linger.ms": 0})
    store = RedisViewStore(redis_url)
    views = [PersonsView(TTL_DAYS), CamerasView(), AlertsView()]
    follower = Follower(consumer, store, views, KafkaDeadLetters(producer), stop, ready.set)
    thread = threading.Thread(target=follower.run, name="projector")
    thread.start()
    try:
        assert ready.wait(60), "the projector did not get ready"
        yield thread
    finally:
        stop.set()
        thread.join(30)
        consumer.close()
        store.close()
        assert not thread.is_alive()


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What the condition gives once it is true. Fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.002)
    return found
