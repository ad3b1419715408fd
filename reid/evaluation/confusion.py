"""The searches that went most wrong: what a person should look at first."""

from typing import NamedTuple

import numpy as np

from reid.evaluation.ranking import BLOCK
from reid.evaluation.vectors import Vectors


class Confusion(NamedTuple):
    """A probe, the stranger it was taken for, and its own best crop of another camera; rows, with cosines."""

    probe: int
    stranger: int
    stranger_score: float
    right: int
    right_score: float


def confusions(vectors: Vectors, most: int, *, other_cameras_only: bool = False) -> list[Confusion]:
    """Searches whose first answer is a stranger, the widest lead first; one a person."""
    found: list[Confusion] = []
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        cosine = vectors.rows[rows] @ vectors.rows.T
        same = vectors.people[rows, None] == vectors.people[None]
        beside = vectors.cameras[rows, None] == vectors.cameras[None]
        wrong = np.where(~same & ~beside if other_cameras_only else ~same, cosine, -np.inf)
        right = np.where(same & ~beside, cosine, -np.inf)
        stranger, own = wrong.argmax(axis=1), right.argmax(axis=1)
        for i in range(len(cosine)):
            low, high = float(right[i, own[i]]), float(wrong[i, stranger[i]])
            if np.isfinite(low) and high >= low:
                found.append(Confusion(start + i, int(stranger[i]), high, int(own[i]), low))
    found.sort(key=lambda c: (c.right_score - c.stranger_score, c.probe))
    people: set[int] = set()
    chosen = []
    for each in found:
        person = int(vectors.people[each.probe])
        if person not in people:
            people.add(person)
            chosen.append(each)
    return chosen[:most]
