"""How alike strangers are at this site: against that, a likeness is strong or weak.

The cohort is what the latest persons look like to each camera. A score is set off against all looks of the
other side's camera, from both sides, as speaker verification does it (symmetric score normalisation,
Matejka et al. 2017): then the same threshold means the same for every encoder, camera and crowd.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import fixed_from_bytes
from reid.contracts.events import Template
from reid.domain.centring import Centring, WholeVector, cosines, squares

#: Persons whose looks count, the latest by registration.
MAX_PERSONS: Final = 256
#: What the encoder's calibration tells of strangers counts as so many looks.
PRIOR_LOOKS: Final = 10
_MEMORY: Final = 4096


class Spread(NamedTuple):
    """Mean and standard deviation of cosines with strangers."""

    mean: float
    deviation: float


class _Camera(NamedTuple):
    rows: WholeVector
    squares: NDArray[np.float64]
    numbers: list[int]


class Cohort:
    """One look a person and camera, for one encoder. Derived from the persons' templates alone."""

    def __init__(self, centring: Centring) -> None:
        self._centring = centring
        self._numbers: list[int] = []
        self._looks: dict[int, dict[str, bytes]] = {}
        self._cameras: dict[str, _Camera] | None = None
        self._known: dict[tuple[bytes, str, str, tuple[int, ...], Spread], Spread] = {}

    def put(self, number: int, templates: Sequence[Template]) -> None:
        """Replaces the looks of the person with this registration number: its first of each camera."""
        looks: dict[str, bytes] = {}
        for template in templates:
            looks.setdefault(template.camera_id, template.vector)
        if self._looks.get(number) == looks:
            return
        if number not in self._looks:
            insort(self._numbers, number)
        self._looks[number] = looks
        if number >= self._oldest():
            self.changed()

    def drop(self, number: int) -> None:
        """Forgets the person; an unknown one is no error."""
        if self._looks.pop(number, None) is None:
            return
        if number >= self._oldest():
            self.changed()
        del self._numbers[bisect_left(self._numbers, number)]

    def changed(self) -> None:
        """After a change of looks, or of a camera's mean."""
        self._cameras = None
        self._known.clear()

    def spread(self, look: Template, camera_id: str, own: Collection[int], prior: Spread) -> Spread:
        """Of ``look`` with what strangers look like to ``camera_id``; ``own`` numbers are none.

        ``prior``: what to expect of a site that is not known yet.
        """
        key = (look.vector, look.camera_id, camera_id, tuple(sorted(own)), prior)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MEMORY:
                self._known.clear()
            found = self._known[key] = self._spread(look, camera_id, own, prior)
        return found

    def _spread(self, look: Template, camera_id: str, own: Collection[int], prior: Spread) -> Spread:
        camera = self._of(camera_id)
        if camera is None:
            return prior
        vector = self._centring.centred(fixed_from_bytes(look.vector), look.camera_id)
        scores = cosines(camera.rows, vector, camera.squares)
        mine = [place for place, number in enumerate(camera.numbers) if number in own]
        total, powers = int(scores.sum()), int(scores @ scores)
        for place in mine:
            score = int(scores[place])
            total, powers = total - score, powers - score * score
        return _blended(len(scores) - len(mine), total, powers, prior)

    def _oldest(self) -> int:
        return self._numbers[-MAX_PERSONS] if len(self._numbers) >= MAX_PERSONS else -1

    def _of(self, camera_id: str) -> _Camera | None:
        if self._cameras is None:
            rows: dict[str, list[tuple[int, WholeVector]]] = {}
            for number in self._numbers[-MAX_PERSONS:]:
                for name, look in self._looks[number].items():
                    centred = self._centring.centred(fixed_from_bytes(look), name)
                    rows.setdefault(name, []).append((number, centred))
            self._cameras = {
                name: _Camera(stacked := np.stack([r for _, r in of]), squares(stacked), [n for n, _ in of])
                for name, of in rows.items()
            }
        return self._cameras.get(camera_id)


def _blended(count: int, total: int, powers: int, prior: Spread) -> Spread:
    """Of ``count`` scores in millionths with this sum and sum of squares, and the prior."""
    if count < 2:
        return prior
    weight = count / (count + PRIOR_LOOKS)
    variance = (powers * count - total * total) / (count * count) / 1e12
    deviation = math.sqrt(weight * variance + (1 - weight) * prior.deviation * prior.deviation)
    return Spread(weight * (total / count / 1e6) + (1 - weight) * prior.mean, max(deviation, 1e-3))
