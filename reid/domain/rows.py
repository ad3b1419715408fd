"""Templates as rows of float32 matrices that grow by blocks, and their products with many probes at once.

A row holds the fixed point's whole numbers, which float32 takes exactly: it serves both for the fast rough
product and for the exact one of a few rows. Rough scores are cosines less the cameras' means, within
``margin`` of the exact ones whatever the BLAS library, its threads or the shape of the batch, except for
rows near their camera's mean, whose direction float32 does not tell. Of many rows only upper bounds are
computed for all (`reid.domain.coarse`).
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import SCALE, FixedVector
from reid.domain.centring import Centring, WholeVector
from reid.domain.coarse import DIRECTIONS, FROM_ROWS, SAMPLE, Floats, beside, directions_of

#: Rows of a block: growing copies nothing.
BLOCK: Final = 4096
#: Rows that stay in the cache from one probe to the next; a part of `BLOCK`.
STRETCH: Final = 512
#: Bound on |rough score - exact cosine| for vectors of up to 1,024 values, generously.
FLOAT_ERROR: Final = 1e-3
#: Rows whose distance from their camera's mean, of unit vectors, is less than this are not scored roughly.
NEAR: Final = 0.25
#: The product of all rows, one behind the other in memory, costs as much as that of so many times fewer.
_MANY: Final = 4
#: What rows score that must not be found.
NOWHERE: Final = np.float32(-3)

Places = NDArray[np.intp]


class Rows:
    """``owner``: registration number of a row's person, -1 for a free row."""

    def __init__(self, dim: int, centring: Centring) -> None:
        self.dim, self._centring = dim, centring
        # A float32 sum of d products is off by d units in the last place at the very most, of vectors no
        # longer than 1; the mean's product and the length's are off as much, all divided by NEAR at least.
        self.margin = max(FLOAT_ERROR, 4 * dim * 2.0**-23 / NEAR)
        self.used = 0
        self.owner: NDArray[np.int64] = np.full(64, -1, np.int64)
        self._camera: Places = np.zeros(64, np.intp)
        self._inverse: Floats = np.zeros(64, np.float32)
        self._beside: Floats = np.zeros(64, np.float32)
        self._cameras: dict[str, int] = {}
        self._centres: WholeVector = np.zeros((0, dim))
        self._blocks: list[Floats] = []
        self._along: list[Floats] = []
        self._directions: Floats | None = None
        self._scratch: Floats = np.empty((STRETCH, dim), np.float32)
        self._free: list[int] = []
        self._near: set[int] = set()

    def add(self, number: int, camera_id: str, vector: FixedVector) -> int:
        """The row that the template of the person with this number goes to."""
        row = self._free.pop() if self._free else self._new()
        self._blocks[row // BLOCK][row % BLOCK] = vector
        if self._directions is not None:
            self._along[row // BLOCK][row % BLOCK] = vector.astype(np.float32) @ self._directions
        self.owner[row] = number
        self._camera[row] = self._cameras.setdefault(camera_id, len(self._cameras))
        self._measure(np.array([row]), camera_id)
        if self._directions is None and self.used >= FROM_ROWS and self.dim > 2 * DIRECTIONS:
            self._direct()
        return row

    def free(self, row: int) -> None:
        self.owner[row] = -1
        self._near.discard(row)
        self._free.append(row)

    def recentre(self, camera_id: str) -> None:
        """After a new mean of the camera."""
        self._centres = np.zeros((0, self.dim))
        number = self._cameras.get(camera_id, -1)
        rows = np.flatnonzero((self._camera[: self.used] == number) & (self.owner[: self.used] >= 0))
        for start in range(0, len(rows), STRETCH):
            self._measure(rows[start : start + STRETCH], camera_id)

    def whole(self, rows: Places) -> WholeVector:
        """``(n, d)`` of these rows, each less its camera's mean: whole numbers, exact."""
        return _gathered(self._blocks, rows).astype(np.float64) - self._means()[self._camera[rows]]

    def rough(self, rows: Places, direction: Floats) -> Floats:
        """``(n,)`` scores of these rows, none of them near a mean, with one of `directions_to`."""
        common: Floats = self._means().astype(np.float32) @ direction
        if _MANY * len(rows) > self.used:
            scores: Floats = _products(self._blocks, self.used, direction[None])[0][rows]
        else:
            scores = np.empty(len(rows), np.float32)
            # By parts into the same memory: new memory for thousands of rows costs more than their product.
            for start in range(0, len(rows), STRETCH):
                some = self._taken(rows[start : start + STRETCH])
                np.dot(some, direction, out=scores[start : start + len(some)])
        scores -= common[self._camera[rows]]
        scores *= self._inverse[rows]
        return scores

    def bounds(self, directions: Floats) -> Floats:
        """``(probes, used)``, at or above the rough scores; `NOWHERE` for free rows and those near a mean."""
        means, blocks, probes = self._means().astype(np.float32), self._blocks, directions
        if self._directions is not None:
            blocks, probes = self._along, directions @ self._directions
            means = means @ self._directions
        scores = _products(blocks, self.used, probes)
        hidden = [*self._free, *self._near]
        common = probes @ means.T
        left = beside(probes)
        for row, shared, rest in zip(scores, common, left, strict=True):
            if shared.any():
                row -= shared[self._camera[: self.used]]
            row *= self._inverse[: self.used]
            if self._directions is not None:
                row += self._beside[: self.used] * rest
            row[hidden] = NOWHERE
        return scores

    def near(self, excluded: Collection[int]) -> list[int]:
        """Rows that no rough score tells of, outside the persons with these numbers."""
        return [row for row in self._near if self.owner[row] not in excluded]

    def _means(self) -> WholeVector:
        """``(cameras, d)`` in force."""
        if len(self._centres) != len(self._cameras):
            self._centres = np.zeros((len(self._cameras), self.dim))
            for camera_id, number in self._cameras.items():
                mean = self._centring.mean(camera_id)
                if mean is not None:
                    self._centres[number] = mean
        return self._centres

    def _taken(self, rows: Places) -> Floats:
        """``(n, d)`` of up to `STRETCH` rows, until the next call."""
        numbers = rows // BLOCK
        for number in np.unique(numbers):
            places = np.flatnonzero(numbers == number)
            if len(places) == places[-1] - places[0] + 1:
                out = self._scratch[places[0] : places[-1] + 1]
                np.take(self._blocks[number], rows[places] % BLOCK, axis=0, out=out, mode="clip")
            else:
                self._scratch[places] = self._blocks[number][rows[places] % BLOCK]
        return self._scratch[: len(rows)]

    def _new(self) -> int:
        row = self.used
        if row % BLOCK == 0:
            self._blocks.append(np.zeros((BLOCK, self.dim), np.float32))
            if self._directions is not None:
                self._along.append(np.zeros((BLOCK, DIRECTIONS), np.float32))
        if row == len(self.owner):
            self.owner = np.concatenate([self.owner, np.full_like(self.owner, -1)])
            self._camera = np.concatenate([self._camera, np.zeros_like(self._camera)])
            self._inverse = np.concatenate([self._inverse, np.zeros_like(self._inverse)])
            self._beside = np.concatenate([self._beside, np.zeros_like(self._beside)])
        self.used = row + 1
        return row

    def _direct(self) -> None:
        """From now on bounds only, along directions found on what is there."""
        living = np.flatnonzero(self.owner[: self.used] >= 0)
        sample = living[:: max(len(living) // SAMPLE, 1)]
        if len(sample) < DIRECTIONS:
            return
        self._directions = directions_of(_gathered(self._blocks, sample))
        self._along = [block @ self._directions for block in self._blocks]
        for camera_id in self._cameras:
            self.recentre(camera_id)

    def _measure(self, rows: Places, camera_id: str) -> None:
        """How far up to `STRETCH` rows are from their camera's mean, and how much of that is beside the
        directions."""
        found, mean = self._taken(rows), self._centring.mean(camera_id)
        squares = np.einsum("ij,ij->i", found, found).astype(np.float64)
        centre = np.zeros(self.dim, np.float32) if mean is None else mean.astype(np.float32)
        if mean is not None:
            squares += float(centre @ centre) - 2.0 * (found @ centre)
        lengths = np.sqrt(np.maximum(squares, 1.0))
        self._inverse[rows] = 1.0 / lengths
        close = lengths < NEAR * SCALE
        self._near.difference_update(rows[~close].tolist())
        self._near.update(rows[close].tolist())
        if self._directions is not None:
            along = _gathered(self._along, rows) - centre @ self._directions
            self._beside[rows] = beside(along * self._inverse[rows][:, None])


def directions_to(probes: Sequence[WholeVector]) -> Floats:
    """``(n, d)`` unit rows; a row of zeros stays one."""
    whole = np.stack(probes)
    lengths = np.sqrt((whole * whole).sum(axis=1, keepdims=True))
    found: WholeVector = np.divide(whole, lengths, out=np.zeros_like(whole), where=lengths > 0)
    return found.astype(np.float32)


def _gathered(blocks: Sequence[Floats], rows: Places) -> Floats:
    """``(n, d)`` of these rows."""
    if len(rows) == 1:
        return blocks[int(rows[0]) // BLOCK][rows % BLOCK]
    width = blocks[0].shape[1] if blocks else 0
    found = np.empty((len(rows), width), np.float32)
    numbers = rows // BLOCK
    for number in np.unique(numbers):
        places = np.flatnonzero(numbers == number)
        found[places] = blocks[number][rows[places] % BLOCK]
    return found


def _products(blocks: Sequence[Floats], used: int, probes: Floats) -> Floats:
    """``(probes, used)``."""
    found = np.empty((len(probes), used), np.float32)
    for start in range(0, used, STRETCH):
        stop = min(start + STRETCH, used)
        some = blocks[start // BLOCK][start % BLOCK :][: stop - start]
        # Measured: for a frame's few probes faster than one product of both matrices.
        for place, probe in enumerate(probes):
            np.dot(some, probe, out=found[place, start:stop])
    return found
