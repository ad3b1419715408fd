"""How alike strangers are at this site: against that, a likeness is strong or weak.

The cohort is what the latest persons look like to each camera. A score is set off against all looks of the
other side's camera, from both sides, as speaker verification does it (symmetric score normalisation,
Matejka et al. 2017): then the same threshold means the same for every encoder, camera and crowd.
"""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import stacked
from reid.contracts.events import Template
from reid.domain.centring import Centring, WholeVector, cosines_of_many, in_millionths, squares

#: Persons whose looks count, the latest by registration.
MAX_PERSONS: Final = 256
#: What the encoder's calibration tells of strangers counts as so many looks.
PRIOR_LOOKS: Final = 10
#: Looks with a camera whose cosines are remembered, 1 KB each.
_MEMORY: Final = 16_384

Places = NDArray[np.intp]
Asked = tuple[Template, str]
"""A look, and the camera that shows the strangers."""


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


class _Memory:
    """Looks' cosines with the places of a camera, in millionths, a row for each look and camera: their sum,
    sum of squares, and as of which of the camera's moments they are, 0 for a new row."""

    def __init__(self) -> None:
        self.each: NDArray[np.int32] = np.zeros((64, MAX_PERSONS), np.int32)
        self.total: NDArray[np.int64] = np.zeros(64, np.int64)
        self.powers: NDArray[np.int64] = np.zeros(64, np.int64)
        self.moment: NDArray[np.int64] = np.zeros(64, np.int64)
        self.held = 0
        self._rows: dict[tuple[str, str], dict[bytes, int]] = {}
        self._free = list(range(64))

    def rows(self, asked: Sequence[Asked]) -> list[int]:
        """Those known, and new ones, whose ``moment`` is 0 until they are filled."""
        if self.held + len(asked) > _MEMORY and self.held + len(self._missing(asked)) > _MEMORY:
            for camera_id in {c for _, c in self._rows}:
                self.forget(camera_id)
        found = []
        for look, camera_id in asked:
            rows = self._rows.get((look.camera_id, camera_id))
            row = None if rows is None else rows.get(look.vector)
            found.append(self._new(look, camera_id) if row is None else row)
        return found

    def forget(self, camera_id: str) -> None:
        """All looks of the camera, and with its places."""
        for pair in [pair for pair in self._rows if camera_id in pair]:
            gone = self._rows.pop(pair).values()
            self._free.extend(gone)
            self.held -= len(gone)

    def fill(self, rows: Places, scores: NDArray[np.int64], moments: Sequence[int]) -> None:
        """New rows; ``scores``: ``(rows, MAX_PERSONS)``."""
        self.each[rows], self.moment[rows] = scores, moments
        self.total[rows], self.powers[rows] = scores.sum(axis=1), (scores * scores).sum(axis=1)

    def update(self, rows: Places, places: Places, scores: NDArray[np.int64], moment: int) -> None:
        """``scores``: ``(rows, places)``."""
        at = rows[:, None], places
        before = self.each[at].astype(np.int64)
        self.total[rows] += scores.sum(axis=1) - before.sum(axis=1)
        self.powers[rows] += (scores * scores).sum(axis=1) - (before * before).sum(axis=1)
        self.each[at], self.moment[rows] = scores, moment

    def _missing(self, asked: Sequence[Asked]) -> set[tuple[bytes, str, str]]:
        named = {(look.vector, look.camera_id, camera_id) for look, camera_id in asked}
        return {(v, of, by) for v, of, by in named if v not in self._rows.get((of, by), ())}

    def _new(self, look: Template, camera_id: str) -> int:
        if not self._free:
            self._grow()
        row = self._rows.setdefault((look.camera_id, camera_id), {})[look.vector] = self._free.pop()
        self.moment[row] = 0
        self.held += 1
        return row

    def _grow(self) -> None:
        self._free = list(range(len(self.each), 2 * len(self.each)))
        self.each = np.concatenate([self.each, np.zeros_like(self.each)])
        self.total = np.concatenate([self.total, np.zeros_like(self.total)])
        self.powers = np.concatenate([self.powers, np.zeros_like(self.powers)])
        self.moment = np.concatenate([self.moment, np.zeros_like(self.moment)])


