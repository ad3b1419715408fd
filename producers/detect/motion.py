"""What moves before a fixed camera: foreground blobs, and which of them may be persons."""

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from producers.detect.background import BACKGROUND, HISTORY, LIGHT_CHANGED, exposed_alike
from producers.detect.base import FloatArray, overlaps
from producers.detect.figures import figures
from producers.detect.stature import ODD, Stature
from producers.frames import Image

Mask = npt.NDArray[np.uint8]
"""``(h, w)`` uint8, 255 where something is in front of the background."""

#: Frames until what is foreground can be relied on: who stood there at first is background until then.
LEARNING: Final = 25
#: What begins so far below a head, and lies by so much of its area where that person must be, is their legs;
#: people reach so far to the sides of what was seen of them, and are so much taller. In heights.
HIPS: Final = 0.45
LEGS: Final = 0.6
BESIDE: Final = 0.05
TALLER: Final = 0.15
#: Scores of foreground alone: of a person's shape, and of a doubtful one.
SHAPED: Final = 0.5
DOUBTFUL: Final = 0.3
#: What comes so near to the frame's edge may be cut by it, pixels.
EDGE: Final = 2.0
#: Overlap of a figure with a person seen from which it is that person.
SEEN: Final = 0.5
_MAX_WIDTH: Final = 480
_SHADOW: Final = 127


class Blob(NamedTuple):
    """A figure of the foreground, in pixels of the frame. ``fill``: share of its box that is foreground;
    ``alone``: whether the piece shows this one, whole, and nobody else; ``fits``: whether people have such a
    size there."""

    x: float
    y: float
    w: float
    h: float
    fill: float
    alone: bool = True
    fits: bool = False


def boxes_of(blobs: list[Blob]) -> FloatArray:
    """(n, 4) left, top, width, height."""
    return np.array([blob[:4] for blob in blobs], np.float32).reshape(-1, 4)


def shape_score(blob: Blob) -> float:
    """How far foreground alone makes a person: by the size, aspect and fill of its box."""
    aspect = blob.h / max(blob.w, 1.0)
    if blob.fits and blob.fill >= 0.25:
        return SHAPED
    if 1.6 <= aspect <= 4.5 and blob.fill >= 0.4:
        return SHAPED
    if 1.1 <= aspect <= 5.5 and blob.fill >= 0.3:
        return DOUBTFUL
    return 0.0


class Motion:
    """Adaptive Gaussian mixture background (Zivkovic, ICPR 2004), at most 480 pixels wide; and how tall
    people stand before it. Both begin anew with pictures of another size: the camera looks otherwise."""

    def __init__(self) -> None:
        self._begin((0, 0))

    def _begin(self, size: tuple[int, ...]) -> None:
        self.size = size
        """Height and width of the last frame."""
        self._model = cv2.createBackgroundSubtractorMOG2(HISTORY, 20, True)
        self._model.setBackgroundRatio(BACKGROUND)
        self._model.setShadowThreshold(0.6)
        self._frames = 0
        self._changed = False
        self._scale = 1.0
        self._stature: Stature | None = None

    @property
    def reliable(self) -> bool:
        """Whether a person in the last frame would have been foreground."""
        return self._frames > LEARNING and not self._changed

    def blobs(self, image: Image, min_height: float) -> list[Blob]:
        """Figures at least half of ``min_height`` pixels high; people who touch are taken apart."""
        if image.shape[:2] != self.size:
            self._begin(image.shape[:2])
        self._scale = scale = min(1.0, _MAX_WIDTH / image.shape[1])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = np.asarray(small, np.uint8)
        if self._frames:
            small = exposed_alike(small, self._model.getBackgroundImage())
        self._frames += 1
        raw = self._model.apply(small, learningRate=1.0 / min(self._frames, HISTORY))
        mask = cv2.medianBlur(np.where(raw > _SHADOW, 255, 0).astype(np.uint8), 3)
        self._changed = cv2.countNonZero(mask) > LIGHT_CHANGED * mask.size
        self._stature = self._stature or Stature()
        # The first frame is background by definition: it has nothing to differ from.
        if self._frames < 2 or self._changed:
            return []
        return _pieces(np.asarray(mask, np.uint8), min_height * scale / 2, self._stature, scale)

    def learn(self, blobs: list[Blob], seen: FloatArray, size: tuple[int, int]) -> None:
        """Who is seen whole and alone, in a box of ``seen`` (n, 4), teaches how tall people stand there.
        ``size``: width and height of the frame."""
        width, height = size
        for blob in blobs:
            inside = min(blob.x, blob.y, width - blob.x - blob.w, height - blob.y - blob.h) > EDGE
            whole = blob.alone and inside and shape_score(blob) == SHAPED
            if whole and float(overlaps(boxes_of([blob]), seen).max(initial=0.0)) >= SEEN:
                self.confirm(blob)

    def confirm(self, blob: Blob) -> None:
        """This figure is a person, seen whole and alone: the camera learns how tall people stand there."""
        if self._stature is not None:
            self._stature.learn(blob.y * self._scale, blob.h * self._scale)


