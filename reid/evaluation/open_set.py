"""Open-set search: a gallery that does not hold everybody who is searched for.

FPIR and FNIR as in ISO/IEC 19795-1 and NIST's FRVT 1:N: a search by somebody who is not enrolled that
returns anybody at all is a false positive; a search by an enrolled person that does not return that
person, first and at or above the threshold, is a false negative.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid.evaluation.ranking import BLOCK
from reid.evaluation.vectors import BoolArray, Vectors


@dataclass(frozen=True, eq=False)
class OpenSet:
    """``strangers``: best score of each search by somebody not enrolled. ``mates``: best score of each
    enrolled probe with its own person in another camera; ``first``: whether nobody else's was as high."""

    strangers: npt.NDArray[np.float32]
    mates: npt.NDArray[np.float32]
    first: BoolArray

    def threshold(self, fpir: float) -> float | None:
        """The lowest threshold that at most this share of the strangers' searches reaches; None without
        such searches."""
        if not len(self.strangers):
            return None
        allowed = int(fpir * len(self.strangers) + 1e-9)
        if allowed >= len(self.strangers):
            return -1.0
        above = float(np.nextafter(np.sort(self.strangers)[::-1][allowed], np.float32(np.inf)))
        # Who found an empty gallery has no score at all; no cosine is lower than this.
        return max(above, -1.0)

    def fpir(self, threshold: float) -> float:
        return float((self.strangers >= threshold).mean())

    def fnir(self, threshold: float) -> float | None:
        if not len(self.mates):
            return None
        return float((~(self.first & (self.mates >= threshold))).mean())


def open_set(vectors: Vectors, seed: int, *, other_cameras_only: bool = False) -> OpenSet:
    """A seeded half of the people is not enrolled; of the rest every crop is, but a probe never meets its
    own person's crops of its own camera. Distractors are enrolled, too, and search for nobody."""
    everyone = np.random.default_rng(seed).permutation(np.unique(vectors.people[vectors.people >= 0]))
    enrolled = np.isin(vectors.people, everyone[len(everyone) // 2 :]) | (vectors.people < 0)
    gallery = vectors.of(enrolled)
    strangers, mates, rivals = [], [], []
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        cosine = vectors.rows[rows] @ gallery.rows.T
        same = vectors.people[rows, None] == gallery.people[None]
        beside = vectors.cameras[rows, None] == gallery.cameras[None]
        other = ~same & ~beside if other_cameras_only else ~same
        mate, rival = _best(cosine, same & ~beside), _best(cosine, other)
        known = enrolled[rows]
        strangers.append(rival[~known])
        has_mate = known & (same & ~beside).any(axis=1)
        mates.append(mate[has_mate])
        rivals.append(rival[has_mate])
    best, nearest = np.concatenate(mates), np.concatenate(rivals)
    return OpenSet(np.concatenate(strangers), best, best > nearest)


def _best(cosine: npt.NDArray[np.float32], allowed: BoolArray) -> npt.NDArray[np.float32]:
    return np.asarray(np.where(allowed, cosine, -np.inf).max(axis=1, initial=-np.inf), np.float32)
