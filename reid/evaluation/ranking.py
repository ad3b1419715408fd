"""Closed-set search: where in the order of similarity the right person comes.

The cross-camera protocol of Market-1501 (Zheng et al., ICCV 2015): every crop is a probe; the gallery is
every other crop but those of the same person in the same camera. At equal scores strangers come first, so
that an encoder that says the same of everybody gains nothing by it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from reid.evaluation.vectors import IntArray, Vectors

#: Probes in one matrix product: bounds the memory at so many rows of scores.
BLOCK: Final = 512


@dataclass(frozen=True, eq=False)
class Ranking:
    """``places``: (probes,) rank of the first right crop, from 1. ``precisions``, ``penalties``: (probes,)
    average precision, and right crops / rank of the last of them (the inverse negative penalty of Ye et
    al., TPAMI 2021). ``probes``: (probes,) which row each is of; those without a right crop are left out."""

    probes: IntArray
    places: IntArray
    precisions: npt.NDArray[np.float64]
    penalties: npt.NDArray[np.float64]

    def rank(self, k: int) -> float:
        """Share of the probes with a right crop among the first ``k``."""
        return _mean(self.places <= k)

    def cmc(self, upto: int) -> list[float]:
        """`rank` of 1 … ``upto``: the cumulative matching characteristic."""
        return [self.rank(k) for k in range(1, upto + 1)]

    @property
    def mean_ap(self) -> float:
        return _mean(self.precisions)

    @property
    def mean_inp(self) -> float:
        return _mean(self.penalties)


def ranked(vectors: Vectors, *, other_cameras_only: bool = False) -> Ranking:
    """``other_cameras_only``: strangers of the probe's own camera are left out of the gallery too, as in
    protocols of two cameras with one of them the gallery."""
    found: list[tuple[int, int, float, float]] = []
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        cosine = vectors.rows[rows] @ vectors.rows.T
        same = vectors.people[rows, None] == vectors.people[None]
        beside = vectors.cameras[rows, None] == vectors.cameras[None]
        strangers = ~same & ~beside if other_cameras_only else ~same
        for i, (right, wrong) in enumerate(zip(same & ~beside, strangers, strict=True)):
            if right.any():
                ranks = _ranks(cosine[i][right], cosine[i][wrong])
                order = np.arange(1, len(ranks) + 1)
                found.append(
                    (start + i, int(ranks[0]), float((order / ranks).mean()), float(len(ranks) / ranks[-1]))
                )
    probes, places, precisions, penalties = zip(*found, strict=True) if found else ((), (), (), ())
    return Ranking(
        np.array(probes, np.int64),
        np.array(places, np.int64),
        np.array(precisions, np.float64),
        np.array(penalties, np.float64),
    )


def _ranks(right: npt.NDArray[np.float32], wrong: npt.NDArray[np.float32]) -> IntArray:
    """Ranks, from 1, of the right scores among all; rising."""
    ordered = np.sort(wrong)
    best_first = np.sort(right)[::-1]
    ahead = len(ordered) - np.searchsorted(ordered, best_first, side="left")
    return np.asarray(ahead + np.arange(1, len(best_first) + 1), np.int64)


def first_two(people: IntArray, cameras: IntArray) -> tuple[tuple[int, int], IntArray]:
    """The two cameras of the lowest numbers, and whom both saw; rows of two cameras at least."""
    first, second = (int(camera) for camera in np.unique(cameras[people >= 0])[:2])
    seen = [set(people[(cameras == camera) & (people >= 0)].tolist()) for camera in (first, second)]
    return (first, second), np.array(sorted(seen[0] & seen[1]), np.int64)


def single_shot(vectors: Vectors, people: int, trials: int, seed: int) -> list[float]:
    """Rank-1 of every trial: ``people`` drawn at random, one random crop of each in either camera.

    Probes of the first camera against one crop a person of the second: the protocol of CUHK01 with its
    486 test people. Raises `ValueError` when fewer people were seen by both cameras.
    """
    generator = np.random.default_rng(seed)
    (first, second), everyone = first_two(vectors.people, vectors.cameras)
    if len(everyone) < people:
        raise ValueError(f"{len(everyone)} people were seen by both cameras, {people} are asked for")
    of = {
        (person, camera): np.flatnonzero((vectors.people == person) & (vectors.cameras == camera))
        for person in everyone.tolist()
        for camera in (first, second)
    }
    results = []
    for _ in range(trials):
        chosen = generator.choice(everyone, people, replace=False).tolist()
        rows = [[generator.choice(of[p, camera]) for p in chosen] for camera in (first, second)]
        cosine = vectors.rows[rows[0]] @ vectors.rows[rows[1]].T
        results.append(float((cosine.argmax(axis=1) == np.arange(people)).mean()))
    return results


def _mean(values: npt.NDArray[np.float64] | npt.NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0
