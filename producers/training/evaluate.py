"""Scores of an encoder on a directory of two-camera crops: the standard cross-camera protocol.

Every crop of one camera is a probe, all crops of the other camera are the gallery, both directions; a
track mean is the mean of all crops of a person in one camera.
"""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from producers.training.data import Crops, IntArray

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """``rows``: (n, d) of unit length, beside whom and which camera they show, (n,) each."""

    rows: FloatArray
    people: IntArray
    cameras: IntArray

    def of(self, mask: npt.NDArray[np.bool_]) -> "Vectors":
        return Vectors(self.rows[mask], self.people[mask], self.cameras[mask])

    def track_means(self, crops: int | None = None) -> "Vectors":
        """One vector a person and camera: the mean of the first ``crops`` of it, or of all."""
        keys = np.unique(np.stack([self.people, self.cameras], axis=1), axis=0)
        means = [
            self.rows[(self.people == person) & (self.cameras == camera)][:crops].mean(axis=0)
            for person, camera in keys
        ]
        return Vectors(unit(np.stack(means)), keys[:, 0], keys[:, 1])


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


def unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def cross_camera(vectors: Vectors) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Cosines of each row of the first camera with each of the second, and which pairs are one person."""
    one, two = (vectors.of(vectors.cameras == camera) for camera in np.unique(vectors.cameras)[:2])
    return one.rows @ two.rows.T, one.people[:, None] == two.people[None]


def knots(vectors: Vectors) -> list[tuple[float, float]]:
    """Cosine -> similarity: 0 at the median stranger, 0.6 where 1 % of strangers' pairs lie above, 1.0 at
    the best per cent of true pairs, straight between."""
    cosine, same = cross_camera(vectors)
    zero, operating = np.quantile(cosine[~same], [0.5, 0.99])
    one = max(float(np.quantile(cosine[same], 0.99)), float(operating) + 0.01)
    return [(round(float(zero), 4), 0.0), (round(float(operating), 4), 0.6), (round(one, 4), 1.0)]


def scores(vectors: Vectors) -> Scores:
    """Both directions between the two cameras, taken together."""
    cosine, same = cross_camera(vectors)
    places, precisions = [], []
    for similarity, truth in ((cosine, same), (cosine.T, same.T)):
        known = truth.any(axis=1)
        order = np.argsort(-similarity[known], axis=1)
        hits = np.take_along_axis(truth[known], order, axis=1)
        places.append(hits.argmax(axis=1))
        precisions.append(_average_precision(hits))
    first = np.concatenate(places)
    genuine, impostor = cosine[same], cosine[~same]
    limit = np.quantile(impostor, 0.99)
    return Scores(
        rank1=float((first == 0).mean()),
        rank5=float((first < 5).mean()),
        mean_ap=float(np.concatenate(precisions).mean()),
        equal_error=equal_error(genuine, impostor),
        found=float((genuine > limit).mean()),
    )


def _average_precision(hits: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """(probes, gallery) in order of similarity -> the mean precision at each probe's true crops."""
    ranks = np.arange(1, hits.shape[1] + 1)
    precision = np.cumsum(hits, axis=1) / ranks
    return np.asarray((precision * hits).sum(axis=1) / hits.sum(axis=1), np.float64)


def equal_error(genuine: FloatArray, impostor: FloatArray) -> float:
    """The rate at which as many strangers pass as true pairs fail."""
    limits = np.concatenate([np.quantile(impostor, np.linspace(0, 1, 4001)), genuine])
    passed = 1 - np.searchsorted(np.sort(impostor), limits, side="right") / len(impostor)
    failed = np.searchsorted(np.sort(genuine), limits, side="right") / len(genuine)
    at = int(np.abs(passed - failed).argmin())
    return float((passed[at] + failed[at]) / 2)


def single_shot(vectors: Vectors, people: int, trials: int, seed: int) -> list[float]:
    """Rank-1 of every trial: ``people`` drawn at random, one random crop of each in either camera.

    Probes of the first camera against one crop a person of the second: the protocol of CUHK01 with its
    486 test people.
    """
    generator = np.random.default_rng(seed)
    first, second = np.unique(vectors.cameras)[:2]
    everyone = np.unique(vectors.people)
    results = []
    for _ in range(trials):
        chosen = generator.choice(everyone, people, replace=False)
        rows = [
            [generator.choice(np.flatnonzero((vectors.people == p) & (vectors.cameras == c))) for p in chosen]
            for c in (first, second)
        ]
        cosine = vectors.rows[rows[0]] @ vectors.rows[rows[1]].T
        results.append(float((cosine.argmax(axis=1) == np.arange(people)).mean()))
    return results


def of_crops(rows: FloatArray, crops: Crops) -> Vectors:
    return Vectors(unit(rows), crops.people, crops.cameras)
