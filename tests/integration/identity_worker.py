"""The identity worker as a process of its own, what is sent to it, and what is read back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Message, TopicPartition

from reid.contracts.cloudevents import envelope_from
from reid.contracts.codec import encode
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.topics import COMMANDS, DECIDED_GROUP, DETECTIONS, EVENTS
from reid.domain.policy import Policies
from reid.runtime.kafka import producer, reader
from reid.runtime.ready import read_ready
from reid.runtime.settings import Settings
from streams.decider import IdentityDecider
from streams.kafka_log import KafkaPartitionLog, headers_in, input_of
from streams.partition import PartitionWriter
from streams.policies import policies_of
from streams.ports import Input, Record
from streams.telemetry import Telemetry
from tests.unit.streams.memory import MemoryLog, MemoryPartition

#: Near the clock: the agent takes no times that are hours off.
START = int(time.time() * 1000)
_DIM = 64
_SCRIPT = """
from reid.runtime import logs
from reid.runtime.settings import Settings
from streams.worker import run
import faulthandler, signal
faulthandler.register(signal.SIGUSR1)
settings = Settings()
logs.configure(settings, "worker")
run(settings)
"""


class WorkerProcess:
    """`streams.worker.run` in a process of its own, after the Python in ``before``; ``log``: what it said."""

    def __init__(self, settings: Settings, log: Path, before: str = "", **environment: str) -> None:
        self.settings = settings
        self.log = log
        env = {k: v for k, v in os.environ.items() if not k.startswith("SAFEROOM_")} | {
            "SAFEROOM_HOME": str(settings.home),
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka(),
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", before + _SCRIPT], env=env, stdout=out, stderr=out
            )

    def wait_ready(self, timeout_s: float = 90.0) -> None:
        until(lambda: self._alive() and self._ready(), f"worker ready\n{self.log}", timeout_s)

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 10.0) -> int:
        """Sends the signal and waits for the end. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def _ready(self) -> bool:
        facts = read_ready(self.settings, "worker")
        return facts is not None and facts["pid"] == self.process.pid

    def _alive(self) -> bool:
        assert self.process.poll() is None, f"the worker ended:\n{self.log.read_text()[-3000:]}"
        return True


@contextmanager
def worker(
    settings: Settings, ready: bool = True, before: str = "", **environment: str
) -> Iterator[WorkerProcess]:
    """A worker, ready unless told otherwise; killed at the end if the test did not end it."""
    settings.home.mkdir(parents=True, exist_ok=True)
    running = WorkerProcess(
        settings, settings.home.parent / f"{settings.home.name}.log", before, **environment
    )
    try:
        if ready:
            running.wait_ready()
        yield running
    finally:
        running.end(signal.SIGKILL)


def until(condition: Callable[[], bool], what: str, timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)


class Walk:
    """Messages of people who walk past one site's cameras, an embedding in every frame. Seeded."""

    def __init__(self, site: str, people: int = 4, seed: int = 7) -> None:
        self._random = np.random.default_rng(seed)
        self._looks = [self._random.normal(size=_DIM) for _ in range(people)]
        self._site = site
        self._count = 0

    def message(self, frames: int = 1) -> bytes:
        """The next message."""
        return encode(Detections(self._site, "walk", tuple(self._frame() for _ in range(frames))))

    def _frame(self) -> Frame:
        number, self._count = self._count, self._count + 1
        who = number % len(self._looks)
        look = self._looks[who] + self._random.normal(size=_DIM) * 0.2
        turn = number // (len(self._looks) * 20)  # after 20 frames each, on to the next camera
        person = Person(tracker_id=who, bbox=(10.0, 10.0, 40.0, 90.0), embedding=encode_wire(look))
        return Frame(
            camera_id=f"room{turn % 3 + 1}",
            captured_at=START + number * 100,
            width=640,
            height=480,
            session=f"s{turn}",
            model=Model("walk", "1", _DIM),
            persons=(person,),
        )


def send(bootstrap: str, records: list[tuple[str, str, bytes]]) -> None:
    """(topic, site, value) records, keyed by their site; returns when all are acknowledged."""
    client = producer(bootstrap)
    for topic, site, value in records:
        client.produce(topic, value, site.encode())
        client.poll(0)
    assert client.flush(60.0) == 0


def read_all(bootstrap: str, topic: str, partition: int) -> list[Message]:
    """All committed records of a partition, now."""
    consumer = reader(bootstrap, **{"group.id": "test-reader"})
    try:
        place = TopicPartition(topic, partition, 0)
        consumer.assign([place])
        found: list[Message] = []
        while True:
            message = consumer.poll(20.0)
            assert message is not None, f"{topic}/{partition} does not answer"
            if message.error() is not None:
                return found
            found.append(message)
    finally:
        consumer.close()


def log_of(bootstrap: str, partition: int) -> list[Record]:
    messages = read_all(bootstrap, EVENTS.name, partition)
    return [Record(m.key() or b"", m.value() or b"", headers_in(m)) for m in messages]  # type: ignore[arg-type]


class Progress:
    """Next offset to decide of each input partition, as the member-less group tells it."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._consumer = reader(
            bootstrap, **{"group.id": DECIDED_GROUP, "isolation.level": "read_uncommitted"}
        )
        self._places = [TopicPartition(t.name, p) for t in (DETECTIONS, COMMANDS) for p in range(partitions)]

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def decided(self) -> dict[tuple[str, int], int]:
        found = self._consumer.committed(self._places, timeout=30.0)
        return {(p.topic, p.partition): max(p.offset, 0) for p in found}

    def total(self) -> int:
        return sum(self.decided().values())


def decided(bootstrap: str, partitions: int) -> dict[tuple[str, int], int]:
    """`Progress.decided`, once."""
    with Progress(bootstrap, partitions) as progress:
        return progress.decided()


def decide_here(bootstrap: str, partition: int, partitions: int) -> None:
    """What waits in the partition is decided and written by this process: no worker has to start."""
    log = KafkaPartitionLog(bootstrap, partition)
    writer = PartitionWriter(log, IdentityDecider(Policies()), partition, partitions, Telemetry())
    try:
        writer.heal({topic: span.high for topic, span in writer.recover().items()})
        writer.finish()
    finally:
        writer.close()


def decide_anew(settings: Settings, bootstrap: str, partition: int, partitions: int) -> list[Record]:
    """The events that the inputs in Kafka give, decided from zero, in the order that the log tells.

    An input that caused no event changed nothing, so it is taken before the next one of its topic.
    """
    held = MemoryPartition()
    inputs: dict[str, list[Input]] = {}
    for topic in (DETECTIONS.name, COMMANDS.name):
        inputs[topic] = [input_of(m) for m in read_all(bootstrap, topic, partition)]
    made: PartitionWriter[Any] = PartitionWriter(
        MemoryLog(held), IdentityDecider(policies_of(settings)), partition, partitions, Telemetry()
    )
    held.inputs, held.ends = inputs, {topic: len(records) for topic, records in inputs.items()}
    made.recover()
    for record in log_of(bootstrap, partition):
        causation = envelope_from(record.headers).causation
        made.heal({causation.topic: causation.offset + 1})
    made.heal(held.ends)
    return held.events
