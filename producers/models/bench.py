"""What a model costs beside the built-in one: processor milliseconds a crop or frame, peak memory.

Each model runs in a process of its own (`producers.models.bench_worker`), for the memory; they take turns,
one call each, so that whatever else the machine does falls on all alike. Only ratios of such a run mean
something on another machine. One inference thread.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from producers.models.catalogue import Kind
from reid.errors import ConfigError


@dataclass(frozen=True)
class Cost:
    """Processor milliseconds a crop (detectors: a frame) by batch size; ``peak_mib`` of the whole process;
    ``base_mib``: of the same process before the model was opened."""

    setting: str
    kind: Kind
    median_ms: dict[int, float]
    least_ms: dict[int, float]
    peak_mib: float
    base_mib: float


@dataclass
class _Worker:
    setting: str
    process: "subprocess.Popen[str]"
    opened: dict[str, Any] = field(default_factory=dict)
    seconds: dict[int, list[float]] = field(default_factory=dict)

    @classmethod
    def start(cls, setting: str, *kind: Kind) -> Self:
        command = [sys.executable, "-m", "producers.models.bench_worker", setting, *kind]
        pipe = subprocess.PIPE
        # Ctrl-C is for the one who asks; a worker ends with its input, and leaves no stack trace behind.
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, bufsize=1, start_new_session=True
        )
        return cls(setting, process)

    def ask(self, question: str) -> dict[str, Any]:
        """Raises `ConfigError` with what the worker says, or when it has died."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(question + "\n")
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ConfigError(f"model {self.setting}: its process ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ConfigError(answer["error"])
        return answer

    def stop(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(timeout=30)
        if self.process.stdout:
            self.process.stdout.close()


def opens(setting: str, kind: Kind) -> None:
    """Opens the model once, in a process of its own, for the caller's memory. Raises `ConfigError`."""
    worker = _Worker.start(setting, kind)
    try:
        worker.ask("open")
    finally:
        worker.stop()


def bench(settings: Sequence[str], batches: Sequence[int], rounds: int) -> list[Cost]:
    """In the order of ``settings``: names of built-ins or paths. Raises `ConfigError` for what can't open."""
    with ExitStack() as stack:
        workers = []
        for setting in settings:
            worker = _Worker.start(setting)
            stack.callback(worker.stop)
            worker.opened = worker.ask("open")
            workers.append(worker)
        for number in range(rounds + 1):
            for worker in workers:
                for batch in batches if worker.opened["kind"] == "encoder" else [1]:
                    seconds = worker.ask(str(batch))["seconds"]
                    if number:  # the first call of a size prepares its memory
                        worker.seconds.setdefault(batch, []).append(seconds / batch)
        return [_cost(worker) for worker in workers]


def _cost(worker: _Worker) -> Cost:
    return Cost(
        setting=worker.setting,
        kind=worker.opened["kind"],
        median_ms={batch: 1000 * statistics.median(each) for batch, each in worker.seconds.items()},
        least_ms={batch: 1000 * min(each) for batch, each in worker.seconds.items()},
        peak_mib=worker.ask("memory")["peak_mib"],
        base_mib=worker.opened["base_mib"],
    )
