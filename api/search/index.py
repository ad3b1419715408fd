"""All persons with their templates, in memory: who looks most like a probe, of those that pass the filters.

Not thread-safe: `api.search.following.Following` gives it a thread of its own.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from api.search.rows import EXACT_ROWS, Looks, Rows
from api.search.wanted import Wanted
from reid.contracts.detections import Model
from reid.contracts.embedding import fixed_from_bytes
from reid.domain.similarity import MEASURED_ON, calibrated

#: Bound on |float32 product - exact cosine|, generously: persons so near the last one are compared exactly.
ROUGH_ERROR: Final = 1e-4
Probes = Mapping[str, Looks]
"""Encoder -> what is looked for, any of which may match."""


class Appearance(msgspec.Struct):
    """Of `PersonView` what a search needs."""

    person_id: str
    number: int = 0
    cameras: list[str] = []
    embeddings: list[bytes] = []
    models: list[str] = []
    averaged: list[float] = []
    first_seen: int = 0
    last_seen: int = 0
    attributes: dict[str, str] = {}

    def probes(self) -> dict[str, Looks]:
        """Its templates by encoder. One that is no whole vector, or of unknown encoder, is left out."""
        by_model: dict[str, list[tuple[NDArray[np.int16], float]]] = {}
        for model, raw, crops in zip_longest(self.models, self.embeddings, self.averaged):
            if model and raw and len(raw) % 2 == 0:
                by_model.setdefault(model, []).append((fixed_from_bytes(raw), crops or MEASURED_ON))
        found = {}
        for model, looks in by_model.items():
            whole = [(vector, crops) for vector, crops in looks if len(vector) == len(looks[0][0])]
            vectors, counts = zip(*whole, strict=True)
            found[model] = Looks(np.stack(vectors), np.array(counts, np.float64))
        return found


class Hit(NamedTuple):
    """``score``: calibrated similarity; ``raw``: the cosine that it stands for, of the encoder ``model``, as
    means of two crops would have it where the encoder says how."""

    person_id: str
    score: float
    raw: float
    model: str


class Found(NamedTuple):
    """``hits``: best first. ``searched``: persons that passed the filters and were compared."""

    hits: list[Hit]
    searched: int


class _Entry(NamedTuple):
    slot: int
    number: int
    cameras: frozenset[str]
    attributes: frozenset[tuple[str, str]]
    print: int
    rows: dict[str, list[int]]


class Index:
    """``exact_rows``: see `Rows`."""

    def __init__(self, exact_rows: int = EXACT_ROWS) -> None:
        self._exact_rows = exact_rows
        self._entries: dict[str, _Entry] = {}
        self._ids: list[str] = []
        self._free: list[int] = []
        self._spans: NDArray[np.int64] = np.zeros((1024, 2), np.int64)
        self._models: dict[str, Rows] = {}
        self._cameras: dict[str, set[int]] = {}
        self._attributes: dict[tuple[str, str], set[int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def templates(self) -> int:
        return sum(len(rows) for rows in self._models.values())

    @property
    def nbytes(self) -> int:
        """Memory of the templates."""
        return sum(rows.nbytes for rows in self._models.values())

    def dims(self) -> dict[str, int]:
        """Encoder -> length of its vectors."""
        return {model: rows.dim for model, rows in self._models.items()}

    def persons(self) -> list[str]:
        return list(self._entries)

    def put(self, person: Appearance) -> None:
        """The person as it is now. What did not change is left alone."""
        before = self._entries.get(person.person_id)
        slot = self._slot(person.person_id) if before is None else before.slot
        self._spans[slot] = person.first_seen, person.last_seen
        cameras = frozenset(person.cameras)
        attributes = frozenset((k.lower(), v.lower()) for k, v in person.attributes.items())
        _move(self._cameras, slot, before.cameras if before else (), cameras)
        _move(self._attributes, slot, before.attributes if before else (), attributes)
        print_ = hash((tuple(person.embeddings), tuple(person.models), tuple(person.averaged)))
        if before is not None and before.print == print_:
            rows = before.rows
        else:
            self._remove_rows(before)
            rows = self._add_rows(slot, person)
        self._entries[person.person_id] = _Entry(slot, person.number, cameras, attributes, print_, rows)

    def drop(self, person_id: str) -> None:
        """Unknown ids are no error."""
        entry = self._entries.pop(person_id, None)
        if entry is None:
            return
        self._remove_rows(entry)
        _move(self._cameras, entry.slot, entry.cameras, ())
        _move(self._attributes, entry.slot, entry.attributes, ())
        self._ids[entry.slot] = ""
        self._free.append(entry.slot)

    def prepare(self) -> None:
        """Does what a search would have to wait for: with very many rows, their sketch."""
        for rows in self._models.values():
            rows.prepare()

    def search(
        self,
        probes: Probes,
        encoders: Mapping[str, Model],
        wanted: Wanted,
        limit: int,
        without: Collection[str] = (),
    ) -> Found:
        """The ``limit`` most similar persons, ``without`` those; ties by registration. Encoders that the
        index does not know match nobody; one that is not among ``encoders``, or has no calibration, is
        compared by its raw cosine."""
        allowed = self._allowed(wanted, without)
        best: dict[str, Hit] = {}
        for model, looks in probes.items():
            rows = self._models.get(model)
            if rows is None or rows.dim != looks.vectors.shape[1]:
                continue
            encoder = encoders.get(model)
            knots = encoder.calibration if encoder is not None else ()
            agreement = encoder.agreement if encoder is not None and knots else None
            for person_id in self._nearest(rows.best(looks, allowed, limit, agreement), limit):
                raw = rows.exact(self._entries[person_id].rows[model], looks, agreement)
                # Rounded to fixed point, a vector's product with itself may be above 1 by a hair.
                score = min(1.0, calibrated(raw, knots))
                hit = Hit(person_id, score, raw, model)
                known = best.get(person_id)
                if known is None or hit[1:3] > known[1:3]:
                    best[person_id] = hit
        ranked = sorted(best.values(), key=lambda h: (-h.score, -h.raw, self._entries[h.person_id].number))
        return Found(ranked[:limit], int(allowed.sum()))

    def latest(self, wanted: Wanted, limit: int) -> Found:
        """The ``limit`` persons that pass, seen last first; their scores are 0."""
        allowed = self._allowed(wanted, ())
        passing = [(self._ids[slot], int(self._spans[slot, 1])) for slot in np.flatnonzero(allowed)]
        ranked = sorted(passing, key=lambda one: (-one[1], self._entries[one[0]].number))
        return Found([Hit(person_id, 0.0, 0.0, "") for person_id, _ in ranked[:limit]], len(ranked))

    def _nearest(self, scores: NDArray[np.float32], limit: int) -> list[str]:
        """Those of whom the exact scores may be among the ``limit`` best."""
        slots = np.flatnonzero(scores > -np.inf)
        if len(slots) > limit:
            last = np.partition(scores[slots], len(slots) - limit)[len(slots) - limit]
            slots = slots[scores[slots] >= last - ROUGH_ERROR]
        return [self._ids[slot] for slot in slots]

    def _allowed(self, wanted: Wanted, without: Iterable[str]) -> NDArray[np.bool_]:
        """A bool for each slot."""
        allowed = np.zeros(len(self._ids), np.bool_)
        if wanted.cameras or wanted.attributes:
            chosen = [self._union(self._cameras, wanted.cameras)] if wanted.cameras else []
            for name, values in wanted.attributes:
                chosen.append(self._union(self._attributes, [(name, value) for value in values]))
            allowed[list(set.intersection(*chosen))] = True
        else:
            allowed[:] = True
        allowed[self._free] = False
        spans = self._spans[: len(self._ids)]
        if wanted.persons is not None:
            known = [self._entries[id_].slot for id_ in wanted.persons if id_ in self._entries]
            among = np.zeros(len(self._ids), np.bool_)
            among[known] = True
            allowed &= among
        if wanted.since is not None:
            allowed &= spans[:, 1] >= wanted.since
        if wanted.until is not None:
            allowed &= spans[:, 0] <= wanted.until
        allowed[[self._entries[id_].slot for id_ in without if id_ in self._entries]] = False
        return allowed

    @staticmethod
    def _union(sets: Mapping[Any, set[int]], keys: Iterable[Any]) -> set[int]:
        return set().union(*(sets.get(key, ()) for key in keys))

    def _slot(self, person_id: str) -> int:
        if self._free:
            slot = self._free.pop()
            self._ids[slot] = person_id
            return slot
        self._ids.append(person_id)
        if len(self._ids) > len(self._spans):
            self._spans = np.concatenate([self._spans, np.zeros_like(self._spans)])
        return len(self._ids) - 1

    def _add_rows(self, slot: int, person: Appearance) -> dict[str, list[int]]:
        made: dict[str, list[int]] = {}
        for model, looks in person.probes().items():
            rows = self._models.setdefault(model, Rows(looks.vectors.shape[1], self._exact_rows))
            if rows.dim == looks.vectors.shape[1]:
                each = zip(looks.vectors, looks.crops.tolist(), strict=True)
                made[model] = [rows.add(slot, vector, crops) for vector, crops in each]
        return made

    def _remove_rows(self, entry: _Entry | None) -> None:
        for model, rows in entry.rows.items() if entry is not None else ():
            for row in rows:
                self._models[model].remove(row)


def _move(sets: dict[Any, set[int]], slot: int, before: Collection[Any], now: Collection[Any]) -> None:
    """``slot`` stands in the sets of ``now`` instead of those of ``before``."""
    for key in before:
        if key not in now:
            sets[key].discard(slot)
            if not sets[key]:
                del sets[key]
    for key in now:
        sets.setdefault(key, set()).add(slot)