class Cohort:
    """One look a person and camera, for one encoder. Derived from the persons' templates alone.

    All scores are whole numbers, so that a sum brought up to date is the sum made anew.
    """

    def __init__(self, centring: Centring) -> None:
        self._centring = centring
        self._numbers: list[int] = []
        self._looks: dict[int, dict[str, bytes]] = {}
        self._cameras: dict[str, _Camera] = {}
        self._memory = _Memory()

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
        means, deviations = self.spreads([(look, camera_id)], [own], [prior])
        return Spread(float(means[0]), float(deviations[0]))

    def spreads(
        self, asked: Sequence[Asked], owns: Sequence[Collection[int]], priors: Sequence[Spread]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As `spread`, of many looks each with a camera: means and deviations."""
        means, deviations = (np.array(each) for each in zip(*priors, strict=True))
        cameras = {camera_id: self._of(camera_id) for camera_id in {c for _, c in asked}}
        known = [n for n, (_, camera_id) in enumerate(asked) if cameras[camera_id] is not None]
        if not known:
            return means, deviations
        rows = self._rows([asked[n] for n in known], cameras)
        total, powers = self._memory.total[rows], self._memory.powers[rows]
        counts, whose, which = [], [], []
        for nth, number in enumerate(known):
            places = cameras[asked[number][1]].places  # type: ignore[union-attr]
            count = len(places)
            for one in owns[number]:
                place = places.get(one)
                if place is not None:
                    whose.append(nth)
                    which.append(place)
                    count -= 1
            counts.append(count)
        if whose:
            scores = self._memory.each[rows[whose], which].astype(np.int64)
            np.subtract.at(total, whose, scores)
            np.subtract.at(powers, whose, scores * scores)
        enough = [nth for nth, count in enumerate(counts) if count > 1]
        if enough:
            at, of = np.array(known)[enough], np.array(counts)[enough]
            blended = _blended(of, total[enough], powers[enough], means[at], deviations[at])
            means[at], deviations[at] = blended
        return means, deviations

    def prepare(self, looks: Sequence[Template], camera_id: str) -> None:
        """Spreads of these looks with the camera will be asked for: one product for all of them."""
        camera = self._of(camera_id)
        if camera is not None and looks:
            self._rows([(look, camera_id) for look in looks], {camera_id: camera})

    def _rows(self, asked: Sequence[Asked], cameras: Mapping[str, _Camera | None]) -> Places:
        """The memory's, brought up to date. What is new needs all places of its camera, the rest those that
        changed since."""
        rows = np.array(self._memory.rows(asked))
        behind: dict[tuple[str, bool], dict[int, Template]] = {}
        moments = self._memory.moment[rows].tolist()
        for row, moment, (look, camera_id) in zip(rows.tolist(), moments, asked, strict=True):
            if moment < cameras[camera_id].moment:  # type: ignore[union-attr]
                behind.setdefault((camera_id, moment == 0), {})[row] = look
        if not behind:
            return rows
        looks = {(look.vector, look.camera_id): n for some in behind.values() for n, look in some.items()}
        nth = {look: n for n, look in enumerate(looks)}
        vectors = self._centring.all_centred([v for v, _ in looks], [c for _, c in looks])
        fresh: list[tuple[_Camera, list[int], WholeVector]] = []
        for (camera_id, new), some in behind.items():
            camera, theirs = cameras[camera_id], vectors[[nth[t.vector, t.camera_id] for t in some.values()]]
            assert camera is not None
            if new:
                fresh.append((camera, list(some), theirs))
            else:
                self._refresh(np.array(list(some)), theirs, camera)
        if fresh:
            self._fill(fresh)
        return rows

    def _fill(self, fresh: Sequence[tuple[_Camera, list[int], WholeVector]]) -> None:
        """New rows, with whom and of which looks: products camera by camera, the rest at once."""
        rows = np.array([row for _, some, _ in fresh for row in some])
        dots, lengths = (np.zeros((len(rows), MAX_PERSONS)) for _ in range(2))
        moments, start = [], 0
        for camera, some, vectors in fresh:
            of, used = slice(start, start + len(some)), len(camera.numbers)
            np.matmul(vectors, camera.rows[:used].T, out=dots[of, :used])
            np.multiply(squares(vectors)[:, None], camera.squares[:used], out=lengths[of, :used])
            moments += [camera.moment] * len(some)
            start = of.stop
        self._memory.fill(rows, in_millionths(dots, lengths), moments)

    def _refresh(self, rows: Places, vectors: WholeVector, camera: _Camera) -> None:
        """Brings scores up to date that are about as old."""
        places = np.flatnonzero(camera.changed > self._memory.moment[rows].min())
        scores = cosines_of_many(camera.rows[places], camera.squares[places], vectors)
        self._memory.update(rows, places, scores, camera.moment)

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


def _blended(
    count: NDArray[np.int64],
    total: NDArray[np.int64],
    powers: NDArray[np.int64],
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of ``count`` scores in millionths with this sum and sum of squares, and of a prior."""
    weight = count / (count + PRIOR_LOOKS)
    # Python divides whole numbers beyond 2**53 exactly, float64 would round them before.
    sums = zip((powers * count - total * total).tolist(), (count * count).tolist(), strict=True)
    variance = np.array([above / below for above, below in sums]) / 1e12
    found = np.sqrt(weight * variance + (1 - weight) * deviation * deviation)
    return weight * (total / count / 1e6) + (1 - weight) * mean, np.maximum(found, 1e-3)
