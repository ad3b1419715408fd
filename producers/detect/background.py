"""What differs from the empty place that a fixed camera looks at."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.frames import Image

Difference = npt.NDArray[np.uint8]
"""``(h, w)``: 0 where nothing differs from the background, 255 where much does."""

#: Frames after which what stands still is half forgotten: 40 s at 5 frames/s until it is background.
HISTORY: Final = 300
#: The mixture's share that is background: 0.9 by default, which takes whoever stands for six seconds for it.
BACKGROUND: Final = 0.6
#: Share of the picture that differs from which it is the light, or the camera, that changed.
LIGHT_CHANGED: Final = 0.55
#: Grey levels that are noise, and by what those above it are multiplied.
NOISE: Final = 6.0
STEEP: Final = 4.0
#: Grey levels, so multiplied, that are no noise for certain.
_CLEAR: Final = 60


class Background:
    """Adaptive Gaussian mixture (Zivkovic, ICPR 2004) of pictures from one camera; those of another size
    begin it anew."""

    def __init__(self) -> None:
        self._begin((0, 0))

    def _begin(self, size: tuple[int, ...]) -> None:
        self._size = size
        self._model = cv2.createBackgroundSubtractorMOG2(HISTORY, 20, False)
        self._model.setBackgroundRatio(BACKGROUND)
        self._frames = 0

    def difference(self, picture: Image) -> Difference:
        """Of the next (h, w, 3) BGR picture; nothing differs while the background is not known, or the
        light is another."""
        if picture.shape[:2] != self._size:
            self._begin(picture.shape[:2])
        empty = self._model.getBackgroundImage() if self._frames else None
        alike = picture if empty is None else exposed_alike(picture, empty)
        self._frames += 1
        self._model.apply(alike, learningRate=1.0 / min(self._frames, HISTORY))
        if empty is None:
            return np.zeros(picture.shape[:2], np.uint8)
        differs = difference(_largest(cv2.absdiff(alike, empty)))
        if cv2.countNonZero(cv2.compare(differs, _CLEAR, cv2.CMP_GT)) > LIGHT_CHANGED * differs.size:
            differs[:] = 0
        return differs


def exposed_alike(picture: Image, empty: Image) -> Image:
    """``picture`` with the gains taken back by which automatic exposure and white balance moved it off the
    background: the median ratio by channel, which no person is large enough to move."""
    sample = (slice(None, None, 4), slice(None, None, 4))
    background = empty[sample].reshape(-1, 3).astype(np.float32)
    now = picture[sample].reshape(-1, 3).astype(np.float32)
    gain = np.median((background + 8) / (now + 8), axis=0).clip(0.5, 2.0)
    # By table: a picture has more pixels than there are levels.
    levels = np.arange(256, dtype=np.float32)[:, None] * gain.astype(np.float32)
    table = np.rint(levels).clip(0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(picture, table), np.uint8)


def _largest(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Of three channels the largest: in OpenCV, numpy takes twenty times as long."""
    blue, green, red = cv2.split(colours)
    return np.asarray(cv2.max(cv2.max(blue, green), red), np.uint8)


def difference(levels: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> Difference:
    """Grey levels by which a picture differs -> `Difference`: what is below noise is nothing."""
    above = cv2.subtract(levels, np.full((1,), NOISE))
    return np.asarray(cv2.convertScaleAbs(cv2.max(above, 0.0), alpha=STEEP), np.uint8)
