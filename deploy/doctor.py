"""``saferoom doctor``: the checks of `reid.runtime.doctor` and a look through each camera, as a table."""

import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.clocks import check_clocks
from reid.errors import Unavailable
from reid.runtime.doctor import CameraProbe, run_checks
from reid.runtime.settings import Settings

FIRST_FRAME_S: Final = 10.0


def run(settings: Settings, sources: Sequence[str]) -> int:
    """Prints the findings. Returns 0 when all is well, else 1."""
    console = Console(highlight=False)
    probes: list[CameraProbe] = [(source, partial(first_frame, source)) for source in sources]
    checks = run_checks(settings, probes)
    redis = next(check for check in checks if check.name == "Redis")
    checks.append(check_clocks(settings, redis, round(time.time() * 1000)))
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in ("", "check", "finding"):
        table.add_column(column, overflow="fold")
    for check in checks:
        mark = Text("✓", style="green") if check.ok else Text("✗", style="red")
        table.add_row(mark, check.name, Text(check.detail))
        if not check.ok:
            table.add_row("", "", Text(f"→ {check.remedy}", style="yellow"))
    console.print(table)
    wrong = sum(not check.ok for check in checks)
    console.print("All is well." if not wrong else f"{wrong} of {len(checks)} checks failed.")
    return 1 if wrong else 0


def first_frame(source: str) -> str:
    """Opens ``source`` as a camera process would. Returns what it gives; raises `ReidError`."""
    from producers.sources.base import Playback
    from producers.sources.spec import open_source

    camera = open_source(source, Playback(realtime=False))
    # A live source that is away is waited for: the closing ends that wait.
    timer = threading.Timer(FIRST_FRAME_S, camera.close)
    timer.start()
    try:
        for frame in camera:
            height, width = frame.image.shape[:2]
            return f"{camera.describe()}: {width}×{height}"
    finally:
        timer.cancel()
        camera.close()
    reason = camera.stats.detail or f"no frame within {FIRST_FRAME_S:.0f} s"
    raise Unavailable(f"{camera.describe()}, {reason}: check its address, and that it is switched on")


def print_settings_table() -> None:
    """Every setting as a row of Markdown."""
    from reid.runtime.settings_table import settings_table

    sys.stdout.write(settings_table())
