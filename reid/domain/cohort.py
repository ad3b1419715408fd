"""How alike strangers are at this site: against that, a likeness is strong or weak.

The cohort is what the latest persons look like to each camera. A score is set off against all looks of the
other side's camera, from both sides, as speaker verification does it (symmetric score normalisation,
Matejka et al. 2017): then the same threshold means the same for every encoder, camera and crowd.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Collection, Mapping, Sequence
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
    """What the cohort's persons look like to one camera, the first ``len(numbers)`` rows; behind them rows of
    zeros, which score 0. ``changed``: when each row last changed, counted by ``moment``."""

    def __init__(self, dim: int) -> None:
        self.rows: WholeVector = np.zeros((MAX_PERSONS, dim))
        self.squares: NDArray[np.float64] = np.zeros(MAX_PERSONS)
        self.changed: NDArray[np.int64] = np.zeros(MAX_PERSONS, np.int64)
        self.numbers: list[int] = []
        self.places: dict[int, int] = {}
        self.moment = 0

    def put(self, number: int, row: WholeVector) -> None:
        place = self.places.setdefault(number, len(self.numbers))
        if place == len(self.numbers):
            self.numbers.append(number)
        self._set(place, row, squares(row[None])[0])

    def drop(self, number: int) -> None:
        """The last row takes the place."""
        place = self.places.pop(number, None)
        if place is None:
            return
        last = self.numbers.pop()
        if last != number:
            self.numbers[place], self.places[last] = last, place
            self._set(place, self.rows[len(self.numbers)], self.squares[len(self.numbers)])
        self._set(len(self.numbers), 0.0, 0.0)

    def _set(self, place: int, row: WholeVector | float, square: float) -> None:
        self.moment += 1
        self.rows[place], self.squares[place], self.changed[place] = row, square, self.moment


@dataclass(slots=True)
class _Scores:
    """A look's cosines with a camera's places, in millionths, their sum and sum of squares, as of
    ``moment``."""

    each: NDArray[np.int64]
    total: int = 0
    powers: int = 0
    moment: int = 0

    def update(self, places: NDArray[np.intp], scores: NDArray[np.int64], moment: int) -> None:
        """So many places changed."""
        before = self.each[places]
        self.total += int(scores.sum()) - int(before.sum())
        self.powers += int(scores @ scores) - int(before @ before)
        self.each[places], self.moment = scores, moment


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
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        if len(self._known) + len(new) > _MEMORY:
            self._known.clear()
            new = list(dict.fromkeys(keys))
        for key in new:
            self._known[key] = _Scores(np.zeros(MAX_PERSONS, np.int64))
        found = {key: self._known[key] for key in keys}
        stale = {key: scores for key, scores in found.items() if scores.moment < camera.moment}
        self._refresh({key: scores for key, scores in stale.items() if not scores.moment}, camera)
        self._refresh({key: scores for key, scores in stale.items() if scores.moment}, camera)
        return [found[key] for key in keys]

    def _refresh(self, stale: Mapping[tuple[bytes, str, str], _Scores], camera: _Camera) -> None:
        """Brings scores up to date that are about as old."""
        moment = camera.moment
        since = min((scores.moment for scores in stale.values()), default=moment)
        if since < moment:
            places = np.flatnonzero(camera.changed > since)
            for scores, each in zip(stale.values(), self._products(list(stale), camera, places), strict=True):
                scores.update(places, each, moment)

    def _products(
        self, keys: Sequence[tuple[bytes, str, str]], camera: _Camera, places: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        """``(looks, places)`` cosines with the camera's rows, in millionths."""
        vectors = self._centring.all_centred([v for v, _, _ in keys], [c for _, c, _ in keys])
        every = len(places) and len(places) == places[-1] + 1  # no copy of the rows
        part = slice(0, len(places)) if every else places
        return cosines_of_many(camera.rows[part], camera.squares[part], vectors)

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


def _blended(count: int, total: int, powers: int, prior: Spread) -> Spread:
    """Of ``count`` scores in millionths with this sum and sum of squares, and the prior."""
    if count < 2:
        return prior
    weight = count / (count + PRIOR_LOOKS)
    variance = (powers * count - total * total) / (count * count) / 1e12
    deviation = math.sqrt(weight * variance + (1 - weight) * prior.deviation * prior.deviation)
    return Spread(weight * (total / count / 1e6) + (1 - weight) * prior.mean, max(deviation, 1e-3))
