"""A few directions in which the templates differ most, to rule most of them out by a quarter of the work.

Of a cosine, the part along the directions is computed, the rest is at most the product of what both vectors
have beside them (Cauchy and Schwarz). Such a bound holds for any directions, so these may be found on
whatever templates there happen to be: they change how long a search takes, never what it finds.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: Directions, and templates with which it pays to have some.
DIRECTIONS: Final = 128
FROM_ROWS: Final = 4_096
#: Templates that the directions are found on.
SAMPLE: Final = 2_048
_ITERATIONS: Final = 3
#: Added to a square of what is left beside the directions: float32 tells it no better.
_SQUARE_ERROR: Final = 1e-5


def directions_of(sample: Floats) -> Floats:
    """``(n, d)`` whole numbers -> ``(d, k)``: orthonormal, near the ``k`` widest directions of the sample.

    Subspace iteration (Halko et al. 2011) from the sample's own first rows: no random number is drawn.
    """
    rows = sample.astype(np.float64)
    rows -= rows.mean(axis=0)
    found = np.linalg.qr(rows[:DIRECTIONS].T)[0]
    for _ in range(_ITERATIONS):
        found = np.linalg.qr(rows.T @ (rows @ found))[0]
    return np.ascontiguousarray(found, np.float32)


def beside(along: Floats) -> Floats:
    """``(n, k)`` parts of unit vectors along the directions -> ``(n,)`` lengths of the rest, at the most."""
    squares = 1.0 - np.einsum("ij,ij->i", along, along)
    lengths: Floats = np.sqrt(np.maximum(squares, 0) + np.float32(_SQUARE_ERROR))
    return lengths
