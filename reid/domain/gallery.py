"""The searchable index of all persons' templates, derived from the state.

A float32 matrix product only *shortlists*; the scores that decide are exact integer dot products of the
fixed-point vectors, each less its camera's mean. The shortlist holds every row whose exact score may be
among the best, so the result does not depend on the machine, the thread count or the shape of the batch.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np

from reid.contracts.embedding import fixed_from_bytes, stacked
from reid.contracts.events import Template
from reid.domain.centring import Centring, WholeVector, cosines
from reid.domain.cohort import Cohort
from reid.domain.rows import Places, Rows, directions_to
from reid.domain.shortlist import Shortlists

_NEVER: Final = 2_000_000


class Candidate(NamedTuple):
    """A person and the highest exact cosine of its templates with the probe, camera means taken away."""

    person_id: str
    raw: float


class Search(NamedTuple):
    """Of one look: ``excluded`` persons are not found."""

    probe: Template
    excluded: Collection[str] = ()


class _ModelIndex:
    """Templates of one encoder. Rows of removed persons are reused."""

    def __init__(self, dim: int, centring: Centring) -> None:
        self.table = Rows(dim, centring)
        self.shortlists = Shortlists(self.table)
        self.rows: dict[str, dict[int, Template]] = {}
        self.number: dict[str, int] = {}
        self.person: dict[int, str] = {}
        self.centring = centring
        self.cohort = Cohort(centring)

    def put(self, person_id: str, number: int, templates: Sequence[Template]) -> None:
        if self.number.get(person_id) != number or not templates:
            self.drop(person_id)
        if not templates:
            return
        self.number[person_id], self.person[number] = number, person_id
        self.cohort.put(number, templates)
        left, rows, fresh = self.rows.pop(person_id, {}), dict[int, Template](), list[Template]()
        held = {(t.camera_id, t.vector): row for row, t in left.items()}
        for template in templates:
            row = held.pop((template.camera_id, template.vector), None)
            if row is None:
                fresh.append(template)
            else:
                del left[row]
                rows[row] = template
        for row in left:
            self.table.free(row)
        if fresh:
            vectors = stacked([t.vector for t in fresh])
            rows |= zip(self.table.add(number, [t.camera_id for t in fresh], vectors), fresh, strict=True)
        self.rows[person_id] = rows

    def drop(self, person_id: str) -> None:
        for row in self.rows.pop(person_id, ()):
            self.table.free(row)
        number = self.number.pop(person_id, None)
        if number is not None:
            del self.person[number]
            self.cohort.drop(number)

    def recentre(self, camera_id: str) -> None:
        """After a new mean of the camera."""
        self.cohort.changed(camera_id)
        self.table.recentre(camera_id)

    def search(self, searches: Sequence[Search], top: int) -> list[list[Candidate]]:
        """One product for all that no earlier search settles."""
        probes = [
            self.centring.centred(fixed_from_bytes(s.probe.vector), s.probe.camera_id) for s in searches
        ]
        directions = directions_to(probes)
        excluded = [{self.number[p] for p in s.excluded if p in self.number} for s in searches]
        found = []
        for probe, rows, without in zip(
            probes, self.shortlists.of(directions, excluded, top), excluded, strict=True
        ):
            unscored = np.array(self.table.near(without), np.intp)
            found.append(self._exact(np.sort(np.concatenate([rows, unscored])), probe)[:top])
        return found

    def _exact(self, rows: Places, probe: WholeVector) -> list[Candidate]:
        scores = cosines(self.table.whole(rows), probe)
        best: dict[int, int] = {}
        for number, score in zip(self.table.owner[rows].tolist(), scores.tolist(), strict=True):
            if score > best.get(number, -_NEVER):
                best[number] = score
        ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        return [Candidate(self.person[n], score / 1e6) for n, score in ranked]


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
        return None if index is None else index.table.dim

    def centring(self, model: str) -> Centring:
        """The means of the model's cameras. After a new one comes into force: `recentre`."""
        found = self.centrings.get(model)
        return self.centrings.setdefault(model, Centring()) if found is None else found

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
        return self.search_all([Search(probe, excluded)], top)[0]

    def search_all(self, searches: Sequence[Search], top: int) -> list[list[Candidate]]:
        """As `search`, for looks of one model at once."""
        index = self._models.get(searches[0].probe.model) if searches else None
        if index is None:
            return [[] for _ in searches]
        return index.search(searches, top)
