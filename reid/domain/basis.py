"""A few directions in which a large site's templates differ most, in whole numbers: the same on any machine.

Unlike those of `reid.domain.coarse`, which only save work, what is found depends on these. So each product
here is of whole numbers and exact in float64 in any order, and what is rounded is rounded value by value.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Basis = NDArray[np.int16]
"""``(d, k)``: orthogonal columns about `LENGTH` long, or zero; the widest directions first, about."""

#: Directions, of vectors that have as many values.
DIRECTIONS: Final = 64
LENGTH: Final = 1 << 14
#: Templates that they are found on.
SAMPLE: Final = 2_048
_ROUNDS: Final = 8
#: Bits of a direction while it is looked for, and of the sum of a template's squares with itself.
_FINE: Final = 20
_SPREAD: Final = 31


def basis_of(sample: NDArray[np.int16]) -> Basis:
    """``(n, d)`` unit vectors in fixed point -> their basis.

    Orthogonal iteration from the sample's own first rows. The length of a sum of n rows' products is below
    2**31 once scaled, so a product with a direction of 20 bits stays below 2**52.
    """
    rows = sample.astype(np.float64)
    spread = rows.T @ rows
    bits = math.frexp(max(float(np.trace(spread)), 1.0))[1]
    spread = np.rint(np.ldexp(spread, _SPREAD - bits))
    found = np.ascontiguousarray(rows[: min(DIRECTIONS, rows.shape[1])].T)
    for _ in range(_ROUNDS):
        found = _orthogonal(spread @ found)
    return np.rint(found * (LENGTH / 2**_FINE)).astype(np.int16)


def _orthogonal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(d, k)`` whole numbers below 2**53: the same space by whole columns of length 2**20. Gram and
    Schmidt, twice, as the first leaves what was rounded."""
    bits = np.frexp(np.abs(columns).max(axis=0))[1]
    columns = np.rint(np.ldexp(columns, _FINE - bits))
    found = np.zeros_like(columns)
    for number in range(columns.shape[1]):
        column, before = columns[:, number], np.ascontiguousarray(found[:, :number])
        for _ in range(2 if number else 0):
            along = np.rint((column @ before) / 2**_FINE)
            column = column - np.rint((before @ along) / 2**_FINE)
        square = float(column @ column)
        # What is left of a column that lies in the space of those before it is what was rounded.
        if square >= 2**_FINE:
            found[:, number] = np.rint(column * (2**_FINE / math.sqrt(square)))
    return found
