"""From a raw cosine to a calibrated similarity, on which 0.6 means the same for every encoder."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from reid.contracts.embedding import fixed_from_bytes, rounded, stacked
from reid.contracts.events import Template

Calibration = Sequence[tuple[float, float]]


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


def best_raw(templates: Iterable[Template], probe: Template) -> float | None:
    """Highest exact cosine of ``probe`` with the templates of its own model; None without such."""
    vectors = [t.vector for t in templates if t.model == probe.model]
    if not vectors:
        return None
    # Whole numbers below 2**53: exact in any order.
    dots = stacked(vectors).astype(np.float64) @ fixed_from_bytes(probe.vector).astype(np.float64)
    return rounded(int(dots.max()))
