"""How alike strangers are at this site: against that, a likeness is strong or weak.

The cohort is what the latest persons look like to each camera. A score is set off against all looks of the
other side's camera, from both sides, as speaker verification does it (symmetric score normalisation,
Matejka et al. 2017): then the same threshold means the same for every encoder, camera and crowd.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import fixed_from_bytes
from reid.contracts.events import Template
from reid.domain.centring import Centring, WholeVector, cosines_of_many, squares

#: Persons whose looks count, the latest by registration.
MAX_PERSONS: Final = 256
#: What the encoder's calibration tells of strangers counts as so many looks.
PRIOR_LOOKS: Final = 10
_MEMORY: Final = 4096


class Spread(NamedTuple):
    """Mean and standard deviation of cosines with strangers."""

    mean: float
    deviation: float


class _Camera:
    """What the cohort's persons look like to one camera: a place for each, rows of zeros where nobody is, so
    that an empty place scores 0. ``changed``: when each place last changed, counted by ``moment``."""

    def __init__(self, dim: int) -> None:
        self.rows: WholeVector = np.zeros((MAX_PERSONS, dim))
        self.squares: NDArray[np.float64] = np.zeros(MAX_PERSONS)
        self.changed: NDArray[np.int64] = np.zeros(MAX_PERSONS, np.int64)
        self.places: dict[int, int] = {}
        self.moment = 0
        self._empty = list(range(MAX_PERSONS))

    def put(self, number: int, row: WholeVector) -> None:
        place = self.places.get(number)
        if place is None:
            place = self.places[number] = self._empty.pop()
        self._set(place, row, squares(row[None])[0])

    def drop(self, number: int) -> None:
        place = self.places.pop(number, None)
        if place is not None:
            self._empty.append(place)
            self._set(place, 0.0, 0.0)

    def _set(self, place: int, row: WholeVector | float, square: float) -> None:
        self.moment += 1
        self.rows[place], self.squares[place], self.changed[place] = row, square, self.moment


@dataclass(slots=True)
class _Scores:
    """A look's cosines with a camera's places, in millionths, their sum and sum of squares, as of
    ``moment``."""

    each: NDArray[np.int64]
    total: int
    powers: int
    moment: int


class Cohort:
    """One look a person and camera, for one encoder. Derived from the persons' templates alone.

    All scores are whole numbers, so that a sum brought up to date is the sum made anew.
    """

    def __init__(self, centring: Centring) -> None:
        self._centring = centring
        self._numbers: list[int] = []
        self._looks: dict[int, dict[str, bytes]] = {}
        self._cameras: dict[str, _Camera] = {}
        self._known: dict[tuple[bytes, str, str], _Scores] = {}

    def put(self, number: int, templates: Sequence[Template]) -> None:
        """Replaces the looks of the person with this registration number: its first of each camera."""
        looks: dict[str, bytes] = {}
        for template in templates:
            looks.setdefault(template.camera_id, template.vector)
        before = self._looks.get(number)
        if before == looks:
            return
        self._looks[number] = looks
        if before is None:
            insort(self._numbers, number)
        if number < self._oldest():
            return
        if before is None and len(self._numbers) > MAX_PERSONS:
            self._take(self._numbers[-MAX_PERSONS - 1])
        for camera_id, camera in self._cameras.items():
            look = looks.get(camera_id)
            if look is None:
                camera.drop(number)
            elif before is None or before.get(camera_id) != look:
                camera.put(number, self._centring.centred(fixed_from_bytes(look), camera_id))

    def drop(self, number: int) -> None:
        """Forgets the person; an unknown one is no error."""
        if number not in self._looks:
            return
        counted = number >= self._oldest()
        if counted:
            self._take(number)
        del self._looks[number]
        del self._numbers[bisect_left(self._numbers, number)]
        if counted and len(self._numbers) >= MAX_PERSONS:
            self._bring(self._numbers[-MAX_PERSONS])

    def changed(self) -> None:
        """After a change of a camera's mean."""
        self._cameras.clear()
        self._known.clear()

    def spread(self, look: Template, camera_id: str, own: Collection[int], prior: Spread) -> Spread:
        """Of ``look`` with what strangers look like to ``camera_id``; ``own`` numbers are none.

        ``prior``: what to expect of a site that is not known yet.
        """
        return self.spreads([look], camera_id, own, [prior])[0]

    def spreads(
        self, looks: Sequence[Template], camera_id: str, own: Collection[int], priors: Sequence[Spread]
    ) -> list[Spread]:
        """As `spread`, of many looks."""
        camera = self._of(camera_id)
        if camera is None:
            return list(priors)
        mine = [place for number in own if (place := camera.places.get(number)) is not None]
        found = []
        for scores, prior in zip(self._scores(looks, camera_id, camera), priors, strict=True):
            total, powers = scores.total, scores.powers
            for place in mine:
                score = int(scores.each[place])
                total, powers = total - score, powers - score * score
            found.append(_blended(len(camera.places) - len(mine), total, powers, prior))
        return found

    def prepare(self, looks: Sequence[Template], camera_id: str) -> None:
        """Spreads of these looks with the camera will be asked for: one product for all of them."""
        camera = self._of(camera_id)
        if camera is not None and looks:
            self._scores(looks, camera_id, camera)

    def _scores(self, looks: Sequence[Template], camera_id: str, camera: _Camera) -> list[_Scores]:
        keys = [(look.vector, look.camera_id, camera_id) for look in looks]
        found = {key: self._known.get(key) for key in keys}
        new = [key for key, scores in found.items() if scores is None]
        if len(self._known) + len(new) > _MEMORY:
            self._known.clear()
        every = slice(None)
        for key, each in zip(new, self._products(new, camera, every), strict=True):
            found[key] = self._known[key] = _summed(each, camera.moment)
        stale = {key: s for key, s in found.items() if s is not None and s.moment < camera.moment}
        if stale:
            since = min(scores.moment for scores in stale.values())
            places = np.flatnonzero(camera.changed > since)
            parts = self._products(list(stale), camera, places)
            for old, part in zip(stale.values(), parts, strict=True):
                old.each[places] = part
                fresh = _summed(old.each, camera.moment)
                old.total, old.powers, old.moment = fresh.total, fresh.powers, fresh.moment
        return [scores for key in keys if (scores := found[key]) is not None]

    def _products(
        self, keys: Sequence[tuple[bytes, str, str]], camera: _Camera, places: slice | NDArray[np.intp]
    ) -> list[NDArray[np.int64]]:
        """Cosines of each look with the camera's rows at these places."""
        if not keys:
            return []
        vectors = np.stack([self._centring.centred(fixed_from_bytes(v), c) for v, c, _ in keys])
        return list(cosines_of_many(camera.rows[places], camera.squares[places], vectors))

    def _oldest(self) -> int:
        return self._numbers[-MAX_PERSONS] if len(self._numbers) >= MAX_PERSONS else -1

    def _take(self, number: int) -> None:
        for camera in self._cameras.values():
            camera.drop(number)

    def _bring(self, number: int) -> None:
        looks = self._looks[number]
        for camera_id, camera in self._cameras.items():
            if camera_id in looks:
                vector = fixed_from_bytes(looks[camera_id])
                camera.put(number, self._centring.centred(vector, camera_id))

    def _of(self, camera_id: str) -> _Camera | None:
        found = self._cameras.get(camera_id)
        if found is None:
            found = self._made(camera_id)
        return found if found is not None and found.places else None

    def _made(self, camera_id: str) -> _Camera | None:
        numbers = [n for n in self._numbers[-MAX_PERSONS:] if camera_id in self._looks[n]]
        if not numbers:
            return None
        vectors = [fixed_from_bytes(self._looks[number][camera_id]) for number in numbers]
        made = self._cameras[camera_id] = _Camera(len(vectors[0]))
        for number, vector in zip(numbers, vectors, strict=True):
            made.put(number, self._centring.centred(vector, camera_id))
        return made


def _summed(scores: NDArray[np.int64], moment: int) -> _Scores:
    return _Scores(scores, int(scores.sum()), int(scores @ scores), moment)


def _blended(count: int, total: int, powers: int, prior: Spread) -> Spread:
    """Of ``count`` scores in millionths with this sum and sum of squares, and the prior."""
    if count < 2:
        return prior
    weight = count / (count + PRIOR_LOOKS)
    variance = (powers * count - total * total) / (count * count) / 1e12
    deviation = math.sqrt(weight * variance + (1 - weight) * prior.deviation * prior.deviation)
    return Spread(weight * (total / count / 1e6) + (1 - weight) * prior.mean, max(deviation, 1e-3))
