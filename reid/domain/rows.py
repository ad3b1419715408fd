"""Templates as rows of float32 matrices that grow by blocks, and their products with many probes at once.

A row holds the fixed point's whole numbers, which float32 takes exactly: it serves both for the fast rough
product and for the exact one of a few rows. Rough scores are cosines less the cameras' means, within
``margin`` of the exact ones whatever the BLAS library, its threads or the shape of the batch, except for
rows ``near`` their camera's mean, whose direction float32 does not tell.
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import SCALE, FixedVector
from reid.domain.centring import Centring, WholeVector

#: Rows of a block: growing copies nothing.
BLOCK: Final = 4096
#: Rows that stay in the cache from one probe to the next; a part of `BLOCK`.
STRETCH: Final = 512
#: Bound on |rough score - exact cosine| for vectors of up to 1,024 values, generously.
FLOAT_ERROR: Final = 1e-3
#: Rows whose distance from their camera's mean, of unit vectors, is less than this are not scored roughly.
NEAR: Final = 0.25
#: What rows score that must not be found.
NOWHERE: Final = np.float32(-3)

Floats = NDArray[np.float32]


class Rows:
    """``owner``: registration number of a row's person, -1 for a free row."""

    def __init__(self, dim: int, centring: Centring) -> None:
        self.dim, self._centring = dim, centring
        # A float32 sum of d products is off by d units in the last place at the very most, of vectors no
        # longer than 1; the mean's product and the length's are off as much, all divided by NEAR at least.
        self.margin = max(FLOAT_ERROR, 4 * dim * 2.0**-23 / NEAR)
        self.used = 0
        self.owner: NDArray[np.int64] = np.full(64, -1, np.int64)
        self._camera: NDArray[np.intp] = np.zeros(64, np.intp)
        self._inverse: Floats = np.zeros(64, np.float32)
        self._cameras: dict[str, int] = {}
        self._blocks: list[Floats] = []
        self._free: list[int] = []
        self._near: set[int] = set()

    def add(self, number: int, camera_id: str, vector: FixedVector) -> int:
        """The row that the template of the person with this number goes to."""
        row = self._free.pop() if self._free else self._new()
        self._blocks[row // BLOCK][row % BLOCK] = vector
        self.owner[row] = number
        self._camera[row] = self._cameras.setdefault(camera_id, len(self._cameras))
        self._measure(np.array([row]), camera_id)
        return row

    def free(self, row: int) -> None:
        self.owner[row] = -1
        self._near.discard(row)
        self._free.append(row)

    def recentre(self, camera_id: str) -> None:
        """After a new mean of the camera."""
        number = self._cameras.get(camera_id, -1)
        rows = np.flatnonzero((self._camera[: self.used] == number) & (self.owner[: self.used] >= 0))
        for start in range(0, len(rows), BLOCK):
            self._measure(rows[start : start + BLOCK], camera_id)

    def whole(self, rows: NDArray[np.intp]) -> WholeVector:
        """``(n, d)`` of these rows, each less its camera's mean: whole numbers, exact."""
        found = self._gathered(rows).astype(np.float64)
        means = np.zeros((len(self._cameras), self.dim))
        for camera_id, number in self._cameras.items():
            mean = self._centring.mean(camera_id)
            if mean is not None:
                means[number] = mean
        return found - means[self._camera[rows]]

    def rough(self, probes: Sequence[WholeVector]) -> Floats:
        """``(probes, used)`` scores of probes from which their camera's mean was taken; `NOWHERE` for free
        rows and those `near` a mean."""
        directions = _directions(np.stack(probes))
        scores = np.empty((len(probes), self.used), np.float32)
        for start in range(0, self.used, STRETCH):
            stop = min(start + STRETCH, self.used)
            some = self._blocks[start // BLOCK][start % BLOCK :][: stop - start]
            # Measured: for a frame's few probes faster than one product of both matrices.
            for place, direction in enumerate(directions):
                np.dot(some, direction, out=scores[place, start:stop])
        common = np.zeros((len(probes), len(self._cameras)), np.float32)
        for camera_id, number in self._cameras.items():
            mean = self._centring.mean(camera_id)
            if mean is not None:
                common[:, number] = directions @ mean.astype(np.float32)
        hidden = [*self._free, *self._near]
        for row, shared in zip(scores, common, strict=True):
            if shared.any():
                row -= shared[self._camera[: self.used]]
            row *= self._inverse[: self.used]
            row[hidden] = NOWHERE
        return scores

    def near(self, excluded: Collection[int]) -> list[int]:
        """Rows that no rough score tells of, outside the persons with these numbers."""
        return [row for row in self._near if self.owner[row] not in excluded]

    def _new(self) -> int:
        row = self.used
        if row % BLOCK == 0:
            self._blocks.append(np.zeros((BLOCK, self.dim), np.float32))
        if row == len(self.owner):
            self.owner = np.concatenate([self.owner, np.full_like(self.owner, -1)])
            self._camera = np.concatenate([self._camera, np.zeros_like(self._camera)])
            self._inverse = np.concatenate([self._inverse, np.zeros_like(self._inverse)])
        self.used = row + 1
        return row

    def _gathered(self, rows: NDArray[np.intp]) -> Floats:
        found = np.empty((len(rows), self.dim), np.float32)
        blocks = rows // BLOCK
        for block in np.unique(blocks):
            places = np.flatnonzero(blocks == block)
            found[places] = self._blocks[block][rows[places] % BLOCK]
        return found

    def _measure(self, rows: NDArray[np.intp], camera_id: str) -> None:
        """How far the rows are from their camera's mean."""
        found, mean = self._gathered(rows), self._centring.mean(camera_id)
        squares = np.einsum("ij,ij->i", found, found).astype(np.float64)
        if mean is not None:
            centre = mean.astype(np.float32)
            squares += float(centre @ centre) - 2.0 * (found @ centre)
        lengths = np.sqrt(np.maximum(squares, 1.0))
        self._inverse[rows] = 1.0 / lengths
        close = lengths < NEAR * SCALE
        self._near.difference_update(rows[~close].tolist())
        self._near.update(rows[close].tolist())


def _directions(whole: WholeVector) -> Floats:
    """``(n, d)`` -> unit rows; a row of zeros stays one."""
    lengths = np.sqrt((whole * whole).sum(axis=1, keepdims=True))
    found: WholeVector = np.divide(whole, lengths, out=np.zeros_like(whole), where=lengths > 0)
    return found.astype(np.float32)
