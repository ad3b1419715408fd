"""Frames from producers, blows at random, quiet, then: is all of it there, once, and right?"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import TopicPartition
from rich.console import Console

from benchmarks.chaos import acknowledged, verifier
from benchmarks.chaos.acknowledged import Acknowledged, print_of
from benchmarks.chaos.blows import PARTS, Blows
from benchmarks.chaos.commander import Commander
from benchmarks.chaos.system import System, running, sites
from deploy.log import log_reader
from deploy.verify.records import records
from deploy.verify.run import decided_offsets
from projections.redis_store import RedisViewStore
from reid.contracts.topics import DECIDED_GROUP, EVENTS, INPUT_TOPICS, PERSONS_VIEW
from reid.errors import Unavailable
from reid.runtime.settings import Settings

SITES: Final = 8
_PRODUCERS: Final = 2
#: A frozen writer costs so many seconds of load besides the pace.
_FREEZE_S: Final = 11.0
_QUIET_S: Final = 180.0


@dataclass(frozen=True)
class Plan:
    """``pace``: seconds of load for each blow, which sets the rate of frames."""

    frames: int
    kills: int
    freezes: int
    seed: int
    per_message: int
    pace: float
    parts: Sequence[str] = PARTS

    @property
    def messages(self) -> int:
        """Of each site."""
        return -(-self.frames // (self.per_message * SITES))

    @property
    def rate(self) -> float:
        """Messages a second of each site."""
        return self.messages / (self.kills * self.pace + self.freezes * _FREEZE_S + 5.0)


def run(settings: Settings, plan: Plan, console: Console, stopping: threading.Event) -> dict[str, Any]:
    """What was done and what was found; ``passed``: nothing lost, nothing twice, every takeover seen."""
    with running(settings, console, stopping) as system:
        settings = settings.model_copy(
            update={"kafka_bootstrap_servers": system.stack.kafka, "redis_url": system.stack.redis}
        )
        journals = [settings.home / "acknowledged" / f"{n}.log" for n in range(_PRODUCERS)]
        names = sites(SITES, settings.partitions)
        start_ms = str(round(time.time() * 1000))
        loads = [
            [
                f"--bootstrap={system.stack.kafka}",
                f"--sites={','.join(names[n::_PRODUCERS])}",
                f"--journal={journal}",
                f"--seed={plan.seed}",
                f"--start-ms={start_ms}",
                f"--messages={plan.messages}",
                f"--frames={plan.per_message}",
                f"--rate={plan.rate}",
            ]
            for n, journal in enumerate(journals)
        ]
        commander = Commander(system.stack.kafka, settings.partitions, plan.seed)
        begun = time.monotonic()
        system.start_load(loads)
        commander.start()
        blows = Blows(system, plan.kills, plan.freezes, plan.seed, console, plan.parts)
        total = plan.messages * SITES

        counts = [acknowledged.Count(path) for path in journals]

        def sent() -> int:
            return sum(count.look() for count in counts)

        for number, what in enumerate(blows.plan):
            # By progress, not by the clock: every blow falls while frames flow.
            due = total * (number + 0.5) / len(blows.plan) * 0.98
            system.live(120, lambda due=due: sent() >= due)  # type: ignore[misc]
            blows.strike(what)
        finished = system.live(600, lambda: system.supervisor.finished(*system.producers))
        loaded_s = time.monotonic() - begun
        commander.end()
        console.print(f"load ended after {loaded_s:.0f} s; waiting for quiet", highlight=False)
        quiet_begun = time.monotonic()
        quiet = system.live(_QUIET_S, lambda: _quiet(system, settings))
        quiet_s = time.monotonic() - quiet_begun
        found = verifier.run(system)
        promised = [entry for path in journals for entry in acknowledged.read(path)]
        missing = _missing(settings, [*promised, *commander.acknowledged])
        told = blows.told
        return {
            "passed": found["exit_code"] == 0
            and not missing
            and finished
            and quiet
            and told.takeovers == plan.freezes
            and sum(told.kills.values()) == plan.kills,
            "seed": plan.seed,
            "frames_verified": found["frames"],
            "events": found["events"],
            "inputs": found["inputs"],
            "acknowledged": len(promised) + len(commander.acknowledged),
            "acknowledged_missing": missing[:20],
            "commands": commander.kinds,
            "kills": dict(told.kills),
            "freezes": told.freezes,
            "takeovers": told.takeovers,
            "takeover_seconds": told.takeover_s,
            "restarts": system.supervisor.restarts,
            "load_seconds": round(loaded_s, 1),
            "producers_finished": finished,
            "seconds_to_quiet": round(quiet_s, 1),
            "quiet": quiet,
            "verify": found,
            "timeline": told.timeline,
        }


def _quiet(system: System, settings: Settings) -> bool:
    """All inputs decided, all events in the views, everything up."""
    if len(system.targets()) < 6:
        return False
    store = RedisViewStore(settings.redis())
    try:
        positions = store.positions(PERSONS_VIEW)
        consumer = log_reader(settings.kafka(), **{"group.id": DECIDED_GROUP})
        try:
            partitions = range(settings.partitions)
            decided = decided_offsets(consumer, list(partitions))

            def high(topic: str, p: int) -> int:
                found = consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=5.0)
                return found[1] if found else -1

            return all(
                decided.get((t.name, p), 0) >= high(t.name, p) for t in INPUT_TOPICS for p in partitions
            ) and all(positions.get(p, 0) >= high(EVENTS.name, p) for p in partitions)
        finally:
            consumer.close()
    except Unavailable:
        return False
    finally:
        store.close()


def _missing(settings: Settings, promised: list[Acknowledged]) -> list[str]:
    """Acknowledged inputs that are not at the place, or not with the bytes, that were acknowledged."""
    wanted: dict[tuple[str, int], dict[int, str]] = {}
    for entry in promised:
        wanted.setdefault((entry.topic, entry.partition), {})[entry.offset] = entry.print_
    for (topic, partition), offsets in wanted.items():
        for record in records(settings.kafka(), topic, partition, 0, max(offsets) + 1, committed=False):
            if offsets.get(record.offset) == print_of(record.value or b""):
                del offsets[record.offset]
    return [
        f"{topic}/{partition}/{offset}"
        for (topic, partition), offsets in wanted.items()
        for offset in sorted(offsets)
    ]
