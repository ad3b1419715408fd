"""Does the agent go on: is what cameras send decided."""

import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from reid.contracts.topics import DETECTIONS

#: Inputs that may wait for nothing: a transaction leaves a marker at the end that nobody decides.
_MARKER: Final = 1


class Standstill(NamedTuple):
    """``waiting`` inputs of a partition, none of which was decided for ``seconds``."""

    partition: int
    waiting: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.waiting} inputs wait in {DETECTIONS.name}/{self.partition}, and none was decided for "
            f"{self.seconds:.0f} s: is `saferoom worker` running, or reading a long log?"
        )


class Deciding:
    """Compares how far the agent came with how far it was when it was asked about last. Not thread-safe.

    ``clock``: monotonic, seconds. Who asks seldom is told later, never too early.
    """

    def __init__(self, stands_s: float = 15.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._stands_s = stands_s
        self._clock = clock
        self._waits: dict[int, tuple[int, float]] = {}  # partition -> decided up to there, since when

    def standing(
        self, ends: Mapping[tuple[str, int], int], decided: Mapping[tuple[str, int], int]
    ) -> list[Standstill]:
        """``ends``, ``decided``: ``(topic, partition)`` -> next offset; only of detections."""
        now, found = self._clock(), list[Standstill]()
        for (topic, partition), end in sorted(ends.items()):
            if topic != DETECTIONS.name:
                continue
            at = decided.get((topic, partition), 0)
            if end - at <= _MARKER:
                self._waits.pop(partition, None)
                continue
            before, since = self._waits.get(partition, (at, now))
            if at != before:
                since = now
            self._waits[partition] = at, since
            if now - since >= self._stands_s:
                found.append(Standstill(partition, end - at, now - since))
        return found
