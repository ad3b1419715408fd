"""Templates as rows of float32 matrices that grow by blocks, and their products with many probes at once.

A row holds the fixed point's whole numbers, which float32 takes exactly: it serves both for the fast rough
product and for the exact one of a few rows. Rough scores are cosines less the cameras' means, within
``margin`` of the exact ones whatever the BLAS library, its threads or the shape of the batch, except for
rows near their camera's mean, whose direction float32 does not tell. Of many rows only upper bounds are
computed for all (`reid.domain.coarse`), and they are kept as int16: few are multiplied out.
"""

import math
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import SCALE
from reid.domain.blocks import BLOCK, STRETCH, Block, Places, gather, gathered, product, products, put
from reid.domain.centring import Centring, WholeVector, in_millionths, squares
from reid.domain.coarse import (
    DIRECTIONS,
    FINEST,
    FROM_ROWS,
    SAMPLE,
    WIDEST,
    Floats,
    beside,
    directions_of,
)
from reid.domain.row_cameras import RowCameras

#: Bound on |rough score - exact cosine| for vectors of up to 1,024 values, generously.
FLOAT_ERROR: Final = 1e-3
#: Rows whose distance from their camera's mean, of unit vectors, is less than this are not scored roughly.
NEAR: Final = 0.25
#: Parts of templates along all but the widest directions are kept as whole numbers: all of a template's
#: together no farther than this from the true ones. The root of 192 times a half; and one may be cut off, by
#: what rounding adds to the length of a vector, 12.
_ROUNDED: Final = 16.0
#: What rows score that must not be found.
NOWHERE: Final = np.float32(-3)
#: Rows that are compared exactly at once: they stay in the cache.
_EXACT: Final = 64
#: Changes of rows remembered, twice so many at the most.
_CHANGES: Final = 4096


