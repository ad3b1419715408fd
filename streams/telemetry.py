"""What the worker did, counted; one log line every ten seconds in which something happened."""

import logging
import threading
import time
from dataclasses import dataclass, fields
from typing import Final

INTERVAL_S: Final = 10.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """``decide_s``, ``commit_s``: seconds spent in decisions and in transactions; the others are numbers."""

    inputs: int = 0
    frames: int = 0
    events: int = 0
    dead_letters: int = 0
    transactions: int = 0
    skipped: int = 0
    healed: int = 0
    snapshots: int = 0
    recoveries: int = 0
    folded: int = 0
    decide_s: float = 0.0
    commit_s: float = 0.0


class Telemetry:
    """Counters that all partitions of a worker share. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = Counts()
        self._told = Counts()
        self._told_at = time.monotonic()

    def add(self, counts: Counts) -> None:
        """Adds each counter of ``counts``."""
        with self._lock:
            for counter in fields(Counts):
                name = counter.name
                setattr(self._total, name, getattr(self._total, name) + getattr(counts, name))

    def total(self) -> Counts:
        """A copy of the sums since the start."""
        with self._lock:
            return Counts(*(getattr(self._total, counter.name) for counter in fields(Counts)))

    def line(self) -> str | None:
        """What happened since the last call, or None when nothing did."""
        total, now = self.total(), time.monotonic()
        since = {c.name: getattr(total, c.name) - getattr(self._told, c.name) for c in fields(Counts)}
        seconds = max(now - self._told_at, 1e-9)
        self._told, self._told_at = total, now
        if not any(since.values()):
            return None
        rates = f"{since['inputs'] / seconds:.0f} inputs/s {since['frames'] / seconds:.0f} frames/s"
        counts = " ".join(
            f"{name}={value:.2f}" if isinstance(value, float) else f"{name}={value}"
            for name, value in since.items()
            if value
        )
        return f"{rates} | {counts}"

    def run(self, stopping: threading.Event) -> None:
        """Logs the line every `INTERVAL_S` until ``stopping``, and once more at the end."""
        over = False
        while not over:
            over = stopping.wait(INTERVAL_S)
            told = self.line()
            if told:
                logger.info("%s", told)
