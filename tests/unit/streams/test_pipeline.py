"""A batch decided while the last one's transaction is at hand: every way in which that one may end."""

import re
import threading
from collections.abc import Callable

import pytest

from reid.contracts.cloudevents import envelope_from
from reid.contracts.topics import DETECTIONS
from reid.errors import CommitHung, FencedOut, Unavailable
from streams import lane as lane_module
from streams.commits import Beside, Commit
from streams.lane import Lane
from streams.partition import DirtyState, PartitionWriter
from streams.ports import Transaction
from streams.snapshots import unpack
from streams.telemetry import Telemetry
from tests.unit.streams.memory import (
    PARTITION,
    PARTITIONS,
    SITE,
    CountingDecider,
    MemoryLog,
    MemoryPartition,
    detections,
)
from tests.unit.streams.test_lane import until
from tests.unit.streams.test_partition_writer import Writer, subjects


class ByHand:
    """A transaction is carried out when the test says so, or when it is waited for."""

    def __init__(self) -> None:
        self._commit: Commit | None = None
        self._error: Exception | None = None

    @property
    def busy(self) -> bool:
        return self._commit is not None

    def start(self, commit: Commit, ended: Callable[[], None]) -> None:
        assert self._commit is None, "one transaction at a time"
        self._commit = commit

    def carry_out(self) -> None:
        commit, self._commit = self._commit, None
        if commit is not None:
            try:
                commit()
            except (FencedOut, Unavailable) as error:
                self._error = error

    def wait(self) -> None:
        self.carry_out()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        return


def recovered(
    partition: MemoryPartition, decider: CountingDecider | None = None, snapshot_events: int = 10**9
) -> tuple[Writer, ByHand]:
    commits = ByHand()
    made: Writer = PartitionWriter(
        MemoryLog(partition), decider or CountingDecider(), PARTITION, PARTITIONS, Telemetry(),
        snapshot_events, commits=commits,
    )  # fmt: skip
    made.recover()
    return made, commits


def test_what_is_decided_while_a_transaction_is_at_hand_goes_with_the_next() -> None:
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "abc"]
    writer, commits = recovered(partition)
    for record in inputs:
        writer.decide([record])
    assert writer.state == {SITE: 3}
    assert partition.events == [] and writer.committing and not writer.committed
    commits.carry_out()
    assert subjects(partition) == ["a-0"] and writer.committed
    writer.advance()
    commits.carry_out()
    assert [len(t.events) for t in partition.transactions] == [1, 2]
    assert subjects(partition) == ["a-0", "b-1", "c-2"]


@pytest.mark.parametrize("how", ["lost", "unheard"])
def test_a_failed_transaction_takes_all_with_it_that_was_decided_on_top(how: str) -> None:
    partition = MemoryPartition(crashes={1: how})
    inputs = [partition.put(detections(name)) for name in "abc"]
    writer, commits = recovered(partition)
    writer.decide(inputs[:1])
    writer.decide(inputs[1:2])
    commits.carry_out()
    with pytest.raises(Unavailable):
        writer.decide(inputs[2:])
    writer.recover()
    there = 0 if how == "lost" else 1
    assert writer.state == ({SITE: 1} if there else {})
    assert writer.positions[DETECTIONS.name] == there
    writer.decide(inputs)
    commits.carry_out()
    assert subjects(partition) == ["a-0", "b-1", "c-2"]


def test_a_writer_fenced_while_it_decided_on_does_not_fence_the_one_that_took_over() -> None:
    """Its decider fails, too: recovery would be next, and would take the partition back."""
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "ab"]
    older, _ = recovered(partition, CountingDecider({"b": 1}))
    older.decide(inputs[:1])
    newer, commits = recovered(partition)
    with pytest.raises(DirtyState):
        older.decide(inputs[1:])
    with pytest.raises(FencedOut):
        older.recover()
    newer.decide(inputs)
    commits.carry_out()
    assert subjects(partition) == ["a-0", "b-1"]


def test_a_decider_that_fails_while_a_transaction_is_at_hand_leaves_that_one_whole() -> None:
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "abc"]
    writer, commits = recovered(partition, CountingDecider({"c": 1}))
    writer.decide(inputs[:1])
    with pytest.raises(DirtyState):
        writer.decide(inputs[1:])
    writer.recover()
    assert subjects(partition) == ["a-0"]
    writer.decide(inputs)
    commits.carry_out()
    assert subjects(partition) == ["a-0", "b-1", "c-2"]


def test_at_the_end_the_transaction_at_hand_is_whole_and_the_rest_is_the_next_writers() -> None:
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "ab"]
    writer, _ = recovered(partition)
    writer.decide(inputs[:1])
    writer.decide(inputs[1:])
    writer.finish()
    assert subjects(partition) == ["a-0"]
    assert partition.decided == {DETECTIONS.name: 1}
    next_one, commits = recovered(partition)
    next_one.decide(inputs)
    commits.carry_out()
    assert subjects(partition) == ["a-0", "b-1"]


