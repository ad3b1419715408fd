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
from benchmarks.chaos.takeover import Takeover, Writers
from deploy.child import ProcessChild

#: Seconds: the session time-out of a worker is 6, then the other must take over and write.
_TAKEOVER_S: Final = 40.0
_FROZEN_S: Final = 7.0
#: The worker's watchdog may have to end one whose consumer does not come back (60 s and a sixth of it), then
#: a start, a rebalance, and decisions of all partitions.
_PROVEN_S: Final = 120.0
_APART_S: Final = (0.2, 2.5)
PARTS: Final = ("worker", "worker-1", "projector", "api", "redis", "kafka", "producer-0", "producer-1")


@dataclass
class Told:
    """What was done. ``takeovers``: the possible ones. ``takeover_s``: of each freeze, see `Takeover`."""

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
        system, frozen = self._system, self._frozen_writer()
        if frozen is None:
            return
        worker, takeover, owned = frozen
        self.told.freezes += 1
        begun = time.monotonic()
        self._say(f"SIGSTOP {worker.name} (partitions {owned})")
        system.live(_TAKEOVER_S, takeover.look)
        if takeover.seconds is not None:
            self.told.takeovers += takeover.possible
            self.told.takeover_s.append(takeover.seconds)
        system.live(max(_FROZEN_S - (time.monotonic() - begun), 0))
        thaw(worker)
        taken = "no takeover" if takeover.seconds is None else f"taken over in {takeover.seconds:.1f} s"
        self._say(f"SIGCONT {worker.name} after {time.monotonic() - begun:.1f} s, {taken}")

    def _frozen_writer(self) -> tuple[ProcessChild, Takeover, list[int]] | None:
        """One that was proven to write at the moment it was frozen. None: no proof in time."""
        system, deadline = self._system, time.monotonic() + _PROVEN_S
        writers = Writers(system, system.settings.partitions)
        while system.live(deadline - time.monotonic(), writers.look):
            worker = self._random.choice(system.workers)
            worker_id = str(worker.facts().get("worker_id"))
            owned = [p for p, who in sorted(writers.owners.items()) if who == worker_id]
            if not owned:
                continue
            freeze(worker)
            takeover = Takeover(system, worker_id, owned)
            # The group may have changed between the last look and the signal.
            if writers.still():
                return worker, takeover, owned
            thaw(worker)
        self._say(f"nobody to freeze, no writer was proven: {writers.why_not()}")
        return None

    def _say(self, what: str) -> None:
        line = f"{time.monotonic() - self._begun:6.1f} s  {what}"
        self.told.timeline.append(line)
        self._console.print(line, highlight=False)
