"""A few directions in which the templates differ most, to rule most of them out by a quarter of the work.

Of a cosine, the part along the directions is computed, the rest is at most the product of what both vectors
have beside them (Cauchy and Schwarz). Such a bound holds for any directions, so these may be found on
whatever templates there happen to be: they change how long a search takes, never what it finds.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: Directions; of all templates only the parts along the widest of them are looked at, at first; of those
#: that are left, along the next; of what is left then, along as many again, where vectors are long enough.
DIRECTIONS: Final = 128
WIDEST: Final = 64
FINEST: Final = 256
#: Templates with which it pays to have directions.
FROM_ROWS: Final = 4_096
#: Templates that the directions are found on.
SAMPLE: Final = 2_048
_ITERATIONS: Final = 3
#: Added to a square of what is left beside the directions: float32 tells it no better.
_SQUARE_ERROR: Final = 1e-5


def directions_of(sample: Floats, count: int) -> Floats:
    """``(n, d)`` whole numbers -> ``(d, count)``: orthonormal, near the widest directions of the sample, the
    widest first.

    Subspace iteration (Halko et al. 2011) from the sample's own first rows: no random number is drawn.
    """
    rows = sample.astype(np.float64)
    rows -= rows.mean(axis=0)
    found = np.linalg.qr(rows[:count].T)[0]
    for _ in range(_ITERATIONS):
        found = np.linalg.qr(rows.T @ (rows @ found))[0]
    along = rows @ found
    rising = np.linalg.eigh(along.T @ along)[1]
    return np.ascontiguousarray(found @ rising[:, ::-1], np.float32)


def beside(*along: Floats) -> Floats:
    """``(n, k)`` parts of unit vectors along the directions -> ``(n,)`` lengths of the rest, at the most."""
    squares: Floats = np.ones(len(along[0]), np.float32)
    for part in along:
        squares -= np.einsum("ij,ij->i", part, part)
    lengths: Floats = np.sqrt(np.maximum(squares, 0) + np.float32(_SQUARE_ERROR))
    return lengths
