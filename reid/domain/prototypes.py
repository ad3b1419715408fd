"""Who in a large crowd may be nearest, by one comparison a person instead of one a template.

A person is stood for by two directions: the means of two groups of its templates, those that lie towards
the one farthest from the middle, and the others. The persons whose nearer direction is nearest to the probe
are looked at closer: all their templates along the few directions of the site's basis; and of these the best
are compared exactly, as in a small gallery.

It may miss somebody whom a comparison of everything with everything would find, so it must miss the same one
everywhere. All that ranks here are whole numbers whose products and sums float32 takes exactly (vectors of
length 4,000 at the most: no sum exceeds 2**24, whatever the order), or quotients of those, value by value.
They depend on the persons' templates, the cameras' means and the basis alone, not on how those came to be.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import SCALE
from reid.contracts.events import Template
from reid.domain.basis import LENGTH, Basis
from reid.domain.blocks import BLOCK, STRETCH, Block, Places, gathered, product, products, put
from reid.domain.centring import WholeVector
from reid.domain.coarse import Floats
from reid.domain.rows import Rows

#: Persons of an encoder from which on they are found by their prototypes; fewer are all compared.
FROM_PERSONS: Final = 8_192
#: Persons who are looked at closer: one of so many, and so many at least.
SHARE: Final = 18
LEAST: Final = 1_024
#: Templates compared exactly, and for each person wanted so many more.
_ROWS: Final = 192
_ROWS_EACH: Final = 8
#: Lengths in whole numbers: of a template along the basis, of a prototype and of a probe. Less its camera's
#: mean a template is up to twice as long.
_TEMPLATE: Final = 2_000
_UNIT: Final = 4_000
_NOWHERE: Final = np.float32(-np.inf)
#: Looks remembered, and changed persons: most looks are asked for again, when few persons have changed.
_REMEMBERED: Final = 128
_CHANGES: Final = 1_024
#: Directions that stay in the cache from one probe to the next; a part of `BLOCK`.
_STRETCH: Final = 2_048


class Shown(NamedTuple):
    """A person by its number, and its rows."""

    number: int
    rows: Mapping[int, Template]


@dataclass(slots=True)
class _Asked:
    """``scores`` of all persons' places with a look; which of these are ``chosen`` to be looked at closer;
    their ``rows`` with their scores, ``near``: as they were at ``moment``."""

    scores: Floats
    chosen: NDArray[np.bool_]
    rows: Places
    near: Floats
    moment: int


class Prototypes:
    """Of the templates of one encoder, which stand in ``table``.

    Kept of each row: the template along the basis, its squared length, and one over its length less its
    camera's mean. Of each person, at a place that is given to another when it goes: of both groups the sum of
    its templates along the basis less their cameras' means, how many of them are of which camera, and the
    direction.
    """

    def __init__(self, table: Rows, basis: Basis) -> None:
        self._table, self._basis = table, basis.astype(np.float64)
        self._width = basis.shape[1]
        self._parts: list[Block] = []
        self._inverse: Floats = np.zeros(64, np.float32)
        self._square: Floats = np.zeros(64, np.float32)
        self._place: Places = np.zeros(64, np.intp)
        self._places: dict[int, int] = {}
        self._number: NDArray[np.int64] = np.full(64, -1, np.int64)
        self._less: NDArray[np.int32] = np.zeros((2, 64, self._width), np.int32)
        self._counts: NDArray[np.int16] = np.zeros((2, 64, 0), np.int16)
        self._directions: tuple[list[Block], list[Block]] = ([], [])
        self._free: list[int] = []
        self._used = 0
        self._centres: WholeVector = np.zeros((0, self._width))
        # Of each place, -1 behind the last.
        self._rows: NDArray[np.int32] = np.full((64, 16), -1, np.int32)
        self._asked: dict[bytes, _Asked] = {}
        self._changed: list[int] = []
        self._forgotten = 0

    def add(self, rows: Sequence[int], vectors: NDArray[np.int16]) -> None:
        """New templates, ``(n, d)``, went to these rows."""
        while len(self._parts) * BLOCK < self._table.used:
            self._parts.append(np.zeros((BLOCK, self._width), np.int16))
        if len(self._inverse) < len(self._table.owner):
            more = len(self._table.owner) - len(self._inverse)
            self._inverse = np.concatenate([self._inverse, np.zeros(more, np.float32)])
            self._square = np.concatenate([self._square, np.zeros(more, np.float32)])
            self._place = np.concatenate([self._place, np.zeros(more, np.intp)])
        self._follow()
        order = np.argsort(rows)
        places = np.array(rows, np.intp)[order]
        along = self._along(vectors[order])
        put(self._parts, places, along.astype(np.int16))
        self._square[places] = np.einsum("ij,ij->i", along, along)
        self._measure(places)

    def put(self, shown: Sequence[Shown]) -> None:
        """Replaces the rows of these persons, all of whose are in the table and were added."""
        self._follow()
        places = np.array([self._place_of(one.number) for one in shown], np.intp)
        rows = [_sorted(one.rows) for one in shown]
        count = np.array([len(each) for each in rows])
        of = np.repeat(np.arange(len(shown)), count)
        every = np.array([row for each in rows for row in each], np.intp)
        starts = np.cumsum(count) - count
        self._place[every] = places[of]
        along = self._gathered(every)
        second = _far(along, of, starts, count)
        cameras = self._table.camera[every]
        for group, here in enumerate((~second, second)):
            sums = np.add.reduceat(along * here[:, None], starts)
            counts = np.zeros((len(shown), self._counts.shape[2]), np.int16)
            np.add.at(counts, (of[here], cameras[here]), 1)
            self._counts[group, places] = counts
            self._less[group, places] = sums - counts.astype(np.float64) @ self._centres
        self._direct(np.sort(places))
        self._keep(places, rows)
        self._note(places.tolist())

    def drop(self, number: int) -> None:
        """Forgets the person; an unknown one is no error."""
        place = self._places.pop(number, None)
        if place is not None:
            self._number[place] = -1
            self._free.append(place)
            self._rows[place] = -1
            self._note([place])

    def recentre(self, camera: int) -> None:
        """After a new mean of the camera with this number in the table."""
        self._follow()
        before, centre = self._centres[camera], self._along(self._table.means[camera])
        turned = (centre - before).astype(np.int32)
        self._centres[camera] = centre
        used = self._table.used
        here = (self._table.camera[:used] == camera) & (self._table.owner[:used] >= 0)
        self._measure(np.flatnonzero(here))
        of = (self._counts[:, : self._used, camera] > 0).any(axis=0) & (self._number[: self._used] >= 0)
        places = np.flatnonzero(of)
        for start in range(0, len(places), STRETCH):
            some = places[start : start + STRETCH]
            for group in range(2):
                self._less[group, some] -= self._counts[group, some, camera, None] * turned
            self._direct(some)
        self._asked.clear()

    def near(
        self, probes: Sequence[WholeVector], excluded: Sequence[Collection[int]], top: int
    ) -> list[Places]:
        """For each probe, less its camera's mean, the rows to compare exactly to find ``top`` persons,
        ascending; none of persons with ``excluded`` numbers."""
        self._follow()
        along = self._units(np.rint(np.stack(probes) @ self._basis / LENGTH)).astype(np.float32)
        known = [self._known(probe) for probe in along]
        new = [place for place, asked in enumerate(known) if asked is None]
        if new:
            first, second = (
                products(blocks, self._used, along[new], _STRETCH) for blocks in self._directions
            )
            scores = np.maximum(first, second, out=first)
            scores[:, np.flatnonzero(self._number[: self._used] < 0)] = _NOWHERE
            for place, row in zip(new, scores, strict=True):
                none, nobody = np.zeros(0, np.intp), np.zeros(self._used, np.bool_)
                known[place] = _Asked(row.copy(), nobody, none, np.zeros(0, np.float32), self._moment)
        found = []
        for probe, asked, without in zip(along, known, excluded, strict=True):
            assert asked is not None
            self._look_closer(asked, probe, without)
            best = _best(asked.near, self._table.owner[asked.rows], _ROWS + _ROWS_EACH * top)
            found.append(np.sort(asked.rows[best]))
            self._asked[probe.tobytes()] = asked
        for key in list(self._asked)[: max(len(self._asked) - _REMEMBERED, 0)]:
            del self._asked[key]
        return found

    def _known(self, probe: Floats) -> _Asked | None:
        """What is remembered of a look, persons' scores brought up to date and nothing kept of the rows of
        those who changed; None where so many have that it costs as much to begin anew."""
        asked = self._asked.pop(probe.tobytes(), None)
        if asked is None or asked.moment < self._forgotten:
            return None
        changed = np.unique(np.array(self._changed[asked.moment - self._forgotten :], np.intp))
        more = self._used - len(asked.scores)
        if more:
            asked.scores = np.concatenate([asked.scores, np.full(more, _NOWHERE)])
            asked.chosen = np.concatenate([asked.chosen, np.zeros(more, np.bool_)])
        if len(changed):
            first, second = (product(blocks, self._used, changed, probe) for blocks in self._directions)
            living = self._number[changed] >= 0
            asked.scores[changed] = np.where(living, np.maximum(first, second), _NOWHERE)
            asked.chosen[changed] = False
        asked.moment = self._moment
        return asked

    def _look_closer(self, asked: _Asked, probe: Floats, without: Collection[int]) -> None:
        """At the rows of the best persons: only those that were not looked at before are compared."""
        scores = asked.scores
        if without:
            scores = scores.copy()
            scores[[self._places[number] for number in without if number in self._places]] = _NOWHERE
        best = _best(scores, self._number, max(LEAST, len(self._places) // SHARE))
        chosen = np.zeros(self._used, np.bool_)
        chosen[best] = True
        # Of whom changed nothing was left chosen: a row that is another's by now is not taken for old.
        kept = (chosen & asked.chosen).take(self._place[asked.rows], mode="clip")
        fresh = self._rows.take(np.flatnonzero(chosen & ~asked.chosen), axis=0).ravel()
        # Half as long as places are, they are sorted in half the time.
        new = np.sort(fresh[fresh >= 0]).astype(np.intp)
        asked.rows = np.concatenate([asked.rows[kept], new])
        asked.near = np.concatenate([asked.near[kept], self._scores(new, probe)])
        asked.chosen = chosen

    @property
    def _moment(self) -> int:
        return self._forgotten + len(self._changed)

    def _note(self, places: Sequence[int]) -> None:
        self._changed += places
        if len(self._changed) > 2 * _CHANGES:
            self._forgotten += len(self._changed) - _CHANGES
            del self._changed[:-_CHANGES]

    def _scores(self, rows: Places, probe: Floats) -> Floats:
        """``(n,)`` of these rows with a probe along the basis."""
        common = self._centres.astype(np.float32) @ probe
        scores = product(self._parts, self._table.used, rows, probe)
        scores -= common.take(self._table.camera.take(rows, mode="clip"), mode="clip")
        scores *= self._inverse.take(rows, mode="clip")
        return scores

    def _place_of(self, number: int) -> int:
        """The person's, a new one where there is none."""
        place = self._places.get(number)
        if place is None:
            place = self._places[number] = self._free.pop() if self._free else self._new()
            self._number[place] = number
        return place

    def _keep(self, places: Places, rows: Sequence[Sequence[int]]) -> None:
        """Which rows are of these places."""
        most = max(map(len, rows))
        if most > self._rows.shape[1]:
            wider = np.full((len(self._rows), 2 * most), -1, np.int32)
            wider[:, : self._rows.shape[1]] = self._rows
            self._rows = wider
        width = self._rows.shape[1]
        self._rows[places] = [[*each, *[-1] * (width - len(each))] for each in rows]

    def _new(self) -> int:
        place = self._used
        if place % BLOCK == 0:
            for blocks in self._directions:
                blocks.append(np.zeros((BLOCK, self._width), np.float32))
        if place == len(self._number):
            self._number = np.concatenate([self._number, np.full_like(self._number, -1)])
            self._rows = np.concatenate([self._rows, np.full_like(self._rows, -1)])
            self._less = np.concatenate([self._less, np.zeros_like(self._less)], axis=1)
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)], axis=1)
        self._used = place + 1
        return place

    def _follow(self) -> None:
        """Cameras that are new to the table."""
        known, means = len(self._centres), self._table.means
        if known < len(means):
            self._centres = np.concatenate([self._centres, self._along(means[known:])])
            more = np.zeros((*self._counts.shape[:2], len(means) - known), np.int16)
            self._counts = np.concatenate([self._counts, more], axis=2)

    def _along(self, whole: WholeVector | NDArray[np.int16]) -> WholeVector:
        """``(d,)`` or ``(n, d)`` in fixed point, along the basis."""
        along: WholeVector = whole.astype(np.float64) @ self._basis
        return np.rint(along * (_TEMPLATE / (SCALE * LENGTH)))

    def _gathered(self, rows: Places) -> WholeVector:
        """What is kept of these rows, in any order, along the basis."""
        order = np.argsort(rows)
        found = np.empty((len(rows), self._width))
        found[order] = gathered(self._parts, rows[order])
        return found

    def _measure(self, rows: Places) -> None:
        """How long these rows, which ascend, are along the basis less their camera's mean."""
        cameras = self._table.camera[rows]
        for camera in np.unique(cameras).tolist():
            centre = self._centres[camera].astype(np.float32)
            of = rows[cameras == camera]
            # Exact in float32: nothing is longer than 4,096.
            squares = self._square[of] - 2 * product(self._parts, self._table.used, of, centre)
            squares += centre @ centre
            self._inverse[of] = 1.0 / np.sqrt(np.maximum(squares, np.float32(1.0)))

    def _direct(self, places: Places) -> None:
        """The directions of both groups of the persons at these places, few, which ascend."""
        # Who has one look only, or only the same, is of one group.
        alone = ~self._counts[1, places].any(axis=1)
        first, second = (self._units(self._less[group, places].astype(np.float64)) for group in range(2))
        second[alone] = first[alone]
        for blocks, values in zip(self._directions, (first, second), strict=True):
            put(blocks, places, values.astype(np.float32))

    def _units(self, whole: WholeVector) -> WholeVector:
        """``(n, k)`` of whole numbers up to 2**20 -> the same directions in whole numbers, in their place.
        Zeros stay so."""
        lengths = np.sqrt(np.einsum("ij,ij->i", whole, whole))
        scale = np.divide(float(_UNIT), lengths, out=np.zeros_like(lengths), where=lengths > 0)
        whole *= scale[:, None]
        return np.rint(whole, out=whole)


