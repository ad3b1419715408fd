"""How alike strangers are at this site: against that, a likeness is strong or weak.

The cohort is what the latest persons look like to each camera. A score is set off against all looks of the
other side's camera, from both sides, as speaker verification does it (symmetric score normalisation,
Matejka et al. 2017): then the same threshold means the same for every encoder, camera and crowd.
"""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import stacked
from reid.contracts.events import Template
from reid.domain.centring import Centring, WholeVector, in_millionths, squares
from reid.domain.remembered import MAX_PERSONS, Memory, Places

#: What the encoder's calibration tells of strangers counts as so many looks.
PRIOR_LOOKS: Final = 10


#: Whole numbers up to this are exact in float64.
_EXACT: Final = 2**53


class Spread(NamedTuple):
    """Mean and standard deviation of cosines with strangers."""

    mean: float
    deviation: float


class Pairs(NamedTuple):
    """Of a look and a camera that shows strangers: places in lists of both, and in one of numbers that are no
    strangers to the look."""

    look: Places
    camera: Places
    own: Places


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

    def put(self, numbers: Sequence[int], rows: WholeVector) -> None:
        """``(n, d)``."""
        for number in numbers:
            if number not in self.places:
                self.places[number] = len(self.numbers)
                self.numbers.append(number)
        places = [self.places[number] for number in numbers]
        self.moment += 1
        self.rows[places], self.squares[places], self.changed[places] = rows, squares(rows), self.moment

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


