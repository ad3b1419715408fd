"""Pairs: how often a score calls two people one (false match), or one person two (false non-match)."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from reid.evaluation.ranking import BLOCK
from reid.evaluation.vectors import FloatArray, IntArray, Vectors

#: Cosines are counted in so many bins over [-1, 1]: steps of 3e-5, finer than the half floats of a message,
#: and 100 million pairs need no more memory than one.
BINS: Final = 1 << 16


def place_of(score: FloatArray) -> IntArray:
    """The bin of each cosine."""
    return np.clip(((np.asarray(score, np.float64) + 1) * (BINS / 2)).astype(np.int64), 0, BINS - 1)


def score_at(place: int) -> float:
    """The lowest cosine of a bin."""
    return 2 * place / BINS - 1


def _none() -> IntArray:
    return np.zeros(BINS, np.int64)


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Pairs by score. A threshold t says "one person" of every pair at or above it."""

    genuine: IntArray = field(default_factory=_none)
    impostor: IntArray = field(default_factory=_none)

    def add(self, genuine: FloatArray, impostor: FloatArray) -> None:
        """Any number of cosines of pairs of one person, and of two."""
        self.genuine[:] += np.bincount(place_of(genuine), minlength=BINS)
        self.impostor[:] += np.bincount(place_of(impostor), minlength=BINS)

    def errors(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """False matches and false non-matches, as shares, with the threshold at the foot of each bin and,
        last, above them all: (BINS + 1,) each."""
        genuine, impostor = self._rising(self.genuine), self._rising(self.impostor)
        return 1 - impostor / max(impostor[-1], 1), genuine / max(genuine[-1], 1)

    def false_match(self, threshold: float) -> float | None:
        """Share of the strangers' pairs at or above a cosine; None without any."""
        if not self.impostor.any():
            return None
        return float(self.errors()[0][self._at(threshold)])

    def false_non_match(self, threshold: float) -> float | None:
        """Share of the true pairs below a cosine; None without any."""
        if not self.genuine.any():
            return None
        return float(self.errors()[1][self._at(threshold)])

    def true_match(self, threshold: float) -> float | None:
        """Share of the true pairs at or above a cosine; None without any."""
        missed = self.false_non_match(threshold)
        return None if missed is None else 1 - missed

    def equal_error(self) -> tuple[float, float]:
        """The rate at which as many strangers pass as true pairs fail, and its cosine: the middle of all that
        do equally well. There must be pairs of both kinds."""
        passed, failed = self.errors()
        gap = np.abs(passed - failed)
        best = np.flatnonzero(gap == gap.min())
        place = int(best[len(best) // 2])
        return float((passed[place] + failed[place]) / 2), score_at(place)

    def det(self, points: int = 200) -> list[tuple[float, float]]:
        """The detection error trade-off: (false match, false non-match), from strict to lenient, at most so
        many points, even in the logarithm of the false matches."""
        passed, failed = self.errors()
        least = 1 / max(int(self.impostor.sum()), 1)
        wanted = np.geomspace(least, 1.0, points)
        # `passed` falls with the threshold: the first place at or below each rate.
        places = np.unique(np.searchsorted(-passed, -wanted, side="left"))[::-1]
        return [(float(passed[p]), float(failed[p])) for p in places]

    @staticmethod
    def _rising(counts: IntArray) -> npt.NDArray[np.float64]:
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.float64)

    @staticmethod
    def _at(threshold: float) -> int:
        return int(np.clip(np.ceil((threshold + 1) * (BINS / 2) - 1e-9), 0, BINS))


def pair_counts(vectors: Vectors) -> tuple[PairCounts, PairCounts]:
    """All ordered pairs of two cameras; and those of strangers in one camera, who share light and backdrop
    and look the more alike."""
    across, beside = PairCounts(), PairCounts()
    nobody = np.zeros(0, np.float32)
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        cosine = vectors.rows[rows] @ vectors.rows.T
        same = vectors.people[rows, None] == vectors.people[None]
        together = vectors.cameras[rows, None] == vectors.cameras[None]
        across.add(cosine[same & ~together], cosine[~same & ~together])
        beside.add(nobody, cosine[~same & together])
    return across, beside


def equal_error(genuine: FloatArray, impostor: FloatArray) -> float:
    """The equal error rate of cosines in memory."""
    counts = PairCounts()
    counts.add(genuine, impostor)
    return counts.equal_error()[0]
