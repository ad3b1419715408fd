"""Who in a large crowd may be nearest, by one comparison a person instead of one a template.

A person is stood for by two directions: the means of two groups of its templates, those that lie towards
the one farthest from the middle, and the others. Who is nearest by these is looked at closer
(`reid.domain.nearest`): all templates along the few directions of the site's basis; and of these the best
are compared exactly, as in a small gallery.

It may miss somebody whom a comparison of everything with everything would find, so it must miss the same one
everywhere. All that ranks here are whole numbers whose products and sums float32 takes exactly (vectors of
length 4,000 at the most: no sum exceeds 2**24, whatever the order), or quotients of those, value by value.
They depend on the persons' templates, the cameras' means and the basis alone, not on how those came to be.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import SCALE
from reid.contracts.events import Template
from reid.domain.basis import LENGTH, Basis
from reid.domain.blocks import STRETCH, Places
from reid.domain.centring import WholeVector, squares
from reid.domain.coarse import Floats
from reid.domain.rows import Rows

#: Persons of an encoder from which on they are found by their prototypes; fewer are all compared.
FROM_PERSONS: Final = 8_192
#: Lengths in whole numbers: of a template along the basis, of a prototype and of a probe. Less its camera's
#: mean a template is up to twice as long.
_TEMPLATE: Final = 2_000
_UNIT: Final = 4_000
NOWHERE: Final = np.float32(-np.inf)
#: Changed persons remembered.
_CHANGES: Final = 1_024
#: Directions that stay in the cache from one probe to the next, and rows along the basis.
_STRETCH: Final = 2_048
_ROWS: Final = 1_024


class Shown(NamedTuple):
    """A person by its number, and its rows."""

    number: int
    rows: Mapping[int, Template]


class Prototypes:
    """Of the templates of one encoder, which stand in ``table``.

    Kept of each row: the template along the basis, its squared length, and one over its length less its
    camera's mean. Of each person, at a place that is given to another when it goes: of both groups the sum of
    its templates along the basis less their cameras' means, how many of them are of which camera, and the
    direction.

    ``used`` places were given; ``number`` is who is at each, -1 where nobody is; ``place`` is that of each
    row. ``turns`` counts new means: they turn the directions of so many persons that none is told apart.
    """

    def __init__(self, table: Rows, basis: Basis) -> None:
        self._table, self._basis = table, basis.astype(np.float64)
        self._width = basis.shape[1]
        # Of each row, with room for more. Copied where it grows, which is seldom.
        self._parts: NDArray[np.int16] = np.zeros((64, self._width), np.int16)
        self._inverse: Floats = np.zeros(64, np.float32)
        self._square: Floats = np.zeros(64, np.float32)
        self.place: Places = np.zeros(64, np.intp)
        self._places: dict[int, int] = {}
        self.number: NDArray[np.int64] = np.full(64, -1, np.int64)
        self._less: NDArray[np.int32] = np.zeros((2, 64, self._width), np.int32)
        self._counts: NDArray[np.int16] = np.zeros((2, 64, 0), np.int16)
        self._directions: Floats = np.zeros((2, 64, self._width), np.float32)
        #: Who has one look only, or only the same, is of one group.
        self._alone: NDArray[np.bool_] = np.zeros(64, np.bool_)
        self._free: list[int] = []
        self.used = 0
        self._centres: WholeVector = np.zeros((0, self._width))
        # Of each place, -1 behind the last.
        self._rows: NDArray[np.int32] = np.full((64, 16), -1, np.int32)
        self._changed: list[int] = []
        self.turns = 0
        self._forgotten = 0

    def add(self, rows: Sequence[int], vectors: NDArray[np.int16]) -> None:
        """New templates, ``(n, d)``, went to these rows."""
        if len(self._inverse) < len(self._table.owner):
            self._grow(len(self._table.owner))
        self._follow()
        places, along = np.array(rows, np.intp), self._along(vectors)
        self._parts[places] = along
        self._square[places] = squares(along)
        cameras = self._table.camera[places]
        for camera in np.unique(cameras).tolist():
            self._measure(places[cameras == camera], camera)

    def put(self, shown: Sequence[Shown]) -> None:
        """Replaces the rows of these persons, all of whose are in the table and were added."""
        self._follow()
        places = np.array([self._place_of(one.number) for one in shown], np.intp)
        rows = [_sorted(one.rows) for one in shown]
        count = np.array([len(each) for each in rows])
        of = np.repeat(np.arange(len(shown)), count)
        every = np.array([row for each in rows for row in each], np.intp)
        starts = np.cumsum(count) - count
        self.place[every] = places[of]
        along = self._parts[every].astype(np.float64)
        second = _far(along, of, starts, count)
        cameras = self._table.camera[every]
        for group, here in enumerate((~second, second)):
            sums = np.add.reduceat(along * here[:, None], starts)
            counts = np.zeros((len(shown), self._counts.shape[2]), np.int16)
            np.add.at(counts, (of[here], cameras[here]), 1)
            self._counts[group, places] = counts
            self._less[group, places] = sums - counts.astype(np.float64) @ self._centres
        self._alone[places] = ~self._counts[1, places].any(axis=1)
        for group in range(2):
            self._direct(group, places, self._less[group, places])
        self._keep(places, rows)
        self._note(places.tolist())

    def drop(self, number: int) -> None:
        """Forgets the person; an unknown one is no error."""
        place = self._places.pop(number, None)
        if place is not None:
            self.number[place] = -1
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
        self._measure(np.flatnonzero(here), camera)
        for group in range(2):
            counts = self._counts[group, : self.used, camera].astype(np.int32)
            places = np.flatnonzero((counts > 0) & (self.number[: self.used] >= 0))
            for start in range(0, len(places), STRETCH):
                some = places[start : start + STRETCH]
                less = self._less[group].take(some, axis=0)
                less -= counts.take(some)[:, None] * turned
                self._less[group, some] = less
                self._direct(group, some, less)
        self.turns += 1

    def __len__(self) -> int:
        """Persons."""
        return len(self._places)

    def places(self, numbers: Iterable[int]) -> Places:
        """Of those of these who have one."""
        found = map(self._places.get, numbers)
        return np.array([place for place in found if place is not None], np.intp)

    def looks(self, probes: Sequence[WholeVector]) -> Floats:
        """``(n, k)``: the directions of probes, each less its camera's mean."""
        self._follow()
        if not probes:
            return np.zeros((0, self._width), np.float32)
        return self._units(np.rint(np.stack(probes) @ self._basis / LENGTH)).astype(np.float32)

    def scores(self, looks: Floats) -> Floats:
        """``(n, used)`` of all places; `NOWHERE` where nobody is."""
        found = np.empty((len(looks), self.used), np.float32)
        stretch = _STRETCH if len(looks) > 1 else self.used
        beside = np.empty(stretch, np.float32)
        for start in range(0, self.used if len(looks) else 0, stretch):
            stop = min(start + stretch, self.used)
            first, second = self._directions[:, start:stop]
            # Measured: for a frame's few looks faster than one product of both matrices.
            for look, scores in zip(looks, found[:, start:stop], strict=True):
                np.dot(first, look, out=scores)
                np.maximum(scores, np.dot(second, look, out=beside[: stop - start]), out=scores)
        found[:, np.flatnonzero(self.number[: self.used] < 0)] = NOWHERE
        return found

    def scores_at(self, places: Places, look: Floats) -> Floats:
        """``(n,)`` of some."""
        first, second = (directions.take(places, axis=0) @ look for directions in self._directions)
        return np.where(self.number[places] >= 0, np.maximum(first, second), NOWHERE)

    def rows_at(self, places: Places) -> Places:
        """All rows of those at these places, in any order."""
        every = self._rows.take(places, axis=0).ravel()
        return every[every >= 0].astype(np.intp)

    def scores_of(self, rows: Places, look: Floats) -> Floats:
        """``(n,)`` of these rows."""
        self._follow()
        common = self._centres.astype(np.float32) @ look
        scores = self._product(rows, look)
        scores -= common.take(self._table.camera.take(rows, mode="clip"), mode="clip")
        scores *= self._inverse.take(rows, mode="clip")
        return scores

    def changed(self, since: int) -> Places | None:
        """Places of persons who came, went or changed since this `moment`, ascending; None where that is
        not remembered."""
        if since < self._forgotten:
            return None
        return np.unique(np.array(self._changed[since - self._forgotten :], np.intp))

    @property
    def moment(self) -> int:
        return self._forgotten + len(self._changed)

    def _note(self, places: Sequence[int]) -> None:
        self._changed += places
        if len(self._changed) > 2 * _CHANGES:
            self._forgotten += len(self._changed) - _CHANGES
            del self._changed[:-_CHANGES]

    def _place_of(self, number: int) -> int:
        """The person's, a new one where there is none."""
        place = self._places.get(number)
        if place is None:
            place = self._places[number] = self._free.pop() if self._free else self._new()
            self.number[place] = number
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
        place = self.used
        if place == len(self.number):
            self.number = np.concatenate([self.number, np.full_like(self.number, -1)])
            self._rows = np.concatenate([self._rows, np.full_like(self._rows, -1)])
            self._alone = np.concatenate([self._alone, np.zeros_like(self._alone)])
            more = np.zeros_like(self._directions)
            self._directions = np.concatenate([self._directions, more], axis=1)
            self._less = np.concatenate([self._less, np.zeros_like(self._less)], axis=1)
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)], axis=1)
        self.used = place + 1
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

    def _grow(self, rows: int) -> None:
        """Room for so many."""
        more = rows - len(self._inverse)
        self._inverse = np.concatenate([self._inverse, np.zeros(more, np.float32)])
        self._square = np.concatenate([self._square, np.zeros(more, np.float32)])
        self.place = np.concatenate([self.place, np.zeros(more, np.intp)])
        parts = np.zeros((rows, self._width), np.int16)
        parts[: len(self._parts)] = self._parts
        self._parts = parts

    def _product(self, rows: Places, look: Floats) -> Floats:
        """``(n,)`` of these rows along the basis, by parts that stay in the cache."""
        found = np.empty(len(rows), np.float32)
        whole = np.empty((min(len(rows), _ROWS), self._width), np.int16)
        floats = np.empty(whole.shape, np.float32)
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            part, values = whole[: len(some)], floats[: len(some)]
            self._parts.take(some, axis=0, out=part, mode="clip")
            np.copyto(values, part)
            np.dot(values, look, out=found[start : start + len(some)])
        return found

    def _measure(self, rows: Places, camera: int) -> None:
        """How long these rows, all of this camera, are along the basis less its mean."""
        centre = self._centres[camera].astype(np.float32)
        # Exact in float32: nothing is longer than 4,096.
        squared = self._square[rows] - 2 * self._product(rows, centre)
        squared += centre @ centre
        self._inverse[rows] = 1.0 / np.sqrt(np.maximum(squared, np.float32(1.0)))

    def _direct(self, group: int, places: Places, less: NDArray[np.int32]) -> None:
        """The directions of a group of the persons at these places, of what its templates add up to, ``less``
        their cameras' means. Who has no second one has the first twice: the first group comes first."""
        directions = self._units(less.astype(np.float64)).astype(np.float32)
        if group == 0:
            self._directions[0, places] = directions
            alone = self._alone[places]
            self._directions[1, places[alone]] = directions[alone]
        else:
            two = ~self._alone[places]
            self._directions[1, places[two]] = directions[two]

    def _units(self, whole: WholeVector) -> WholeVector:
        """``(n, k)`` of whole numbers up to 2**20 -> the same directions in whole numbers, in their place.
        Zeros stay so."""
        lengths = np.sqrt(squares(whole))
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
    off = squares(from_middle)
    farthest = np.flatnonzero(off == np.maximum.reduceat(off, starts)[of])
    farthest = farthest[np.unique(of[farthest], return_index=True)[1]]
    return np.asarray(np.einsum("ij,ij->i", from_middle, from_middle[farthest[of]]) > 0)
