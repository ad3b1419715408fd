"""What can go wrong at an I/O boundary, and when: planned for a test, or drawn from a seed."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from reid.errors import Unavailable

T = TypeVar("T")

CRASH: Final = "crash"
CRASH_AFTER: Final = "crash after"
LOST: Final = "lost"
UNHEARD: Final = "unheard"
TWICE: Final = "twice"
PAUSE: Final = "pause"
#: ``crash``: the process ends before the effect, ``crash after``: behind it. ``lost``: an error and no
#: effect, ``unheard``: the effect happened but the caller sees an error. ``twice``: delivered twice.
#: ``pause``: the process stands still while another takes its place, then goes on (SIGSTOP, SIGCONT).
KINDS: Final = (CRASH, CRASH_AFTER, LOST, UNHEARD, TWICE, PAUSE)

AGENT: Final = (
    "agent.fence",
    "agent.snapshot",
    "agent.fold",
    "agent.decided",
    "agent.spans",
    "agent.inputs",
    "agent.begin",
    "agent.produce",
    "agent.offsets",
    "agent.commit",
)
PROJECTOR: Final = (
    "projector.form",
    "projector.generation",
    "projector.positions",
    "projector.topics",
    "projector.poll",
    "projector.load",
    "projector.hashes",
    "projector.letters",
    "projector.commit",
)


class Crash(BaseException):
    """The process is gone. No code of ours may catch it."""


class Faults:
    """``plan``: (label, how often it was reached before) -> kind. ``rate``: of random faults, drawn from
    ``dice``; ``elsewhere``: what another process does during a pause."""

    def __init__(
        self,
        plan: dict[tuple[str, int], str] | None = None,
        dice: random.Random | None = None,
        rate: float = 0.0,
    ) -> None:
        self._plan = plan or {}
        self._dice = dice or random.Random(0)
        self._rate = rate
        self._off = False
        self._paused = False
        self.reached: Counter[str] = Counter()
        self.happened: list[str] = []
        self.elsewhere: Callable[[str], None] = lambda label: None

    @property
    def random(self) -> bool:
        """Whether faults are drawn."""
        return self._rate > 0

    def end(self) -> None:
        """From now on all goes well."""
        self._off = True

    def at(self, label: str, effect: Callable[[], T], again: Callable[[], T] | None = None) -> T:
        """Passes a boundary. ``again``: the effect when it is delivered a second time."""
        kind = self._kind(label)
        if kind:
            self.happened.append(f"{label} {kind}")
        if kind == CRASH:
            raise Crash(label)
        if kind == LOST:
            raise Unavailable(f"{label}: lost")
        if kind == PAUSE:
            self._paused = True
            self.elsewhere(label)
            self._paused = False
        result = effect()
        if kind == TWICE:
            result = (again or effect)()
        if kind == UNHEARD:
            raise Unavailable(f"{label}: done, but its answer was lost")
        if kind == CRASH_AFTER:
            raise Crash(label)
        return result

    def _kind(self, label: str) -> str | None:
        if self._off or self._paused:
            return None
        number = self.reached[label]
        self.reached[label] += 1
        planned = self._plan.get((label, number))
        if planned is None and self._rate and self._dice.random() < self._rate:
            return self._dice.choice(KINDS)
        return planned
