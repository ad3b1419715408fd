"""A piece of foreground taken apart into people: each head that stands out of its upper edge is one.

People who walk together or pass each other are one blob for a background model, and HOG sees one of them at
best. Their heads are seldom hidden, though, and from the head the camera's `Stature` tells where the feet
are, even when furniture or somebody in front hides them (cf. Zhao and Nevatia, PAMI 2004). Who stands before
somebody else with their head, too, is found by their feet.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from producers.detect.stature import ODD, Stature

Part = npt.NDArray[np.bool_]
"""``(h, w)`` one connected piece of foreground, True where it is."""

#: All in heights of a person. Two heads are at least so far apart, with a dip of so much between them.
BETWEEN: Final = 0.11
DIP: Final = 0.06
#: From the head to either side that a person reaches, and to where a neighbour is nearer than `CROWD`.
REACH: Final = 0.3
ELBOW: Final = 0.19
CROWD: Final = 0.45
#: Feet are taken from the foreground where it ends so near to where they are expected.
FEET: Final = 0.15
#: Somebody of whom so much of the height is seen stands behind a desk, unless they are this slender.
CUT: Final = (0.4, 0.75)
SLENDER: Final = 0.15
#: Share of the column below a head, as wide as the head, that must be foreground.
SOLID: Final = 0.6
#: Feet are somebody else's so far below where all others are expected to end, where their piece is at least
#: so large, in squares of the height.
BELOW: Final = 0.25
PART: Final = 0.01
#: So many in one piece are found by their feet at most.
_MOST_BEFORE: Final = 3
#: A box of which the height is not `ODD` there is one person's if it has such a width, in heights.
BROAD: Final = (0.15, 0.6)


class Figure(NamedTuple):
    """A person's box within a piece, pixels. ``fill``: share of it that is foreground; ``alone``: whether the
    piece shows this one, whole, and nobody else; ``fits``: whether people have such a size there."""

    left: int
    top: int
    right: int
    bottom: int
    fill: float
    alone: bool
    fits: bool = False


def figures(part: Part, raw: Part, top: int, min_height: float, stature: Stature) -> list[Figure]:
    """``raw``: the foreground before its gaps were closed; ``top``: the picture's row where the piece begins.
    The figures are in pixels of the piece."""
    heads = _heads(part, raw, top, stature)
    found = []
    for place, (column, row, height) in enumerate(heads):
        apart = [other - column for i, (other, _, _) in enumerate(heads) if i != place]
        reach = (
            ELBOW if any(-CROWD * height < d < 0 for d in apart) else REACH,
            ELBOW if any(0 <= d < CROWD * height for d in apart) else REACH,
        )
        box = _box(part, column, row, height, reach, alone=len(heads) == 1)
        if box is not None and box.bottom - box.top >= min_height:
            found.append(box)
    found = _with_those_before(part, top, found, stature)
    return [_judged(box, top, stature) for box in found]


def _judged(box: Figure, top: int, stature: Stature) -> Figure:
    """The figure with its feet where they must be when a desk hides them, and whether its size fits."""
    expected = stature.known(top + box.top)
    if expected is None:
        return box
    height, width = (box.bottom - box.top) / expected, (box.right - box.left) / expected
    if box.alone and CUT[0] <= height < CUT[1] and width >= SLENDER:
        box, height = box._replace(bottom=box.top + round(expected), alone=False), 1.0
    return box._replace(fits=abs(height - 1) <= ODD and BROAD[0] <= width <= BROAD[1])


def _with_those_before(part: Part, top: int, found: list[Figure], stature: Stature) -> list[Figure]:
    """And those whose heads do not stand out, for they are before somebody else: what is left of the piece
    below all others' feet are theirs. Nothing where the camera does not know how tall people are there."""
    for _ in range(_MOST_BEFORE):
        heights = [height for box in found if (height := stature.known(top + box.top)) is not None]
        if len(heights) < len(found):
            return found
        rest = part.copy()
        for box, height in zip(found, heights, strict=True):
            end = box.top + round((1 + BELOW) * height)
            rest[:end, max(0, box.left - 2) : box.right + 2] = False
        one = _on_feet(part, rest, top, stature)
        if one is None:
            return found
        # Whoever was taken for alone goes down to their own feet only.
        found = [
            box._replace(alone=False, bottom=min(box.bottom, box.top + round(height))) if box.alone else box
            for box, height in zip(found, heights, strict=True)
        ] + [one]
    return found


def _on_feet(part: Part, rest: Part, top: int, stature: Stature) -> Figure | None:
    """The person to whom the largest piece of ``rest`` belongs, as feet; None where there is none."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(rest.astype(np.uint8), connectivity=8)
    for number in sorted(range(1, count), key=lambda n: -int(stats[n][4])):
        _, y, _, h, area = (int(v) for v in stats[number])
        feet = y + h
        height = stature.above(top + feet)
        if height is None or area < PART * height * height:
            continue
        row = max(feet - round(height), 0)
        if feet - height < -0.1 * height or stature.known(top + row) is None:
            continue
        low = np.flatnonzero((labels[max(0, feet - round(0.2 * height)) : feet] == number).any(axis=0))
        column = int(low[0] + low[-1]) // 2
        half = max(1, round(0.08 * height))
        trunk = part[row : feet - round(0.1 * height), max(0, column - half) : column + half + 1]
        if float(trunk.mean()) >= SOLID:
            left = max(0, round(column - ELBOW * height))
            right = min(part.shape[1], round(column + ELBOW * height) + 1)
            return Figure(left, row, right, feet, float(part[row:feet, left:right].mean()), alone=False)
    return None


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


def _box(
    part: Part, column: int, row: int, height: float, reach: tuple[float, float], *, alone: bool
) -> Figure | None:
    """``reach``: to the left and to the right of the head, in heights."""
    if alone:
        left, right = 0, part.shape[1]
    else:
        left = max(0, round(column - reach[0] * height))
        right = min(part.shape[1], round(column + reach[1] * height) + 1)
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
