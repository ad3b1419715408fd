"""The whole product as processes, two workers, and what may be done to them."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.chaos import takeover
from deploy.child import ChildFailed, ProcessChild
from deploy.log import log_reader
from deploy.options import environment_of
from deploy.stack import SINGLE_THREADED, Stack
from deploy.steps import Steps
from deploy.supervisor import Supervisor
from deploy.verify.run import decided_offsets
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import DECIDED_GROUP
from reid.errors import Unavailable
from reid.runtime.settings import Settings

#: Shorter than in use: the next blow comes soon.
_BACKOFF_S: Final = (0.3, 0.6, 1.0)
_POLL_S: Final = 0.03
ROOT: Final = Path(__file__).parents[2]
Killable = tuple[str, Callable[[], int | None]]


class _Unawaited(ProcessChild):
    """Starts beside the parts that are started next. Whoever needs it ready looks at its facts."""

    def ready(self) -> bool:
        if (failure := self.failure()) is not None:
            raise ChildFailed(failure)
        return True


class System:
    """Kafka, Redis, projector, API, two workers and two producers, each started again when it dies."""

    def __init__(self, settings: Settings, stack: Stack, supervisor: Supervisor) -> None:
        self.settings, self.stack, self.supervisor = settings, stack, supervisor
        self.workers: list[ProcessChild] = []
        self.producers: list[ProcessChild] = []

    def start(self) -> None:
        self.stack.start_servers()
        second = self._second_worker()
        self.supervisor.start(second)
        self.stack.start_processes()
        first = next(c for c in self.supervisor.children if c.name == "worker")
        assert isinstance(first, ProcessChild)
        self.workers = [first, second]

    def start_load(self, arguments: list[list[str]]) -> None:
        """One producer process for each list of arguments."""
        for number, more in enumerate(arguments):
            child = ProcessChild(
                name=f"producer-{number}",
                command=[sys.executable, "-m", "benchmarks.chaos.load", *more],
                log_file=self.settings.home / "logs" / f"producer-{number}.log",
                env=lambda: SINGLE_THREADED | {"PYTHONPATH": str(ROOT)},
                may_finish=True,
            )
            self.producers.append(child)
            self.supervisor.start(child)

    def targets(self) -> dict[str, int]:
        """Parts that live now -> process."""
        return {
            child.name: pid
            for child in self.supervisor.children
            if (pid := child.pid()) is not None and child.failure() is None and not child.finished()
        }

    def live(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Keeps the parts alive for so long, or until ``until``; whether that came true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if until():
                return True
            self.stack.check()
            time.sleep(_POLL_S)
        return until()

    def owners(self) -> takeover.Owners:
        """See `takeover.Site`."""
        return takeover.owners(self.stack.kafka)

    def decided(self) -> dict[tuple[str, int], int]:
        """Next offset to decide of each input partition; empty while Kafka does not tell."""
        # Uncommitted: what is committed now, without waiting for the transaction of a frozen writer.
        own = {"group.id": DECIDED_GROUP, "isolation.level": "read_uncommitted"}
        consumer = log_reader(self.stack.kafka, **own)
        try:
            return decided_offsets(consumer, list(range(self.settings.partitions)))
        except Unavailable:
            return {}
        finally:
            consumer.close()

    def environment(self, **own: str) -> dict[str, str]:
        """Of a command of the product's that belongs to this system."""
        addresses = {"KAFKA_BOOTSTRAP_SERVERS": self.stack.kafka, "REDIS_URL": self.stack.redis}
        return {**os.environ, **SINGLE_THREADED, **environment_of(self.settings), **addresses, **own}

    def _second_worker(self) -> ProcessChild:
        home = self.settings.home / "second"
        return _Unawaited(
            name="worker-1",
            command=[sys.executable, "-P", "-m", "deploy.cli", "worker"],
            log_file=self.settings.home / "logs" / "worker-1.log",
            ready_file=home / "run" / "worker.ready",
            env=lambda: self.environment(SAFEROOM_HOME=str(home), SAFEROOM_WORKER_ID="worker-1"),
        )


@contextmanager
def running(settings: Settings, console: Console, stopping: threading.Event) -> Iterator[System]:
    """Everything has ended afterwards, also what was frozen."""

    def tell(line: str) -> None:
        console.print(line, style="dim", highlight=False)

    with Supervisor(settings.endpoints_file.parent, tell, stopping, _BACKOFF_S) as supervisor:
        stack = Stack(settings, supervisor, Steps(console))
        system = System(settings, stack, supervisor)
        try:
            system.start()
            yield system
        finally:
            for worker in system.workers:
                thaw(worker)
            stack.close()
            supervisor.stop()


def freeze(child: ProcessChild) -> None:
    pid = child.pid()
    if pid is not None:
        os.kill(pid, signal.SIGSTOP)


def thaw(child: ProcessChild) -> None:
    pid = child.pid()
    if pid is not None and child.process is not None and child.process.poll() is None:
        os.kill(pid, signal.SIGCONT)


def sites(count: int, partitions: int) -> list[str]:
    """Names that spread evenly over the partitions."""
    found: dict[int, list[str]] = {p: [] for p in range(partitions)}
    number, share = 0, -(-count // partitions)
    while sum(map(len, found.values())) < share * partitions:
        name = f"site-{number}"
        home = found[partition_of(name.encode(), partitions)]
        if len(home) < share:
            home.append(name)
        number += 1
    ordered = [name for group in zip(*found.values(), strict=True) for name in group]
    return ordered[:count]
