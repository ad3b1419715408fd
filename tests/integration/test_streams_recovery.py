"""Recovery on a real broker: from snapshots good and bad, of a log made anew; and how a worker ends that can
get on no more."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reid.contracts.partitioning import partition_of
from reid.contracts.topics import DETECTIONS, EVENTS, SNAPSHOTS
from reid.domain.snapshot import dump
from reid.errors import ConfigError
from reid.runtime.admin import create_topics, delete_topics
from reid.runtime.kafka import producer
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.settings import Settings
from streams.decider import IdentityDecider
from streams.kafka_log import KafkaPartitionLog
from streams.partition import PartitionWriter
from streams.policies import policies_of
from streams.ports import SnapshotPart
from streams.snapshots import MANIFEST_KEY, pack, unpack
from streams.telemetry import Telemetry
from tests.integration.identity_worker import Progress, Walk, decide_anew, log_of, send, until, worker

pytestmark = pytest.mark.integration

SITE = "global"
PARTITION = partition_of(SITE.encode(), 4)


class NoSnapshots(KafkaPartitionLog):
    def snapshot(self) -> list[SnapshotPart]:
        return []


def recovered(
    bootstrap: str, settings: Settings, log: type[KafkaPartitionLog] = KafkaPartitionLog
) -> tuple[bytes, dict[str, int], int]:
    """State, positions, and how many events were folded to get there."""
    telemetry = Telemetry()
    decider = IdentityDecider(policies_of(settings))
    writer: PartitionWriter[Any] = PartitionWriter(
        log(bootstrap, PARTITION), decider, PARTITION, settings.partitions, telemetry
    )
    writer.recover()
    writer.close()
    return dump(writer.state), dict(writer.positions), telemetry.total().folded


def walked(bootstrap: str, settings: Settings, count: int = 120) -> None:
    """So many messages decided, a snapshot each 20 events. In rounds: a snapshot is taken before a batch,
    and a quick machine decides everything at hand in one."""
    walk = Walk(SITE)
    with (
        Progress(bootstrap, settings.partitions) as progress,
        worker(settings, SAFEROOM_SNAPSHOT_EVENTS="20"),
    ):
        for sent in range(count // 4, count + 1, count // 4):
            send(bootstrap, [(DETECTIONS.name, SITE, walk.message(3)) for _ in range(count // 4)])
            until(lambda sent=sent: progress.total() == sent, "decided")


def newest(bootstrap: str) -> list[SnapshotPart]:
    log = KafkaPartitionLog(bootstrap, PARTITION)
    return log.snapshot()


def put(bootstrap: str, parts: list[SnapshotPart]) -> None:
    client = producer(bootstrap)
    for key, value in parts:
        client.produce(SNAPSHOTS.name, value, key, PARTITION)
    assert client.flush(10.0) == 0


def test_snapshot_and_tail_are_the_full_fold_and_a_bad_snapshot_is_left_aside(
    topics: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    walked(topics, settings)
    state, positions, all_events = recovered(topics, settings, NoSnapshots)
    *same, tail = recovered(topics, settings)
    assert same == [state, positions]
    assert tail < all_events, "the tail only"

    parts = newest(topics)
    found = unpack(parts)
    assert found is not None
    manifest, raw = found
    at = (manifest.tip, manifest.event_id, manifest.decided, manifest.events)
    other_layout = pack(raw.replace(b'"layout":', b'"layout":9'), *at)
    flipped = pack(raw, *at)
    flipped[0] = SnapshotPart(flipped[0].key, flipped[0].value[:-1] + b"?")  # type: ignore[index]
    other_log = pack(raw, manifest.tip, "another", manifest.decided, manifest.events)
    gone = [SnapshotPart(MANIFEST_KEY, msgspec.json.encode(msgspec.structs.replace(manifest, parts=9)))]
    for bad in (other_layout, flipped, other_log, gone):
        put(topics, bad)
        assert recovered(topics, settings) == (state, positions, all_events)
    put(topics, pack(raw, *at))
    assert recovered(topics, settings) == (state, positions, tail)


def test_killed_around_snapshots(topics: str, settings: Settings) -> None:
    count = 1200
    walk = Walk(SITE)
    send(topics, [(DETECTIONS.name, SITE, walk.message(2)) for _ in range(count)])
    shorter = 0
    with Progress(topics, settings.partitions) as progress:
        for part in (0.1, 0.4, 0.7):
            with worker(settings, ready=False, SAFEROOM_SNAPSHOT_EVENTS="1") as running:
                until(lambda p=part: progress.total() > count * p, "some decided")
                running.end(signal.SIGKILL)
                at = progress.total()
            state, positions, tail = recovered(topics, settings)
            *full, all_events = recovered(topics, settings, NoSnapshots)
            assert [state, positions] == full
            assert tail <= all_events
            shorter += tail < all_events
            print(f"killed at {at}: {tail} of {all_events} events folded")
        with worker(settings, SAFEROOM_SNAPSHOT_EVENTS="1"):
            until(lambda: progress.total() == count, "all decided")
    assert shorter, "no kill found a snapshot"
    assert decide_anew(settings, topics, PARTITION, settings.partitions) == log_of(topics, PARTITION)


def test_a_log_made_anew_under_its_decided_group_is_refused(topics: str, settings: Settings) -> None:
    walked(topics, settings, 30)
    delete_topics(topics, [EVENTS.name])
    create_topics(topics, settings.partitions, 1)
    with pytest.raises(ConfigError, match=r"reid\.events\.v1/3.*made anew.*saferoom-identity-decided"):
        recovered(topics, settings)
    with worker(settings, ready=False) as running:
        assert running.process.wait(90.0) != 0
        assert "was made anew" in running.log.read_text()


@pytest.fixture
def own_broker(
    make_settings: Callable[..., Settings], tmp_path: Path, kafka_jars: Path
) -> Iterator[tuple[EmbeddedKafka, Settings]]:
    broker = EmbeddedKafka(tmp_path / "kafka", jars=kafka_jars)
    try:
        settings = make_settings(kafka_bootstrap_servers=broker.start())
        create_topics(broker.bootstrap, settings.partitions, 1)
        yield broker, settings
    finally:
        if broker.pid is not None:
            os.kill(broker.pid, signal.SIGCONT)
        broker.stop()


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_sigterm_ends_it_with_a_transaction_stuck_in_an_outage(
    own_broker: tuple[EmbeddedKafka, Settings], how: int
) -> None:
    broker, settings = own_broker
    walk = Walk(SITE)
    with Progress(broker.bootstrap, settings.partitions) as progress, worker(settings) as running:
        send(broker.bootstrap, [(DETECTIONS.name, SITE, walk.message(20)) for _ in range(400)])
        until(lambda: progress.total() > 0, "at work")
        assert progress.total() < 400
        assert broker.pid is not None
        os.kill(broker.pid, how)
        time.sleep(1.0)
        begun = time.monotonic()
        assert running.end(signal.SIGTERM) == 0
        assert time.monotonic() - begun < 5.0
        assert "this is a bug" not in running.log.read_text()


def test_a_transaction_that_a_frozen_broker_never_ends_ends_the_worker(
    own_broker: tuple[EmbeddedKafka, Settings],
) -> None:
    """It says which writer it was, and what to do."""
    broker, settings = own_broker
    soon, walk = "import streams.worker\nstreams.worker.COMMIT_LIMIT_S = 1.0\n", Walk(SITE)
    with (
        Progress(broker.bootstrap, settings.partitions) as progress,
        worker(settings, before=soon) as running,
    ):
        send(broker.bootstrap, [(DETECTIONS.name, SITE, walk.message(20)) for _ in range(400)])
        until(lambda: progress.total() > 0, "at work")
        assert progress.total() < 400
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        assert running.process.wait(20.0) != 0
        text = running.log.read_text()
        assert re.search(rf"commits-{PARTITION}: .* nor gave it up for 1 s.* saferoom doctor", text)


#: A client whose destructor waits, and Faust's thread that never ends: Faust joins it on the event loop.
_HANGING = """
import threading
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
class Client:
    def __del__(self):
        threading.Event().wait()