class Rows:
    """``owner``: registration number of a row's person, -1 for a free row. ``hidden``: free rows, and those
    near their camera's mean, of which no rough score tells. All rows asked for are in ascending order.

    ``moment`` counts the rows that came to be scored otherwise since the first (`changed_since`), but for
    new means, which turn all rows of a camera a little: ``turned``."""

    def __init__(self, dim: int, centring: Centring) -> None:
        self.dim, self._cameras = dim, RowCameras(dim, centring)
        # A float32 sum of d products is off by d units in the last place at the very most, of vectors no
        # longer than 1; the mean's product and the length's are off as much, all divided by NEAR at least.
        self.margin = max(FLOAT_ERROR, 4 * dim * 2.0**-23 / NEAR)
        self.used = 0
        self.owner: NDArray[np.int64] = np.full(64, -1, np.int64)
        self.hidden: NDArray[np.bool_] = np.ones(64, np.bool_)
        self._changed: list[int] = []
        self._forgotten = 0
        self._camera: Places = np.zeros(64, np.intp)
        self._inverse: Floats = np.zeros(64, np.float32)
        # Exact squared lengths less the camera's mean, of rows that were asked for.
        self._square: NDArray[np.float64] = np.full(64, np.nan)
        self._beside: Floats = np.zeros((3, 64), np.float32)
        self._blocks: list[Block] = []
        self._rough = True
        # Parts along the directions, the widest first: blocks of each part.
        self._parts: list[list[Block]] = [[], [], []]
        self._cuts = (WIDEST, DIRECTIONS, min(FINEST, dim // 2))
        self._directions: Floats | None = None
        self._free: list[int] = []
        self._near: set[int] = set()

    @property
    def large(self) -> bool:
        """Whether it pays to look at few rows only."""
        return self.used >= FROM_ROWS

    @property
    def bounded(self) -> bool:
        """Whether `bounds` are above the rough scores, not the scores themselves."""
        return self._directions is not None

    @property
    def rough_scores(self) -> bool:
        """Whether rows are kept ready for `rough`, `bounds` and the like; for `cosines` they always are."""
        return self._rough

    @property
    def camera(self) -> Places:
        """Numbers of the rows' cameras."""
        return self._camera

    @property
    def means(self) -> WholeVector:
        """``(cameras, d)`` in force."""
        return self._cameras.means()

    @property
    def turned(self) -> NDArray[np.float64]:
        return self._cameras.turned

    @property
    def moment(self) -> int:
        return self._forgotten + len(self._changed)

    def changed_since(self, moment: int) -> Places | None:
        """Rows put since, ascending; None where that is not remembered."""
        if moment < self._forgotten:
            return None
        return np.array(sorted(set(self._changed[moment - self._forgotten :])), np.intp)

    def add(self, numbers: Sequence[int], camera_ids: Sequence[str], vectors: NDArray[np.int16]) -> list[int]:
        """The rows that these templates, ``(n, d)``, of the persons with these numbers go to, in turn."""
        rows = [self._free.pop() if self._free else self._new() for _ in camera_ids]
        whole = vectors.astype(np.float32)
        order = np.argsort(rows)
        places = np.array(rows)[order]
        put(self._blocks, places, whole[order])
        if self._directions is not None:
            for blocks, values in zip(self._parts, self._kept(whole[order]), strict=True):
                put(blocks, places, values)
        self._camera[rows] = [self._cameras.number(camera_id) for camera_id in camera_ids]
        self.owner[rows], self._square[rows] = numbers, np.nan
        if not self._rough:
            return rows
        self._measure(places)
        self._note(rows)
        if self._directions is None and self.used >= FROM_ROWS and self.dim > 2 * DIRECTIONS:
            self._direct()
        return rows

    def free(self, row: int) -> None:
        self.owner[row], self.hidden[row] = -1, True
        self._near.discard(row)
        self._free.append(row)

    def sleep(self) -> None:
        """Only `cosines` are asked for from now on: what the rest needs is given back."""
        self._rough, self._directions, self._parts = False, None, [[], [], []]
        self._blocks = [block.astype(np.int16, copy=False) for block in self._blocks]
        self._beside = np.zeros((3, 0), np.float32)
        self._near.clear()

    def wake(self) -> None:
        """Ready for all again. What was remembered of changes is nothing to go by."""
        self._rough = True
        self._blocks = [block.astype(np.float32) for block in self._blocks]
        self._beside = np.zeros((3, len(self.owner)), np.float32)
        self._changed.clear()
        living = np.flatnonzero(self.owner[: self.used] >= 0)
        self._measure(living)
        if self.used >= FROM_ROWS and self.dim > 2 * DIRECTIONS:
            self._direct()

    def recentre(self, camera_id: str) -> int | None:
        """After a new mean of the camera: its number, None where no template is of it."""
        camera = self._cameras.known(camera_id)
        if camera is None:
            return None
        self._square[: self.used][self._camera[: self.used] == camera] = np.nan
        if not self._rough:
            self._cameras.renew(camera_id, math.inf)
            return camera
        rows = self._of(camera)
        scored = rows[~self.hidden[rows]]
        self._cameras.renew(camera_id, 1.0 / float(self._inverse[scored].max()) if len(scored) else math.inf)
        near = set(self._near)
        self._measure(rows)
        self._note(sorted(near - self._near))
        return camera

    def cosines(self, rows: Places, probe: WholeVector) -> NDArray[np.int64]:
        """``(n,)`` of these rows with a probe, which is less its camera's mean too: exact, in millionths."""
        means, cameras = self._cameras.means(), self._camera[rows]
        lengths, found = self._square[rows], np.empty(len(rows))
        plain = np.empty((min(len(rows), _EXACT), self.dim))
        for start in range(0, len(rows), _EXACT):
            some = slice(start, start + _EXACT)
            part = plain[: len(rows[some])]
            gather(self._blocks, rows[some], part)
            np.dot(part, probe, out=found[some])
            if np.isnan(lengths[some]).any():
                part -= means[cameras[some]]
                lengths[some] = squares(part)
                self._square[rows[some]] = lengths[some]
        # Whole numbers, so their difference is the product of the difference.
        return in_millionths(found - (means @ probe)[cameras], lengths * (probe @ probe))

    def rough(self, rows: Places, direction: Floats) -> Floats:
        """``(n,)`` scores of these rows, none of them hidden, with one of `directions_to`."""
        common: Floats = self._cameras.means().astype(np.float32) @ direction
        scores = product(self._blocks, self.used, rows, direction)
        scores -= common[self._camera[rows]]
        scores *= self._inverse[rows]
        return scores

    def bounds(self, directions: Floats) -> Floats:
        """``(probes, used)``, at or above the rough scores; `NOWHERE` for hidden rows."""
        means = self._cameras.means().astype(np.float32)
        if self._directions is None:
            scores = products(self._blocks, self.used, directions)
            common = directions @ means.T
        else:
            along = directions @ self._directions[:, :WIDEST]
            scores = products(self._parts[0], self.used, along)
            common = along @ (means @ self._directions[:, :WIDEST]).T
        cameras, hidden = self._camera[: self.used], np.flatnonzero(self.hidden[: self.used])
        for nth, row in enumerate(scores):
            if common[nth].any():
                row -= common[nth][cameras]
            row *= self._inverse[: self.used]
            if self._directions is not None:
                row += self._beside[0, : self.used] * beside(along[nth : nth + 1])
            row[hidden] = NOWHERE
        return scores

    def few_bounds(self, rows: Places, direction: Floats) -> Floats:
        """``(n,)``: as `bounds`, of these rows, none hidden, for one of the probes."""
        assert self._directions is not None
        return self._along(rows, self._split(direction @ self._directions), 0)

    def closer(self, rows: Places, above: Floats, direction: Floats, part: int) -> Floats:
        """``(n,)``: lower bounds of these rows, with the parts along more directions: ``part`` 1 follows
        `bounds`, 2 those of 1. ``above``: the bounds before."""
        assert self._directions is not None
        along = self._split(direction @ self._directions)
        found = self._along(rows, along, part)
        found += above
        found -= self._beside[part - 1, rows] * _rest(along[:part])
        return found

    def _along(self, rows: Places, along: Sequence[Floats], part: int) -> Floats:
        """Of the cosines what is along this part of the directions, and the most that may be beside all
        parts so far."""
        assert self._directions is not None
        start = self._cuts[part - 1] if part else 0
        means = self._cameras.means().astype(np.float32) @ self._directions[:, start : self._cuts[part]]
        found = product(self._parts[part], self.used, rows, along[part])
        found -= (means @ along[part])[self._camera[rows]]
        if part:
            found += np.float32(_ROUNDED * float(np.sqrt(along[part] @ along[part])))
        found *= self._inverse[rows]
        found += self._beside[part, rows] * _rest(along[: part + 1])
        return found

    def _split(self, along: Floats) -> list[Floats]:
        """``(k,)`` or ``(n, k)`` along all directions: the parts."""
        return np.split(along, self._cuts[:2], axis=-1)

    def _kept(self, whole: Block) -> tuple[Block, ...]:
        """What is kept of rows, ``(n, d)``, along the directions."""
        assert self._directions is not None
        widest, *others = self._split(whole @ self._directions)
        return np.ascontiguousarray(widest), *map(_rounded, others)

    def near(self, excluded: Collection[int]) -> list[int]:
        """Rows that no rough score tells of, outside the persons with these numbers."""
        return [row for row in self._near if self.owner[row] not in excluded]

    def _of(self, camera: int) -> Places:
        return np.flatnonzero((self._camera[: self.used] == camera) & (self.owner[: self.used] >= 0))

    def _note(self, rows: Sequence[int]) -> None:
        self._changed += rows
        if len(self._changed) > 2 * _CHANGES:
            self._forgotten += len(self._changed) - _CHANGES
            del self._changed[:-_CHANGES]

    def _new(self) -> int:
        row = self.used
        if row % BLOCK == 0:
            small = self._directions is not None or not self._rough
            shape = BLOCK, self.dim
            self._blocks.append(np.zeros(shape, np.int16) if small else np.zeros(shape, np.float32))
            if self._directions is not None:
                for of_part in self._parts:
                    of_part.append(np.zeros(of_part[0].shape, of_part[0].dtype))
        if row == len(self.owner):
            self.owner = np.concatenate([self.owner, np.full_like(self.owner, -1)])
            self.hidden = np.concatenate([self.hidden, np.ones_like(self.hidden)])
            self._camera = np.concatenate([self._camera, np.zeros_like(self._camera)])
            self._inverse = np.concatenate([self._inverse, np.zeros_like(self._inverse)])
            self._square = np.concatenate([self._square, np.full_like(self._square, np.nan)])
            if self._rough:
                self._beside = np.concatenate([self._beside, np.zeros_like(self._beside)], axis=1)
        self.used = row + 1
        return row

    def _direct(self) -> None:
        """From now on bounds only, along directions found on what is there."""
        living = np.flatnonzero(self.owner[: self.used] >= 0)
        sample = living[:: max(len(living) // SAMPLE, 1)]
        if len(sample) < self._cuts[2]:
            return
        self._directions = directions_of(gathered(self._blocks, sample), self._cuts[2])
        for block in self._blocks:
            for blocks, values in zip(self._parts, self._kept(block), strict=True):
                blocks.append(values)
        self._blocks = [block.astype(np.int16) for block in self._blocks]
        self._measure(living)

    def _measure(self, rows: Places) -> None:
        """How far these rows are from their camera's mean, and how much of that is beside the directions."""
        means = self._cameras.means().astype(np.float32)
        along = None if self._directions is None else means @ self._directions
        for start in range(0, len(rows), STRETCH):
            some = rows[start : start + STRETCH]
            cameras = self._camera[some]
            found = gathered(self._blocks, some) - means[cameras]
            lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", found, found), np.float32(1.0)))
            self._inverse[some] = 1.0 / lengths
            close = lengths < NEAR * SCALE
            self.hidden[some] = close
            self._near.difference_update(some[~close].tolist())
            self._near.update(some[close].tolist())
            if along is not None:
                centres, inverse = self._split(along), self._inverse[some][:, None]
                parts = [
                    (gathered(blocks, some) - of_means[cameras]) * inverse
                    for blocks, of_means in zip(self._parts, centres, strict=True)
                ]
                rests = np.stack([beside(*parts[: n + 1]) for n in range(3)])
                # Rounded parts may be longer than the true ones by so much, and their squares by twice that.
                rests[1:] = np.sqrt(rests[1:] * rests[1:] + 2 * _ROUNDED * inverse[:, 0])
                self._beside[:, some] = rests


def directions_to(probes: Sequence[WholeVector]) -> Floats:
    """``(n, d)`` unit rows; a row of zeros stays one."""
    whole = np.stack(probes)
    lengths = np.sqrt((whole * whole).sum(axis=1, keepdims=True))
    found: WholeVector = np.divide(whole, lengths, out=np.zeros_like(whole), where=lengths > 0)
    return found.astype(np.float32)


def _rounded(parts: Floats) -> NDArray[np.int16]:
    return np.rint(parts).clip(-SCALE, SCALE).astype(np.int16)


def _rest(along: Sequence[Floats]) -> np.float32:
    """Of a probe beside these parts, at the most."""
    found: np.float32 = beside(*(part[None] for part in along))[0]
    return found
