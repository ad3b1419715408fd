"""A short version of many templates: their coordinates along the axes in which they differ most.

The axes are the leading eigenvectors of the templates' second moments (principal components, not centred:
what is to be kept is the dot product). Encoders fill few of their dimensions, so a short vector's product is
close to the long one's; its best rows are then compared in full.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import SCALE, FixedVector

#: Length of a short vector.
AXES: Final = 64
#: Rows that the axes are measured on.
SAMPLE: Final = 20_000
_UNIT: Final = np.float32(SCALE)


class Sketch:
    """``axes``: (dim, `AXES`) float32, orthonormal. ``made_of``: rows there were when it was made."""

    def __init__(self, axes: NDArray[np.float32], made_of: int) -> None:
        self._axes, self._made_of = axes, made_of
        self._blocks: list[NDArray[np.float32]] = []
        self._block = 0

    @classmethod
    def of(cls, blocks: Sequence[NDArray[np.int16]], used: int, count: int) -> "Sketch":
        """Of ``used`` rows in ``blocks``, ``count`` of them in use."""
        size = len(blocks[0])
        step = max(1, used // SAMPLE)
        sample = np.concatenate([block[::step].astype(np.float32) for block in blocks]) / _UNIT
        _, vectors = np.linalg.eigh(sample.T @ sample)
        made = cls(np.ascontiguousarray(vectors[:, ::-1][:, :AXES], np.float32), count)
        made._block = size
        for block in blocks:
            made._blocks.append(np.asarray((block.astype(np.float32) / _UNIT) @ made._axes, np.float32))
        return made

    @property
    def nbytes(self) -> int:
        return sum(block.nbytes for block in self._blocks)

    def outgrown(self, count: int) -> bool:
        return count > 2 * self._made_of

    def put(self, row: int, vector: FixedVector) -> None:
        if row == len(self._blocks) * self._block:
            self._blocks.append(np.zeros((self._block, self._axes.shape[1]), np.float32))
        short = (vector.astype(np.float32) / _UNIT) @ self._axes
        self._blocks[row // self._block][row % self._block] = short

    def scores(self, probes: NDArray[np.int16], used: int) -> NDArray[np.float32]:
        """(used,) best product of each row with any of ``probes`` (q, dim), as far as the axes tell."""
        short = self._axes.T @ (probes.T.astype(np.float32) / _UNIT)
        found = np.empty(used, np.float32)
        for number, block in enumerate(self._blocks):
            first = number * self._block
            count = min(self._block, used - first)
            (block[:count] @ short).max(axis=1, out=found[first : first + count])
        return found
