"""A gallery after thirty days beside the same after its first hour: who is present costs, not who ever was.

The month is folded from its persons' registrations, ten views of each (`benchmarks.bench.galleries`); what is
timed is decided by the real domain: 200 people before 8 cameras, who come and go, most of them known.
"""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np
import psutil

from benchmarks.bench.galleries import calibrate, crowd, known
from benchmarks.bench.row import Row, alone, compared, interleaved
from benchmarks.bench.scene import Looks, message, walking
from reid.contracts.detections import Detections
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step

DAYS: Final = 30
VISITORS: Final = 1_000
PRESENT: Final = 200
#: Those of the first hour of a day of ten.
FIRST_HOUR: Final = PRESENT + VISITORS // 10
CAMERAS: Final = 8
FPS: Final = 5
#: Seconds that somebody stays before a camera.
STAY: Final = (20, 90)
#: So that people leave and come in every second that is timed.
_WARM_S: Final = 60


def run(quick: bool) -> list[Row]:
    days, rounds, seconds = (6, 3, 10) if quick else (DAYS, 7, 10)
    process = psutil.Process()
    before = process.memory_info().rss
    month = _Site(days * VISITORS)
    grown = (process.memory_info().rss - before) / 1e9
    hour = _Site(FIRST_HOUR)
    found = interleaved(
        rounds, {"month": lambda: month.p99(seconds, FPS), "hour": lambda: hour.p99(seconds, FPS)}
    )
    name = f"gallery after {days} days, {VISITORS:,} new visitors a day, {PRESENT} present"
    shape = (
        f"{len(month.persons):,} persons with ten templates each; a moment is a frame of {CAMERAS} cameras"
    )
    full = not quick
    return [
        compared(
            f"{name}: p99 of a moment", "ms", found["month"], f"its first hour, {FIRST_HOUR} persons",
            found["hour"], floor=1.5 if full else None, aim=1.1 if full else None, lower=True, note=shape,
        ),
        compared(
            f"{name}: median of a moment", "ms", month.medians[1:], "its first hour", hour.medians[1:],
            lower=True,
        ),
        alone(
            f"{name}: memory", "GB", [grown], floor=2.0 if full else None, aim=1.0 if full else None,
            lower=True, note="resident, of the whole state",
        ),
    ]  # fmt: skip


class _Site:
    """``medians``: of each call of `p99`, milliseconds."""

    def __init__(self, persons: int) -> None:
        self.state, _ = known(persons * 10)
        calibrate(self.state)
        self.persons = next(iter(self.state.sites.values())).persons
        people = _faces(self.state)
        self._moments = _messages(people)
        self._policies = Policies()
        self.medians: list[float] = []
        for each in islice(self._moments, _WARM_S * FPS):
            step(self.state, each, self._policies)

    def p99(self, seconds: int, fps: int) -> float:
        """Milliseconds of one moment's decisions, processor time of the one thread."""
        times = []
        for each in list(islice(self._moments, seconds * fps)):
            begun = time.thread_time()
            step(self.state, each, self._policies)
            times.append((time.thread_time() - begun) * 1e3)
        self.medians.append(float(np.median(times)))
        return float(np.percentile(times, 99))


def _faces(state: PartitionState) -> Looks:
    """``(n, d)``: the persons that come back, and as many that are new, whoever else is known."""
    persons = list(next(iter(state.sites.values())).persons.values())[-FIRST_HOUR:]
    old = [np.frombuffer(p.templates[0].vector, "<i2").astype(np.float32) / 32767 for p in persons]
    fresh = [views[0].astype(np.float32) / 32767 for views in crowd(FIRST_HOUR, 23, 1)]
    return np.stack(old + fresh)


def _messages(people: Looks) -> Iterator[Detections]:
    each = PRESENT // CAMERAS
    return map(message, walking(people, cameras=CAMERAS, each=each, fps=FPS, stay=STAY))