def test_a_snapshot_waits_for_the_transaction_at_hand() -> None:
    """Its manifest names the event that it stands at: that has to be in the log."""
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "abc"]
    writer, commits = recovered(partition, snapshot_events=1)
    for record in inputs:
        writer.decide([record])
        writer.advance()
    commits.carry_out()
    writer.advance()
    commits.carry_out()
    found = unpack(partition.snapshots)
    assert found is not None
    manifest, _ = found
    assert manifest.event_id == envelope_from(partition.events[manifest.tip].headers).id
    assert manifest.events == manifest.tip + 1
    again, _ = recovered(partition)
    assert again.state == {SITE: 3}


def test_an_input_left_out_is_healed_behind_the_transaction_at_hand() -> None:
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "abcd"]
    writer, commits = recovered(partition)
    writer.decide(inputs[:1])
    writer.decide([inputs[3]])
    commits.carry_out()
    writer.advance()
    assert subjects(partition) == ["a-0", "b-1", "c-2", "d-3"]


class Slow(MemoryLog):
    """Each commit waits until it is let go."""

    def __init__(self, partition: MemoryPartition) -> None:
        super().__init__(partition)
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def commit(self, transaction: Transaction) -> None:
        self.begun.release()
        assert self.go.acquire(timeout=5.0)
        super().commit(transaction)


def lane_of(log: MemoryLog) -> tuple[Lane, Writer, list[int]]:
    live: list[int] = []
    writer: Writer = PartitionWriter(
        log, CountingDecider(), PARTITION, PARTITIONS, Telemetry(), commits=Beside("commits", 5.0)
    )
    return Lane(PARTITION, writer, live.append, lambda *_: None), writer, live


def decided_meanwhile(partition: MemoryPartition) -> tuple[Slow, Lane]:
    """A lane whose first transaction waits, with a second input decided on top of it."""
    log = Slow(partition)
    lane, writer, live = lane_of(log)
    lane.start()
    until(lambda: bool(live), "live")
    lane.offer(partition.put(detections("a")))
    assert log.begun.acquire(timeout=5.0)
    lane.offer(partition.put(detections("b")))
    until(lambda: writer.state == {SITE: 2}, "decided while the first transaction waits")
    return log, lane


def test_a_lane_decides_while_its_transaction_waits_and_goes_on_when_it_ends() -> None:
    partition = MemoryPartition()
    log, lane = decided_meanwhile(partition)
    assert partition.events == []
    log.go.release()
    assert log.begun.acquire(timeout=5.0)
    log.go.release()
    until(lambda: len(partition.events) == 2, "nothing else had to arrive")
    assert lane.stop(5.0)


def test_a_lane_that_stops_lets_its_transaction_end() -> None:
    """A rebalance in the midst of one: the partition's next writer folds it, and decides the rest."""
    partition = MemoryPartition()
    log, lane = decided_meanwhile(partition)
    assert not lane.stop(0.05)
    log.go.release()
    assert lane.stop(5.0)
    assert subjects(partition) == ["a-0"]
    next_one, _ = recovered(partition)
    next_one.heal(partition.ends)
    assert subjects(partition) == ["a-0", "b-1"]


def test_a_transaction_that_fails_beside_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "_BACKOFF_S", (0.01,))
    monkeypatch.setattr(lane_module, "_IDLE_S", 0.01)
    partition = MemoryPartition(crashes={1: "unheard", 3: "lost", 4: "lost"})
    lane, _, live = lane_of(MemoryLog(partition))
    lane.start()
    until(lambda: bool(live), "live")
    for name in "abcdefgh":
        lane.offer(partition.put(detections(name)))
    until(lambda: partition.decided == {DETECTIONS.name: 8}, "all decided")
    assert lane.stop(5.0)
    assert subjects(partition) == [f"{name}-{n}" for n, name in enumerate("abcdefgh")]


def test_a_defect_beside_is_not_taken_for_kafkas() -> None:
    commits = Beside("commits", 5.0)

    def broken() -> None:
        raise ZeroDivisionError

    ended = threading.Event()
    commits.start(broken, ended.set)
    assert ended.wait(5.0) and not commits.busy
    with pytest.raises(ZeroDivisionError):
        commits.wait()
    commits.wait()
    commits.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_transaction_that_never_ends_gives_its_lane_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was waited for without an end, and only the watchdog of the whole process told. Nothing else has to
    arrive."""
    monkeypatch.setattr(lane_module, "_IDLE_S", 0.01)
    partition, broken = MemoryPartition(), list[BaseException]()
    log = Slow(partition)
    commits = Beside("commits-1", 0.05)
    writer: Writer = PartitionWriter(
        log, CountingDecider(), PARTITION, PARTITIONS, Telemetry(), commits=commits
    )
    lane = Lane(PARTITION, writer, lambda _: None, lambda _, error: broken.append(error))
    lane.start()
    lane.offer(partition.put(detections("a")))
    assert log.begun.acquire(timeout=5.0)
    until(lambda: bool(broken), "given up")
    assert lane.stop(5.0), "its thread tells of the error before this test is over"
    assert isinstance(broken[0], CommitHung)
    assert re.search(r"commits-1: .* nor gave it up for 0 s.* saferoom doctor", str(broken[0]))
    with pytest.raises(CommitHung):
        commits.wait()
    log.go.release()
