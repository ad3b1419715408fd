"""How fast the views are rebuilt from a long log, and that every way to fill them gives the same bytes.

`python -m benchmarks.rebuild --events 1000000 --home DIR --json docs/results/rebuild.json`: a log that the
real domain decided, in an embedded Kafka, written once into DIR. An embedded Redis is filled by the live
projector; rebuilt several times, each from a process of its own, in turn with a bare read of the same topic
and with its fold alone, which writes nothing;
filled live again after FLUSHALL, and rebuilt after `kill -9` of Redis. Equal SHA-256 of the canonical dumps,
or it fails.
"""

import argparse
import json
import os
import platform
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import redis
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.decided_log import Written, decided_log
from projections.canonical import canonical, sha256
from projections.databases import Databases
from projections.dead_letters import KafkaDeadLetters
from projections.filling import SPILL, uncollected
from projections.follower import Follower
from projections.helpers import helpers
from projections.projector import READER
from projections.reading import batches, partitions
from projections.rebuild import RECORDS, rebuild
from projections.redis_store import RedisViewStore
from projections.status import lags
from projections.store import MemoryViewStore
from projections.views import CamerasView, PersonsView, View
from reid.contracts.topics import EVENTS
from reid.errors import Unavailable
from reid.runtime import kafka
from reid.runtime.servers.redis import EmbeddedRedis

TTL_DAYS: Final = 90


class Run(NamedTuple):
    """``cpu_s``: of all threads of the process meanwhile, and of the processes it started; ``peak_mb``: its
    own resident memory at most, with Python and all that is imported: the others are bounded alike."""

    records: int
    seconds: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=200_000)
    options.add_argument("--people", type=int, default=300)
    options.add_argument("--sites", type=int, default=1, help="the same events for so many sites")
    options.add_argument("--home", type=Path, help="folder that keeps the decided log for the next time")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    # What is measured imports no numpy where it is at work; here its threads would be in each process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saferoom-bench-")))
        home = chosen.home or scratch
        bootstrap, written = stack.enter_context(
            decided_log(home, chosen.events, chosen.people, chosen.sites)
        )
        server = stack.enter_context(EmbeddedRedis(scratch))
        found = measure(bootstrap, server, written, chosen.repeats)
    found["command"] = (
        f"python -m benchmarks.rebuild --events {chosen.events} --people {chosen.people} "
        f"--sites {chosen.sites} "
        f"--repeats {chosen.repeats} --home DIR"
    )
    text = json.dumps(found, indent=2)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n")
    if len(set(found["sha256"].values())) != 1:
        sys.exit("the dumps differ")


def measure(bootstrap: str, server: EmbeddedRedis, written: Written, repeats: int) -> dict[str, Any]:
    load, shas, seconds = [os.getloadavg()[0]], dict[str, str](), dict[str, float]()
    keys, url = 0, server.url

    def note(name: str) -> None:
        nonlocal keys
        store = RedisViewStore(url)
        found = store.dump("saferoom:")
        store.close()
        shas[name], keys = sha256(found), len(canonical(found))
        load.append(os.getloadavg()[0])
        print(f"{name}: {shas[name][:12]}, load {load[-1]:.1f}", file=sys.stderr)

    seconds["live"] = timed(lambda: follow(bootstrap, url))
    note("live")
    bare, folded, rebuilt = list[Run](), list[Run](), list[Run]()
    for number in range(1, repeats + 1):
        bare.append(apart(read, bootstrap))
        folded.append(apart(fold, bootstrap))
        rebuilt.append(apart(again, bootstrap, url))
        rates = [f"{_rate(found[-1]):,.0f}/s" for found in (bare, folded, rebuilt)]
        print("bare {}, fold {}, rebuild {}".format(*rates), file=sys.stderr)
        note(f"rebuilt_{number}")
    with redis.Redis.from_url(url) as client:
        peak: Any = client.info("memory")
        client.flushall()
    seconds["live_after_flushall"] = timed(lambda: follow(bootstrap, url))
    note("after_flushall")
    with redis.Redis.from_url(url) as client:
        client.flushall()
    apart(again, bootstrap, url)
    note("rebuilt_after_flushall")
    kill(server)
    seconds["live_after_kill"] = timed(lambda: follow(bootstrap, url))
    note("after_kill_9")
    after = apart(again, bootstrap, url)
    note("rebuilt_after_kill_9")
    return {
        "events": written.events,
        "bytes": written.bytes,
        "people": written.people,
        "sites": written.sites,
        "keys": keys,
        "records_folded": rebuilt[0].records,
        "rebuild_events_per_s": spread([_rate(run) for run in rebuilt]),
        "rebuild_events_per_cpu_s": spread([run.records / run.cpu_s for run in rebuilt]),
        "rebuild_peak_mb": spread([run.peak_mb for run in rebuilt]),
        "redis_peak_mb": round(peak["used_memory_peak"] / 2**20),
        "bare_consume_events_per_s": spread([_rate(run) for run in bare]),
        "bare_consume_events_per_cpu_s": spread([run.records / run.cpu_s for run in bare]),
        "bare_consume_peak_mb": spread([run.peak_mb for run in bare]),
        "fold_events_per_s": spread([_rate(run) for run in folded]),
        "fold_events_per_cpu_s": spread([run.records / run.cpu_s for run in folded]),
        "fold_peak_mb": spread([run.peak_mb for run in folded]),
        "fold_to_bare_consume": spread([_rate(f) / _rate(b) for f, b in zip(folded, bare, strict=True)]),
        "rebuild_to_bare_consume": spread([_rate(r) / _rate(b) for r, b in zip(rebuilt, bare, strict=True)]),
        "rebuild_after_kill_events_per_s": round(_rate(after)),
        "live_catch_up_events_per_s": round(written.events / seconds["live"]),
        "live_seconds": {name: round(value, 2) for name, value in seconds.items()},
        "sha256": shas,
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "load_1min": spread(load),
            "python": platform.python_version(),
            "processor": platform.machine(),
        },
    }


