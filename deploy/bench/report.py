"""What a load did: numbers, a table, JSON."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from deploy.bench.crowd import Crowd
from deploy.bench.watching import Track


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds; ``count`` of them. None where there was none."""

    count: int
    p50: float | None = None
    p99: float | None = None
    most: float | None = None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """``asked``: the crowd; rates are a second, of the time that was measured. ``late_s``: how far behind its
    time the generator was at most: beyond a tenth of a second the load is less even than asked for.

    ``to_log``: from the capture of the frame that gave a track its person until that was in the log;
    ``to_label``: until its label came by the WebSocket. ``unshown``: tracks named whose label never came
    (they had ended). ``cpu``: cores that each part used, ``memory_mb`` what it held at the end.
    """

    asked: dict[str, Any]
    seconds: float
    frames: float
    detections: float
    embeddings: float
    published: float
    failed: int
    late_s: float
    events: float
    event_bytes: float
    people: int
    named: int
    unshown: int
    to_log: Latency
    to_label: Latency
    agent_lag: int
    view_lag: int
    drained: bool
    cpu: dict[str, float]
    memory_mb: dict[str, float]
    command: str = ""


def latency(seconds: Collection[float]) -> Latency:
    if not seconds:
        return Latency(0)
    ordered = sorted(seconds)
    return Latency(
        len(ordered), *(round(1000 * s, 1) for s in (_at(ordered, 50), _at(ordered, 99), ordered[-1]))
    )


def _at(ordered: Sequence[float], percent: int) -> float:
    """Nearest rank."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def latencies(
    named: dict[Track, tuple[int, float]], shown: dict[Track, float], since_ms: int
) -> tuple[Latency, Latency, int]:
    """To the log, to the label, and tracks without a label; of those named by frames from ``since_ms`` on."""
    counted = {track: told for track, told in named.items() if told[0] >= since_ms}
    to_log = [arrived - at / 1000 for at, arrived in counted.values()]
    to_label = [shown[track] - at / 1000 for track, (at, _) in counted.items() if track in shown]
    return latency(to_log), latency(to_label), len(counted) - len(to_label)


def lines(found: Loaded, crowd: Crowd) -> list[tuple[str, str]]:
    """What and how much, as people read it."""
    asked = crowd.cameras * crowd.fps
    return [
        ("frames a second", f"{found.frames:,.1f} of {asked:,.0f}, acknowledged {found.published:,.1f}"),
        ("detections, embeddings a second", f"{found.detections:,.0f}, {found.embeddings:,.0f}"),
        ("frames lost; generator late by", f"{found.failed}; {found.late_s * 1000:,.0f} ms at most"),
        ("events a second", f"{found.events:,.1f}, {found.event_bytes / 1024:,.1f} KiB"),
        ("people; tracks named", f"{found.people}; {found.named}"),
        ("capture → event in the log", _said(found.to_log)),
        ("capture → label on the WebSocket", _said(found.to_label) + f"; {found.unshown} ended before"),
        ("records behind at most: agent, views", f"{found.agent_lag}, {found.view_lag}"),
        ("all decided and shown at the end", "yes" if found.drained else "NO: more load than this carries"),
        *(
            (f"{name}: cores, memory", f"{cores:.2f}, {found.memory_mb.get(name, 0):,.0f} MB")
            for name, cores in found.cpu.items()
        ),
    ]  # fmt: skip


def _said(told: Latency) -> str:
    if not told.count:
        return "nobody was named: load for longer"
    return f"p50 {told.p50:,.0f} ms, p99 {told.p99:,.0f} ms, most {told.most:,.0f} ms of {told.count}"
