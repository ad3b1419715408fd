"""Looks' cosines with the strangers of a camera, remembered: most are asked for again, a moment later."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.events import Template

#: Places of a camera: persons whose looks count, the latest by registration.
MAX_PERSONS: Final = 256
#: Looks with a camera whose cosines are remembered, 1 KB each.
_MEMORY: Final = 16_384

Places = NDArray[np.intp]


class Memory:
    """A row for each look and camera: cosines with the camera's places in millionths, ``each``; their sum and
    sum of squares, ``total`` and ``powers``; and as of which of the camera's moments they are, ``moment``, 0
    for a new row."""

    def __init__(self) -> None:
        self.each: NDArray[np.int32] = np.zeros((64, MAX_PERSONS), np.int32)
        self.total: NDArray[np.int64] = np.zeros(64, np.int64)
        self.powers: NDArray[np.int64] = np.zeros(64, np.int64)
        self.moment: NDArray[np.int64] = np.zeros(64, np.int64)
        self.held = 0
        self._free = list(range(64))
        self._standing: Places = np.zeros(64, np.intp)
        # Looks down, cameras across: the row, -1 where there is none.
        self._table: NDArray[np.int32] = np.full((64, 8), -1, np.int32)
        self._looks: dict[str, dict[bytes, int]] = {}
        self._lines, self._spare = 0, list(range(64))
        self._columns: dict[str, int] = {}

    def rows(self, looks: Sequence[Template], cameras: Sequence[str], of: Places, by: Places) -> Places:
        """Of pairs: places in ``looks`` and in ``cameras``. Those known, and new ones, whose ``moment`` is 0
        until they are filled."""
        at = self._lines_of(looks)[of], self._columns_of(cameras)[by]
        rows: Places = self._table[at].astype(np.intp)
        if rows.min() >= 0:
            return rows
        cells = np.unique((at[0] * self._table.shape[1] + at[1])[rows < 0])
        if self.held and max(self.held + len(cells), self._lines) > _MEMORY:
            self._clear()
            return self.rows(looks, cameras, of, by)
        while len(self._free) < len(cells):
            self._grow()
        new = [self._free.pop() for _ in cells]
        self._table.flat[cells] = new
        self.moment[new] = 0
        self.held += len(new)
        return self._table[at].astype(np.intp)

    def once(self, rows: Places) -> Places:
        """Where each of these rows stands, the last time."""
        standing = np.arange(len(rows))
        self._standing[rows] = standing
        return np.flatnonzero(self._standing[rows] == standing)

    def forget(self, camera_id: str) -> None:
        """All looks of the camera, and with its places."""
        lines = list(self._looks.pop(camera_id, {}).values())
        self._let_go(self._table[lines])
        self._table[lines] = -1
        self._spare += lines
        self._lines -= len(lines)
        column = self._columns.get(camera_id)
        if column is not None:
            self._let_go(self._table[:, column])
            self._table[:, column] = -1

    def fill(self, rows: Places, scores: NDArray[np.int64], moments: NDArray[np.int64]) -> None:
        """New rows; ``scores``: ``(rows, MAX_PERSONS)``."""
        self.each[rows], self.moment[rows] = scores, moments
        self.total[rows], self.powers[rows] = scores.sum(axis=1), (scores * scores).sum(axis=1)

    def update(
        self,
        rows: Places,
        of: Places,
        places: Places,
        scores: NDArray[np.int64],
        moments: NDArray[np.int64],
    ) -> None:
        """``of``: places in ``rows``, each of whose scores with ``places`` stand one behind the other."""
        starts = np.flatnonzero(np.diff(of, prepend=-1))
        at = rows[of], places
        before = self.each[at].astype(np.int64)
        changed = rows[of[starts]]
        self.total[changed] += np.add.reduceat(scores - before, starts)
        self.powers[changed] += np.add.reduceat(scores * scores - before * before, starts)
        self.each[at], self.moment[rows] = scores, moments

    def _let_go(self, rows: NDArray[np.int32]) -> None:
        gone = rows[rows >= 0].tolist()
        self._free += gone
        self.held -= len(gone)

    def _clear(self) -> None:
        self._table.fill(-1)
        self._looks.clear()
        self._columns.clear()
        self.held = self._lines = 0
        self._free, self._spare = list(range(len(self.each))), list(range(len(self._table)))

    def _lines_of(self, looks: Sequence[Template]) -> Places:
        found = []
        for look in looks:
            known = self._looks.get(look.camera_id)
            if known is None:
                known = self._looks[look.camera_id] = {}
            line = known.get(look.vector)
            if line is None:
                line = known[look.vector] = self._new_line()
            found.append(line)
        return np.array(found)

    def _columns_of(self, cameras: Sequence[str]) -> Places:
        found = [self._columns.setdefault(camera_id, len(self._columns)) for camera_id in cameras]
        if len(self._columns) > self._table.shape[1]:
            wider = np.full((len(self._table), 2 * len(self._columns)), -1, np.int32)
            wider[:, : self._table.shape[1]] = self._table
            self._table = wider
        return np.array(found)

    def _new_line(self) -> int:
        if not self._spare:
            self._spare = list(range(len(self._table), 2 * len(self._table)))
            self._table = np.concatenate([self._table, np.full_like(self._table, -1)])
        self._lines += 1
        return self._spare.pop()

    def _grow(self) -> None:
        self._free += range(len(self.each), 2 * len(self.each))
        self.each = np.concatenate([self.each, np.zeros_like(self.each)])
        self.total = np.concatenate([self.total, np.zeros_like(self.total)])
        self.powers = np.concatenate([self.powers, np.zeros_like(self.powers)])
        self.moment = np.concatenate([self.moment, np.zeros_like(self.moment)])
        self._standing = np.zeros(len(self.each), np.intp)
