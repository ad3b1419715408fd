"""Height class: short, medium or tall among the people that this very camera sees.

No camera is calibrated, so metres are not known. Of people who stand on one floor, the height of the box is
nearly a straight line of where its foot stands in the picture; the line is fitted to the camera's own boxes,
and a person is measured against it. A camera that has seen few people says nothing.
"""

from collections import deque
from typing import Final

import numpy as np

from producers.describe.clothes import Box
from producers.frames import Image

#: Boxes remembered, tracks and boxes before the line is trusted, boxes a track may give (nobody who stands in
#: front of a camera all day is its measure).
REMEMBERED: Final = 600
LEAST_BOXES: Final = 60
LEAST_TRACKS: Final = 8
OF_A_TRACK: Final = 20
#: Height over the line's below which a person is short, above which tall.
SHORT: Final = 0.95
TALL: Final = 1.05
#: New boxes until the line is fitted anew.
REFIT: Final = 20
_EDGE: Final = 2.0


class Stature:
    """One camera's. Not thread-safe."""

    def __init__(self) -> None:
        self._begin((0, 0))

    def _begin(self, size: tuple[int, ...]) -> None:
        self._size = size
        self._seen: deque[tuple[int, float, float]] = deque(maxlen=REMEMBERED)
        self._given: dict[int, int] = {}
        self._line: tuple[float, float] | None = None
        self._new = 0

    def measure(self, image: Image, box: Box, track: int) -> str:
        """``short``, ``medium``, ``tall``, or empty: not known, or not shown whole."""
        if image.shape[:2] != self._size:
            # Boxes of pictures of another size stand along another line.
            self._begin(image.shape[:2])
        _, y, w, h = box
        foot = y + h
        if y <= _EDGE or foot >= image.shape[0] - _EDGE or not 0.2 <= w / h <= 0.65:
            return ""
        if self._given.get(track, 0) < OF_A_TRACK:
            self._given[track] = self._given.get(track, 0) + 1
            self._seen.append((track, foot, h))
            self._new += 1
            if self._new >= REFIT:
                self._fit()
        if self._line is None:
            return ""
        slope, offset = self._line
        ratio = h / max(slope * foot + offset, 1.0)
        return "short" if ratio < SHORT else "tall" if ratio > TALL else "medium"

    def _fit(self) -> None:
        self._new = 0
        tracks = {track for track, _, _ in self._seen}
        self._given = {track: count for track, count in self._given.items() if track in tracks}
        if len(self._seen) < LEAST_BOXES or len(tracks) < LEAST_TRACKS:
            return
        feet = np.array([foot for _, foot, _ in self._seen])
        heights = np.array([height for _, _, height in self._seen])
        kept = np.ones(len(feet), np.bool_)
        for _ in range(3):
            if feet[kept].std() < 1.0:
                self._line = 0.0, float(np.median(heights))
                return
            slope, offset = np.polyfit(feet[kept], heights[kept], 1)
            off = np.abs(heights - (slope * feet + offset))
            # Who sits, or a box of two: not the line that people stand along.
            kept = off <= 2.5 * np.median(off[kept]) + 1e-6
        self._line = float(slope), float(offset)
