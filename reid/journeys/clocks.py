"""How far the clocks of cameras differ, told by what the log holds anyway.

Two ways that know nothing of each other. *Arrival*: an event's time is its camera's, the record's time is
that of the agent who wrote it; the least difference of an hour is the way through the system alone, and
about the same for all cameras: what is left is the clock. *Journeys*: people take as long from one camera to
another as back; a clock that is ahead lengthens the one and shortens the other, as two-way time transfer
has it (Mills 1991). Times in milliseconds.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

import numpy as np

#: Journeys each way between two cameras before they tell anything.
ENOUGH: Final = 5
#: Cameras so far apart are worth putting right: the gate's finest step.
NOTABLE: Final = 1_000


def ahead(delays: Mapping[str, int]) -> dict[str, int]:
    """Least delay of each camera -> by how much its clock is ahead of the others'. Of two, the one that is
    nearer to the agent's clock is taken to be right; of more, the middle one."""
    if len(delays) < 2:
        return {}
    usual = min(delays.values(), key=abs) if len(delays) == 2 else round(median(delays.values()))
    return {camera: usual - delay for camera, delay in sorted(delays.items())}


def ahead_by_journeys(absences: Mapping[tuple[str, str], Sequence[int]]) -> dict[str, int]:
    """(from, to) -> times between leaving the one and coming before the other camera -> by how much each
    clock is ahead of the mean of those it is connected with, by least squares."""
    names = sorted({camera for pair in absences for camera in pair})
    rows, found = [], []
    for one, other in ((a, b) for a in names for b in names if a < b):
        there, back = absences.get((one, other), ()), absences.get((other, one), ())
        if len(there) >= ENOUGH and len(back) >= ENOUGH:
            rows.append([float(n == other) - float(n == one) for n in names])
            found.append((median(there) - median(back)) / 2)
    if not rows:
        return {}
    told = np.abs(np.array(rows)).sum(axis=0) > 0
    # The least of all solutions: of cameras that are connected, the clocks add up to nothing.
    offsets = np.linalg.lstsq(np.array(rows), np.array(found), rcond=None)[0]
    return {
        name: round(offset) for name, offset, is_told in zip(names, offsets, told, strict=True) if is_told
    }