def _pieces(mask: Mask, min_height: float, stature: Stature, scale: float) -> list[Blob]:
    # Taller than wide: legs and trunk of one person are joined, neighbours are not.
    upright = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 15))
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, upright)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found = []
    for number in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[number])
        if h < min_height or area < 0.15 * w * h:
            continue
        window = (slice(y, y + h), slice(x, x + w))
        part = labels[window] == number
        # Joined by force they lose the dips between their heads.
        for one in figures(part, part & (mask[window] > 0), y, min_height, stature):
            size = (one.right - one.left, one.bottom - one.top)
            found.append(Blob(x + one.left, y + one.top, *size, one.fill, one.alone, one.fits))
    return [
        blob._replace(x=blob.x / scale, y=blob.y / scale, w=blob.w / scale, h=blob.h / scale)
        for blob in _with_legs(found, stature)
    ]


def _with_legs(blobs: list[Blob], stature: Stature) -> list[Blob]:
    """Figures of which a desk, or trousers like the floor, hides the middle, are two pieces: what lies where
    somebody's legs must be is theirs. Pixels of the picture that ``stature`` is told of."""
    blobs = sorted(blobs, key=lambda blob: blob.y)
    whole: list[Blob] = []
    while blobs:
        upper, *blobs = blobs
        expected = stature.known(upper.y)
        if expected is not None:
            legs = [blob for blob in blobs if _is_legs(blob, upper, expected)]
            blobs = [blob for blob in blobs if blob not in legs]
            for lower in legs:
                upper = _joined(upper, lower, expected)
        whole.append(upper)
    return whole


def _is_legs(blob: Blob, upper: Blob, expected: float) -> bool:
    if blob.y < upper.y + HIPS * expected or blob.h > (1 - HIPS + TALLER) * expected:
        return False
    left, right = upper.x - BESIDE * expected, upper.x + upper.w + BESIDE * expected
    width = min(blob.x + blob.w, right) - max(blob.x, left)
    height = min(blob.y + blob.h, upper.y + (1 + TALLER) * expected) - blob.y
    return max(width, 0) * max(height, 0) >= LEGS * blob.w * blob.h


def _joined(upper: Blob, lower: Blob, expected: float) -> Blob:
    """The box about both where that makes a person: feet that were only expected give way to those seen."""
    seen = 0 if abs(upper.h - expected) < 2 else upper.y + upper.h
    left, right = min(upper.x, lower.x), max(upper.x + upper.w, lower.x + lower.w)
    height = max(seen, lower.y + lower.h) - upper.y
    if abs(height / expected - 1) > ODD:
        return upper
    return upper._replace(x=left, w=right - left, h=height, fits=True)
