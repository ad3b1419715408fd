"""Scores of an encoder on a directory of two-camera crops: the standard cross-camera protocol.

Every crop of one camera is a probe, all crops of the other camera are the gallery, both directions; a
track mean is the mean of all crops of a person in one camera.
"""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from producers.training.data import Crops
from reid.evaluation.ranking import ranked, single_shot
from reid.evaluation.vectors import FloatArray, Vectors, unit
from reid.evaluation.verification import equal_error

__all__ = [
    "FloatArray",
    "Scores",
    "Vectors",
    "equal_error",
    "knots",
    "of_crops",
    "scores",
    "single_shot",
    "unit",
]


@dataclass(frozen=True)
class Scores:
    """Shares within 0..1. ``found``: true pairs above the cosine that 1 % of strangers' pairs exceed."""

    rank1: float
    rank5: float
    mean_ap: float
    equal_error: float
    found: float

    def columns(self, prefix: str) -> dict[str, float]:
        return {f"{prefix}_{name}": round(100 * value, 2) for name, value in asdict(self).items()}


def cross_camera(vectors: Vectors) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Cosines of each row of the first camera with each of the second, and which pairs are one person."""
    one, two = (vectors.of(vectors.cameras == camera) for camera in np.unique(vectors.cameras)[:2])
    return one.rows @ two.rows.T, one.people[:, None] == two.people[None]


def knots(vectors: Vectors) -> list[tuple[float, float]]:
    """Cosine -> similarity: 0 at the median stranger, 0.6 where 1 % of strangers' pairs lie above, 1.0 at
    the best per cent of true pairs, straight between."""
    cosine, same = cross_camera(vectors)
    zero, operating = np.quantile(cosine[~same], [0.5, 0.99])
    one = min(max(float(np.quantile(cosine[same], 0.99)), float(operating) + 0.01), 1.0)
    return [(round(float(zero), 4), 0.0), (round(float(operating), 4), 0.6), (round(one, 4), 1.0)]


def scores(vectors: Vectors) -> Scores:
    """Both directions between the first two cameras, taken together."""
    vectors = vectors.of(np.isin(vectors.cameras, np.unique(vectors.cameras)[:2]))
    ranking = ranked(vectors, other_cameras_only=True)
    cosine, same = cross_camera(vectors)
    genuine, impostor = cosine[same], cosine[~same]
    limit = np.quantile(impostor, 0.99)
    return Scores(
        rank1=ranking.rank(1),
        rank5=ranking.rank(5),
        mean_ap=ranking.mean_ap,
        equal_error=equal_error(genuine, impostor),
        found=float((genuine > limit).mean()),
    )


def of_crops(rows: FloatArray, crops: Crops) -> Vectors:
    return Vectors(unit(rows), crops.people, crops.cameras)