def _sorted(rows: Mapping[int, Template]) -> list[int]:
    """In an order that does not tell how they came to be these."""
    return [row for _, _, row in sorted((look.camera_id, look.vector, row) for row, look in rows.items())]


def _far(along: WholeVector, of: Places, starts: Places, count: Places) -> NDArray[np.bool_]:
    """Of each person's templates, one behind the other, those that lie from their middle towards the one
    farthest from it, the first of equals; none where all are the same."""
    from_middle = along * count[of, None] - np.add.reduceat(along, starts)[of]
    squares = np.einsum("ij,ij->i", from_middle, from_middle)
    farthest = np.flatnonzero(squares == np.maximum.reduceat(squares, starts)[of])
    farthest = farthest[np.unique(of[farthest], return_index=True)[1]]
    return np.asarray(np.einsum("ij,ij->i", from_middle, from_middle[farthest[of]]) > 0)


def _best(scores: Floats, numbers: NDArray[np.int64], wanted: int) -> Places:
    """Places, ascending, of so many of the highest scores; of equals at the edge of those with the lowest
    numbers, all of the last number. Without those that are `_NOWHERE`."""
    if len(scores) <= wanted:
        return np.flatnonzero(scores > _NOWHERE)
    floor = np.partition(scores, len(scores) - wanted)[len(scores) - wanted]
    if floor == _NOWHERE:
        return np.flatnonzero(scores > floor)
    over = scores > floor
    equal = np.flatnonzero(scores == floor)
    left = wanted - np.count_nonzero(over)
    if len(equal) > left:
        of = numbers[equal]
        equal = equal[of <= np.partition(of, left - 1)[left - 1]]
    over[equal] = True
    return np.flatnonzero(over)
