"""A partition's thread against the in-memory log."""

import threading
import time
from collections.abc import Callable

import pytest

from reid.contracts.topics import DETECTIONS
from reid.errors import ConfigError, Unavailable
from streams import lane as lane_module
from streams.feed import Feed, Take
from streams.lane import Lane
from streams.lanes import RESTLESS, Lanes
from streams.partition import PartitionWriter
from streams.ports import Transaction
from streams.telemetry import Telemetry
from tests.unit.streams.memory import (
    PARTITION,
    PARTITIONS,
    CountingDecider,
    MemoryLog,
    MemoryPartition,
    detections,
)
from tests.unit.streams.test_partition_writer import Writer, subjects


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


class Running:
    """A lane on a partition, its calls noted."""

    def __init__(
        self, partition: MemoryPartition, log: MemoryLog | None = None, feed: Feed | None = None
    ) -> None:
        self.live: list[int] = []
        self.broken: list[BaseException] = []
        writer: Writer = PartitionWriter(
            log or MemoryLog(partition), CountingDecider(), PARTITION, PARTITIONS, Telemetry()
        )
        self.lane = Lane(
            PARTITION, writer, self.live.append, lambda _, error: self.broken.append(error), feed
        )

    def __enter__(self) -> "Running":
        self.lane.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.lane.stop(5.0)


def test_what_waits_in_kafka_is_decided_without_any_delivery():
    """Faust's committed offset may be past inputs that a killed worker never decided."""
    partition = MemoryPartition()
    for name in "abc":
        partition.put(detections(name))
    with Running(partition) as running:
        until(lambda: len(partition.events) == 3, "healed at the start")
        until(lambda: running.live == [PARTITION], "told that it is live")
    assert subjects(partition) == ["a-0", "b-1", "c-2"]


def test_what_is_offered_is_decided_in_order():
    partition = MemoryPartition()
    with Running(partition) as running:
        until(lambda: bool(running.live), "live")
        for n in range(50):
            running.lane.offer(partition.put(detections(f"p{n}")))
        until(lambda: len(partition.events) == 50, "decided")
    assert subjects(partition) == [f"p{n}-{n}" for n in range(50)]


def test_a_failed_commit_is_made_good_without_new_input(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lane_module, "_BACKOFF_S", (0.01,))
    monkeypatch.setattr(lane_module, "_IDLE_S", 0.01)
    partition = MemoryPartition(crashes={1: "lost", 2: "unheard"})
    with Running(partition) as running:
        until(lambda: bool(running.live), "live")
        running.lane.offer(partition.put(detections("a")))
        until(lambda: partition.decided == {DETECTIONS.name: 1} and len(running.live) == 2, "recovered")
    assert subjects(partition) == ["a-0"]


def test_a_fenced_lane_ends_and_does_not_come_back():
    partition = MemoryPartition()
    with Running(partition) as running:
        until(lambda: bool(running.live), "live")
        newer = MemoryLog(partition)
        newer.fence()
        running.lane.offer(partition.put(detections("a")))
        until(lambda: running.lane.fenced, "fenced")
        assert newer is not None
        newer.commit(Transaction([], [], {}))
    assert partition.events == []
    assert running.broken == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_that_no_retry_mends_is_told():
    partition = MemoryPartition(decided={DETECTIONS.name: 5})
    with Running(partition) as running:
        until(lambda: bool(running.broken), "broken")
    assert isinstance(running.broken[0], ConfigError)


def test_kafka_away_is_retried(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lane_module, "_BACKOFF_S", (0.01,))
    partition, refusals = MemoryPartition(), iter(range(3))

    class AwayLog(MemoryLog):
        def fence(self) -> None:
            if next(refusals, None) is not None:
                raise Unavailable("away")
            super().fence()

    partition.put(detections("a"))
    with Running(partition, AwayLog(partition)):
        until(lambda: len(partition.events) == 1, "decided once Kafka is back")


