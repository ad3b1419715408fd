"""Which appearances of a person are kept: few, and different from each other."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import (
    SCALE,
    fixed_from_bytes,
    fixed_to_bytes,
    normalise_fixed,
    rounded,
    stacked,
)
from reid.contracts.events import LEAST_WEIGHT, Template
from reid.domain.policy import Policy
from reid.domain.similarity import Calibration, best_raw, calibrated

#: Two millionths of a cosine, of products in fixed point.
_ROUNDING: Final = 2e-6 * SCALE * SCALE


def mean_of(before: bytes, weight: float, crop: bytes, quality: float) -> tuple[bytes, float]:
    """The mean of crops of ``weight`` together with one crop more, by quality; and what it weighs."""
    more = max(quality, LEAST_WEIGHT)
    total = round(weight + more, 4)
    mean = (fixed_from_bytes(before) * weight + fixed_from_bytes(crop) * more) / total
    return fixed_to_bytes(normalise_fixed(mean)), total


def grown(templates: Sequence[Template], crop: Template, policy: Policy) -> tuple[int, Template] | None:
    """The look that ``crop``'s track left when it was given its identity, with the crop; and its index.

    None where it left none, or one that has grown up.
    """
    for slot, template in enumerate(templates):
        own = template.track == crop.track and template.model == crop.model
        if own and 0 < template.weight < policy.look_weight:
            mean, weight = mean_of(template.vector, template.weight, crop.vector, crop.quality)
            quality = max(template.quality, crop.quality)
            return slot, msgspec.structs.replace(template, vector=mean, weight=weight, quality=quality)
    return None


def slot_for(
    templates: Sequence[Template],
    new: Template,
    knots: Calibration,
    policy: Policy,
    nearest: float | None = None,
) -> int | None:
    """Index at which ``new`` goes (``len(templates)``: append), or None when it would add nothing.

    ``nearest``: its `best_raw`, where already known.
    """
    nearest = best_raw(templates, new) if nearest is None else nearest
    if nearest is not None and calibrated(nearest, knots) >= policy.template_novelty:
        return None
    if len(templates) < policy.max_templates:
        return len(templates)
    foreign = [i for i, t in enumerate(templates) if t.model != new.model]
    if foreign:
        return foreign[0]
    closest, slot = _most_redundant(templates)
    return slot if nearest is None or closest > nearest else None


def most_diverse(templates: Sequence[Template], keep: int) -> tuple[Template, ...]:
    """At most ``keep``: one of the most similar pair goes, the worse crop of the two, until they fit."""
    kept = list(templates)
    while len(kept) > keep:
        _, slot = _most_redundant(kept)
        del kept[slot]
    return tuple(kept)


def _most_redundant(templates: Sequence[Template]) -> tuple[float, int]:
    """Highest cosine of two templates of one model, and the index of the one of lower quality.

    Without such a pair the last template is the redundant one, at cosine -1.
    """
    closest, slot = -1.0, len(templates) - 1
    dots = _products(templates)
    # Pairs that are not within a rounding of the closest change nothing.
    near = np.argwhere(dots >= dots.max(initial=-math.inf) - _ROUNDING)
    for i, j in near.tolist():
        score = rounded(int(dots[i, j])) if dots[i, j] > -math.inf else -1.0
        if score > closest:
            closest, slot = score, (j if templates[j].quality < templates[i].quality else i)
    return closest, slot


def _products(templates: Sequence[Template]) -> NDArray[np.float64]:
    """``(n, n)``, exact, of each with all behind it of its model; minus infinity elsewhere."""
    dots = np.full((len(templates), len(templates)), -math.inf)
    for model in {t.model for t in templates}:
        places = [i for i, t in enumerate(templates) if t.model == model]
        rows = stacked([templates[i].vector for i in places]).astype(np.float64)
        dots[np.ix_(places, places)] = rows @ rows.T
    dots[np.tril_indices(len(templates))] = -math.inf
    return dots
