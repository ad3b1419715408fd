"""A supervised run from a terminal: signals, the supervisor, and the way out."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from deploy.stack import Stack
from deploy.steps import Steps
from deploy.supervisor import Supervisor
from reid.runtime.ending import asked_by_signals
from reid.runtime.settings import Settings

#: SIGHUP: the terminal was closed.
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def console_for_people() -> Console:
    """A log has no width: only a terminal's lines are folded."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    return console


@contextmanager
def running_stack(
    settings: Settings, console: Console, stopping: threading.Event, tell: Callable[[str], None]
) -> Iterator[Stack]:
    """A `Stack` with nothing started yet; whatever is started inside has ended afterwards."""
    run_dir: Path = settings.endpoints_file.parent
    with asked_by_signals(stopping, STOP_SIGNALS), Supervisor(run_dir, tell, stopping) as supervisor:
        stack = Stack(settings, supervisor, Steps(console))
        try:
            yield stack
        finally:
            stack.close()
            if supervisor.children:
                names = ", ".join(child.name for child in reversed(supervisor.children))
                console.print(f"ending {names}", highlight=False, style="dim")
            killed = supervisor.stop()
            if killed:
                console.print(f"[yellow]had to be killed: {', '.join(killed)}[/]", highlight=False)
