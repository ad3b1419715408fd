"""A broker with topics, and as many workers of the product as are asked for."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import platformdirs
import psutil

from benchmarks.chaos.takeover import owners
from deploy.child import ProcessChild
from deploy.log import log_reader
from deploy.stack import SINGLE_THREADED
from deploy.verify.run import decided_offsets
from reid.contracts.topics import DECIDED_GROUP, DETECTIONS
from reid.errors import Unavailable
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka

_VERIFY_S: Final = 300


class Fleet:
    """``partitions``: of the topics. Workers are numbered; one that was killed may be started again."""

    def __init__(self, home: Path, bootstrap: str, partitions: int, broker_pid: int) -> None:
        self.home, self.bootstrap, self.partitions = home, bootstrap, partitions
        self.broker = psutil.Process(broker_pid)
        self.workers: dict[int, ProcessChild] = {}
        own = {"group.id": DECIDED_GROUP, "isolation.level": "read_uncommitted"}
        self._reader = log_reader(bootstrap, **own)

    def start(self, *numbers: int) -> None:
        """Returns when the partitions are shared by all workers, and by these ones too."""
        for number in numbers:
            home = self.home / f"worker-{number}"
            child = ProcessChild(
                name=f"worker-{number}",
                command=[sys.executable, "-P", "-m", "deploy.cli", "worker"],
                log_file=self.home / f"worker-{number}.log",
                ready_file=home / "run" / "worker.ready",
                env=lambda number=number, home=home: self.environment(  # type: ignore[misc]
                    SAFEROOM_HOME=str(home), SAFEROOM_WORKER_ID=f"worker-{number}"
                ),
            )
            child.start()
            self.workers[number] = child
        self.until(self.settled, 90, "the partitions to be shared")

    def settled(self) -> bool:
        """Every partition has its owner, each worker its share, and each says so itself."""
        found = owners(self.bootstrap)
        if found.keys() != set(range(self.partitions)):
            return False
        # A worker that has not heard yet that another has a partition now still says that it has it.
        told = sorted((p, f"worker-{n}") for n in self.workers for p in self.facts(n))
        shares = [sum(owner == f"worker-{n}" for owner in found.values()) for n in self.workers]
        ready = all(child.ready() for child in self.workers.values())
        return ready and told == sorted(found.items()) and max(shares) - min(shares) <= 1

    def facts(self, number: int) -> list[int]:
        """Partitions that the worker says it has."""
        partitions: list[int] = self.workers[number].facts().get("partitions", [])
        return partitions

    def signal(self, number: int, what: signal.Signals) -> None:
        """``SIGKILL``, or ``SIGTERM``: the worker is gone afterwards."""
        child = self.workers.pop(number)
        assert child.process is not None
        child.process.send_signal(what)
        child.process.wait(15)

    def decided(self) -> dict[int, int]:
        """Next offset of the detections to decide, by partition. Raises `Unavailable`."""
        found = decided_offsets(self._reader, list(range(self.partitions)))
        return {p: offset for (topic, p), offset in found.items() if topic == DETECTIONS.name}

    def cpu(self) -> dict[str, float]:
        """Seconds that the workers, and the broker, have used."""
        workers = [psutil.Process(c.pid()).cpu_times() for c in self.workers.values()]
        broker = self.broker.cpu_times()
        return {"workers": sum(t.user + t.system for t in workers), "broker": broker.user + broker.system}

    def until(self, true: Callable[[], bool], within_s: float, what: str, pause_s: float = 0.05) -> None:
        deadline = time.monotonic() + within_s
        while not true():
            for child in self.workers.values():
                if (failure := child.failure()) is not None:
                    raise Unavailable(failure)
            if time.monotonic() > deadline:
                raise Unavailable(f"waited {within_s:.0f} s for {what}")
            time.sleep(pause_s)

    def verify(self) -> dict[str, Any]:
        """What ``saferoom verify --no-views`` found."""
        result = self.home / "verify.json"
        command = [sys.executable, "-P", "-m", "deploy.cli", "verify", "--no-views", f"--json={result}"]
        done = subprocess.run(command, env=self.environment(), timeout=_VERIFY_S, capture_output=True)
        if not result.exists():
            raise Unavailable(f"saferoom verify: {done.stderr.decode()}")
        said: dict[str, Any] = json.loads(result.read_text())
        keep = ("exit_code", "inputs", "frames", "events", "differences", "unchecked", "seconds")
        return {name: said[name] for name in keep if name in said}

    def environment(self, **own: str) -> dict[str, str]:
        return {
            **os.environ,
            **SINGLE_THREADED,
            "SAFEROOM_HOME": str(self.home),
            "SAFEROOM_PARTITIONS": str(self.partitions),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            **own,
        }

    def close(self) -> None:
        for child in self.workers.values():
            child.terminate()
        for child in self.workers.values():
            child.kill()
        self._reader.close()


@contextmanager
def fleet(home: Path, partitions: int) -> Iterator[Fleet]:
    """A fresh broker without workers; everything has ended afterwards."""
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    with EmbeddedKafka(home, jars=jars) as broker:
        create_topics(broker.bootstrap, partitions, 1)
        assert broker.pid is not None
        running = Fleet(home, broker.bootstrap, partitions, broker.pid)
        try:
            yield running
        finally:
            running.close()
