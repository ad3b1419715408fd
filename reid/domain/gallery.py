"""The searchable index of all persons' templates, derived from the state.

A float32 matrix product only *shortlists*; the scores that decide are exact integer dot products of the
fixed-point vectors, each less its camera's mean. The shortlist is widened until no row outside it can
change the answer, so the result does not depend on the machine, the thread count or the shape of the batch.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import FixedVector, fixed_from_bytes
from reid.contracts.events import Template
from reid.domain.centring import Centring, WholeVector, cosines
from reid.domain.cohort import Cohort

#: Bound on |float32 product - exact cosine| of two unit vectors of up to 4,096 values, generously.
FLOAT_ERROR: Final = 1e-3
_SHORTLIST: Final = 32
_NEVER: Final = 2_000_000


class Candidate(NamedTuple):
    """A person and the highest exact cosine of its templates with the probe, camera means taken away."""

    person_id: str
    raw: float


class _ModelIndex:
    """Templates of one encoder. Rows of removed persons are reused."""

    def __init__(self, dim: int, centring: Centring) -> None:
        self.exact: NDArray[np.int16] = np.zeros((64, dim), np.int16)
        self.rough: NDArray[np.float32] = np.zeros((64, dim), np.float32)
        self.owner: NDArray[np.int64] = np.full(64, -1, np.int64)
        self.camera: NDArray[np.int64] = np.zeros(64, np.int64)
        self.cameras: dict[str, int] = {}
        self.used = 0
        self.free: list[int] = []
        self.rows: dict[str, list[int]] = {}
        self.number: dict[str, int] = {}
        self.person: dict[int, str] = {}
        self.centring = centring
        self.cohort = Cohort(centring)

    def put(self, person_id: str, number: int, templates: Sequence[Template]) -> None:
        self._clear(person_id)
        if not templates:
            self.cohort.drop(number)
            return
        self.number[person_id], self.person[number] = number, person_id
        self.cohort.put(number, templates)
        self.rows[person_id] = [self._row(number, t.camera_id, fixed_from_bytes(t.vector)) for t in templates]

    def drop(self, person_id: str) -> None:
        number = self.number.get(person_id)
        self._clear(person_id)
        if number is not None:
            self.cohort.drop(number)

    def _clear(self, person_id: str) -> None:
        for row in self.rows.pop(person_id, ()):
            self.owner[row] = -1
            self.free.append(row)
        number = self.number.pop(person_id, None)
        if number is not None:
            del self.person[number]

    def recentre(self, camera_id: str) -> None:
        """After a new mean of the camera."""
        self.cohort.changed()
        rows = np.flatnonzero(self.camera[: self.used] == self.cameras.get(camera_id, -1))
        self.rough[rows] = _directions(self.centring.centred(self.exact[rows], camera_id))

    def _row(self, number: int, camera_id: str, vector: FixedVector) -> int:
        row = self.free.pop() if self.free else self.used
        if row == len(self.owner):
            self.exact = np.concatenate([self.exact, np.zeros_like(self.exact)])
            self.rough = np.concatenate([self.rough, np.zeros_like(self.rough)])
            self.owner = np.concatenate([self.owner, np.full_like(self.owner, -1)])
            self.camera = np.concatenate([self.camera, np.zeros_like(self.camera)])
        self.used = max(self.used, row + 1)
        self.exact[row] = vector
        self.rough[row] = _directions(self.centring.centred(vector, camera_id)[None])[0]
        self.owner[row] = number
        self.camera[row] = self.cameras.setdefault(camera_id, len(self.cameras))
        return row

    def search(
        self, vector: FixedVector, camera_id: str, excluded: Collection[str], top: int
    ) -> list[Candidate]:
        probe = self.centring.centred(vector, camera_id)
        owner = self.owner[: self.used]
        allowed = owner >= 0
        if excluded:
            numbers = [self.number[p] for p in excluded if p in self.number]
            allowed &= ~np.isin(owner, numbers)
        rows = np.flatnonzero(allowed)
        rough = self.rough[: self.used] @ _directions(probe[None])[0]
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

    def _exact(self, rows: NDArray[np.int64], probe: WholeVector) -> list[Candidate]:
        scores = np.empty(len(rows), np.int64)
        cameras = self.camera[rows]
        for camera_id, number in self.cameras.items():
            places = np.flatnonzero(cameras == number)
            if len(places):
                scores[places] = cosines(self.centring.centred(self.exact[rows[places]], camera_id), probe)
        best: dict[int, int] = {}
        for number, score in zip(self.owner[rows].tolist(), scores.tolist(), strict=True):
            if score > best.get(number, -_NEVER):
                best[number] = score
        ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        return [Candidate(self.person[n], score / 1e6) for n, score in ranked]


def _directions(whole: WholeVector) -> NDArray[np.float32]:
    """``(n, d)`` -> unit rows; a row of zeros stays one."""
    lengths = np.sqrt((whole * whole).sum(axis=1, keepdims=True))
    found: WholeVector = np.divide(whole, lengths, out=np.zeros_like(whole), where=lengths > 0)
    return found.astype(np.float32)


class Gallery:
    """All templates of a site, by model; templates of different models are never compared."""

    def __init__(self) -> None:
        self._models: dict[str, _ModelIndex] = {}
        self.centrings: dict[str, Centring] = {}

    def put(self, person_id: str, number: int, templates: Sequence[Template]) -> None:
        """Replaces the person's templates. ``number`` is unique to the person and breaks ties."""
        by_model: dict[str, list[Template]] = {model: [] for model in self._models}
        for template in templates:
            by_model.setdefault(template.model, []).append(template)
        for model, of_model in by_model.items():
            if model not in self._models:
                dim = len(fixed_from_bytes(of_model[0].vector))
                self._models[model] = _ModelIndex(dim, self.centring(model))
            self._models[model].put(person_id, number, of_model)

    def drop(self, person_id: str) -> None:
        """Removes the person; unknown ids are no error."""
        for index in self._models.values():
            index.drop(person_id)

    def dim(self, model: str) -> int | None:
        """Length of the vectors of a model; None before its first."""
        index = self._models.get(model)
        return None if index is None else index.exact.shape[1]

    def centring(self, model: str) -> Centring:
        """The means of the model's cameras. After a new one comes into force: `recentre`."""
        return self.centrings.setdefault(model, Centring())

    def cohort(self, model: str) -> Cohort:
        """What strangers look like to the model."""
        index = self._models.get(model)
        return Cohort(self.centring(model)) if index is None else index.cohort

    def recentre(self, model: str, camera_id: str) -> None:
        """Compares from now on with the mean in force of this camera."""
        index = self._models.get(model)
        if index is not None:
            index.recentre(camera_id)

    def search(self, probe: Template, excluded: Collection[str], top: int) -> list[Candidate]:
        """The ``top`` nearest persons outside ``excluded``, best first; ties by registration number."""
        index = self._models.get(probe.model)
        if index is None:
            return []
        return index.search(fixed_from_bytes(probe.vector), probe.camera_id, excluded, top)
