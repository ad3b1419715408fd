"""How fast the views are rebuilt from a long log, and that every way to fill them gives the same bytes.

`python -m benchmarks.rebuild --events 1000000 --json docs/results/rebuild.json`: writes a log that the real
domain decided to an embedded Kafka, then fills an embedded Redis in four ways: live projector, rebuild,
projector after FLUSHALL, rebuild after `kill -9` of Redis. Equal SHA-256 of the canonical dumps, or it fails.
"""

import argparse
import itertools
import json
import os
import platform
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
import redis
from confluent_kafka.admin import AdminClient

from benchmarks.site_log import SITE, events
from projections.canonical import canonical, sha256
from projections.databases import Databases
from projections.dead_letters import KafkaDeadLetters
from projections.follower import Follower
from projections.projector import READER
from projections.rebuild import rebuild
from projections.redis_store import RedisViewStore
from projections.status import lags
from projections.views import CamerasView, PersonsView
from reid.contracts.cloudevents import headers_of
from reid.contracts.codec import encode
from reid.contracts.topics import EVENTS
from reid.errors import Unavailable
from reid.runtime import kafka
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.servers.redis import EmbeddedRedis

TTL_DAYS = 90
PARTITIONS = 4


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=200_000)
    options.add_argument("--people", type=int, default=300)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="saferoom-bench-") as home:
        jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
        with EmbeddedKafka(Path(home), jars=jars) as broker, EmbeddedRedis(Path(home)) as server:
            create_topics(broker.bootstrap, PARTITIONS, 1)
            found = measure(broker.bootstrap, server, chosen.events, chosen.people)
    found["command"] = "python -m benchmarks.rebuild " + shlex.join(sys.argv[1:])
    text = json.dumps(found, indent=2)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n")
    if len(set(found["sha256"].values())) != 1:
        sys.exit("the dumps differ")


def measure(bootstrap: str, server: EmbeddedRedis, count: int, people: int) -> dict[str, Any]:
    written, size = timed(lambda: write(bootstrap, count, people))
    print(f"{count} events decided and written in {written:.0f} s", file=sys.stderr)
    shas: dict[str, str] = {}
    seconds: dict[str, float] = {}
    url = server.url

    def dump(name: str) -> int:
        store = RedisViewStore(url)
        found = store.dump("saferoom:")
        store.close()
        shas[name] = sha256(found)
        return len(canonical(found))

    seconds["live"], _ = timed(lambda: follow(bootstrap, url))
    keys = dump("live")
    cpu = time.process_time()
    seconds["rebuild"], done = timed(lambda: again(bootstrap, url))
    seconds["rebuild_own_cpu"] = time.process_time() - cpu
    dump("rebuilt")
    with redis.Redis.from_url(url) as client:
        client.flushall()
    seconds["live_after_flushall"], _ = timed(lambda: follow(bootstrap, url))
    dump("after_flushall")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    assert server.start() == url, "Redis came back at another address"
    seconds["live_after_kill"], _ = timed(lambda: follow(bootstrap, url))
    dump("after_kill_9")
    seconds["rebuild_after_kill"], _ = timed(lambda: again(bootstrap, url))
    dump("rebuilt_after_kill_9")
    return {
        "events": count,
        "bytes": size,
        "people": people,
        "keys": keys,
        "records_folded": done,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "rebuild_events_per_s": round(count / seconds["rebuild"]),
        "live_catch_up_events_per_s": round(count / seconds["live"]),
        "sha256": shas,
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "load_1min": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
            "processor": platform.machine(),
        },
    }


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = call()
    return time.perf_counter() - began, found


def write(bootstrap: str, count: int, people: int) -> int:
    producer, size = kafka.producer(bootstrap, **{"linger.ms": 50}), 0
    for cause, ordinal, event in itertools.islice(events(people), count):
        raw, headers = encode(event), headers_of(event, cause, ordinal)
        size += len(raw)
        while True:
            try:
                producer.produce(EVENTS.name, raw, SITE.encode(), headers=list(headers))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0
    return size


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


def again(bootstrap: str, url: str) -> int:
    databases, consumer = Databases(url), kafka.reader(bootstrap)
    try:
        return rebuild(consumer, databases, [PersonsView(TTL_DAYS), CamerasView()]).records
    finally:
        consumer.close()
        databases.close()


if __name__ == "__main__":
    main()
