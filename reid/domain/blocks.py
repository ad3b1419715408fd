"""Rows of a matrix that grows by blocks: some of them taken, written, or multiplied with probes."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.domain.centring import WholeVector
from reid.domain.coarse import Floats

#: Rows of a block: growing copies nothing. Pages that nothing was written to take no memory.
BLOCK: Final = 16_384
#: Rows that stay in the cache from one probe to the next; a part of `BLOCK`.
STRETCH: Final = 512
#: Bytes of rows that are multiplied at once.
_CACHED: Final = 1 << 19
#: So few rows are taken at once.
_FEW: Final = 256
#: The product of all rows, one behind the other in memory, costs as much as that of so many times fewer.
_MANY: Final = 4

Places = NDArray[np.intp]
Block = NDArray[np.float32] | NDArray[np.int16]


def gathered(blocks: Sequence[Block], rows: Places) -> Floats:
    """``(n, width)`` of these rows, which ascend."""
    if len(rows) and int(rows[0]) // BLOCK == int(rows[-1]) // BLOCK:
        number = int(rows[0]) // BLOCK
        return blocks[number].take(rows - number * BLOCK, axis=0).astype(np.float32, copy=False)
    found = np.empty((len(rows), blocks[0].shape[1] if blocks else 0), np.float32)
    gather(blocks, rows, found)
    return found


def gather(blocks: Sequence[Block], rows: Places, into: Floats | WholeVector) -> None:
    """Writes these rows, which ascend, to ``into``, ``(n, width)``."""
    for number, start, stop in cuts(rows) if len(rows) else ():
        into[start:stop] = blocks[number].take(rows[start:stop] - number * BLOCK, axis=0)


def put(blocks: Sequence[Block], rows: Places, values: Block) -> None:
    """Writes these rows, which ascend."""
    for number, start, stop in cuts(rows):
        blocks[number][rows[start:stop] - number * BLOCK] = values[start:stop]


def cuts(rows: Places) -> Iterator[tuple[int, int, int]]:
    """A block, and from where to where in ``rows`` its own stand."""
    first, last = int(rows[0]) // BLOCK, int(rows[-1]) // BLOCK
    cuts = np.searchsorted(rows, np.arange(first, last + 2) * BLOCK).tolist()
    for number, start, stop in zip(range(first, last + 1), cuts, cuts[1:], strict=False):
        if stop > start:
            yield number, start, stop


def product(blocks: Sequence[Block], used: int, rows: Places, probe: Floats) -> Floats:
    """``(n,)``, of these rows."""
    if blocks and blocks[0].dtype == np.float32 and _MANY * len(rows) > used:
        found: Floats = products(blocks, used, probe[None])[0][rows]
        return found
    if len(rows) <= _FEW:
        few: Floats = gathered(blocks, rows) @ probe if len(rows) else np.zeros(0, np.float32)
        return few
    found = np.empty(len(rows), np.float32)
    stretch = min(max(_CACHED // (4 * len(probe)), 1), len(rows))
    # By parts that stay in the cache, into the same memory: new memory costs more than their product.
    taken = np.empty((stretch, len(probe)), blocks[0].dtype)
    floats = taken if taken.dtype == np.float32 else np.empty(taken.shape, np.float32)
    for number, first, last in cuts(rows):
        for start in range(first, last, stretch):
            stop = min(start + stretch, last)
            part, values = taken[: stop - start], floats[: stop - start]
            blocks[number].take(rows[start:stop] - number * BLOCK, axis=0, out=part, mode="clip")
            if floats is not taken:
                np.copyto(values, part)
            np.dot(values, probe, out=found[start:stop])
    return found


def products(blocks: Sequence[Block], used: int, probes: Floats) -> Floats:
    """``(probes, used)``."""
    found = np.empty((len(probes), used), np.float32)
    for start in range(0, used, STRETCH):
        stop = min(start + STRETCH, used)
        some = blocks[start // BLOCK][start % BLOCK :][: stop - start]
        # Measured: for a frame's few probes faster than one product of both matrices.
        for place, probe in enumerate(probes):
            np.dot(some, probe, out=found[place, start:stop])
    return found
