"""The searchable index of all persons' templates, derived from the state.

A float32 matrix product only *shortlists*; the scores that decide are exact integer dot products of the
fixed-point vectors. The shortlist is widened until no row outside it can change the answer, so the
result does not depend on the machine, the thread count or the shape of the batch.
"""

import math
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import SCALE, FixedVector, fixed_from_bytes
from reid.contracts.events import Template

#: Bound on |float32 product - exact cosine| of two unit vectors of up to 4,096 values, generously.
FLOAT_ERROR: Final = 1e-3
_SHORTLIST: Final = 32


class Candidate(NamedTuple):
    """A person and the highest exact cosine of its templates with the probe."""

    person_id: str
    raw: float


class _ModelIndex:
    """Templates of one encoder. Rows of removed persons are reused."""

    def __init__(self, dim: int) -> None:
        self.exact: NDArray[np.int16] = np.zeros((64, dim), np.int16)
        self.rough: NDArray[np.float32] = np.zeros((64, dim), np.float32)
        self.owner: NDArray[np.int64] = np.full(64, -1, np.int64)
        self.used = 0
        self.free: list[int] = []
        self.rows: dict[str, list[int]] = {}
        self.number: dict[str, int] = {}
        self.person: dict[int, str] = {}

    def put(self, person_id: str, number: int, vectors: Sequence[FixedVector]) -> None:
        self.drop(person_id)
        if not vectors:
            return
        self.number[person_id], self.person[number] = number, person_id
        self.rows[person_id] = [self._row(number, vector) for vector in vectors]

    def drop(self, person_id: str) -> None:
        for row in self.rows.pop(person_id, ()):
            self.owner[row] = -1
            self.free.append(row)
        number = self.number.pop(person_id, None)
        if number is not None:
            del self.person[number]

    def _row(self, number: int, vector: FixedVector) -> int:
        row = self.free.pop() if self.free else self.used
        if row == len(self.owner):
            self.exact = np.concatenate([self.exact, np.zeros_like(self.exact)])
            self.rough = np.concatenate([self.rough, np.zeros_like(self.rough)])
            self.owner = np.concatenate([self.owner, np.full_like(self.owner, -1)])
        self.used = max(self.used, row + 1)
        self.exact[row] = vector
        self.rough[row] = vector.astype(np.float32) / SCALE
        self.owner[row] = number
        return row

    def search(self, probe: FixedVector, excluded: Collection[str], top: int) -> list[Candidate]:
        owner = self.owner[: self.used]
        allowed = owner >= 0
        if excluded:
            numbers = [self.number[p] for p in excluded if p in self.number]
            allowed &= ~np.isin(owner, numbers)
        rows = np.flatnonzero(allowed)
        rough = self.rough[: self.used] @ (probe.astype(np.float32) / SCALE)
        rough = rough[rows]
        size = _SHORTLIST
        while True:
            if size >= len(rows):
                return self._exact(rows, probe)[:top]
            nearest = np.argpartition(rough, len(rough) - size)[-size:]
            found = self._exact(rows[nearest], probe)[:top]
            # Every row left out has an exact score below this bound.
            bound = float(rough[nearest].min()) + FLOAT_ERROR
            if len(found) == top and found[-1].raw > bound:
                return found
            size *= 4

    def _exact(self, rows: NDArray[np.int64], probe: FixedVector) -> list[Candidate]:
        # Whole numbers far below 2**53: float64 sums are exact in any order, and BLAS is fast.
        dots = self.exact[rows].astype(np.float64) @ probe.astype(np.float64)
        best: dict[int, float] = {}
        for number, dot in zip(self.owner[rows].tolist(), dots.tolist(), strict=True):
            if dot > best.get(number, -math.inf):
                best[number] = dot
        ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        return [Candidate(self.person[n], round(dot / (SCALE * SCALE), 6)) for n, dot in ranked]


class Gallery:
    """All templates of a site, by model; templates of different models are never compared."""

    def __init__(self) -> None:
        self._models: dict[str, _ModelIndex] = {}

    def put(self, person_id: str, number: int, templates: Sequence[Template]) -> None:
        """Replaces the person's templates. ``number`` is unique to the person and breaks ties."""
        by_model: dict[str, list[FixedVector]] = {model: [] for model in self._models}
        for template in templates:
            by_model.setdefault(template.model, []).append(fixed_from_bytes(template.vector))
        for model, vectors in by_model.items():
            if model not in self._models:
                self._models[model] = _ModelIndex(len(vectors[0]))
            self._models[model].put(person_id, number, vectors)

    def drop(self, person_id: str) -> None:
        """Removes the person; unknown ids are no error."""
        for index in self._models.values():
            index.drop(person_id)

    def dim(self, model: str) -> int | None:
        """Length of the vectors of a model; None before its first."""
        index = self._models.get(model)
        return None if index is None else index.exact.shape[1]

    def search(self, probe: Template, excluded: Collection[str], top: int) -> list[Candidate]:
        """The ``top`` nearest persons outside ``excluded``, best first; ties by registration number."""
        index = self._models.get(probe.model)
        if index is None:
            return []
        return index.search(fixed_from_bytes(probe.vector), excluded, top)
