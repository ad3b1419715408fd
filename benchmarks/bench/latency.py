"""From a frame's capture to the label on the WebSocket, everything on this machine: the load of
`saferoom bench load`, through Kafka, worker, projector, Redis and API as `saferoom up` starts them."""

import tempfile
import threading
from pathlib import Path
from typing import Final

import platformdirs
from rich.console import Console

from benchmarks.bench.row import Row, alone
from deploy.bench.crowd import Crowd
from deploy.bench.load import LoadPlan, Place, load
from deploy.bench.report import Loaded
from deploy.session import running_stack
from deploy.stack import Stack
from reid.runtime.servers.jars import fetch, kafka_version, locked
from reid.runtime.settings import Settings

SITE: Final = "load"


def run(quick: bool) -> list[Row]:
    rounds, seconds = (3, 8.0) if quick else (5, 25.0)
    console = Console(stderr=True, highlight=False, width=120)
    stopping = threading.Event()
    with tempfile.TemporaryDirectory(prefix="saferoom-bench-") as folder:
        _link_jars(Path(folder))
        settings = Settings.model_validate({"home": Path(folder), "site_id": SITE, "api_port": 0})
        with running_stack(settings, console, stopping, lambda line: console.print(line)) as stack:
            stack.start_servers()
            stack.start_processes()
            found = [_loaded(stack, Crowd(seed=number), seconds, stopping) for number in range(rounds)]
    shape = Crowd()
    note = (
        f"{shape.cameras} cameras x {shape.fps:g} frames/s x {shape.people:g} people, {seconds:g} s a round"
    )
    last = found[-1]
    more: dict[str, float | int | str | None] = {
        "tracks named": sum(one.named for one in found),
        "ended before their label": sum(one.unshown for one in found),
        "all decided and shown": str(all(one.drained and not one.failed for one in found)),
        "generator late, ms": round(1000 * max(one.late_s for one in found)),
        "event in the log, p50 ms": last.to_log.p50,
    }
    return [
        alone("capture to label on the WebSocket, p50", "ms", _of(found, "p50"), lower=True,
              floor=250, aim=100, note=note, more=more),
        alone("capture to label on the WebSocket, p99", "ms", _of(found, "p99"), lower=True,
              floor=1000, aim=300, note=note),
    ]  # fmt: skip


def _link_jars(home: Path) -> None:
    """Kafka's, kept between runs: fetched anew they take as long as two rounds."""
    name = kafka_version(locked())
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{name}"
    fetch(locked(), jars)
    (home / "kafka").mkdir()
    (home / "kafka" / f"jars-{name}").symlink_to(jars)


def _loaded(stack: Stack, crowd: Crowd, seconds: float, stopping: threading.Event) -> Loaded:
    place = Place(stack.kafka, stack.redis, stack.api, stack.pids)
    return load(place, SITE, LoadPlan(crowd, seconds, 5.0, None, None), stopping)


def _of(found: list[Loaded], which: str) -> list[float]:
    values = [getattr(one.to_label, which) for one in found]
    assert all(value is not None for value in values), "a round named nobody: longer ones are needed"
    return [float(value) for value in values]
