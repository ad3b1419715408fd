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
from reid.domain.blocks import Places
from reid.domain.centring import Centring, WholeVector, cosines
from reid.domain.cohort import Cohort
from reid.domain.rows import Rows, directions_to
from reid.domain.shortlist import Shortlists

_NEVER: Final = 2_000_000
#: Changed persons that wait at most: a log is folded without a question.
_LATE: Final = 256

Changed = tuple[str, int, Sequence[Template]]
"""A person, its registration number, and its templates."""


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

    def put(self, changed: Sequence[Changed]) -> None:
        """Replaces the templates of these persons, all of this encoder. New rows are measured at once: many
        cost little more than one."""
        told: list[tuple[int, Sequence[Template]]] = []
        owners, fresh = list[int](), list[Template]()
        for person_id, number, templates in changed:
            if not templates or self.number.get(person_id, number) != number:
                self.drop(person_id)
            if not templates:
                continue
            self.number[person_id], self.person[number] = number, person_id
            told.append((number, templates))
            left, rows = self.rows.pop(person_id, {}), dict[int, Template]()
            held = {(t.camera_id, t.vector): row for row, t in left.items()}
            for template in templates:
                row = held.pop((template.camera_id, template.vector), None)
                if row is None:
                    owners.append(number)
                    fresh.append(template)
                else:
                    del left[row]
                    rows[row] = template
            for row in left:
                self.table.free(row)
            self.rows[person_id] = rows
        self.cohort.put(told)
        if fresh:
            vectors = stacked([t.vector for t in fresh])
            for row, number, template in zip(
                self.table.add(owners, [t.camera_id for t in fresh], vectors), owners, fresh, strict=True
            ):
                self.rows[self.person[number]][row] = template

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
        if not self.number:
            return [[] for _ in searches]
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
        # Changed since the last question, put all at once before the next: looks grow more often than anybody
        # is looked for.
        self._late: dict[str, tuple[int, tuple[Template, ...]]] = {}
        self.centrings: dict[str, Centring] = {}

    def put(self, person_id: str, number: int, templates: Sequence[Template]) -> None:
        """Replaces the person's templates. ``number`` is unique to the person and breaks ties."""
        for template in templates:
            if template.model not in self._models:
                dim = len(fixed_from_bytes(template.vector))
                self._models[template.model] = _ModelIndex(dim, self.centring(template.model))
        self._late[person_id] = number, tuple(templates)
        if len(self._late) >= _LATE:
            self._catch_up()

    def drop(self, person_id: str) -> None:
        """Removes the person; unknown ids are no error."""
        self._late.pop(person_id, None)
        for index in self._models.values():
            index.drop(person_id)

    def _catch_up(self) -> None:
        """Before anything is compared."""
        if not self._late:
            return
        late, self._late = self._late, {}
        for model, index in self._models.items():
            index.put([(p, n, [t for t in looks if t.model == model]) for p, (n, looks) in late.items()])

    def dim(self, model: str) -> int | None:
        """Length of the vectors of a model; None before its first."""
        index = self._models.get(model)
        return None if index is None else index.table.dim

    def centring(self, model: str) -> Centring:
        """The means of the model's cameras. After a new one comes into force: `recentre`."""
        found = self.centrings.get(model)
        return self.centrings.setdefault(model, Centring()) if found is None else found

    def cohort(self, model: str) -> Cohort:
        """What strangers look like to the model, until somebody changes."""
        self._catch_up()
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
        self._catch_up()
        index = self._models.get(searches[0].probe.model) if searches else None
        if index is None:
            return [[] for _ in searches]
        return index.search(searches, top)
