"""Ends a process that lives but does nothing.

A Kafka consumer can stall while its process lives (Faust #175, #434, #523), and a thread can hang. Then
inputs wait and nobody decides them: the watchdog, a thread outside the event loop, writes all stacks to
the log and ends the process; the supervisor starts a new one. That Kafka is away is no stall.

What keeps Python's lock, or hangs in the watchdog's own look, keeps the watchdog from looking: a timer that
needs no Python ends the process then.
"""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from reid.contracts.topics import DECIDED_GROUP, INPUT_TOPICS
from reid.errors import Unavailable
from reid.runtime.kafka import reader

EXIT_STALLED: Final = 70
_CHECKS: Final = 6
"""Looks within the time that a stall must last."""
_TIMEOUT_S: Final = 5.0
#: Seconds that a look may take more than the limit: Kafka is asked several times, and may be away.
_LOOK_S: Final = 60.0

logger = logging.getLogger(__name__)


class Backlog(NamedTuple):
    """Of one topic's partition: next offset to decide, and the end."""

    decided: int
    end: int


class LagProbe(Protocol):
    """What Kafka knows. Raises `Unavailable` while it is away."""

    def backlog(self, partition: int) -> dict[str, Backlog]:
        """By input topic."""

    def has_input(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a record stands at the offset or behind it. Transaction markers are none."""


class Watchdog:
    """``progress()``: for each assigned partition a number that changes while it gets on. A worker without
    any assignment watches all ``partitions``: somebody must decide them."""

    def __init__(
        self,
        probe: LagProbe,
        progress: Callable[[], Mapping[int, int]],
        partitions: int,
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
        look_s: float = _LOOK_S,
    ) -> None:
        self._look_s = look_s
        self._probe = probe
        self._progress = progress
        self._partitions = partitions
        self._limit_s = limit_s
        self._clock = clock
        self._seen: dict[int, tuple[object, float]] = {}

    def stalled(self) -> str | None:
        """One look. What stalls, and since when, or None."""
        try:
            return self._look()
        except Unavailable:
            self._seen.clear()
            return None

    def run(self, stopping: threading.Event, end: Callable[[str], None]) -> None:
        """Looks until ``stopping``; calls ``end`` on a stall."""
        try:
            self._alive()
            while not stopping.wait(self._limit_s / _CHECKS):
                complaint = self.stalled()
                if complaint is not None and not stopping.is_set():
                    end(complaint)
                    return
                self._alive()
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _alive(self) -> None:
        """Winds up the timer that writes all stacks and ends the process (exit 1), if not wound up again."""
        faulthandler.dump_traceback_later(self._limit_s + self._look_s, exit=True)

    def _look(self) -> str | None:
        now, progress = self._clock(), self._progress()
        for partition in progress or range(self._partitions):
            backlog = self._probe.backlog(partition)
            mark = (progress.get(partition), tuple(entry.decided for entry in backlog.values()))
            before, since = self._seen.get(partition, (None, now))
            late = sum(max(entry.end - entry.decided, 0) for entry in backlog.values())
            if before != mark or not late:
                self._seen[partition] = (mark, now)
            elif now - since >= self._limit_s:
                if self._has_input(partition, backlog):
                    waited = f"none was decided for {now - since:.0f} s"
                    return f"partition {partition}: {late} inputs wait and {waited}"
                self._seen[partition] = (mark, now)
        return None

    def _has_input(self, partition: int, backlog: Mapping[str, Backlog]) -> bool:
        return any(
            self._probe.has_input(topic, partition, entry.decided)
            for topic, entry in backlog.items()
            if entry.end > entry.decided
        )


class KafkaLagProbe:
    """One consumer that never subscribes, so it is no member of the group whose offsets it reads."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer: Consumer = reader(
            bootstrap,
            **{
                "group.id": DECIDED_GROUP,
                "isolation.level": "read_uncommitted",
                "error_cb": lambda _: None,
                "log_level": 0,
            },
        )

    def backlog(self, partition: int) -> dict[str, Backlog]:
        places = [TopicPartition(topic.name, partition) for topic in INPUT_TOPICS]
        try:
            found = self._consumer.committed(places, timeout=_TIMEOUT_S)
            ends = [self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S) for place in places]
        except KafkaException as error:
            raise Unavailable(str(error)) from error
        backlog = {}
        for place, span in zip(found, ends, strict=True):
            if span is None:
                raise Unavailable(f"no watermarks of {place.topic}/{partition}")
            low, high = span
            backlog[place.topic] = Backlog(max(place.offset, low), high)
        return backlog

    def has_input(self, topic: str, partition: int, offset: int) -> bool:
        try:
            self._consumer.assign([TopicPartition(topic, partition, offset)])
            message = self._consumer.poll(_TIMEOUT_S)
            self._consumer.unassign()
        except KafkaException as error:
            raise Unavailable(str(error)) from error
        if message is None:
            raise Unavailable(f"{topic}/{partition} can't be read")
        failure = message.error()
        if failure is not None and failure.code() != KafkaError._PARTITION_EOF:
            raise Unavailable(failure.str())
        return failure is None


def end_process(complaint: str) -> None:
    """Stacks of all threads to stderr, then exit at once: what hangs would also hang a clean shutdown."""
    logger.critical(
        "%s: the worker ends itself (exit %d), its supervisor starts it again", complaint, EXIT_STALLED
    )
    faulthandler.dump_traceback(all_threads=True)
    os._exit(EXIT_STALLED)
