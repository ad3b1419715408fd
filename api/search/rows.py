"""Templates of one encoder, two bytes a value, and their products with a probe.

What is stored is the log's own fixed point. It is widened block by block: a block of float32 stays in the
processor's cache, and the whole is read only once, at half the size. (float16 would be ten times slower:
few processors multiply or even widen it quickly.)
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.search.sketch import Sketch
from reid.contracts.embedding import SCALE, FixedVector
from reid.domain.similarity import evening

#: Rows of one block.
BLOCK: Final = 4096
#: Up to so many rows every one is compared; beyond, `Sketch` says which (five times as fast at 100,000).
EXACT_ROWS: Final = 20_000
#: Rows that the sketch leaves over for each person asked for, and at least.
SHORTLIST_EACH: Final = 100
SHORTLIST: Final = 4_000
Scores = NDArray[np.float32]
Numbers = NDArray[np.int64]


class Looks(NamedTuple):
    """``vectors``: (q, dim) unit vectors in fixed point; ``crops``: (q,) of how many crops each is the
    mean."""

    vectors: NDArray[np.int16]
    crops: NDArray[np.float64]

    @classmethod
    def of_crop(cls, vector: NDArray[np.int16]) -> "Looks":
        """A single crop, (dim,)."""
        return cls(np.asarray(vector)[None], np.ones(1))


class Rows:
    """``(n, dim)``. ``owner``: slot of each row's person, -1 of a free one, which is used again."""

    def __init__(self, dim: int, exact_rows: int = EXACT_ROWS) -> None:
        self.dim, self._exact_rows = dim, exact_rows
        self._blocks: list[NDArray[np.int16]] = []
        self._owner: NDArray[np.int32] = np.full(BLOCK, -1, np.int32)
        self._crops: NDArray[np.float64] = np.ones(BLOCK)
        self._used = 0
        self._free: list[int] = []
        self._sketch: Sketch | None = None
        self._room = np.empty((BLOCK, dim), np.float32)

    def __len__(self) -> int:
        return self._used - len(self._free)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        sketched = 0 if self._sketch is None else self._sketch.nbytes
        beside = self._owner.nbytes + self._crops.nbytes
        return sum(block.nbytes for block in self._blocks) + beside + sketched

    def add(self, owner: int, vector: FixedVector, crops: float) -> int:
        """The row where it stands. ``crops``: it is the mean of so many."""
        row = self._free.pop() if self._free else self._used
        if row == len(self._blocks) * BLOCK:
            self._blocks.append(np.zeros((BLOCK, self.dim), np.int16))
        if row == len(self._owner):
            self._owner = np.concatenate([self._owner, np.full_like(self._owner, -1)])
            self._crops = np.concatenate([self._crops, np.ones_like(self._crops)])
        self._used = max(self._used, row + 1)
        self._blocks[row // BLOCK][row % BLOCK] = vector
        self._owner[row], self._crops[row] = owner, crops
        if self._sketch is not None:
            self._sketch.put(row, vector)
        return row

    def remove(self, row: int) -> None:
        self._owner[row] = -1
        self._free.append(row)

    def best(
        self, looks: Looks, allowed: NDArray[np.bool_], wanted: int, agreement: float | None = None
    ) -> Scores:
        """Best cosine of each slot with any of ``looks``, -inf for who is not ``allowed`` (a bool for each
        slot) or, of very many rows, can't be among the ``wanted`` best as far as the sketch tells.
        ``agreement``: the encoder's; with it, cosines as means of two crops would have them.

        Right to 1e-5: float32 products. What decides an order is `exact`.
        """
        owner = self._owner[: self._used]
        rows: Numbers = np.flatnonzero((owner >= 0) & allowed[owner])
        unit = np.ascontiguousarray(looks.vectors.T, np.float32) / np.float32(SCALE) ** 2
        if agreement is not None:
            unit *= evening(looks.crops, agreement).astype(np.float32)
        if len(rows) > self._exact_rows:
            self.prepare()
            rows = self._shortlist(rows, looks.vectors, max(SHORTLIST, SHORTLIST_EACH * wanted))
        if 4 * len(rows) > self._used:
            scores = self._all(unit)[rows]
        else:
            scores = (self._gathered(rows, np.float32) @ unit).max(axis=1, initial=-np.inf)
        if agreement is not None:
            scores = scores * evening(self._crops[rows], agreement).astype(np.float32)
        found = np.full(len(allowed), -np.inf, np.float32)
        np.maximum.at(found, owner[rows], scores)
        return found

    def exact(self, rows: list[int], looks: Looks, agreement: float | None = None) -> float:
        """The best cosine of these rows with any of ``looks``, as `best` has it, rounded to 1e-6. Whole
        numbers far below 2**53: float64 sums of them are exact in any order."""
        dots = self._gathered(np.array(rows, np.int64), np.float64) @ looks.vectors.T.astype(np.float64)
        if agreement is not None:
            dots *= np.outer(evening(self._crops[rows], agreement), evening(looks.crops, agreement))
        return float(round(dots.max() / (SCALE * SCALE), 6))

    def _all(self, unit: Scores) -> Scores:
        """(used,) best product of every row with the columns of ``unit`` (dim, q)."""
        found = np.empty(self._used, np.float32)
        for number, block in enumerate(self._blocks):
            first = number * BLOCK
            count = min(BLOCK, self._used - first)
            wide = self._room[:count]
            np.copyto(wide, block[:count], casting="unsafe")
            (wide @ unit).max(axis=1, out=found[first : first + count])
        return found

    def _gathered(self, rows: Numbers, kind: type) -> NDArray[np.floating]:
        """(n, dim) of these rows, in their order."""
        found: NDArray[np.floating] = np.empty((len(rows), self.dim), kind)
        blocks = rows // BLOCK
        for number in np.unique(blocks):
            here = blocks == number
            found[here] = self._blocks[number][rows[here] % BLOCK]
        return found

    def _shortlist(self, rows: Numbers, probes: NDArray[np.int16], count: int) -> Numbers:
        assert self._sketch is not None
        rough = self._sketch.scores(probes, self._used)[rows]
        if count >= len(rows):
            return rows
        return np.sort(rows[np.argpartition(rough, len(rough) - count)[-count:]])

    def prepare(self) -> None:
        """Of many rows, makes the sketch where there is none, or they are twice those that it was made of."""
        if len(self) <= self._exact_rows:
            return
        if self._sketch is None or self._sketch.outgrown(len(self)):
            self._sketch = Sketch.of(self._blocks, self._used, len(self))
