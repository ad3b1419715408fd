"""What a moment of the past costs: ``python -m benchmarks.moments --events 100000``."""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import platformdirs
import psutil

from deploy.timeline import Timeline
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog
from tests.unit.projections.story import START, registered, seen, track

EVERY_MS = 100
BATCH = 1_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--moments", type=int, default=30)
    given = parser.parse_args()
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    with tempfile.TemporaryDirectory() as home, EmbeddedKafka(Path(home) / "kafka", jars=jars) as kafka:
        settings = Settings.model_validate({"home": Path(home), "kafka_bootstrap_servers": kafka.bootstrap})
        create_topics(kafka.bootstrap, settings.partitions, settings.replication_factor)
        write(kafka.bootstrap, given.events, given.people)
        print(json.dumps(measure(settings, given.events, given.moments), indent=1))


def write(bootstrap: str, count: int, people: int) -> None:
    """Persons seen in turn on six cameras, an event every `EVERY_MS`."""
    log = EventLog(bootstrap)
    batch = []
    for i in range(count):
        at, who, label = START + EVERY_MS * i, f"person_{i % people}", f"Visitor-{i % people}"
        where = track(f"room{i // people % 6}", str(i % people))
        new = i < people
        batch.append(registered(who, i, label, at) if new else seen(who, label, where, at, reason="bound"))
        if len(batch) == BATCH or i == count - 1:
            log.write(*batch)
            batch.clear()


def measure(settings: Settings, events: int, moments: int) -> dict[str, float]:
    process = psutil.Process()
    before, began = process.memory_info().rss, time.perf_counter()
    with closing(Timeline(settings)) as timeline:
        timeline.advance()
        followed = time.perf_counter() - began
        rng = random.Random(7)
        plain, counted = list[float](), list[float]()
        for _ in range(moments):
            for took, sums in ((plain, False), (counted, True)):
                began = time.perf_counter()
                timeline.at(START + rng.randrange(EVERY_MS * events), sums)
                took.append(time.perf_counter() - began)
        return {
            "events": timeline.span().events,
            "first_fold_s": round(followed, 2),
            "moment_median_s": round(statistics.median(plain), 3),
            "moment_longest_s": round(max(plain), 3),
            "with_sums_median_s": round(statistics.median(counted), 3),
            "with_sums_longest_s": round(max(counted), 3),
            "load": round(os.getloadavg()[0], 1),
            "memory_mb": round((process.memory_info().rss - before) / 1e6),
        }


if __name__ == "__main__":
    main()
