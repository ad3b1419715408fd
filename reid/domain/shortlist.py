"""Which templates may be the nearest ones: all that are, and few more, by float32 products alone.

Of a large gallery all rows are compared along a few directions, those whose bound is high along more, and
only what is left is scored. Most searches need none of that: they begin where an earlier one ended
(`reid.domain.neighbourhood`). Either way the shortlist holds every row that may be among the nearest, so
what is found is the same.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np

from reid.domain.blocks import Places
from reid.domain.coarse import Floats
from reid.domain.neighbourhood import Neighbourhoods
from reid.domain.rows import NOWHERE, Rows

#: Rows scored for each person wanted, at first; so few rows are all compared exactly.
_EACH: Final = 8
_FEW: Final = 64
#: In a large gallery so many times more are compared along more directions before.
_MORE: Final = 8
#: Scores of which only the highest is looked at first, in a large gallery.
_STRETCH: Final = 64
#: Rows of a narrow neighbourhood, which are scored.
_SCORED: Final = 1_024
_NONE: Final = np.zeros(0, np.intp)


class _Room(NamedTuple):
    """How much less than what was found a neighbourhood's rows may score, so that the next probe may turn:
    ``most``, but only ``least`` of it where more than ``compared`` rows would have to be compared along more
    directions for it, or more than ``held`` be left of them."""

    most: float
    least: float
    compared: int
    held: int


#: Of a look that was searched for before: it goes on turning, and is compared with many each time; and of
#: others, which most often are asked for once more as they are.
_WIDE: Final = _Room(0.14, 0.06, 32_768, 12_288)
_NARROW: Final = _Room(0.06, 0.01, 8_192, 2_048)


class Shortlists:
    """Of the templates of one encoder."""

    def __init__(self, table: Rows) -> None:
        self._table, self._near = table, Neighbourhoods(table)

    def of(self, directions: Floats, excluded: Sequence[Collection[int]], top: int) -> list[Places]:
        """For each of these probes all rows, none hidden, that may be the best of one of the ``top`` nearest
        persons; ``excluded``: numbers of persons that are not asked for."""
        near = [self._nearby(*each, top) for each in zip(directions, excluded, strict=True)]
        left = [n for n, rows in enumerate(near) if rows is None]
        bounds = iter(self._table.bounds(directions[left]) if left else ())
        return [
            self._anywhere(next(bounds), direction, without, top) if rows is None else rows
            for rows, direction, without in zip(near, directions, excluded, strict=True)
        ]

    def _nearby(self, direction: Floats, without: Collection[int], top: int) -> Places | None:
        """If an earlier search settles it."""
        if not self._table.large or not direction.any():
            return None
        for rows, others in self._near.around(direction):
            if self._table.bounded and len(rows) > _SCORED:
                above = self._table.closer(rows, self._table.few_bounds(rows, direction), direction, 1)
                found = self._narrowed(rows, above, others, direction, without, top)
            else:
                found = self._settled(rows, others, direction, without, top)
            if found is not None:
                return found
        return None

    def _anywhere(self, above: Floats, direction: Floats, without: Collection[int], top: int) -> Places:
        """Of all rows; ``above``: bounds of their scores, or the scores."""
        table, rows, enough, wanted = self._table, _NONE, None, _EACH * top
        while enough is None and len(rows) < len(above) > _FEW:
            rows = _highest(above, wanted * (_MORE if table.bounded else 1))
            known = rows[above[rows] > NOWHERE]
            closer = table.closer(known, above[known], direction, 1) if table.bounded else above[known]
            enough = self._reached(known, closer, direction, without, top)
            wanted *= 4
        if enough is None:
            return self._but(np.flatnonzero(above > NOWHERE), without)
        if not table.large:
            return self._but(np.flatnonzero(above >= enough), without)
        wide = table.bounded and self._near.knows(direction)
        room = _WIDE if wide else _NARROW
        floor, highest = enough - room.most, enough - room.least
        rows = np.flatnonzero(above >= floor)
        if not table.bounded:
            rows, scores, floor = _fewer(rows, above[rows], floor, highest, _SCORED)
            self._near.keep(direction, floor, rows)
            return self._but(rows[scores >= enough], without)
        rows, bounds, floor = _fewer(rows, above[rows], floor, highest, room.compared)
        closer = table.closer(rows, bounds, direction, 1)
        rows, closer, floor = _fewer(rows, closer, floor, highest, room.held)
        if wide:
            self._near.keep(direction, floor, rows)
        rows, scores = self._scored(rows, closer, floor, enough, direction)
        return self._but(rows[scores >= enough], without)

    def _settled(
        self, rows: Places, others: float, direction: Floats, without: Collection[int], top: int
    ) -> Places | None:
        """Out of a narrow neighbourhood; no row of the others scores more than ``others``."""
        scores = self._table.rough(rows, direction)
        enough = self._enough(rows, scores, without, top)
        if enough is None or enough <= others:
            return None
        return self._but(rows[scores >= enough], without)

    def _narrowed(
        self,
        rows: Places,
        above: Floats,
        others: float,
        direction: Floats,
        without: Collection[int],
        top: int,
    ) -> Places | None:
        """As `_settled`, out of a wide one with these bounds."""
        enough = self._reached(rows, above, direction, without, top)
        if enough is None or enough <= others:
            return None
        rows, scores = self._scored(rows, above, others, enough, direction)
        return self._but(rows[scores >= enough], without)

    def _scored(
        self, rows: Places, above: Floats, others: float, enough: float, direction: Floats
    ) -> tuple[Places, Floats]:
        """Those that score ``enough``, and more, which are a narrow neighbourhood."""
        floor, highest = max(enough - _NARROW.most, others), enough - _NARROW.least
        rows, above, floor = _fewer(rows, above, floor, highest, _NARROW.compared)
        if self._table.bounded:
            finest = self._table.closer(rows, above, direction, 2)
            rows, _, floor = _fewer(rows, finest, floor, highest, _SCORED)
        rows, scores, floor = _fewer(rows, self._table.rough(rows, direction), floor, highest, _SCORED)
        if floor <= highest:
            self._near.keep(direction, floor, rows)
        return rows, scores

    def _reached(
        self, rows: Places, above: Floats, direction: Floats, without: Collection[int], top: int
    ) -> float | None:
        """As `_enough`, of rows with these bounds, or scores: the highest of them are scored."""
        if self._table.bounded:
            rows = rows[_highest(above, _EACH * top)]
            above = self._table.rough(rows, direction)
        return self._enough(rows, above, without, top)

    def _enough(self, rows: Places, scores: Floats, without: Collection[int], top: int) -> float | None:
        """The score below which nobody is one of the ``top`` nearest persons; None when there are fewer.

        So many persons score this and two margins more, so exactly this and one at least; whoever scores
        less than this is exactly below all of them.
        """
        order = np.argsort(-scores)
        persons: set[int] = set()
        for place, owner in zip(order.tolist(), self._table.owner[rows[order]].tolist(), strict=True):
            if owner not in without:
                persons.add(owner)
                if len(persons) == top:
                    return float(scores[place]) - 2 * self._table.margin
        return None

    def _but(self, rows: Places, without: Collection[int]) -> Places:
        """Those of others."""
        if not without:
            return rows
        return rows[~np.isin(self._table.owner[rows], list(without))]


def _highest(scores: Floats, wanted: int) -> Places:
    """So many places of the highest scores, or more, ascending; of fewer scores all."""
    if len(scores) <= wanted:
        return np.arange(len(scores))
    stretches = len(scores) // _STRETCH
    if stretches <= 2 * wanted:
        return np.sort(np.argpartition(scores, len(scores) - wanted)[-wanted:])
    # The highest of each stretch: ``wanted`` of them are above the floor, so are as many rows.
    peaks = scores[: stretches * _STRETCH].reshape(stretches, _STRETCH).max(axis=1)
    floor = np.partition(peaks, stretches - wanted)[stretches - wanted]
    return np.flatnonzero(scores >= floor)


def _fewer(
    rows: Places, scores: Floats, floor: float, highest: float, most: int
) -> tuple[Places, Floats, float]:
    """Those that score ``floor``, which is raised to leave ``most``, but not beyond ``highest``."""
    over = scores >= floor
    if np.count_nonzero(over) > most:
        raised = float(np.partition(scores, len(scores) - most)[len(scores) - most])
        floor = max(min(raised, highest), floor)
        over = scores >= floor
    return rows[over], scores[over], floor
