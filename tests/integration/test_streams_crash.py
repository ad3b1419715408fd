"""Killed, frozen, cut off from Kafka: nothing is lost, nothing is there twice, and deciding anew gives the
very same log."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from reid.contracts.cloudevents import envelope_from
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import DETECTIONS
from reid.runtime.admin import create_topics
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.settings import Settings
from tests.integration.identity_worker import (
    Progress,
    Walk,
    decide_anew,
    decided,
    log_of,
    send,
    until,
    worker,
)

pytestmark = pytest.mark.integration

SITES = ("global", "annex", "site-1")


def walks(count: int, frames: int = 1) -> list[tuple[str, str, bytes]]:
    """``count`` messages, the sites in turn."""
    people = {site: Walk(site, seed=n) for n, site in enumerate(SITES)}
    return [(DETECTIONS.name, SITES[n % 3], people[SITES[n % 3]].message(frames)) for n in range(count)]


def number_decided(bootstrap: str, settings: Settings) -> int:
    return sum(decided(bootstrap, settings.partitions).values())


def assert_exactly_once(bootstrap: str, settings: Settings) -> int:
    """Compares each partition's log with its inputs decided anew. Returns the number of events."""
    total = 0
    for partition in {partition_of(site.encode(), settings.partitions) for site in SITES}:
        log = log_of(bootstrap, partition)
        ids = [envelope_from(record.headers).id for record in log]
        assert len(ids) == len(set(ids)), "an event is there twice"
        assert log == decide_anew(settings, bootstrap, partition, settings.partitions)
        total += len(log)
    return total


def test_killed_in_the_middle_of_two_thousand_inputs(topics: str, settings: Settings) -> None:
    count = 2000
    send(topics, walks(count))
    killed_at = []
    with Progress(topics, settings.partitions) as progress:
        for part in (0.01, 0.4):
            with worker(settings, ready=False) as running:
                until(lambda p=part: progress.total() > count * p, "some decided")
                running.end(signal.SIGKILL)
                killed_at.append(progress.total())
        with worker(settings):
            until(lambda: progress.total() == count, "all decided")
    print(f"killed when {killed_at} of {count} were decided")
    assert killed_at[0] < count, "the first kill hit a worker at work"
    assert assert_exactly_once(topics, settings) > 100


def test_a_frozen_worker_is_fenced_by_the_next(
    topics: str, settings: Settings, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    other = make_settings(home=tmp_path / "other", kafka_bootstrap_servers=topics, worker_id="worker-1")
    records = walks(900)
    with worker(settings) as frozen:
        send(topics, records[:300])
        until(lambda: number_decided(topics, settings) == 300, "the first part decided")
        send(topics, records[300:600])
        frozen.process.send_signal(signal.SIGSTOP)
        with worker(other, SAFEROOM_WORKER_ID="worker-1"):
            until(lambda: number_decided(topics, settings) == 600, "taken over")
            frozen.process.send_signal(signal.SIGCONT)
            send(topics, records[600:])
            until(lambda: number_decided(topics, settings) == 900, "all decided")
    assert assert_exactly_once(topics, settings) > 50


def test_the_broker_is_killed_and_comes_back(
    make_settings: Callable[..., Settings], tmp_path: Path, kafka_jars: Path
) -> None:
    records = walks(300)
    broker = EmbeddedKafka(tmp_path / "kafka", jars=kafka_jars)
    try:
        bootstrap = broker.start()
        settings = make_settings(kafka_bootstrap_servers=bootstrap)
        create_topics(bootstrap, settings.partitions, 1)
        with worker(settings) as running:
            send(bootstrap, records[:150])
            until(lambda: number_decided(bootstrap, settings) == 150, "the first part decided")
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGKILL)
            until(lambda: not broker.alive, "the broker is dead")
            broker.stop()
            assert broker.start() == bootstrap
            send(bootstrap, records[150:])
            until(lambda: number_decided(bootstrap, settings) == 300, "decided after the restart")
            assert running.process.poll() is None, "the worker lived through it"
        assert assert_exactly_once(bootstrap, settings) > 20
    finally:
        broker.stop()
