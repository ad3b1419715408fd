"""When a worker that lives is taken for stalled, and when not. Time and Kafka are given."""

import threading
from dataclasses import dataclass, field

from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.errors import Unavailable
from streams.watchdog import Backlog, Watchdog

LIMIT = 60.0


@dataclass
class Scene:
    """A clock, what Kafka tells, and what the lanes tell."""

    now: float = 0.0
    decided: int = 0
    end: int = 0
    away: bool = False
    real: bool = True
    lanes: dict[int, int] = field(default_factory=lambda: {2: 0})
    asked: list[int] = field(default_factory=list)

    def backlog(self, partition: int) -> dict[str, Backlog]:
        self.asked.append(partition)
        if self.away:
            raise Unavailable("away")
        return {DETECTIONS.name: Backlog(self.decided, self.end), COMMANDS.name: Backlog(0, 0)}

    def has_input(self, topic: str, partition: int, offset: int) -> bool:
        assert (topic, offset) == (DETECTIONS.name, self.decided)
        return self.real

    def watchdog(self) -> Watchdog:
        return Watchdog(self, lambda: self.lanes, 4, LIMIT, clock=lambda: self.now)

    def pass_time(self, dog: Watchdog, seconds: int) -> str | None:
        """The first complaint within so many seconds, looked for every 10."""
        for _ in range(seconds // 10):
            self.now += 10.0
            complaint = dog.stalled()
            if complaint is not None:
                return complaint
        return None


def test_inputs_that_nobody_decides_are_a_stall():
    scene = Scene(decided=3, end=5)
    complaint = scene.pass_time(scene.watchdog(), 70)
    assert complaint == "partition 2: 2 inputs wait and none was decided for 60 s"


def test_no_inputs_are_no_stall():
    scene = Scene(decided=5, end=5)
    assert scene.pass_time(scene.watchdog(), 600) is None


def test_a_backlog_that_shrinks_is_no_stall():
    scene = Scene(end=1000)
    dog = scene.watchdog()
    for _ in range(20):
        scene.decided += 1
        assert scene.pass_time(dog, 50) is None


def test_a_long_fold_is_no_stall():
    scene = Scene(end=1000)
    dog = scene.watchdog()
    for _ in range(20):
        scene.lanes = {2: scene.lanes[2] + 100}
        assert scene.pass_time(dog, 50) is None


def test_kafka_away_is_no_stall_and_starts_the_time_anew():
    scene = Scene(end=1)
    dog = scene.watchdog()
    assert scene.pass_time(dog, 50) is None
    scene.away = True
    assert scene.pass_time(dog, 600) is None
    scene.away = False
    assert scene.pass_time(dog, 60) is None
    assert scene.pass_time(dog, 20) is not None


def test_transaction_markers_at_the_end_of_a_topic_are_no_inputs():
    scene = Scene(decided=4, end=5, real=False)
    assert scene.pass_time(scene.watchdog(), 600) is None


def test_a_worker_without_assignment_watches_all_partitions():
    scene = Scene(end=1, lanes={})
    assert scene.pass_time(scene.watchdog(), 70) is not None
    assert set(scene.asked) == {0, 1, 2, 3}


def test_the_thread_ends_the_process_once():
    scene = Scene(end=1)
    said: list[str] = []
    dog = Watchdog(scene, lambda: scene.lanes, 4, 0.05)
    thread = threading.Thread(target=dog.run, args=(threading.Event(), said.append))
    thread.start()
    thread.join(5.0)
    assert not thread.is_alive()
    assert len(said) == 1


def test_a_worker_that_is_told_to_stop_is_not_watched():
    scene, stopping = Scene(end=1), threading.Event()
    stopping.set()
    said: list[str] = []
    Watchdog(scene, lambda: scene.lanes, 4, 0.05).run(stopping, said.append)
    assert said == []
