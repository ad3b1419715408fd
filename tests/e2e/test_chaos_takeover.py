"""What the chaos test counts as a takeover; two workers and a group that are told what to say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos.acknowledged import Acknowledged, Count, Journal
from benchmarks.chaos.takeover import Takeover, Writers
from reid.contracts.topics import DETECTIONS


@dataclass
class Worker:
    name: str
    partitions: Sequence[int]
    running: int = 1
    ready: int = 1

    def pid(self) -> int:
        return self.running

    def facts(self) -> dict[str, Any]:
        return {"pid": self.ready, "worker_id": self.name, "partitions": list(self.partitions)}


@dataclass
class Site:
    """``group``: partition -> worker id, as Kafka has it. ``offsets``: next to decide of each partition."""

    workers: list[Worker]
    group: dict[int, str]
    offsets: list[int] = field(default_factory=lambda: [10, 10, 10, 10])
    now: float = 0.0

    def owners(self) -> dict[int, str]:
        return dict(self.group)

    def decided(self) -> dict[tuple[str, int], int]:
        return {(DETECTIONS.name, p): offset for p, offset in enumerate(self.offsets)}

    def decide(self, *partitions: int) -> None:
        for partition in partitions:
            self.offsets[partition] += 1

    def clock(self) -> float:
        return self.now


def site() -> Site:
    """``a`` writes 0 and 1, ``b`` 2 and 3."""
    return Site([Worker("a", [0, 1]), Worker("b", [2, 3])], {0: "a", 1: "a", 2: "b", 3: "b"})


def proven(at: Site) -> bool:
    """Two looks, with decisions of every partition between them."""
    writers = Writers(at, 4)
    first = writers.look()
    at.decide(0, 1, 2, 3)
    return not first and writers.look() and writers.still()


def takeover_of(at: Site, frozen: str, *owned: int) -> Takeover:
    """At second 1, when the frozen worker's last decisions are known."""
    begun = Takeover(at, frozen, owned, at.clock)
    at.now = 1.0
    assert not begun.look()
    return begun


def test_writers_that_decide_are_proven() -> None:
    assert proven(site())


def test_a_stale_ready_file_proves_nothing() -> None:
    """`a` had all partitions; `b` has two of them since, but `a` has not said so yet."""
    at = site()
    at.workers[0].partitions = [0, 1, 2, 3]
    assert not proven(at)
    at.workers[1].partitions = []
    assert not proven(at)


def test_a_dead_workers_ready_file_proves_nothing() -> None:
    at = site()
    at.workers[1].running = 2
    assert not proven(at)


def test_a_worker_that_was_given_nothing_yet_is_no_writer() -> None:
    at = site()
    at.group = {0: "a", 1: "a"}
    at.workers[1].partitions = []
    assert not proven(at)


def test_a_group_that_rebalances_proves_nothing() -> None:
    at = site()
    at.group = {}
    assert not proven(at)


def test_a_partition_that_nobody_decides_has_no_proven_writer() -> None:
    at = site()
    writers = Writers(at, 4)
    writers.look()
    at.decide(0, 1, 2)
    assert not writers.look()
    at.decide(3)
    assert writers.look()


def test_decisions_before_the_owners_agreed_do_not_count() -> None:
    """They may have been the writer's before."""
    at = site()
    writers = Writers(at, 4)
    at.group[1] = "b"
    writers.look()
    at.decide(0, 1, 2, 3)
    at.group[1] = "a"
    assert not writers.look()
    assert not writers.look()
    at.decide(0, 1, 2, 3)
    assert writers.look()


def test_owners_that_changed_after_the_last_look_are_noticed() -> None:
    at = site()
    writers = Writers(at, 4)
    writers.look()
    at.decide(0, 1, 2, 3)
    assert writers.look()
    at.workers[0].running = at.workers[0].ready = 7
    assert not writers.still()


def test_a_takeover_is_the_others_decision_of_every_partition() -> None:
    at = site()
    begun = takeover_of(at, "a", 0, 1)
    at.now, at.group = 6.0, {0: "b", 1: "b", 2: "b", 3: "b"}
    assert not begun.look()
    at.decide(0)
    assert not begun.look()
    at.now = 6.4
    at.decide(1)
    assert begun.look()
    assert begun.seconds == 6.4
    assert begun.possible


def test_decisions_of_other_partitions_are_no_takeover() -> None:
    """The stale file's mistake: 2 and 3 were the other's all the time."""
    at = site()
    begun = takeover_of(at, "a", 0, 1)
    at.now, at.group = 7.0, {0: "b", 1: "b", 2: "b", 3: "b"}
    at.decide(2, 3)
    assert not begun.look()
    assert not begun.possible


def test_what_the_frozen_one_had_sent_is_no_takeover() -> None:
    at = site()
    begun = Takeover(at, "a", [0, 1], at.clock)
    at.now = 0.5
    at.decide(0, 1)
    assert not begun.look()
    at.now = 1.0
    assert not begun.look()
    at.now, at.group = 6.0, {0: "b", 1: "b", 2: "b", 3: "b"}
    assert not begun.look()


def test_decisions_while_the_frozen_one_owns_the_partition_are_no_takeover() -> None:
    at = site()
    begun = takeover_of(at, "a", 0, 1)
    at.now = 6.0
    at.decide(0, 1)
    assert not begun.look()
    at.group = {}
    assert not begun.look()


def test_a_takeover_before_anybody_could_notice_is_not_believed() -> None:
    at = site()
    begun = takeover_of(at, "a", 0, 1)
    at.now, at.group = 1.3, {0: "b", 1: "b", 2: "b", 3: "b"}
    at.decide(0, 1)
    assert begun.look()
    assert begun.seconds == 1.3
    assert not begun.possible


def test_a_journal_is_counted_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    count = Count(path)
    assert count.look() == 0
    journal = Journal(path)
    for number in (0, -1, 1):
        journal.add(Acknowledged("s", number, "t", 0, 5, "ab"))
    journal.close()
    assert count.look() == 2
    with path.open("ab") as half:
        half.write(b"s 2 t 0")
    assert count.look() == 2
    with path.open("ab") as rest:
        rest.write(b" 6 ab\n")
    assert count.look() == 3
    assert count.look() == 3