def lanes_on(held: dict[int, MemoryPartition], ready: list[list[int]]) -> Lanes:
    def open_writer(partition: int) -> Writer:
        return PartitionWriter(
            MemoryLog(held[partition]), CountingDecider(), partition, PARTITIONS, Telemetry()
        )

    return Lanes(open_writer, lambda partition: FromMemory(held[partition]), ready.append, lambda error: None)


def test_ready_when_all_assigned_partitions_are_live_and_again_after_a_new_assignment():
    held, ready = {n: MemoryPartition() for n in range(4)}, []
    lanes = lanes_on(held, ready)
    lanes.assign([0, 1])
    until(lambda: ready == [[0, 1]], "ready")
    lanes.revoke(2.0)
    assert lanes.partitions == []
    lanes.assign([1])
    until(lambda: ready == [[0, 1], [1]], "ready again")
    assert lanes.partitions == [1]
    assert (held[0].epoch, held[1].epoch) == (1, 2)
    lanes.revoke(2.0)


def test_a_worker_without_partitions_is_a_standby_and_ready():
    ready: list[list[int]] = []
    lanes_on({}, ready).assign([])
    assert ready == [[]]


def test_two_workers_of_one_name_kept_each_other_from_work_and_neither_said_a_word(
    caplog: pytest.LogCaptureFixture,
):
    lanes = lanes_on({}, [])
    for _ in range(RESTLESS - 1):
        lanes.assign([])
    assert not caplog.records, "workers that come and go are no reason"
    for _ in range(2):
        lanes.assign([])
    assert [record.levelname for record in caplog.records] == ["WARNING"], "told once"
    assert "SAFEROOM_WORKER_ID" in caplog.text


class FromMemory:
    """A feed of what a partition holds, driven by hand. ``going``: what the lane said to the last of it."""

    def __init__(self, partition: MemoryPartition) -> None:
        self.partition = partition
        self.started: list[int] = []
        self.going = True

    def start(self, offset: int, take: Take) -> None:
        self.started.append(offset)
        self._next, self._take = offset, take

    def bring(self, count: int) -> None:
        found = self.partition.inputs[DETECTIONS.name][self._next :][:count]
        self._next += len(found)
        self.going = self._take(found)


def test_a_feed_begins_behind_what_recovery_decided_and_only_once():
    partition = MemoryPartition(crashes={2: "lost"})
    partition.put(detections("a"))
    feed = FromMemory(partition)
    with Running(partition, feed=feed) as running:
        until(lambda: bool(running.live), "live")
        assert feed.started == [1]
        partition.put(detections("b"))
        feed.bring(1)
        until(lambda: len(running.live) == 2, "recovered")
        partition.put(detections("c"))
        feed.bring(1)
        until(lambda: len(partition.events) == 3, "decided")
    assert (subjects(partition), feed.started) == (["a-0", "b-1", "c-2"], [1])
    feed.bring(0)
    assert not feed.going, "the lane has ended"


def test_a_feed_waits_while_enough_is_to_be_decided_and_ends_with_its_lane(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lane_module, "ENOUGH", 3)
    partition, gate = MemoryPartition(), threading.Event()

    class SlowLog(MemoryLog):
        def commit(self, transaction: Transaction) -> None:
            assert gate.wait(5.0)
            super().commit(transaction)

    feed = FromMemory(partition)
    with Running(partition, SlowLog(partition), feed) as running:
        until(lambda: bool(running.live), "live")
        for n in range(9):
            partition.put(detections(f"p{n}"))
        bringing = threading.Thread(target=lambda: [feed.bring(4) for _ in range(3)])
        bringing.start()
        bringing.join(0.1)
        assert bringing.is_alive(), "it waits"
        gate.set()
        bringing.join(5.0)
        until(lambda: len(partition.events) == 9, "all decided")
        MemoryLog(partition).fence()
        feed.partition.put(detections("q"))
        feed.bring(1)
        until(lambda: running.lane.fenced, "fenced")
        feed.bring(0)
        assert not feed.going
    assert subjects(partition) == [f"p{n}-{n}" for n in range(9)]


def test_an_input_of_a_partition_that_is_not_ours_is_left():
    lanes = lanes_on({}, [])
    lanes.offer(MemoryPartition().put(detections("a")))
