"""The start, told as it goes: one line a step, and a bar for what is downloaded."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.spinner import Spinner
from rich.text import Text


@dataclass
class Step:
    """``detail``: what the step came to, shown when it is done."""

    name: str
    detail: str = ""
    began: float = field(default_factory=time.monotonic)


class Steps:
    """On a terminal the current step spins; elsewhere each finished step is a plain line."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()
        self._current: Step | None = None
        self._bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
        )
        self._task: TaskID | None = None
        self._told_quarters = 0
        self._spinner = Spinner("dots")
        self._lock = threading.Lock()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Shows ``name`` while the block runs and its outcome after it."""
        self._current = step = Step(name)
        try:
            with Live(
                get_renderable=self._render, console=self.console, transient=True, refresh_per_second=8
            ):
                yield step
        except BaseException:
            self.console.print(f"[red]✗[/] {name}", highlight=False)
            raise
        finally:
            self._current, self._task = None, None
        took = time.monotonic() - step.began
        self.console.print(f"[green]✓[/] {name:<24} [dim]{took:5.1f} s[/]  {step.detail}", highlight=False)

    def progress(self, what: str, done: int, total: int) -> None:
        """The download callback of `reid.runtime.servers`; called from its threads."""
        with self._lock:
            if self._task is None:
                self._task = self._bar.add_task("downloading Apache Kafka", total=total)
            self._bar.update(self._task, completed=done, total=total)
            quarters = 4 * done // total if total else 0
            if not self.console.is_terminal and quarters > self._told_quarters:
                self._told_quarters = quarters
                self.console.print(f"  downloading Apache Kafka: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def _render(self) -> RenderableType:
        step = self._current
        if step is None or not self.console.is_terminal:
            return Text("")
        took = time.monotonic() - step.began
        self._spinner.update(text=Text.from_markup(f"{step.name} [dim]{took:.0f} s[/]"))
        return Group(self._spinner, self._bar) if self._task is not None else self._spinner
