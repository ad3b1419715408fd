"""What 10, 1,000 and 100,000 cameras need, from what a few cost: ``python -m benchmarks.capacity``.

Reads docs/results/load.json (runs of `saferoom bench load` of several sizes) and docs/results/costs.json
(`make bench ARGS="--only sizes producer"`), writes the numbers of docs/capacity.md between its marks.
``--check`` only compares. What is no measurement is an assumption, and named as one.
"""

import argparse
import math
import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from benchmarks.bench.results import Measured
from benchmarks.bench.results import load as measured_of
from deploy.bench.report import Loaded

RESULTS: Final = Path("docs/results")
PAGE: Final = Path("docs/capacity.md")
BEGIN, END = "<!-- numbers: begin (python -m benchmarks.capacity) -->", "<!-- numbers: end -->"
SIZES: Final = (10, 1_000, 100_000)
#: Shares of a core, of a disk and of memory that may be used in a quiet minute.
_BUSY: Final = 0.5
_PARTS: Final = ("worker", "projector", "kafka", "redis", "api")


class Assumed(NamedTuple):
    """What no benchmark tells: how busy the cameras are, and how machines are cut."""

    people: float = 5.0
    fps: float = 10.0
    busy_hours: float = 10.0
    """Hours a day in which as many people are in front of a camera as ``people``; else nobody."""
    new_persons: float = 20.0
    """A camera and day who were never seen before, or not for the retention."""
    retention_days: int = 90
    site_cameras: int = 50
    replication: int = 3
    broker_cores: int = 8
    broker_disk_tb: float = 8.0
    redis_gb: float = 16.0
    input_days: int = 7


class Costs(NamedTuple):
    """``fixed``, ``each``: cores of a part, at rest and for each camera; bytes as measured."""

    fixed: dict[str, float]
    each: dict[str, float]
    log_person_minute: float
    input_camera_minute: float
    agent_person: float
    redis_person: float


class Need(NamedTuple):
    cameras: int
    sites: int
    detections: float
    cores: dict[str, float]
    workers: int
    partitions: int
    brokers: int
    brokers_year: int
    log_tb_year: float
    input_tb: float
    persons: float
    redis_gb: float
    redis_servers: int
    agent_gb: float


def costs_of(runs: list[Loaded], sizes: list[Measured]) -> Costs:
    """Cores by a line through the runs (least squares): a part costs something at rest, too."""
    fixed, each = dict[str, float](), dict[str, float]()
    cameras = [float(run.asked["cameras"]) for run in runs]
    for part in _PARTS:
        fixed[part], each[part] = line(cameras, [run.cpu[part] for run in runs])
    rows = {row.what: row for one in sizes for row in one.rows}

    def bytes_of(what: str) -> float:
        value = rows[what].value
        assert value is not None, f"{what} was not measured"
        return value

    return Costs(
        fixed, each, bytes_of("event log: a person-minute"), bytes_of("detections topic: a camera-minute"),
        bytes_of("identity agent: memory of a person"), bytes_of("Redis: a person"),
    )  # fmt: skip


def line(x: list[float], y: list[float]) -> tuple[float, float]:
    """Intercept, never below zero, and slope of least squares."""
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True)) / sum(
        (a - middle_x) ** 2 for a in x
    )
    if middle_y - slope * middle_x < 0:
        return 0.0, sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)
    return middle_y - slope * middle_x, slope


def need(cameras: int, costs: Costs, assumed: Assumed) -> Need:
    """All of a size, each part as many processes as its cores need."""
    sites = math.ceil(cameras / assumed.site_cameras)
    cores = {part: costs.each[part] * cameras for part in _PARTS}
    workers = math.ceil((cores["worker"] + costs.fixed["worker"]) / _BUSY)
    # Sites fall on partitions by their hash: four times as many as workers, or some would have two of them.
    partitions = max(4, 1 << math.ceil(math.log2(4 * workers)))
    person_minutes = cameras * assumed.people * assumed.busy_hours * 60
    log_year = person_minutes * 365 * costs.log_person_minute * assumed.replication
    inputs = cameras * assumed.busy_hours * 60 * costs.input_camera_minute * assumed.input_days
    inputs *= assumed.replication
    persons = cameras * assumed.new_persons * assumed.retention_days
    redis = persons * costs.redis_person
    least = 1 if cameras <= 16 else assumed.replication
    by_cores = (cores["kafka"] * assumed.replication + costs.fixed["kafka"]) / (assumed.broker_cores * _BUSY)
    by_disk = (log_year + inputs) / (assumed.broker_disk_tb * 1e12 * _BUSY)
    return Need(
        cameras=cameras, sites=sites, detections=cameras * assumed.people * assumed.fps, cores=cores,
        workers=workers, partitions=partitions,
        brokers=max(least, math.ceil(by_cores)), brokers_year=max(least, math.ceil(by_disk)),
        log_tb_year=log_year / 1e12, input_tb=inputs / 1e12, persons=persons, redis_gb=redis / 1e9,
        redis_servers=max(1, math.ceil(redis / (assumed.redis_gb * 1e9 * _BUSY))),
        agent_gb=persons * costs.agent_person / 1e9,
    )  # fmt: skip