def _rate(run: Run) -> float:
    return run.records / run.seconds


def spread(found: Sequence[float]) -> dict[str, float]:
    def short(value: float) -> float:
        return round(value) if value >= 100 else round(value, 3)

    return {"median": short(median(found)), "least": short(min(found)), "most": short(max(found))}


def timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def apart(call: Callable[..., Run], *arguments: str) -> Run:
    """In a fresh process, as `saferoom rebuild` runs: nothing is warm, and the peak is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


def again(bootstrap: str, url: str) -> Run:
    cpu = _cpu_s()
    with helpers() as waiting:
        databases, consumer = Databases(url), kafka.reader(bootstrap)
        try:
            views: list[View] = [PersonsView(TTL_DAYS), CamerasView()]
            done = rebuild(consumer, databases, views, bootstrap=bootstrap, helpers=waiting)
        finally:
            consumer.close()
            databases.close()
    return Run(done.records, done.seconds, _cpu_s() - cpu, _peak_mb())


def fold(bootstrap: str) -> Run:
    """The persons view folded from the log, by this process alone: what would be written is made, and
    dropped. Nothing of it needs Redis."""
    cpu, records, consumer = _cpu_s(), 0, kafka.reader(bootstrap)
    folding, spilt = PersonsView(TTL_DAYS).fold(MemoryViewStore(), fresh=True), 0
    began = time.perf_counter()
    starts = dict.fromkeys(partitions(consumer, EVENTS.name))
    with uncollected():
        for batch in batches(consumer, EVENTS.name, starts, None, RECORDS):
            assert not folding.apply(batch.records), "this log holds what no view can apply"
            records += len(batch.records)
            if records - spilt >= SPILL:
                deque(folding.grown(), 0)
                spilt = records
        deque(folding.ops(), 0)
    seconds = time.perf_counter() - began
    consumer.close()
    return Run(records, seconds, _cpu_s() - cpu, _peak_mb())


def read(bootstrap: str) -> Run:
    """The same topic by the same client in the same portions; nothing is done with what is read."""
    cpu, records, consumer = _cpu_s(), 0, kafka.reader(bootstrap)
    began = time.perf_counter()
    left = set(partitions(consumer, EVENTS.name))
    consumer.assign([TopicPartition(EVENTS.name, p, OFFSET_BEGINNING) for p in left])
    while left:
        for message in consumer.consume(RECORDS, timeout=0.05):
            error = message.error()
            if error is None:
                records += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise Unavailable(f"Kafka: {error.str()}")
    seconds = time.perf_counter() - began
    consumer.close()
    return Run(records, seconds, _cpu_s() - cpu, _peak_mb())


def _cpu_s() -> float:
    """Of this process, and of those that it started and that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_mb() -> float:
    """On Linux not by `getrusage`: a child's begins at the memory of the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if "VmHWM" in line)


def kill(server: EmbeddedRedis) -> None:
    url, pid = server.url, server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    server.stop()
    assert server.start() == url, "Redis came back at another address"


def follow(bootstrap: str, url: str) -> None:
    """The live projector, until it stands at the end of the log."""
    with projector(bootstrap, url) as store:
        admin = AdminClient({"bootstrap.servers": bootstrap})
        while not _caught_up(admin, store):
            time.sleep(0.05)


def _caught_up(admin: AdminClient, store: RedisViewStore) -> bool:
    try:
        return not any(lag.lag for lag in lags(admin, store))
    except Unavailable:  # Redis is loading its file after the kill
        return False


@contextmanager
def projector(bootstrap: str, url: str) -> Iterator[RedisViewStore]:
    stop = threading.Event()
    consumer, store = kafka.reader(bootstrap, **READER), RedisViewStore(url)
    letters = KafkaDeadLetters(kafka.producer(bootstrap))
    views = [PersonsView(TTL_DAYS), CamerasView()]
    thread = threading.Thread(target=Follower(consumer, store, views, letters, stop).run)
    thread.start()
    try:
        yield store
    finally:
        stop.set()
        thread.join()
        consumer.close()
        store.close()


if __name__ == "__main__":
    main()
