"""What is measured on a fleet. Each scenario has a broker and a log of its own."""

import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from confluent_kafka import TopicPartition

from benchmarks.chaos.system import sites
from benchmarks.scale_out.fleet import Fleet, fleet
from benchmarks.scale_out.load import Load, Sent, messages
from deploy.log import log_reader
from reid.contracts.topics import DETECTIONS

FRAMES: Final = 20
PARTITIONS: Final = 8
SITES: Final = 32
#: Messages a second of a site, while something else happens.
_RATE: Final = 2.0
_WITHIN_S: Final = 240


def drain(home: Path, workers: int, each: int, check: bool) -> dict[str, Any]:
    """Workers that wait get ``each`` messages of every site at once: how long until all are decided."""
    with fleet(home, PARTITIONS) as running:
        running.start(*range(workers))
        records = messages(sites(SITES, PARTITIONS), each, FRAMES, _RATE, round(time.time() * 1000) - 600_000)
        load, before, begun = Load(running.bootstrap), running.cpu(), time.monotonic()
        load.burst(records)
        ends = _ends(running)
        running.until(lambda: running.decided() == ends, _WITHIN_S, "all to be decided")
        seconds, used, frames = time.monotonic() - begun, running.cpu(), len(records) * FRAMES
        spent = {name: used[name] - before[name] for name in used}
        return {
            "workers": workers,
            "partitions_of_each": sorted(len(running.facts(n)) for n in running.workers),
            "frames": frames,
            "seconds": round(seconds, 2),
            "frames_per_second": round(frames / seconds),
            "worker_cpu_us_per_frame": round(spent["workers"] / frames * 1e6, 1),
            "broker_cpu_us_per_frame": round(spent["broker"] / frames * 1e6, 1),
            "cores_used": round(sum(spent.values()) / seconds, 2),
            **({"verify": running.verify()} if check else {}),
        }


def rebalance(home: Path) -> dict[str, Any]:
    """1 → 2 → 4 workers, one leaves, one is killed, one comes back: all while frames flow; then the
    verifier."""
    with fleet(home, PARTITIONS) as running:
        names = sites(SITES, PARTITIONS)
        running.start(0)
        with _flowing(running, names, 150) as load, _Pauses(running) as watch:

            def act(what: str, do: Callable[[], None], seconds: float) -> None:
                watch.mark(what)
                do()
                time.sleep(seconds)

            act("1 worker", lambda: None, 3)
            act("a second one comes", lambda: running.start(1), 4)
            act("two more come", lambda: running.start(2, 3), 4)
            act("one is asked to end", lambda: running.signal(1, signal.SIGTERM), 5)
            act("one is killed (-9)", lambda: running.signal(2, signal.SIGKILL), 14)
            act("the killed one comes back", lambda: running.start(2), 4)
        running.until(lambda: running.decided() == _ends(running), _WITHIN_S, "all to be decided")
        found = running.verify()
        return {
            "sites": SITES,
            "partitions": PARTITIONS,
            "frames": load.sent * FRAMES,
            "longest_pause_of_a_partition_seconds": watch.told,
            "verify": found,
        }


def standby(home: Path, times: int) -> dict[str, Any]:
    """One partition, two workers: the one that has it is killed, the other, which waits, goes on."""
    with fleet(home, 1) as running:
        running.start(0, 1)
        seconds: list[float] = []
        with _flowing(running, ["hall"], 600):
            for _ in range(times):
                running.until(_grows(running), 30, "decisions")
                writer = next(n for n in running.workers if running.facts(n))
                running.signal(writer, signal.SIGKILL)
                begun, before = time.monotonic(), running.decided()[0]
                running.until(lambda before=before: running.decided()[0] > before, 60, "the standby", 0.02)  # type: ignore[misc]
                seconds.append(round(time.monotonic() - begun, 2))
                running.start(writer)
        running.until(lambda: running.decided() == _ends(running), _WITHIN_S, "all to be decided")
        return {
            "kills": times,
            "seconds_until_the_standby_decides": seconds,
            "median": statistics.median(seconds),
            "worst": max(seconds),
            "verify": running.verify(),
        }


class _Pauses:
    """How long a partition stood still, at worst, after each thing that was done. Frames of all sites arrive
    all the time: one whose offset does not move has nobody who decides."""

    def __init__(self, running: Fleet) -> None:
        self._running, self._what, self.told = running, "", dict[str, float]()
        self._last, now = running.decided(), time.monotonic()
        self._since = dict.fromkeys(self._last, now)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def mark(self, what: str) -> None:
        self.told[what] = 0.0
        self._what = what

    def _look(self) -> None:
        while not self._stopping.wait(0.05):
            now, found = time.monotonic(), self._running.decided()
            for partition, offset in found.items():
                stood = round(now - self._since[partition], 2)
                if self._what:
                    self.told[self._what] = max(self.told[self._what], stood)
                if offset != self._last[partition]:
                    self._last[partition], self._since[partition] = offset, now


@contextmanager
def _flowing(running: Fleet, names: list[str], seconds: int) -> Iterator[Load]:
    """Frames of all sites, at most so long. Those sent in the end are all in Kafka afterwards."""
    each = round(seconds * _RATE)
    start_ms = round(time.time() * 1000)
    records: list[Sent] = messages(names, each, FRAMES, _RATE, start_ms)
    load, stopping, failed = Load(running.bootstrap), threading.Event(), list[BaseException]()

    def send() -> None:
        try:
            load.paced(records, _RATE * len(names), stopping)
        except BaseException as error:
            failed.append(error)
            raise

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield load
    finally:
        stopping.set()
        sender.join()
    if failed:
        raise failed[0]


def _grows(running: Fleet) -> Callable[[], bool]:
    before = Counter(running.decided())
    return lambda: all(offset > before[p] for p, offset in running.decided().items())


def _ends(running: Fleet) -> dict[int, int]:
    consumer, found = log_reader(running.bootstrap), dict[int, int]()
    try:
        for partition in range(running.partitions):
            span = consumer.get_watermark_offsets(TopicPartition(DETECTIONS.name, partition), timeout=10.0)
            assert span is not None
            found[partition] = span[1]
    finally:
        consumer.close()
    return found
