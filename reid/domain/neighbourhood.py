"""Searches that begin where an earlier one ended: most are for somebody who was looked for a moment ago.

A search of a large gallery leaves a neighbourhood: the rows that scored at least so much with its probe. A
probe that has turned from that one by a small angle scores less than a known bound with every other row, so
it is enough to look at these, and at the rows that were put since. Where that does not settle who is nearest,
all rows are searched. What is found is the same with and without, so nothing of it is stored.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.domain.blocks import Places
from reid.domain.coarse import Floats
from reid.domain.rows import Rows

#: Neighbourhoods remembered: tracks and doubts that are being decided at one time.
REMEMBERED: Final = 256
#: So many of them are tried, in which the probe is not further than this cosine.
_TRIED: Final = 4
_LEAST: Final = 0.8


@dataclass(slots=True)
class _Neighbourhood:
    """No row but ``rows`` (ascending), and those put since ``moment``, scored more than ``floor`` with
    ``centre`` when the cameras' rows had turned by ``turned``."""

    centre: Floats
    floor: float
    rows: Places
    moment: int
    turned: NDArray[np.float64]

    def turn(self, turned: NDArray[np.float64]) -> float:
        """How far any camera's rows have turned since. Those of a camera that is new were put since."""
        self.turned = np.concatenate([self.turned, turned[len(self.turned) :]])
        return float(np.max(turned - self.turned, initial=0.0))


class Neighbourhoods:
    """``(REMEMBERED, d)`` centres, zero where there is none. The one not asked for longest gives way."""

    def __init__(self, table: Rows) -> None:
        self._table = table
        self._known: list[_Neighbourhood | None] = [None] * REMEMBERED
        self._centres: Floats = np.zeros((REMEMBERED, table.dim), np.float32)
        self._asked: NDArray[np.int64] = np.zeros(REMEMBERED, np.int64)

    def keep(self, centre: Floats, floor: float, rows: Places) -> None:
        """No row but these scores more than ``floor`` with ``centre``, roughly, as of now."""
        place = int(np.argmin(self._asked))
        turned = self._table.turned.copy()
        self._known[place] = _Neighbourhood(centre, floor, rows, self._table.moment, turned)
        self._centres[place], self._asked[place] = centre, self._asked.max() + 1

    def knows(self, direction: Floats) -> bool:
        """Whether there was a search like it."""
        return bool((self._centres @ direction).max() >= _LEAST)

    def around(self, direction: Floats) -> Iterator[tuple[Places, float]]:
        """Those that the probe is in, the nearest first: rows, none hidden, and what no other row scores more
        than, roughly."""
        cosines = self._centres @ direction
        places = np.argpartition(cosines, REMEMBERED - _TRIED)[-_TRIED:]
        for place in places[np.argsort(-cosines[places])].tolist():
            near = self._known[place]
            if near is None or cosines[place] < _LEAST:
                return
            fresh = self._table.changed_since(near.moment)
            if fresh is None:
                self._known[place], self._centres[place], self._asked[place] = None, 0.0, 0
                continue
            self._asked[place] = self._asked.max() + 1
            if len(fresh):
                fresh = fresh[~self._table.hidden[fresh]]
                near.rows = _with(near.rows, fresh[self._table.rough(fresh, near.centre) > near.floor])
            near.moment = self._table.moment
            angle = _angle(near.centre, direction) + near.turn(self._table.turned)
            margin = self._table.margin
            rows = near.rows[~self._table.hidden[near.rows]]
            yield rows, _turned_by(near.floor + margin, angle) + margin


def _with(rows: Places, more: Places) -> Places:
    """Both, ascending."""
    places = np.searchsorted(rows, more)
    new = rows.take(places, mode="clip") != more if len(rows) else np.ones(len(more), np.bool_)
    return np.insert(rows, places[new], more[new]) if new.any() else rows


def _angle(one: Floats, other: Floats) -> float:
    """Between unit vectors, by the chord: float32 does not tell small angles by their cosine."""
    chord = one.astype(np.float64) - other
    return 2 * math.asin(min(math.sqrt(float(chord @ chord)) / 2, 1.0))


def _turned_by(cosine: float, angle: float) -> float:
    """The highest cosine with a vector at ``angle`` from one with which it is ``cosine`` at most."""
    return math.cos(max(math.acos(min(max(cosine, -1.0), 1.0)) - angle, 0.0))
