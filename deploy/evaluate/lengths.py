"""Strangers that pass at 0.6 by how many crops each side is the mean of, and what taking that into account
makes of them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from deploy.evaluate.images import OPERATING, Knots, raw_at
from reid.domain.similarity import evening
from reid.evaluation.vectors import Vectors
from reid.evaluation.verification import pair_counts

LONGEST: Final = 4
COLUMNS: Final = {
    "false_match": "false match at 0.6, cosine as it is",
    "false_match_by_crops": "by the number of crops",
    "true_match": "true match at 0.6, cosine as it is",
    "true_match_by_crops": "by the number of crops",
}


def by_length(vectors: Vectors, knots: Knots, agreement: float | None) -> list[dict[str, Any]]:
    """Of single crops, and of the means of the first two, three and four crops of the tracks that have as
    many; pairs across cameras, shares within 0 to 1. ``agreement``: the encoder's; None, or no knots: what
    is by crops is None. Lengths without any pair of strangers are left out."""
    found, operating = [], raw_at(OPERATING, knots)
    for crops in range(1, LONGEST + 1):
        whole = vectors.of_length(crops)
        rows = whole.track_means(crops) if crops > 1 and len(whole) else whole
        pairs, _ = pair_counts(rows)
        if not pairs.impostor.any():
            break
        one: dict[str, Any] = {"crops": crops, "rows": len(rows)} | dict.fromkeys(COLUMNS)
        thresholds = {"": operating}
        if agreement is not None and knots:
            # Both sides are of one length: every cosine by the same, or the threshold by its inverse.
            factor = float(evening(np.array([float(crops)]), agreement)[0]) ** 2
            thresholds["_by_crops"] = operating / factor
        for kind, threshold in thresholds.items():
            one[f"false_match{kind}"] = pairs.false_match(threshold)
            one[f"true_match{kind}"] = pairs.true_match(threshold)
        found.append(one)
    return found


def length_columns(longest: int) -> dict[str, str]:
    """Name in `length_row` -> heading, up to so many crops."""
    return {
        f"length {crops} {name}": f"{crops} crop{'s' if crops > 1 else ''}: {heading}"
        for crops in range(1, longest + 1)
        for name, heading in COLUMNS.items()
    }


def length_row(lengths: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {f"length {one['crops']} {name}": one[name] for one in lengths for name in COLUMNS}
