"""What a moment of the past costs: ``python -m benchmarks.moments --events 100000``."""

import argparse
import json
import math
import os
import random
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

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
    parser.add_argument("--moments", type=int, default=100)
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


def measure(settings: Settings, events: int, moments: int) -> dict[str, Any]:
    process = psutil.Process()
    before, began = process.memory_info().rss, time.perf_counter()
    with closing(Timeline(settings)) as timeline:
        timeline.advance()
        found: dict[str, Any] = {
            "events": timeline.span().events,
            "first_fold_s": round(time.perf_counter() - began, 2),
            "marks_mb": round((process.memory_info().rss - before) / 1e6),
        }
        for name, asked in (("jumps", jumps(events, moments)), ("steps", steps(events, moments))):
            for form, sums in (("plain", False), ("with_sums", True)):
                found[f"{name}_{form}"] = timed(timeline, asked, sums)
        found["load"] = round(os.getloadavg()[0], 1)
        found["memory_mb"] = round((process.memory_info().rss - before) / 1e6)
        return found


def jumps(events: int, count: int) -> list[int]:
    """Anywhere."""
    rng = random.Random(7)
    return [START + rng.randrange(EVERY_MS * events) for _ in range(count)]


def steps(events: int, count: int) -> list[int]:
    """A slider that is moved to and fro: a thousandth of the log at a time, three of four forwards."""
    rng, span = random.Random(8), EVERY_MS * events
    made = [START + span // 3]
    while len(made) < count:
        made.append(made[-1] + rng.choice((1, 1, 1, -1)) * span // 1000)
    return made


def timed(timeline: Timeline, asked: list[int], sums: bool) -> dict[str, float]:
    """Seconds a moment: on the clock, and of this process's own work, which a busy machine changes less."""
    took, worked = list[float](), list[float]()
    for moment in asked:
        began, busy = time.perf_counter(), time.process_time()
        timeline.at(moment, sums)
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - busy)
    return {
        "median_s": round(statistics.median(took), 3),
        "p99_s": round(sorted(took)[math.ceil(0.99 * len(took)) - 1], 3),
        "worst_s": round(max(took), 3),
        "cpu_median_s": round(statistics.median(worked), 3),
        "cpu_worst_s": round(max(worked), 3),
    }


if __name__ == "__main__":
    main()
