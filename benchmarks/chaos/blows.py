"""The blows: who is killed or frozen when, drawn by a seed."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console

from benchmarks.chaos.system import System, freeze, thaw
from reid.contracts.topics import DETECTIONS

#: Seconds: the session time-out of a worker is 6, then the other must take over and write.
_TAKEOVER_S: Final = 40.0
_FROZEN_S: Final = 7.0
_BOTH_READY_S: Final = 40.0
_APART_S: Final = (0.2, 2.5)
PARTS: Final = ("worker", "worker-1", "projector", "api", "redis", "kafka", "producer-0", "producer-1")


@dataclass
class Told:
    """What was done. ``takeover_s``: from freezing to the first commit of another writer."""

    kills: Counter[str] = field(default_factory=Counter)
    freezes: int = 0
    takeovers: int = 0
    takeover_s: list[float] = field(default_factory=list)
    timeline: list[str] = field(default_factory=list)


class Blows:
    """``parts``: those of `PARTS` that may be killed."""

    def __init__(
        self,
        system: System,
        kills: int,
        freezes: int,
        seed: int,
        console: Console,
        parts: Sequence[str] = PARTS,
    ) -> None:
        self._parts = parts
        self._system, self._random, self._console = system, random.Random(seed), console
        self._begun = time.monotonic()
        self.plan = ["kill"] * kills + ["freeze"] * freezes
        self._random.shuffle(self.plan)
        self.told = Told()

    def strike(self, what: str) -> None:
        """Not all at once, when frames that waited for a broker come in a burst."""
        self._system.live(self._random.uniform(*_APART_S))
        if what == "kill":
            self._kill()
        else:
            self._freeze()

    def _kill(self) -> None:
        """One of the parts that live, each as likely as the others."""
        self._system.live(30, lambda: any(name in self._parts for name in self._system.targets()))
        targets = self._system.targets()
        name = self._random.choice([part for part in self._parts if part in targets])
        os.kill(targets[name], signal.SIGKILL)
        self.told.kills[name] += 1
        self._say(f"kill -9 {name}")

    def _freeze(self) -> None:
        """A worker that writes is stopped until the other has written in its place."""
        system = self._system
        both = system.live(
            _BOTH_READY_S,
            lambda: all(
                w.name in system.targets() and w.facts().get("pid") == w.pid() for w in system.workers
            ),
        )
        owners = [w for w in system.workers if w.name in system.targets() and w.facts().get("partitions")]
        if not owners:
            self._say("nobody to freeze")
            return
        worker = self._random.choice(owners)
        owned = [int(p) for p in worker.facts()["partitions"]]
        freeze(worker)
        self.told.freezes += 1
        begun = time.monotonic()
        self._say(f"SIGSTOP {worker.name} (partitions {owned}{'' if both else ', the other is down'})")
        system.live(1.0)
        before: dict[tuple[str, int], int] = {}
        system.live(_TAKEOVER_S, lambda: bool(before.update(system.decided()) or before))

        def taken() -> bool:
            now = system.decided()
            return any(now.get((DETECTIONS.name, p), 0) > before.get((DETECTIONS.name, p), 0) for p in owned)

        if before and system.live(_TAKEOVER_S, taken):
            self.told.takeovers += 1
            self.told.takeover_s.append(round(time.monotonic() - begun, 1))
        system.live(max(_FROZEN_S - (time.monotonic() - begun), 0))
        thaw(worker)
        self._say(f"SIGCONT {worker.name} after {time.monotonic() - begun:.1f} s")

    def _both_ready(self) -> bool:
        targets = self._system.targets()
        return "kafka" in targets and all(
            w.name in targets and w.facts().get("pid") == w.pid() for w in self._system.workers
        )

    def _say(self, what: str) -> None:
        line = f"{time.monotonic() - self._begun:6.1f} s  {what}"
        self.told.timeline.append(line)
        self._console.print(line, highlight=False)
