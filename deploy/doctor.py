"""``saferoom doctor``: the checks of `reid.runtime.doctor`, progress, dead letters, and a look through each
camera."""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.camera_runs import check_cameras
from deploy.clocks import check_clocks
from deploy.dead_letters import newest, replays
from deploy.progress import check_progress
from projections.redis_store import RedisViewStore
from reid.contracts.cloudevents import rfc3339
from reid.errors import ReidError, Unavailable
from reid.runtime.doctor import CameraProbe, Check, redis_info, refused, run_checks
from reid.runtime.settings import Settings

FIRST_FRAME_S: Final = 10.0
_LETTERS: Final = "Dead letters"
_ERROR_CHARS: Final = 160


def run(settings: Settings, sources: Sequence[str]) -> int:
    """Prints the findings. Returns 1 when a check failed, else 0: a warning is no failure."""
    console = Console(highlight=False)
    from producers.sources.address import without_password

    probes: list[CameraProbe] = [(without_password(one), partial(first_frame, one)) for one in sources]
    checks = run_checks(settings, probes, info_of)
    redis = next(check for check in checks if check.name == "Redis")
    now_ms = round(time.time() * 1000)
    checks.append(check_clocks(settings, redis, now_ms))
    topics = next(check for check in checks if check.name == "Topics")
    checks.append(check_cameras(settings, topics, now_ms))
    checks += check_progress(settings, topics, redis)
    checks.append(check_dead_letters(settings, topics))
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in ("", "check", "finding"):
        table.add_column(column, overflow="fold")
    for check in checks:
        table.add_row(_mark(check), check.name, Text(check.detail))
        if check.remedy:
            table.add_row("", "", Text(f"→ {check.remedy}", style="yellow"))
    console.print(table)
    wrong, warnings = sum(not check.ok for check in checks), sum(check.warning for check in checks)
    if wrong:
        console.print(f"{wrong} of {len(checks)} checks failed.")
    else:
        console.print(f"Nothing failed; to see to (!): {warnings}." if warnings else "All is well.")
    return 1 if wrong else 0


def info_of(url: str) -> Mapping[str, str]:
    """As `redis_info`; by TLS and Unix sockets, which it does not speak, with the client that all use."""
    if urlsplit(url).scheme not in ("rediss", "unix"):
        return redis_info(url)
    with closing(RedisViewStore(url)) as store:
        return store.info()


def _mark(check: Check) -> Text:
    if check.warning:
        return Text("!", style="yellow")
    return Text("✓", style="green") if check.ok else Text("✗", style="red")


def check_dead_letters(settings: Settings, topics: Check) -> Check:
    """Inputs and events that were thrown away and not sent again since, of all sites. ``topics``: what was
    found of them. A warning: what sent them may be mended already."""
    if not topics.ok:
        return Check(_LETTERS, False, "not checked: see Topics", "put the topics right first")
    try:
        found, more = newest(settings.kafka())
        again = replays(settings.kafka()) if found else {}
    except ReidError as error:
        return refused(_LETTERS, error)
    left = [letter for letter in found if letter.place not in again or again[letter.place].state != "done"]
    if not left:
        return Check(_LETTERS, True, "none" if not found else "none that was not sent again")
    last, count = left[-1], f"{len(left)} or more" if more else str(len(left))
    why = " ".join(last.error.split())[:_ERROR_CHARS]
    return Check(
        _LETTERS,
        True,
        f"{count}, the last at {rfc3339(last.at)}, {last.reason}: {why}",
        "see `saferoom dlq list`; mend what sends them, then `saferoom dlq replay`",
    )


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
