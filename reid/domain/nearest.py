"""Whom a look is nearest to in a large crowd, and what is remembered of looks: most are asked for again,
when few persons have changed.

By the rule of `reid.domain.prototypes`: of so many persons who are nearest by their directions, so many
templates that are nearest along the basis are compared exactly. What is remembered only saves work.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.domain.blocks import Places
from reid.domain.centring import WholeVector
from reid.domain.coarse import Floats
from reid.domain.prototypes import NOWHERE, Prototypes
from reid.domain.rows import Rows

#: Persons who are looked at closer: one of so many, and so many at least.
SHARE: Final = 18
LEAST: Final = 1_024
#: Templates compared exactly, and for each person wanted so many more.
_ROWS: Final = 192
_ROWS_EACH: Final = 8
#: Looks remembered.
_REMEMBERED: Final = 256
#: Remembered of a look beyond what is found: persons, one of so many of those looked at closer, and so many
#: times the templates compared exactly. Others are left out the next time, and some persons change.
_SPARE_PERSONS: Final = 32
_SPARE_ROWS: Final = 3
#: What no cosine is, in millionths.
_UNKNOWN: Final = -(1 << 40)


class Near(NamedTuple):
    """Rows, ascending, and their exact cosines with the probe, in millionths."""

    rows: Places
    cosines: NDArray[np.int64]


class _Wanted(NamedTuple):
    """How many persons are looked at closer, and how many of their rows compared exactly."""

    persons: int
    rows: int


class _Told(NamedTuple):
    """What was found, whoever was left out, of so many."""

    near: Near
    without: Collection[int]
    wanted: _Wanted


@dataclass(slots=True)
class _Asked:
    """Of a look: all persons at or above ``floor`` are at ``places``, with their ``scores``, whoever is left
    out; their rows at or above ``edge`` are ``rows``, with their scores, ``near``, and what is known of
    their ``cosines``: as they were at ``moment``. ``told``: what was found then, if that is still so."""

    look: Floats
    floor: np.float32
    places: Places
    scores: Floats
    edge: np.float32
    rows: Places
    near: Floats
    cosines: NDArray[np.int64]
    moment: int
    told: _Told | None = None


class Nearest:
    """Of the templates in ``table``, by its ``prototypes``."""

    def __init__(self, table: Rows, prototypes: Prototypes) -> None:
        self._table, self._prototypes = table, prototypes
        self._asked: dict[bytes, _Asked] = {}
        self._turns = prototypes.turns
        # Scores of looks that were said to be asked for next, and when they were those.
        self._soon: dict[bytes, tuple[Floats, int]] = {}
        # Of each place, False between two uses.
        self._marks: NDArray[np.bool_] = np.zeros(64, np.bool_)

    def near(
        self,
        probes: Sequence[WholeVector],
        excluded: Sequence[Collection[int]],
        top: int,
        soon: Sequence[WholeVector] = (),
    ) -> list[Near]:
        """For each probe, less its camera's mean, what is compared exactly to find ``top`` persons; none of
        persons with ``excluded`` numbers. ``soon``: probes that are likely to be asked for next. To rank all
        persons for a look costs the reading of their directions: several looks share it."""
        prototypes = self._prototypes
        if self._turns != prototypes.turns:
            self._asked.clear()
            self._soon.clear()
            self._turns = prototypes.turns
        if len(self._marks) < prototypes.used:
            self._marks = np.zeros(len(prototypes.number), np.bool_)
        wanted = _Wanted(max(LEAST, len(prototypes) // SHARE), _ROWS + _ROWS_EACH * top)
        found = [self._again(probe, out, wanted) for probe, out in zip(probes, excluded, strict=True)]
        new = [place for place, near in enumerate(found) if near is None]
        looks = prototypes.looks([probes[place] for place in new])
        ranked = self._ranked([probes[place] for place in new], looks, soon if new else ())
        for place, look, scores in zip(new, looks, ranked, strict=True):
            asked = self._anew(look, scores, excluded[place], wanted)
            found[place] = self._nearly(asked, probes[place], excluded[place], wanted)
            self._asked[probes[place].tobytes()] = asked
        for key in list(self._asked)[: max(len(self._asked) - _REMEMBERED, 0)]:
            del self._asked[key]
        return [near for near in found if near is not None]

    def _ranked(
        self, probes: Sequence[WholeVector], looks: Floats, soon: Sequence[WholeVector]
    ) -> list[Floats]:
        """Of each of these looks the scores with all places: in one go, but for those known already."""
        prototypes = self._prototypes
        held = [self._soon.pop(probe.tobytes(), None) for probe in probes]
        known = [
            None if each is None else self._up_to_now(*each, look)
            for each, look in zip(held, looks, strict=True)
        ]
        left = [place for place, scores in enumerate(known) if scores is None]
        self._soon.clear()
        later = {key: probe for probe in soon if (key := probe.tobytes()) not in self._asked} if left else {}
        scores = iter(
            prototypes.scores(np.concatenate([looks[left], prototypes.looks(list(later.values()))]))
        )
        found = [next(scores) if of is None else of for of in known]
        self._soon.update(zip(later, ((of, prototypes.moment) for of in scores), strict=True))
        return found

    def _up_to_now(self, scores: Floats, moment: int, look: Floats) -> Floats | None:
        """Scores of then, as they are now; None where too many persons have changed."""
        prototypes = self._prototypes
        changed = prototypes.changed(moment)
        if changed is None:
            return None
        if len(scores) < prototypes.used:
            scores = np.concatenate([scores, np.full(prototypes.used - len(scores), NOWHERE)])
        scores[changed] = prototypes.scores_at(changed, look)
        return scores

    def _again(self, probe: WholeVector, without: Collection[int], wanted: _Wanted) -> Near | None:
        """What is found for a look that was asked for before; None where what is remembered of it does not
        tell, or so many persons have changed that it costs as much to begin anew."""
        key = probe.tobytes()
        asked = self._asked.pop(key, None)
        changed = None if asked is None else self._prototypes.changed(asked.moment)
        if asked is None or changed is None:
            return None
        if len(changed):
            self._catch_up(asked, changed)
        told = asked.told
        if told is not None and told.wanted == wanted and told.without == without:
            near: Near | None = told.near
        else:
            near = self._found(asked, probe, without, wanted)
        if near is not None:
            self._asked[key] = asked
        return near

    def _catch_up(self, asked: _Asked, changed: Places) -> None:
        prototypes = self._prototypes
        asked.moment = prototypes.moment
        scores = prototypes.scores_at(changed, asked.look)
        over = (scores >= asked.floor) & (scores > NOWHERE)
        self._marks[changed] = True
        persons = ~self._marks[asked.places]
        if persons.all() and not over.any():
            # As most often: all of them were below and are. Nor are any rows another's by now.
            self._marks[changed] = False
            return
        # A row that is another's by now is of somebody who has changed.
        rows = ~self._marks[prototypes.place[asked.rows]]
        self._marks[changed] = False
        new = prototypes.rows_at(changed[over])
        near = prototypes.scores_of(new, asked.look)
        kept = near >= asked.edge
        asked.places = np.concatenate([asked.places[persons], changed[over]])
        asked.scores = np.concatenate([asked.scores[persons], scores[over]])
        asked.rows = np.concatenate([asked.rows[rows], new[kept]])
        asked.near = np.concatenate([asked.near[rows], near[kept]])
        asked.cosines = np.concatenate([asked.cosines[rows], np.full(np.count_nonzero(kept), _UNKNOWN)])
        asked.told = None

    def _anew(self, look: Floats, scores: Floats, without: Collection[int], wanted: _Wanted) -> _Asked:
        """``scores`` of the look with all places."""
        free = scores
        if without:
            free = scores.copy()
            free[self._prototypes.places(without)] = NOWHERE
        floor = _at(free, wanted.persons + wanted.persons // _SPARE_PERSONS)
        places = np.flatnonzero((scores >= floor) & (scores > NOWHERE))
        rows = self._prototypes.rows_at(places)
        near = self._prototypes.scores_of(rows, look)
        return _Asked(
            look, floor, places, scores[places], NOWHERE,
            rows, near, np.full(len(rows), _UNKNOWN), self._prototypes.moment,
        )  # fmt: skip

    def _nearly(self, asked: _Asked, probe: WholeVector, without: Collection[int], wanted: _Wanted) -> Near:
        """Of a new look, of which most rows are let go: few of them are ever found. Where too many of those
        left are of persons who are left out, all are kept."""
        rows, near, cosines = asked.rows, asked.near, asked.cosines
        asked.edge = _at(near, _SPARE_ROWS * wanted.rows)
        over = near >= asked.edge
        asked.rows, asked.near, asked.cosines = rows[over], near[over], cosines[over]
        found = self._found(asked, probe, without, wanted)
        if found is None:
            asked.edge, asked.rows, asked.near, asked.cosines = NOWHERE, rows, near, cosines
            found = self._found(asked, probe, without, wanted)
        assert found is not None
        return found

    def _found(
        self, asked: _Asked, probe: WholeVector, without: Collection[int], wanted: _Wanted
    ) -> Near | None:
        """None where what is remembered does not tell: too little of it is left."""
        chosen = self._chosen(asked, without, wanted)
        if chosen is None or (len(chosen) < wanted.rows and asked.edge > NOWHERE):
            return None
        best = chosen[_best(asked.near[chosen], self._table.owner[asked.rows[chosen]], wanted.rows)]
        best = best[np.argsort(asked.rows[best])]
        unknown = best[asked.cosines[best] == _UNKNOWN]
        if len(unknown):
            asked.cosines[unknown] = self._table.cosines(asked.rows[unknown], probe)
        near = Near(asked.rows[best], asked.cosines[best])
        asked.told = _Told(near, without, wanted)
        return near

    def _chosen(self, asked: _Asked, without: Collection[int], wanted: _Wanted) -> Places | None:
        """Which of the rows are of the persons who are looked at closer; None where others than those
        remembered may be among them."""
        scores, prototypes = asked.scores, self._prototypes
        if without:
            out = prototypes.places(without)
            self._marks[out] = True
            scores = np.where(self._marks[asked.places], NOWHERE, scores)
            self._marks[out] = False
        best = _best(scores, prototypes.number[asked.places], wanted.persons)
        if len(best) < wanted.persons and asked.floor > NOWHERE:
            return None
        places = asked.places[best]
        self._marks[places] = True
        chosen = np.flatnonzero(self._marks[prototypes.place[asked.rows]])
        self._marks[places] = False
        return chosen


def _at(scores: Floats, count: int) -> np.float32:
    """The lowest of so many of the highest scores; `NOWHERE` where there are no more."""
    if len(scores) <= count:
        return NOWHERE
    return np.float32(np.partition(scores, len(scores) - count)[len(scores) - count])


def _best(scores: Floats, numbers: NDArray[np.int64], wanted: int) -> Places:
    """Places, ascending, of so many of the highest scores; of equals at the edge of those with the lowest
    numbers, all of the last number. Without those that are `NOWHERE`."""
    if len(scores) <= wanted:
        return np.flatnonzero(scores > NOWHERE)
    floor = np.partition(scores, len(scores) - wanted)[len(scores) - wanted]
    if floor == NOWHERE:
        return np.flatnonzero(scores > floor)
    over = scores > floor
    equal = np.flatnonzero(scores == floor)
    left = wanted - np.count_nonzero(over)
    if len(equal) > left:
        of = numbers[equal]
        equal = equal[of <= np.partition(of, left - 1)[left - 1]]
    over[equal] = True
    return np.flatnonzero(over)