class Cohort:
    """One look a person and camera, for one encoder. Derived from the persons' templates alone.

    All scores are whole numbers, so that a sum brought up to date is the sum made anew.
    """

    def __init__(self, centring: Centring) -> None:
        self._centring = centring
        self._numbers: list[int] = []
        self._looks: dict[int, dict[str, bytes]] = {}
        self._cameras: dict[str, _Camera] = {}
        self._memory = Memory()

    def put(self, changed: Iterable[tuple[int, Sequence[Template]]]) -> None:
        """Replaces the looks of the persons with these registration numbers: each one's first of each
        camera."""
        told: dict[int, tuple[dict[str, bytes], dict[str, bytes]]] = {}
        for number, templates in changed:
            looks: dict[str, bytes] = {}
            for template in templates:
                looks.setdefault(template.camera_id, template.vector)
            before = self._looks.get(number)
            if before == looks:
                continue
            self._looks[number] = looks
            told[number] = before or {}, looks
            if before is None:
                insort(self._numbers, number)
                if len(self._numbers) > MAX_PERSONS and number >= self._oldest():
                    self._take(self._numbers[-MAX_PERSONS - 1])
        oldest = self._oldest()
        for camera_id, camera in self._cameras.items():
            new: dict[int, bytes] = {}
            for number, (before, looks) in told.items():
                look = looks.get(camera_id)
                if number < oldest or look == before.get(camera_id):
                    continue
                if look is None:
                    camera.drop(number)
                else:
                    new[number] = look
            if new:
                vectors = stacked(list(new.values()))
                camera.put(list(new), self._centring.centred(vectors, camera_id))

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

    def changed(self, camera_id: str) -> None:
        """After a change of the camera's mean."""
        self._cameras.pop(camera_id, None)
        self._memory.forget(camera_id)

    def spread(self, look: Template, camera_id: str, own: Collection[int], prior: Spread) -> Spread:
        """Of ``look`` with what strangers look like to ``camera_id``; ``own`` numbers are none.

        ``prior``: what to expect of a site that is not known yet.
        """
        only = np.zeros(1, np.intp)
        means, deviations = (np.array([each]) for each in prior)
        vectors = self._centring.all_centred([look.vector], [look.camera_id])
        found = self.spreads([look], vectors, [camera_id], [own], Pairs(only, only, only), means, deviations)
        return Spread(float(found[0][0]), float(found[1][0]))

    def spreads(
        self,
        looks: Sequence[Template],
        vectors: WholeVector,
        camera_ids: Sequence[str],
        owns: Sequence[Collection[int]],
        pairs: Pairs,
        means: NDArray[np.float64],
        deviations: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As `spread`, of many looks, ``vectors``: ``(n, d)`` centred, each with a camera: means and
        deviations. Those given are the priors."""
        cameras = [self._of(camera_id) for camera_id in camera_ids]
        counts = np.array([0 if camera is None else len(camera.places) for camera in cameras])[pairs.camera]
        known = np.flatnonzero(counts)
        if not len(known):
            return means, deviations
        of, by, own = (each[known] for each in pairs)
        rows, count = self._rows(looks, camera_ids, cameras, vectors, of, by), counts[known]
        total, powers = self._memory.total[rows], self._memory.powers[rows]
        for places in _places_of(owns, cameras):
            place = places[own, by]
            here = np.flatnonzero(place >= 0)
            scores = self._memory.each[rows[here], place[here]].astype(np.int64)
            total[here] -= scores
            powers[here] -= scores * scores
            count[here] -= 1
        enough = np.flatnonzero(count > 1)
        at = known[enough]
        means, deviations = means.copy(), deviations.copy()
        means[at], deviations[at] = _blended(
            count[enough], total[enough], powers[enough], means[at], deviations[at]
        )
        return means, deviations

    def _rows(
        self,
        looks: Sequence[Template],
        camera_ids: Sequence[str],
        cameras: Sequence[_Camera | None],
        vectors: WholeVector,
        of: Places,
        by: Places,
    ) -> Places:
        """The memory's, brought up to date. What is new needs all places of its camera, the rest those that
        changed since."""
        memory = self._memory
        rows = memory.rows(looks, camera_ids, of, by)
        behind = np.flatnonzero(
            memory.moment[rows] < np.array([0 if camera is None else camera.moment for camera in cameras])[by]
        )
        if not len(behind):
            return rows
        if len(behind) > 1:
            behind = behind[memory.once(rows[behind])]
            behind = behind[np.argsort(by[behind] * len(looks) + of[behind])]
        new = memory.moment[rows[behind]] == 0
        for some, bring in ((behind[new], self._fill), (behind[~new], self._refresh)):
            if len(some):
                bring(rows[some], vectors, of[some], list(_each(by[some], cameras)))
        return rows

    def _fill(
        self, rows: Places, vectors: WholeVector, of: Places, cameras: Sequence[tuple[slice, _Camera]]
    ) -> None:
        """New rows, of which looks and with whom: products camera by camera, the rest at once."""
        dots, lengths = (np.zeros((len(rows), MAX_PERSONS)) for _ in range(2))
        moments, own = np.zeros(len(rows), np.int64), squares(vectors)[of, None]
        for here, camera in cameras:
            used = len(camera.numbers)
            np.matmul(_taken(vectors, of[here]), camera.rows[:used].T, out=dots[here, :used])
            np.multiply(own[here], camera.squares[:used], out=lengths[here, :used])
            moments[here] = camera.moment
        self._memory.fill(rows, in_millionths(dots, lengths), moments)

    def _refresh(
        self, rows: Places, vectors: WholeVector, of: Places, cameras: Sequence[tuple[slice, _Camera]]
    ) -> None:
        """Brings rows up to date, those of a camera that are about as old: likewise."""
        own, before = squares(vectors)[of, None], self._memory.moment[rows]
        whose, places, dots, lengths = (
            list[Places](),
            list[Places](),
            list[WholeVector](),
            list[WholeVector](),
        )
        moments = np.zeros(len(rows), np.int64)
        for here, camera in cameras:
            changed = np.flatnonzero(camera.changed > before[here].min())
            whose.append(np.repeat(np.arange(here.start, here.stop), len(changed)))
            places.append(np.tile(changed, here.stop - here.start))
            dots.append((_taken(vectors, of[here]) @ camera.rows[changed].T).ravel())
            lengths.append((own[here] * camera.squares[changed]).ravel())
            moments[here] = camera.moment
        scores = in_millionths(np.concatenate(dots), np.concatenate(lengths))
        self._memory.update(rows, np.concatenate(whose), np.concatenate(places), scores, moments)

    def _oldest(self) -> int:
        return self._numbers[-MAX_PERSONS] if len(self._numbers) >= MAX_PERSONS else -1

    def _take(self, number: int) -> None:
        for camera in self._cameras.values():
            camera.drop(number)

    def _bring(self, number: int) -> None:
        looks = self._looks[number]
        for camera_id, camera in self._cameras.items():
            if camera_id in looks:
                vectors = stacked([looks[camera_id]])
                camera.put([number], self._centring.centred(vectors, camera_id))

    def _of(self, camera_id: str) -> _Camera | None:
        found = self._cameras.get(camera_id)
        if found is None:
            found = self._made(camera_id)
        return found if found is not None and found.places else None

    def _made(self, camera_id: str) -> _Camera | None:
        numbers = [n for n in self._numbers[-MAX_PERSONS:] if camera_id in self._looks[n]]
        if not numbers:
            return None
        vectors = stacked([self._looks[number][camera_id] for number in numbers])
        made = self._cameras[camera_id] = _Camera(vectors.shape[1])
        made.put(numbers, self._centring.centred(vectors, camera_id))
        return made


def _taken(vectors: WholeVector, of: Places) -> WholeVector:
    """These rows, which ascend: a copy only where they are not one behind the other."""
    first, last = int(of[0]), int(of[-1])
    return vectors[first : last + 1] if last - first == len(of) - 1 else vectors[of]


def _each(by: Places, cameras: Sequence[_Camera | None]) -> Iterator[tuple[slice, _Camera]]:
    """Each camera with where it stands in ``by``, which ascends."""
    cuts = np.flatnonzero(np.diff(by, prepend=-1, append=len(cameras))).tolist()
    for start, stop in pairwise(cuts):
        camera = cameras[int(by[start])]
        assert camera is not None
        yield slice(start, stop), camera


def _places_of(
    owns: Sequence[Collection[int]], cameras: Sequence[_Camera | None]
) -> Iterator[NDArray[np.intp]]:
    """``(owns, cameras)``: where the first of each stands in each camera, -1 for nowhere; then the second."""
    held = [{} if camera is None else camera.places for camera in cameras]
    for numbers in zip_longest(*owns):
        yield np.array([[places.get(number, -1) for places in held] for number in numbers])


def _blended(
    count: NDArray[np.int64],
    total: NDArray[np.int64],
    powers: NDArray[np.int64],
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of ``count`` scores in millionths with this sum and sum of squares, and of a prior."""
    weight = count / (count + PRIOR_LOOKS)
    above, below = powers * count - total * total, count * count
    if above.max(initial=0) < _EXACT:
        variance = above / below / 1e12
    else:
        # Python divides whole numbers beyond 2**53 exactly, float64 would round them before.
        sums = zip(above.tolist(), below.tolist(), strict=True)
        variance = np.array([one / other for one, other in sums]) / 1e12
    found = np.sqrt(weight * variance + (1 - weight) * deviation * deviation)
    return weight * (total / count / 1e6) + (1 - weight) * mean, np.maximum(found, 1e-3)
