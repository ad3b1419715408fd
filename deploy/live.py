"""The demo's screen: a snapshot -> tables. No state, no I/O."""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deploy.observer import moment_of
from deploy.snapshot import Snapshot

_STATE_STYLE: Final = {"streaming": "green", "ended": "dim", "failed": "red", "reconnecting": "yellow"}
_MOST_PERSONS: Final = 16
#: Such a share of dropped frames harms nobody.
_FEW: Final = 0.1


def screen(snapshot: Snapshot, notices: Sequence[str], seconds: float) -> RenderableType:
    """Everything. ``notices``: the newest lines of the supervisor; ``seconds`` since the cameras started."""
    parts: list[RenderableType] = [cameras_table(snapshot), persons_table(snapshot), Text(figures(snapshot))]
    parts += [Text(f"! {line}", style="yellow") for line in notices]
    if snapshot.trouble:
        parts.append(Text(f"! {snapshot.trouble}", style="yellow"))
    return Panel(Group(*parts), title=f"SafeRoom  {seconds:.0f} s", subtitle="Ctrl-C ends everything")


def cameras_table(snapshot: Snapshot) -> Table:
    """Cameras, what they do, and who is in front of them."""
    table = Table(box=None, pad_edge=False, expand=True)
    for heading in ("camera", "state", "captured", "dropped", "published", "fps", "ms/frame", "tracks"):
        table.add_column(heading, justify="left" if heading in ("camera", "state") else "right")
    table.add_column("who is there (track → label)", ratio=1)
    there: dict[str, list[str]] = defaultdict(list)
    for shown in snapshot.tracks:
        there[shown.track.camera_id].append(f"{shown.track.tracker_id} → {shown.label}")
    for camera in snapshot.cameras:
        table.add_row(
            camera.camera_id,
            Text(camera.state, style=_STATE_STYLE.get(camera.state, "")),
            str(camera.frames_captured),
            str(camera.frames_dropped),
            str(camera.frames_published),
            f"{camera.fps:.1f}",
            f"{camera.detect_ms:.0f}",
            str(camera.tracks),
            Text(camera.detail if camera.state == "failed" else ", ".join(there[camera.camera_id])),
        )
    if not snapshot.cameras:
        table.add_row("…", "waiting for the first report")
    return table


def persons_table(snapshot: Snapshot) -> Table:
    """The persons as the API lists them, the last seen first."""
    table = Table(box=None, pad_edge=False, expand=True, title_justify="left")
    for heading in ("person", "cameras", "visits", "looks", "last seen", "id"):
        table.add_column(heading, justify="right" if heading in ("visits", "looks", "last seen") else "left")
    now = time.time()
    newest = sorted(snapshot.persons, key=lambda person: -moment_of(person["last_seen"]))
    for person in newest[:_MOST_PERSONS]:
        ago = max(0.0, now - moment_of(person["last_seen"]))
        table.add_row(
            Text(str(person["label"]), style="bold" if ago < 2 else ""),
            ", ".join(person["cameras"]),
            str(person["visit_count"]),
            str(person["num_embeddings"]),
            f"{ago:.0f} s ago",
            str(person["person_id"]),
        )
    if len(newest) > _MOST_PERSONS:
        table.add_row(f"and {len(newest) - _MOST_PERSONS} more")
    return table


def figures(snapshot: Snapshot) -> str:
    """Rates, lags, ages and memory in one line."""
    latency = "–" if snapshot.latency is None else "{:.0f}/{:.0f} ms".format(*snapshot.latency)
    age = "–" if snapshot.label_age is None else f"{snapshot.label_age:.1f} s"
    memory = ", ".join(f"{name} {rss / 1e6:.0f}" for name, rss in snapshot.memory.items())
    return (
        f"events {snapshot.events} ({snapshot.events_per_s:.1f}/s)   "
        f"lag: agent {_known(snapshot.agent_lag)}, view {_known(snapshot.view_lag)}   "
        f"capture to label p50/p95 {latency}   newest label {age} old\n"
        f"memory {snapshot.memory_total / 1e6:.0f} MB ({memory})"
    )


def one_line(snapshot: Snapshot, seconds: float) -> str:
    """The same for a log."""
    captured, dropped = snapshot.frames_captured, snapshot.frames_dropped
    labels = sorted({shown.label for shown in snapshot.tracks})
    age = "–" if snapshot.label_age is None else f"{snapshot.label_age:.1f} s"
    return (
        f"{seconds:5.0f} s  frames {captured} (dropped {dropped})  events {snapshot.events}  "
        f"persons {len(snapshot.persons)}  "
        f"lag agent {_known(snapshot.agent_lag)}, view {_known(snapshot.view_lag)}  "
        f"newest label {age}  memory {snapshot.memory_total / 1e6:.0f} MB  "
        f"in sight: {', '.join(labels) or '–'}" + (f"  ! {snapshot.trouble}" if snapshot.trouble else "")
    )


def left_out(snapshot: Snapshot) -> str | None:
    """What somebody whose machine is too slow should know; None where few frames were dropped."""
    captured, dropped = snapshot.frames_captured, snapshot.frames_dropped
    if dropped <= _FEW * captured:
        return None
    return (
        f"{dropped} of {captured} frames were dropped: this machine has no time for them, and people are "
        "found late or missed. Fewer frames (--fps) or cameras (--cameras), or less beside it, help"
    )


def _known(value: int | None) -> str:
    return "–" if value is None else str(value)
