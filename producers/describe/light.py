"""What the light does to colours, estimated from the scene, and taken out.

Tint: one camera's, by shades of grey (Finlayson & Trezzi, CIC 2004: the Minkowski mean of a scene is grey)
over its latest frames. Brightness: that of the person's surroundings, where the same lamp shines, because a
corner of a room may get half the light of its middle (`benchmarks/attributes.py` tells what each buys).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from producers.frames import Image

#: Of the Minkowski mean: 1 is grey world, infinity white patch.
MINKOWSKI: Final = 6
#: Weight of a new frame in the camera's tint, and ms between two that are looked at.
RATE: Final = 0.2
EVERY_MS: Final = 2_000
#: Pixels looked at: each so many-th in both directions, of the frame and of a person's surroundings.
STRIDE: Final = 8
NEAR_STRIDE: Final = 4
#: The surroundings' ``BRIGHT``-th percentile of luminance becomes ``WHITE``, by at most ``MOST_GAIN``.
BRIGHT: Final = 95
WHITE: Final = 240.0
MOST_GAIN: Final = 2.5
#: How much the surroundings count, against the whole scene.
NEAR: Final = 0.7
_LUMA: Final = np.array((0.114, 0.587, 0.299))
_CLIPPED: Final = 250

Gain = npt.NDArray[np.float64]
"""(3,) multipliers of blue, green, red."""


class Light:
    """One camera's. Not thread-safe."""

    def __init__(self) -> None:
        self._mean: Gain | None = None
        self._scene = WHITE
        self._looked_at: int | None = None

    def see(self, image: Image, at_ms: int) -> None:
        """Looks at a frame now and then."""
        if self._looked_at is not None and 0 <= at_ms - self._looked_at < EVERY_MS:
            return
        self._looked_at = at_ms
        pixels = image[::STRIDE, ::STRIDE].reshape(-1, 3).astype(np.float64)
        # A clipped channel no longer tells the light's tint.
        pixels = pixels[pixels.max(axis=1) < _CLIPPED]
        if len(pixels) < 16 or pixels.max() < 1.0:
            return
        mean = ((pixels / 255.0) ** MINKOWSKI).mean(axis=0) ** (1.0 / MINKOWSKI)
        mean = np.maximum(mean, 1e-3)
        self._mean = mean if self._mean is None else (1 - RATE) * self._mean + RATE * mean
        self._scene = float(np.percentile((pixels * self.tint()) @ _LUMA, BRIGHT))

    def tint(self) -> Gain:
        """Makes the scene grey; its brightness stays."""
        return np.ones(3) if self._mean is None else self._mean.mean() / self._mean

    def gain(self, image: Image, box: tuple[float, float, float, float]) -> Gain:
        """For a person in the left-top-width-height ``box``."""
        x, y, w, h = box
        rows = slice(max(int(y - 0.05 * h), 0), max(int(y + 1.05 * h), 1), NEAR_STRIDE)
        columns = slice(max(int(x - 0.6 * w), 0), max(int(x + 1.6 * w), 1), NEAR_STRIDE)
        near = image[rows, columns].reshape(-1, 3)
        tint = self.tint()
        if not len(near):
            return tint
        bright = max(float(np.percentile((near * tint) @ _LUMA, BRIGHT)), 1.0)
        level = bright**NEAR * max(self._scene, 1.0) ** (1 - NEAR)
        return np.asarray(tint * min(WHITE / level, MOST_GAIN))
