"""A piece of foreground taken apart into people: each head that stands out of its upper edge is one.

People who walk together or pass each other are one blob for a background model, and HOG sees one of them at
best. Their heads are seldom hidden, though, and from the head the camera's `Stature` tells where the feet
are, even when furniture or somebody in front hides them (cf. Zhao and Nevatia, PAMI 2004).
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from producers.detect.stature import Stature

Part = npt.NDArray[np.bool_]
"""``(h, w)`` one connected piece of foreground, True where it is."""

#: All in heights of a person. Two heads are at least so far apart, with a dip of so much between them.
BETWEEN: Final = 0.11
DIP: Final = 0.06
#: From the head to either side that a person reaches, and where a neighbour is nearer than `CROWD`.
REACH: Final = 0.3
ELBOW: Final = 0.19
CROWD: Final = 0.45
#: Feet are taken from the foreground where it ends so near to where they are expected.
FEET: Final = 0.15
#: Share of the column below a head, as wide as the head, that must be foreground.
SOLID: Final = 0.6


class Figure(NamedTuple):
    """A person's box within a piece, pixels. ``fill``: share of it that is foreground; ``alone``: whether the
    piece shows nobody else."""

    left: int
    top: int
    right: int
    bottom: int
    fill: float
    alone: bool


def figures(part: Part, raw: Part, top: int, min_height: float, stature: Stature) -> list[Figure]:
    """``raw``: the foreground before its gaps were closed; ``top``: the picture's row where the piece begins.
    The figures are in pixels of the piece."""
    heads = _heads(part, raw, top, stature)
    found = []
    for place, (column, row, height) in enumerate(heads):
        near = [abs(column - other) for i, (other, _, _) in enumerate(heads) if i != place]
        crowd = min(near, default=np.inf) < CROWD * height
        box = _box(part, column, row, height, crowd, alone=len(heads) == 1)
        if box is not None and box.bottom - box.top >= min_height:
            found.append(box)
    return found


def _heads(part: Part, raw: Part, top: int, stature: Stature) -> list[tuple[int, int, float]]:
    """Column, row and the person's height of each head, the highest first."""
    rows = len(part)
    edge = np.where(raw.any(axis=0), raw.argmax(axis=0), rows).astype(np.float32)
    smooth = max(3, round(0.03 * rows) | 1)
    edge = cv2.blur(edge[None], (smooth, 1), borderType=cv2.BORDER_REPLICATE)[0]
    found: list[tuple[int, int, float]] = []
    for column in np.argsort(edge, kind="stable").tolist():
        around = edge[max(0, column - 2) : column + 3]
        if edge[column] > around.min() or edge[column] >= rows - 2:
            continue
        row = int(part[:, max(0, column - 1) : column + 2].any(axis=1).argmax())
        height = min(stature.below(top + row) or float(rows - row), 1.5 * rows)
        if _stands_out(edge, column, height, [c for c, _, _ in found]) and (
            not found or _solid(part, column, row, height)
        ):
            found.append((column, row, height))
    return found


def _stands_out(edge: npt.NDArray[np.float32], column: int, height: float, others: list[int]) -> bool:
    for other in others:
        low, high = sorted((column, other))
        dip = edge[low : high + 1].max() - edge[column]
        if high - low < BETWEEN * height or dip < max(DIP * height, 2.0):
            return False
    return True


def _solid(part: Part, column: int, row: int, height: float) -> bool:
    half = max(1, round(0.06 * height))
    below = part[row : row + round(0.6 * height), max(0, column - half) : column + half + 1]
    return float(below.mean()) >= SOLID


def _box(part: Part, column: int, row: int, height: float, crowd: bool, *, alone: bool) -> Figure | None:
    reach = ELBOW if crowd else REACH
    if alone:
        left, right = 0, part.shape[1]
    else:
        left = max(0, round(column - reach * height))
        right = min(part.shape[1], round(column + reach * height) + 1)
    own = part[:, left:right]
    seen = np.flatnonzero(own[row:].any(axis=1))
    columns = np.flatnonzero(own[row : row + round(height)].any(axis=0))
    if len(seen) == 0 or len(columns) == 0:
        return None
    bottom = row + int(seen[-1]) + 1
    if not alone and abs(bottom - row - height) > FEET * height:
        bottom = row + round(height)
    right, left = left + int(columns[-1]) + 1, left + int(columns[0])
    fill = float(part[row:bottom, left:right].mean()) if bottom > row else 0.0
    return Figure(left, row, right, bottom, fill, alone)
