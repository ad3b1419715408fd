"""What moves before a fixed camera: foreground blobs, and which of them may be persons."""

from itertools import pairwise
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from producers.frames import Image

Mask = npt.NDArray[np.uint8]
"""``(h, w)`` uint8, 255 where something is in front of the background."""

#: Frames after which what stands still is half forgotten: 40 s at 5 frames/s until it is background.
HISTORY: Final = 300
#: Share of the frame in motion from which it is the light, or the camera, that changed.
LIGHT_CHANGED: Final = 0.55
#: Frames until what is foreground can be relied on: who stood there at first is background until then.
LEARNING: Final = 25
_MAX_WIDTH: Final = 320
_SHADOW: Final = 127


class Blob(NamedTuple):
    """A connected piece of foreground, in pixels of the frame. ``fill``: share of its box that is mask."""

    x: float
    y: float
    w: float
    h: float
    fill: float


class Motion:
    """Adaptive Gaussian mixture background (Zivkovic, ICPR 2004), at most 320 pixels wide."""

    def __init__(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(HISTORY, 20, True)
        # 0.9 by default, which takes a person who stands for six seconds for background.
        self._model.setBackgroundRatio(0.6)
        self._model.setShadowThreshold(0.6)
        self._frames = 0
        self._changed = False

    @property
    def reliable(self) -> bool:
        """Whether a person in the last frame would have been foreground."""
        return self._frames > LEARNING and not self._changed

    def blobs(self, image: Image, min_height: float) -> list[Blob]:
        """Blobs at least half of ``min_height`` pixels high, clusters of walkers split where they part."""
        scale = min(1.0, _MAX_WIDTH / image.shape[1])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = self._exposed_alike(np.asarray(small, np.uint8))
        self._frames += 1
        raw = self._model.apply(small, learningRate=1.0 / min(self._frames, HISTORY))
        mask = _cleaned(np.asarray(raw, np.uint8))
        self._changed = cv2.countNonZero(mask) > LIGHT_CHANGED * mask.size
        # The first frame is background by definition: it has nothing to differ from.
        if self._frames < 2 or self._changed:
            return []
        return [
            Blob(x / scale, y / scale, w / scale, h / scale, fill)
            for x, y, w, h, fill in _pieces(mask, min_height * scale / 2)
        ]

    def _exposed_alike(self, small: Image) -> Image:
        """The picture with the gains taken back by which automatic exposure and white balance moved it
        off the background: the median ratio by channel, which no person is large enough to move."""
        if self._frames == 0:
            return small
        sample = (slice(None, None, 4), slice(None, None, 4))
        background = self._model.getBackgroundImage()[sample].reshape(-1, 3).astype(np.float32)
        now = small[sample].reshape(-1, 3).astype(np.float32)
        gain = np.median((background + 8) / (now + 8), axis=0).clip(0.5, 2.0)
        return np.asarray(cv2.convertScaleAbs(small * gain.astype(np.float32)), np.uint8)


def _cleaned(raw: Mask) -> Mask:
    mask = cv2.medianBlur(np.where(raw > _SHADOW, 255, 0).astype(np.uint8), 3)
    # Taller than wide: legs and trunk of one person are joined, neighbours are not.
    upright = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 11))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, upright), np.uint8)


def _pieces(mask: Mask, min_height: float) -> list[tuple[int, int, int, int, float]]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = []
    for number in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[number])
        if h < min_height or area < 0.15 * w * h:
            continue
        part = labels[y : y + h, x : x + w] == number
        for left, right in _columns(part):
            rows = np.flatnonzero(part[:, left:right].any(axis=1))
            top, bottom = int(rows[0]), int(rows[-1]) + 1
            if bottom - top >= min_height:
                fill = float(part[top:bottom, left:right].mean())
                found.append((x + left, y + top, right - left, bottom - top, fill))
    return found


def _columns(part: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where to cut a blob that is too wide for one person: at the valleys between its peaks."""
    height, width = part.shape
    if width < 0.45 * height or width < 12:
        return [(0, width)]
    kernel = max(3, int(0.12 * height) | 1)
    profile = cv2.GaussianBlur(part.sum(axis=0, dtype=np.float32)[None], (kernel, 1), 0)[0]
    reach = max(2, int(0.16 * height))
    peaks = [
        i for i in range(width) if profile[i] >= profile[max(0, i - reach) : i + reach + 1].max() and
        profile[i] > 0.4 * height
    ]  # fmt: skip
    cuts = [0]
    for a, b in pairwise(peaks):
        valley = a + int(profile[a : b + 1].argmin())
        if b - a >= reach and profile[valley] < 0.7 * min(profile[a], profile[b]):
            cuts.append(valley)
    cuts.append(width)
    return [(a, b) for a, b in pairwise(cuts) if b - a >= 3]
