"""``saferoom bench load``: a crowd before cameras that do not exist, through the real pipeline."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from deploy.bench.crowd import Cameras, Crowd
from deploy.bench.generator import Generator
from deploy.bench.lag import LagWatch
from deploy.bench.report import Loaded, latencies, lines
from deploy.bench.watching import LabelWatch, LogWatch
from deploy.places import check_places
from deploy.preflight import preflight
from deploy.report import write_json
from deploy.session import console_for_people, running_stack
from reid.errors import ConfigError
from reid.runtime.settings import Settings

#: Seconds that what is left may take to be decided and shown.
_DRAIN_S: Final = 30.0


class LoadPlan(NamedTuple):
    """``api``: of a system that runs already; None starts one. ``warmup_s`` is not counted."""

    crowd: Crowd
    seconds: float
    warmup_s: float
    api: str | None
    json_file: Path | None


class Place(NamedTuple):
    """Where the load goes. ``pids``: part -> process, of what was started here."""

    kafka: str
    redis: str | None
    api: str
    pids: Callable[[], Mapping[str, int]]


def run(settings: Settings, plan: LoadPlan) -> int:
    """Exit code: 1 when the load was more than is carried. Raises `ReidError`."""
    check_places(plan.json_file)
    console = console_for_people()
    if plan.api is not None:
        if settings.kafka_bootstrap_servers is None:
            raise ConfigError("--api names a running system: give its Kafka too, with --kafka")
        place = Place(settings.kafka(), settings.redis_url, plan.api, dict)
        return _told(console, plan, load(place, settings.site_id, plan, threading.Event()))
    preflight(settings)
    stopping = threading.Event()
    with running_stack(settings, console, stopping, lambda line: console.print(f"! {line}")) as stack:
        stack.start_servers()
        stack.start_processes()
        place = Place(stack.kafka, stack.redis, stack.api, stack.pids)
        found = load(place, settings.site_id, plan, stopping)
    return _told(console, plan, found)


def load(place: Place, site_id: str, plan: LoadPlan, stopping: threading.Event) -> Loaded:
    """Blocks for warm-up, load and the draining of what is left. Raises `Unavailable`."""
    session = f"{time.time_ns() // 1_000_000:x}"
    cameras = Cameras(plan.crowd, session)
    with (
        closing(LogWatch(place.kafka, site_id, session)) as log,
        closing(LabelWatch(place.api)) as labels,
        closing(LagWatch(place.kafka, place.redis)) as lag,
    ):
        generator = Generator(cameras, place.kafka, site_id, session)
        with closing(generator):
            generator.start()
            stopping.wait(plan.warmup_s)
            before, since_ms = _Count(generator, log, place), time.time_ns() // 1_000_000
            generator.most_late_s = 0.0
            del lag.agent[:], lag.views[:]
            stopping.wait(plan.seconds)
            after = _Count(generator, log, place)
            generator.check()
        drained = lag.caught_up(_DRAIN_S)
        time.sleep(0.5)
        to_log, to_label, unshown = latencies(log.named, labels.shown, since_ms)
        took = after.at - before.at

        def rate(name: str) -> float:
            return round(float(after.of[name] - before.of[name]) / took, 2)

        return Loaded(
            asked=plan.crowd._asdict(), seconds=round(took, 1), frames=rate("frames"),
            detections=rate("persons"), embeddings=rate("embeddings"), published=rate("published"),
            failed=generator.failed, late_s=round(generator.most_late_s, 3), events=rate("events"),
            event_bytes=rate("bytes"), people=cameras.known, named=to_log.count, unshown=unshown,
            to_log=to_log, to_label=to_label, agent_lag=max(lag.agent, default=0),
            view_lag=max(lag.views, default=0), drained=drained,
            cpu={n: round((after.cpu[n] - s) / took, 3) for n, s in before.cpu.items() if n in after.cpu},
            memory_mb=after.memory, command=" ".join(["saferoom", *sys.argv[1:]]),
        )  # fmt: skip


class _Count:
    """Sums so far, and what the parts have used."""

    def __init__(self, generator: Generator, log: LogWatch, place: Place) -> None:
        self.at = time.monotonic()
        self.of = {
            "frames": generator.frames, "persons": generator.persons, "embeddings": generator.embeddings,
            "published": generator.published, "events": log.events.total(), "bytes": log.bytes,
        }  # fmt: skip
        self.cpu, self.memory = dict[str, float](), dict[str, float]()
        for name, pid in place.pids().items():
            process = psutil.Process(pid)
            times = process.cpu_times()
            # What runs in this process is the generator and those who watch.
            part = "generator" if name == "saferoom" else name
            self.cpu[part] = times.user + times.system
            self.memory[part] = round(process.memory_info().rss / 1e6, 1)


def _told(console: Console, plan: LoadPlan, found: Loaded) -> int:
    table = Table(show_header=False, box=None)
    for what, much in lines(found, plan.crowd):
        table.add_row(what, much)
    console.print(table)
    if plan.json_file is not None:
        write_json(plan.json_file, msgspec.to_builtins(found))
    return 0 if found.drained and not found.failed else 1
