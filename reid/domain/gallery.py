"""The searchable index of all persons' templates, derived from the state.

A float32 matrix product only *shortlists*; the scores that decide are exact integer dot products of the
fixed-point vectors, each less its camera's mean. The shortlist holds every row whose exact score may be
among the best, so the result does not depend on the machine, the thread count or the shape of the batch. A
large crowd is shortlisted by whole numbers (`reid.domain.prototypes`): whom that misses, it misses anywhere.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import fixed_from_bytes, stacked
from reid.contracts.events import Template
from reid.domain.basis import SAMPLE, Basis, basis_of
from reid.domain.blocks import Places
from reid.domain.centring import Centring, WholeVector
from reid.domain.cohort import Cohort
from reid.domain.nearest import Nearest
from reid.domain.prototypes import FROM_PERSONS, Prototypes, Shown
from reid.domain.rows import Rows, directions_to
from reid.domain.shortlist import Shortlists

#: Changed persons that wait at most: a log is folded without a question.
_LATE: Final = 256
#: Of the persons from which on prototypes find them: so many more, and nothing is kept ready for comparing
#: all; so many fewer, and prototypes are not.
_SURELY: Final = 1.25
_NO_MORE: Final = 0.75

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
    """Templates of one encoder. Rows of removed persons are reused. ``basis``: what prototypes lie along,
    once there were enough persons for them."""

    def __init__(self, dim: int, centring: Centring, basis: Basis | None = None) -> None:
        self.table = Rows(dim, centring)
        self.shortlists = Shortlists(self.table)
        self.rows: dict[str, dict[int, Template]] = {}
        self.number: dict[str, int] = {}
        self.person: dict[int, str] = {}
        self.centring = centring
        self.cohort = Cohort(centring)
        self.basis = basis
        self.prototypes: Prototypes | None = None
        self.nearest: Nearest | None = None

    @property
    def large(self) -> bool:
        """Whether prototypes find who is nearest: by the persons alone, and that enough were here once."""
        return self.basis is not None and len(self.number) >= FROM_PERSONS

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
            new = self.table.add(owners, [t.camera_id for t in fresh], vectors)
            for row, number, template in zip(new, owners, fresh, strict=True):
                self.rows[self.person[number]][row] = template
            if self.prototypes is not None:
                self.prototypes.add(new, vectors)
        if self.prototypes is not None and told:
            self.prototypes.put([Shown(number, self.rows[self.person[number]]) for number, _ in told])
        self._prepare()

    def drop(self, person_id: str) -> None:
        for row in self.rows.pop(person_id, ()):
            self.table.free(row)
        number = self.number.pop(person_id, None)
        if number is not None:
            del self.person[number]
            self.cohort.drop(number)
            if self.prototypes is not None:
                self.prototypes.drop(number)

    def recentre(self, camera_id: str) -> None:
        """After a new mean of the camera."""
        self.cohort.changed(camera_id)
        camera = self.table.recentre(camera_id)
        if self.prototypes is not None and camera is not None:
            self.prototypes.recentre(camera)

    def sample(self) -> NDArray[np.int16]:
        """``(n, d)``: a template of each of some persons, by nothing but what all of them are."""
        numbers = sorted(self.person)
        some = numbers[:: -(-len(numbers) // SAMPLE)]
        looks = (sorted((t.camera_id, t.vector) for t in self.rows[self.person[n]].values()) for n in some)
        return stacked([each[place % len(each)][1] for place, each in enumerate(looks)])

    def search(self, searches: Sequence[Search], top: int, soon: Sequence[Template]) -> list[list[Candidate]]:
        """One product for all that no earlier search settles."""
        if not self.number:
            return [[] for _ in searches]
        self._prepare()
        probes = [self._probe(s.probe) for s in searches]
        excluded = [{self.number[p] for p in s.excluded if p in self.number} for s in searches]
        if self.nearest is not None and self.large:
            later = [self._probe(look) for look in soon]
            return [self._best(*near, top) for near in self.nearest.near(probes, excluded, top, later)]
        directions = directions_to(probes)
        found = []
        for probe, rows, without in zip(
            probes, self.shortlists.of(directions, excluded, top), excluded, strict=True
        ):
            unscored = np.array(self.table.near(without), np.intp)
            rows = np.sort(np.concatenate([rows, unscored]))
            found.append(self._best(rows, self.table.cosines(rows, probe), top))
        return found

    def _probe(self, look: Template) -> WholeVector:
        return self.centring.centred(fixed_from_bytes(look.vector), look.camera_id)

    def _prepare(self) -> None:
        """What the search needs of the two, and no more where that is sure to last."""
        persons = len(self.number)
        if self.large and self.prototypes is None:
            assert self.basis is not None
            self.prototypes = Prototypes(self.table, self.basis)
            self.nearest = Nearest(self.table, self.prototypes)
            every = [Shown(number, self.rows[person_id]) for person_id, number in self.number.items()]
            for start in range(0, len(every), _LATE):
                shown = every[start : start + _LATE]
                held = [(row, look.vector) for one in shown for row, look in one.rows.items()]
                self.prototypes.add([row for row, _ in held], stacked([vector for _, vector in held]))
                self.prototypes.put(shown)
        elif self.prototypes is not None and persons < _NO_MORE * FROM_PERSONS:
            self.prototypes = self.nearest = None
        if self.large and persons >= _SURELY * FROM_PERSONS and self.table.rough_scores:
            self.table.sleep()
            self.shortlists = Shortlists(self.table)
        elif not self.large and not self.table.rough_scores:
            self.table.wake()
            self.shortlists = Shortlists(self.table)

    def _best(self, rows: Places, scores: NDArray[np.int64], top: int) -> list[Candidate]:
        """Of these rows, with their exact cosines in millionths."""
        owners = self.table.owner[rows]
        # The best row of a person comes first; of equals who was registered first.
        order = np.lexsort((owners, -scores))
        best: dict[int, int] = {}
        for number, score in zip(owners[order].tolist(), scores[order].tolist(), strict=True):
            if len(best) == top:
                break
            best.setdefault(number, score)
        return [Candidate(self.person[n], score / 1e6) for n, score in best.items()]


class Gallery:
    """All templates of a site, by model; templates of different models are never compared."""

    def __init__(self) -> None:
        self._models: dict[str, _ModelIndex] = {}
        # Changed since the last question, put all at once before the next: looks grow more often than anybody
        # is looked for.
        self._late: dict[str, tuple[int, tuple[Template, ...]]] = {}
        self.centrings: dict[str, Centring] = {}
        self.bases: dict[str, Basis] = {}
        """Of each model, from when there were `FROM_PERSONS` of it: it depends on who was there then."""
        self._persons: dict[str, set[str]] = {}

    def put(self, person_id: str, number: int, templates: Sequence[Template]) -> None:
        """Replaces the person's templates. ``number`` is unique to the person and breaks ties."""
        for template in templates:
            if template.model not in self._models:
                dim = len(fixed_from_bytes(template.vector))
                basis = self.bases.get(template.model)
                self._models[template.model] = _ModelIndex(dim, self.centring(template.model), basis)
        self._late[person_id] = number, tuple(templates)
        if len(self._late) >= _LATE:
            self._catch_up()
        self._count(person_id, {template.model for template in templates})

    def drop(self, person_id: str) -> None:
        """Removes the person; unknown ids are no error."""
        self._late.pop(person_id, None)
        self._count(person_id, ())
        for index in self._models.values():
            index.drop(person_id)

    def _count(self, person_id: str, models: Collection[str]) -> None:
        """The person has templates of these."""
        for model in self._models:
            persons = self._persons.setdefault(model, set())
            if model not in models:
                persons.discard(person_id)
                continue
            persons.add(person_id)
            if len(persons) >= FROM_PERSONS and model not in self.bases:
                self._catch_up()
                index = self._models[model]
                self.bases[model] = index.basis = basis_of(index.sample())

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

    def search_all(
        self, searches: Sequence[Search], top: int, soon: Sequence[Template] = ()
    ) -> list[list[Candidate]]:
        """As `search`, for looks of one model at once. ``soon``: looks of that model which are likely to be
        asked for next; it saves work, no more."""
        self._catch_up()
        index = self._models.get(searches[0].probe.model) if searches else None
        if index is None:
            return [[] for _ in searches]
        return index.search(searches, top, soon)
