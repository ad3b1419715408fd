"""From a raw cosine to a calibrated similarity, on which 0.6 means the same for every encoder."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import fixed_from_bytes, rounded, stacked
from reid.contracts.events import Template

Calibration = Sequence[tuple[float, float]]

#: The knots are those of means of so many crops.
MEASURED_ON: Final = 2


def calibrated(raw: float, knots: Calibration) -> float:
    """Piecewise linear through ``knots`` (raw, similarity), clamped outside, rounded to 1e-6.

    Plain Python floats in a fixed order: the same bits on every machine. No knots: the raw cosine.
    """
    if not knots:
        return round(raw, 6)
    if raw <= knots[0][0]:
        return round(knots[0][1], 6)
    for (x0, y0), (x1, y1) in pairwise(knots):
        if raw <= x1:
            return round(y0 + (raw - x0) / (x1 - x0) * (y1 - y0), 6)
    return round(knots[-1][1], 6)


def evening(crops: NDArray[np.float64], agreement: float) -> NDArray[np.float64]:
    """``(n,)`` by what each side of a cosine is multiplied, a mean of so many ``crops``: the cosine becomes
    the one that means of two crops would have had, of which the knots are. ``agreement``: of the encoder's
    `Model`, 0 to 1.

    A crop is what its track looks like and noise of its own. Of *n* crops, each two of which have the cosine
    *a*, the mean has the squared length a + (1 - a) / n; the less of it is noise, the nearer come strangers
    who are dressed alike. So a cosine of means is that of what the tracks look like, divided by both lengths.
    """
    return np.sqrt((agreement + (1 - agreement) / crops) / (agreement + (1 - agreement) / MEASURED_ON))


def best_raw(templates: Iterable[Template], probe: Template) -> float | None:
    """Highest exact cosine of ``probe`` with the templates of its own model; None without such."""
    vectors = [t.vector for t in templates if t.model == probe.model]
    if not vectors:
        return None
    # Whole numbers below 2**53: exact in any order.
    dots = _whole(tuple(vectors)) @ fixed_from_bytes(probe.vector).astype(np.float64)
    return rounded(int(max(dots.tolist())))


def best_raws(sides: Sequence[Sequence[Template]], probe: Template) -> list[float | None]:
    """As `best_raw`, with each of the sides, whose templates are all of the probe's model."""
    vectors = [template.vector for side in sides for template in side]
    if not vectors:
        return [None] * len(sides)
    dots = (stacked(vectors).astype(np.float64) @ fixed_from_bytes(probe.vector).astype(np.float64)).tolist()
    found: list[float | None] = []
    for side in sides:
        found.append(rounded(int(max(dots[: len(side)]))) if side else None)
        del dots[: len(side)]
    return found


@lru_cache(maxsize=128)
def _whole(vectors: tuple[bytes, ...]) -> NDArray[np.float64]:
    """``(n, d)``. Whoever is there is compared with the same templates about once a second."""
    return stacked(vectors).astype(np.float64)