def section(runs: list[Loaded], sizes: list[Measured], assumed: Assumed) -> str:
    """Markdown."""
    costs = costs_of(runs, sizes)
    needs = [need(cameras, costs, assumed) for cameras in SIZES]
    parts = [_measured_table(runs, costs), _bytes_table(costs), _assumptions(assumed), _needs_table(needs)]
    return "\n\n".join(parts)


def _measured_table(runs: list[Loaded], costs: Costs) -> str:
    lines = [
        "| cameras | "
        + " | ".join(f"{part}: cores" for part in _PARTS)
        + " | detections/s | label p50, p99 ms |",
        "|---|" + "---|" * (len(_PARTS) + 2),
    ]
    for run in runs:
        cameras = int(run.asked["cameras"])
        cells = [f"{run.cpu[p]:.2f} ({costs.fixed[p] + costs.each[p] * cameras:.2f})" for p in _PARTS]
        label = f"{run.to_label.p50:.0f}, {run.to_label.p99:.0f}"
        lines.append(f"| {cameras} | " + " | ".join(cells) + f" | {run.detections:,.0f} | {label} |")
    each = " | ".join(f"{1000 * costs.each[p]:.2f} m" for p in _PARTS)
    lines.append(f"| each camera more | {each} | | |")
    return "\n".join(lines)


def _bytes_table(costs: Costs) -> str:
    return "\n".join(
        [
            "| what | bytes |", "|---|---|",
            f"| event log, a minute of one person before a camera (lz4) | {costs.log_person_minute:,.0f} |",
            f"| detections topic, a minute of one camera (lz4) | {costs.input_camera_minute:,.0f} |",
            f"| identity agent, a person | {costs.agent_person:,.0f} |",
            f"| Redis, a person | {costs.redis_person:,.0f} |",
        ]
    )  # fmt: skip


def _assumptions(a: Assumed) -> str:
    return (
        f"Assumed: {a.people:g} people before each camera for {a.busy_hours:g} hours a day, nobody else; "
        f"{a.fps:g} frames a second; {a.new_persons:g} new persons a camera and day, kept "
        f"{a.retention_days} days; sites of {a.site_cameras} cameras; {a.replication} copies in Kafka; "
        f"inputs kept {a.input_days} days; brokers of {a.broker_cores} cores and {a.broker_disk_tb:g} TB; "
        f"Redis of {a.redis_gb:g} GB; all of it half used at most."
    )


def _needs_table(needs: list[Need]) -> str:
    rows = {
        "sites": [f"{n.sites:,}" for n in needs],
        "detections a second": [f"{n.detections:,.0f}" for n in needs],
        "cores used: workers": [_cores(n.cores["worker"]) for n in needs],
        "cores used: projectors": [_cores(n.cores["projector"]) for n in needs],
        "worker processes": [f"{n.workers:,}" for n in needs],
        "partitions": [f"{n.partitions:,}" for n in needs],
        "brokers for the work": [f"{n.brokers:,}" for n in needs],
        "brokers whose disks hold a year of it": [f"{n.brokers_year:,}" for n in needs],
        "event log a year, TB with copies": [_tb(n.log_tb_year) for n in needs],
        "detections topic, TB with copies": [_tb(n.input_tb) for n in needs],
        "persons known": [f"{n.persons:,.0f}" for n in needs],
        "Redis, GB": [f"{n.redis_gb:,.1f}" for n in needs],
        "Redis servers": [f"{n.redis_servers:,}" for n in needs],
        "memory of all workers' galleries, GB": [f"{n.agent_gb:,.1f}" for n in needs],
    }
    head = "| | " + " | ".join(f"{n.cameras:,} cameras" for n in needs) + " |"
    return "\n".join(
        [
            head,
            "|---|" + "---|" * len(needs),
            *(f"| {name} | " + " | ".join(c) + " |" for name, c in rows.items()),
        ]
    )


def _cores(value: float) -> str:
    return f"{value:,.1f}" if value >= 0.1 else f"{value:.3f}"


def _tb(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def document(page: str, results: Path = RESULTS) -> str:
    """``page`` with its numbers made anew."""
    runs = msgspec.json.decode((results / "load.json").read_bytes(), type=list[Loaded])
    numbers = section(runs, list(measured_of(results / "costs.json").values()), Assumed())
    found = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return found.sub(lambda _: f"{BEGIN}\n{numbers}\n{END}", page)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    page = PAGE.read_text()
    made = document(page)
    if asked.check:
        return int(made != page)
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
