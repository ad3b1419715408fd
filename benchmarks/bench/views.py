"""The views folded from the log, without Redis and rebuilt into it, beside a bare read of the same topic by
the same client; and an identity agent's cold start, with snapshots. At a million events:
``python -m benchmarks.rebuild``, `.recovery`."""

import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path

import platformdirs

from benchmarks.bench.row import Row, alone, compared, interleaved
from benchmarks.decided_log import decided_log
from benchmarks.rebuild import Run, again, apart, fold, read
from benchmarks.recovery import NoSnapshots, fill, timed
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.servers.redis import EmbeddedRedis
from streams.kafka_log import KafkaPartitionLog

PEOPLE, SITES = 200, 2


def run(quick: bool) -> list[Row]:
    events, rounds = (10_000, 3) if quick else (150_000, 5)
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="saferoom-bench-") as folder:
        return [*_rebuilt(Path(folder) / "views", events, rounds), *_started(Path(folder) / "agent", events)]


def _rebuilt(home: Path, events: int, rounds: int) -> list[Row]:
    with ExitStack() as stack:
        bootstrap, written = stack.enter_context(decided_log(home, events, PEOPLE, SITES))
        redis = stack.enter_context(EmbeddedRedis(home))
        cpu: dict[str, float] = {}

        def rate(side: str, found: Run) -> float:
            cpu[f"{side}, events a CPU second"] = round(found.records / found.cpu_s)
            return found.records / found.seconds

        found = interleaved(
            rounds,
            {
                "fold": lambda: rate("fold", apart(fold, bootstrap)),
                "rebuild": lambda: rate("rebuild", apart(again, bootstrap, redis.url)),
                "bare": lambda: rate("bare", apart(read, bootstrap)),
            },
        )
    bare, note = (
        "bare consume of the same topic",
        f"{written.events:,} events of {PEOPLE} people at {SITES} sites",
    )
    return [
        compared("fold of the log into the views, nothing written", "events/s", found["fold"], bare,
                 found["bare"], floor=0.3, aim=0.6, more={**cpu}, note=f"{note}; one process"),
        compared("rebuild of all views into Redis", "events/s", found["rebuild"], bare, found["bare"],
                 floor=0.3, aim=0.6, note=f"{note}; as many processes as cores"),
        alone("rebuild of all views into Redis", "events/s", found["rebuild"], floor=20_000, aim=60_000,
              note="the same runs"),
    ]  # fmt: skip


def _started(home: Path, events: int) -> list[Row]:
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    with EmbeddedKafka(home, jars=jars) as broker:
        create_topics(broker.bootstrap, 1, 1)
        fill(broker.bootstrap, events, PEOPLE, SITES)
        with_s, tail, state = timed(broker.bootstrap, KafkaPartitionLog)
        without_s, folded, full = timed(broker.bootstrap, NoSnapshots)
        bare = max(
            found.records / found.seconds for found in [apart(read, broker.bootstrap) for _ in range(3)]
        )
    assert state == full, "a snapshot and its tail are another state than the whole log"
    return [
        alone("cold start of the agent with snapshots", "s", [with_s], floor=20, aim=5, lower=True,
              note=f"{events:,} events; {tail:,} of them folded; best of 3"),
        compared("fold of the whole log by the agent", "events/s", [folded / without_s],
                 "bare consume of the same topic", [bare], floor=0.3, aim=0.6,
                 note=f"{events:,} events; best of 3"),
    ]  # fmt: skip
