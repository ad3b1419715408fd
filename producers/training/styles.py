"""Validation people as other cameras would show them: a test of what training data of one site cannot show.

Each camera of the set gets a style of its own: mixing of the colour channels, a tone curve, haze, the
detector's habit of framing, blur and JPEG. The draws are wide, the first two and the last are no
augmentation of `producers.training.augment`, and a seed repeats them. Variants of the encoder are chosen on
it without a picture of the sites that they are measured on at the end.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cache
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from producers.training.data import Seen
from producers.training.evaluate import Scores

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Style:
    """``mixing``: (3, 3), each output channel of the inputs. ``curve``: (256,) uint8, of the tone.
    ``frame``: top, bottom, left, right in shares of the box, positive cuts, negative shows more (the
    border repeated). ``blur``: standard deviation in shares of the height. ``quality``: of JPEG."""

    mixing: npt.NDArray[np.float32]
    curve: Pixels
    frame: tuple[float, float, float, float]
    blur: float
    quality: int

    @classmethod
    def drawn(cls, seed: int, camera: int) -> Self:
        generator = np.random.default_rng([seed, camera])
        mixing = np.eye(3) + generator.normal(0, 0.12, (3, 3))
        # White stays near white: a cast of ±20 % by channel, not a black picture.
        mixing *= np.exp(generator.uniform(-0.2, 0.2, (3, 1))) / mixing.sum(axis=1, keepdims=True)
        return cls(
            mixing=mixing.astype(np.float32),
            curve=_curve(generator),
            frame=tuple(generator.uniform(-0.06, 0.10, 4).tolist()),
            blur=float(generator.uniform(0, 0.012)),
            quality=int(generator.integers(30, 90)),
        )

    def of(self, image: Pixels) -> Pixels:
        """(h, w, 3) uint8 of either channel order -> about that size."""
        framed = _framed(image, self.frame)
        sigma = self.blur * len(framed)
        if sigma > 0.3:
            framed = np.asarray(cv2.GaussianBlur(framed, (0, 0), sigma), np.uint8)
        mixed = np.clip(framed.astype(np.float32) @ self.mixing.T, 0, 255).astype(np.uint8)
        _, coded = cv2.imencode(".jpg", self.curve[mixed], [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _curve(generator: np.random.Generator) -> Pixels:
    """Exposure, then an S about mid-grey, then haze from below."""
    tone = np.linspace(0, 1, 256) ** np.exp(generator.uniform(-0.5, 0.5))
    steep = generator.uniform(1, 6)
    low, high = np.tanh(-steep / 2), np.tanh(steep / 2)
    tone = (np.tanh(steep * (tone - 0.5)) - low) / (high - low)
    haze = generator.uniform(0, 0.15)
    return np.asarray(np.clip(255 * (haze + (1 - haze) * tone), 0, 255), np.uint8)


def _framed(image: Pixels, frame: tuple[float, float, float, float]) -> Pixels:
    height, width = image.shape[:2]
    top, bottom, left, right = (
        round(share * side) for share, side in zip(frame, (height, height, width, width), strict=True)
    )
    above, below, before, after = (max(0, -side) for side in (top, bottom, left, right))
    wide = cv2.copyMakeBorder(image, above, below, before, after, cv2.BORDER_REPLICATE)
    top, bottom, left, right = (max(0, side) for side in (top, bottom, left, right))
    return np.asarray(wide[top : len(wide) - bottom, left : wide.shape[1] - right], np.uint8)


def styled(seed: int) -> Seen:
    """Gives every picture the style that ``seed`` draws for its camera."""

    @cache
    def style(camera: int) -> Style:
        return Style.drawn(seed, camera)

    return lambda image, camera: style(camera).of(image)


def mean_scores(several: Sequence[Scores]) -> Scores:
    """Of several styles."""
    means = np.mean([astuple(one) for one in several], axis=0)
    return Scores(*(float(mean) for mean in means))
