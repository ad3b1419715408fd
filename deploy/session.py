"""A supervised run from a terminal: signals, the supervisor, and the way out."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from deploy.stack import Stack
from deploy.steps import Steps
from deploy.supervisor import Supervisor
from reid.runtime.settings import Settings


@contextmanager
def stop_signals(stopping: threading.Event) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP (the terminal was closed) set ``stopping`` while inside."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    with stop_signals(stopping), Supervisor(run_dir, tell, stopping) as supervisor:
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
