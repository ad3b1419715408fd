"""What a moment of the past costs, and each step of the slider.

    python -m benchmarks.moments --events 100000
    python -m benchmarks.moments --events 100000 --home DIR     # the log is kept there, and used again
    python -m benchmarks.moments --events 100000 --crowd        # 1,000 people who never leave

The log is that of a busy site, decided by the real domain (`benchmarks.site_log`). Of ``--crowd`` it is the
worst for a view: everybody is seen in turn on six cameras, under a new track each time, and nobody leaves.
A moment of ``page`` are the answers that the page asks for at each step, by the routes of `saferoom past`.
"""

import argparse
import asyncio
import json
import math
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import httpx
import platformdirs
import psutil

from benchmarks.decided_log import decided_log
from deploy.activity import Span
from deploy.past_server import app_of
from deploy.timeline import Timeline
from reid.contracts.events import AnyEvent
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog
from tests.unit.projections.story import START, registered, seen, track

#: Of the crowd: milliseconds between two events, and events of one transaction.
EVERY_MS: Final = 100
BATCH: Final = 1_000
#: What the page asks for at each step of its slider.
PAGE: Final = ("/cameras", "/persons?limit=1000")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--moments", type=int, default=40)
    parser.add_argument("--crowd", action="store_true", help="people who never leave")
    parser.add_argument("--home", type=Path, metavar="DIR", help="the decided log is kept there")
    given = parser.parse_args()
    made = nullcontext(given.home) if given.home is not None else tempfile.TemporaryDirectory()
    written = crowd if given.crowd else decided
    with made as home, written(Path(home), given.events, given.people) as bootstrap:
        settings = Settings.model_validate({"home": Path(home), "kafka_bootstrap_servers": bootstrap})
        print(json.dumps(measure(settings, given.moments), indent=1))


@contextmanager
def decided(home: Path, count: int, people: int) -> Iterator[str]:
    with decided_log(home / "decided", count, people) as (bootstrap, _):
        yield bootstrap


@contextmanager
def crowd(home: Path, count: int, people: int) -> Iterator[str]:
    settings = Settings.model_validate({"home": home})
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    with EmbeddedKafka(home / "crowd", jars=jars) as kafka:
        create_topics(kafka.bootstrap, settings.partitions, settings.replication_factor)
        log = EventLog(kafka.bootstrap)
        batch = []
        for i in range(count):
            at, who, label = START + EVERY_MS * i, f"person_{i % people}", f"Visitor-{i % people}"
            where = track(f"room{i // people % 6}", str(i % people))
            event: AnyEvent = seen(who, label, where, at, reason="bound")
            batch.append(registered(who, i, label, at) if i < people else event)
            if len(batch) == BATCH or i == count - 1:
                log.write(*batch)
                batch.clear()
        yield kafka.bootstrap


def measure(settings: Settings, moments: int) -> dict[str, Any]:
    process = psutil.Process()
    before, began, busy = process.memory_info().rss, time.perf_counter(), time.process_time()
    with closing(Timeline(settings)) as timeline, asyncio.Runner() as runner:
        timeline.advance()
        span = timeline.span()
        found: dict[str, Any] = {
            "events": span.events,
            "first_fold_s": round(time.perf_counter() - began, 2),
            "first_fold_cpu_s": round(time.process_time() - busy, 2),
            "marks_mb": round((process.memory_info().rss - before) / 1e6),
        }
        for name, asked in (("jumps", jumps(span, moments)), ("steps", steps(span, moments))):
            for form, look in looks(settings, timeline, runner).items():
                # Not the same moment twice: it would be held.
                asked = [moment + 1 for moment in asked]
                look(asked[0])
                found[f"{name}_{form}"] = timed(look, asked[1:])
        found["load"] = round(os.getloadavg()[0], 1)
        found["memory_mb"] = round((process.memory_info().rss - before) / 1e6)
        return found


def looks(
    settings: Settings, timeline: Timeline, runner: asyncio.Runner
) -> dict[str, Callable[[int], object]]:
    """What is done about a moment."""
    transport = httpx.ASGITransport(app=app_of(settings, timeline))
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def page(moment: int) -> None:
        asked = (client.get(f"{path}{'&' if '?' in path else '?'}at={moment}") for path in PAGE)
        for answer in await asyncio.gather(*asked):
            answer.raise_for_status()

    return {
        "plain": lambda moment: timeline.at(moment, False),
        "with_sums": timeline.at,
        "page": lambda moment: runner.run(page(moment)),
    }


def jumps(span: Span, count: int) -> list[int]:
    """Anywhere."""
    first, last = ends(span)
    rng = random.Random(7)
    return [rng.randrange(first, last) for _ in range(count)]


def steps(span: Span, count: int) -> list[int]:
    """A slider that is moved to and fro: up to a five hundredth of the log at a time, three of four
    forwards."""
    first, last = ends(span)
    rng, longest = random.Random(8), (last - first) // 500
    made = [first + (last - first) // 3]
    while len(made) < count:
        made.append(made[-1] + rng.choice((1, 1, 1, -1)) * rng.randrange(1, longest))
    return made


def ends(span: Span) -> tuple[int, int]:
    assert span.first_at is not None and span.last_at is not None
    return span.first_at, span.last_at


def timed(look: Callable[[int], object], asked: list[int]) -> dict[str, float]:
    """Seconds a moment: on the clock, and of this process's own work, which a busy machine changes less."""
    took, worked = list[float](), list[float]()
    for moment in asked:
        began, busy = time.perf_counter(), time.process_time()
        look(moment)
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
