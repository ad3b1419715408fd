"""How tall people stand at each place of a fixed camera's picture, learned from those seen whole.

On flat ground the height of upright people in the picture is linear in the row of their feet (Hoiem, Efros
and Hebert, "Putting Objects in Perspective", IJCV 2008), and so in that of their heads. It is the heads that
are seen where people crowd, so height is regressed on them directly: solved from the feet's line, a small
person would count for one far off, and that error grows by 1 / (1 - slope).
"""

from typing import Final

import numpy as np

#: People needed before anything is said, how many of the last are kept, and after how many it is fitted anew.
ENOUGH: Final = 25
KEPT: Final = 400
REFIT: Final = 10
#: Heights off by more than this share are children, seated or half hidden: they do not count.
ODD: Final = 0.2
#: Heads are known to be in the rows between those of all but so few of them, and so many heights beyond.
FEW: Final = 0.02
MARGIN: Final = 0.1


class Stature:
    """Rows and heights in pixels of one and the same picture."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []
        self._news = 0
        self._slope, self._offset = 0.0, 0.0
        self._range: tuple[float, float] | None = None
        self._rows: tuple[float, float] = (0.0, 0.0)

    def learn(self, head: float, height: float) -> None:
        """One person seen whole: the row of their head's top, and their height."""
        self._seen = [*self._seen[1 - KEPT :], (head, height)]
        self._news += 1
        if len(self._seen) >= ENOUGH and self._news >= REFIT:
            self._news = 0
            self._fit()

    def below(self, head: float) -> float | None:
        """Height of somebody whose head's top is in row ``head``; None while that is not known."""
        if self._range is None:
            return None
        return float(np.clip(self._slope * head + self._offset, *self._range))

    def known(self, head: float) -> float | None:
        """`below`, and None as well in rows where nobody was seen whole: the line is a guess there."""
        expected = self.below(head)
        if expected is None or self._range is None:
            return None
        margin = MARGIN * self._range[0]
        return expected if self._rows[0] - margin <= head <= self._rows[1] + margin else None

    def above(self, feet: float) -> float | None:
        """Height of somebody whose feet are in row ``feet``; None while that is not known."""
        if self._range is None:
            return None
        return float(np.clip((self._slope * feet + self._offset) / (1 + self._slope), *self._range))

    def _fit(self) -> None:
        """Least squares, twice more without what lies far off."""
        heads, heights = np.array(self._seen).T
        near = np.ones(len(heads), bool)
        for _ in range(3):
            if near.sum() < ENOUGH / 2:
                return
            # Rows that hardly differ have a slope of chance.
            if np.ptp(heads[near]) >= ODD * heights[near].mean():
                self._slope, self._offset = (float(v) for v in np.polyfit(heads[near], heights[near], 1))
            else:
                self._slope, self._offset = 0.0, float(np.median(heights[near]))
            expected = self._slope * heads + self._offset
            near = np.abs(heights / np.maximum(expected, 1.0) - 1) <= ODD
        self._range = float(heights[near].min()), float(heights[near].max())
        low, high = np.quantile(heads[near], [FEW, 1 - FEW])
        self._rows = float(low), float(high)