client = Client()
async def hangs(self):
    threading.Event().wait()
AIOKafkaConsumerThread.{} = hangs
"""


@pytest.mark.parametrize("where", ["on_thread_stop", "_gather_remaining_tasks"])
def test_sigterm_ends_it_whatever_hangs(topics: str, settings: Settings, where: str) -> None:
    with worker(settings, before=_HANGING.format(where)) as running:
        begun = time.monotonic()
        assert running.end(signal.SIGTERM) == 0
        assert time.monotonic() - begun < 5.0


_STALLING = """
import threading
import streams.worker
from reid.runtime import logs
from reid.runtime.settings import Settings
class Hangs(streams.worker.IdentityDecider):
    def step(self, state, message):
        threading.Event().wait()
streams.worker.IdentityDecider = Hangs
settings = Settings()
logs.configure(settings, "worker")
streams.worker.run(settings)
"""


def test_a_stalled_worker_ends_itself_and_says_where_it_hangs(topics: str, settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith("SAFEROOM_")} | {
        "SAFEROOM_HOME": str(settings.home),
        "KAFKA_BOOTSTRAP_SERVERS": topics,
        "SAFEROOM_WATCHDOG_SECONDS": "3",
    }
    process = subprocess.Popen([sys.executable, "-c", _STALLING], env=env, stderr=subprocess.PIPE, text=True)
    try:
        send(topics, [(DETECTIONS.name, SITE, Walk(SITE).message())])
        _, said = process.communicate(timeout=90)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 70
    assert "partition 3: 1 inputs wait and none was decided for" in said
    assert "in step" in said, "the stack of the thread that hangs"
