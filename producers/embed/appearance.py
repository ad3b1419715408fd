"""The hand-made 512-d appearance descriptor: no network, no download.

Every crop is resized to 48×128 and measured four ways, each by square-rooted (Hellinger) histograms of 15
overlapping stripes from head to foot, centre-weighted (`producers.embed.histograms`). Each measurement is
then projected by a fixed matrix, its own, to its block of the descriptor:

=======  ========  ====  ==========================================================================
block    measured  size  what
=======  ========  ====  ==========================================================================
colour        600    48  in grey-world light: 12 hues by chroma and 4 lightnesses of grey; 8 levels
                         of L, a and b
spatial       600   128  equalised: the same hues and lightnesses; 8 levels of B, G and R
texture       240   128  10 rotation-invariant uniform LBP codes, 6 local contrasts
shape         208   208  13 rows × 2 columns × 8 unsigned gradient orientations (no stripes)
=======  ========  ====  ==========================================================================

Two light corrections, each for the colours where it did best across cameras. Each block has length 1,
then its weight (`WEIGHTS`).

The measurements are not learned. The matrices (`appearance.npz`, fitted by ``benchmarks/projection.py``)
are, in closed form and without a network: they take out the mean and divide by how much one person varies
between pictures and cameras (within-class covariance normalisation, Hatch et al., Interspeech 2006, and
Fisher's discriminant). Histograms are positive: without them strangers have cosines of 0.9.
Hellinger: Arandjelović & Zisserman, CVPR 2012.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final, NamedTuple

import cv2
import numpy as np

from producers.embed.base import FloatArray, normalised
from producers.embed.calibration import UNMEASURED, Calibrated
from producers.embed.histograms import channels, colours, gradients, texture
from producers.embed.light import Pixels, converted, equalised, grey_world, resized
from producers.frames import Image

BLOCKS: Final = {"colour": 48, "spatial": 128, "texture": 128, "shape": 208}
#: Of each block's length, chosen on cuhk03_val and the simulated site.
WEIGHTS: Final = {"colour": 1.0, "spatial": 1.0, "texture": 0.5, "shape": 0.3}
PROJECTIONS_FILE: Final = "appearance.npz"


class Projection(NamedTuple):
    """``mean``: (measured,); ``matrix``: (measured, size)."""

    mean: FloatArray
    matrix: FloatArray

    def of(self, measured: FloatArray) -> FloatArray:
        """(n, measured) -> (n, size), rows of length 1."""
        return normalised(np.asarray((measured - self.mean) @ self.matrix, np.float32))


class Appearance:
    """`producers.embed.base.Embedder` ``appearance-512``."""

    name = "appearance-512"
    version = "2"
    dim = sum(BLOCKS.values())

    def __init__(self, calibrated: Calibrated = UNMEASURED) -> None:
        self.calibration, self.agreement = calibrated
        self._projections = stored()

    def embed(self, crops: Sequence[Image]) -> FloatArray:
        if not crops:
            return np.zeros((0, self.dim), np.float32)
        return joined(measured(np.stack([resized(crop) for crop in crops])), self._projections)


def measured(pixels: Pixels) -> dict[str, FloatArray]:
    """What each block is a projection of: (n, measured), rows of length 1, nothing learned in it."""
    balanced, ranked = grey_world(pixels), equalised(pixels)
    grey = converted(pixels, cv2.COLOR_BGR2GRAY)
    return {
        "colour": _side_by_side(colours(balanced), channels(_lab(balanced))),
        "spatial": _side_by_side(colours(ranked), channels(ranked)),
        "texture": _side_by_side(texture(grey)),
        "shape": _side_by_side(gradients(grey)),
    }


def joined(blocks: Mapping[str, FloatArray], projections: Mapping[str, Projection]) -> FloatArray:
    """(n, 512), rows of length 1: the weighted blocks, projected, side by side."""
    parts = [WEIGHTS[name] * projections[name].of(block) for name, block in blocks.items()]
    return normalised(np.concatenate(parts, axis=1))


def stored() -> dict[str, Projection]:
    """The fitted matrices, by block."""
    with files("producers.embed").joinpath(PROJECTIONS_FILE).open("rb") as file, np.load(file) as arrays:
        return {
            name: Projection(*(arrays[f"{name}_{part}"].astype(np.float32) for part in Projection._fields))
            for name in BLOCKS
        }


def _lab(pixels: Pixels) -> Pixels:
    """L, a, b; clothes use the middle half of the range of a and b alone, which is spread over all."""
    lab = converted(pixels, cv2.COLOR_BGR2LAB)
    spread = (lab[..., 1:].astype(np.int16) - 128) * 2 + 128
    lab[..., 1:] = np.clip(spread, 0, 255)
    return lab


def _side_by_side(*histograms: FloatArray) -> FloatArray:
    return normalised(np.concatenate([normalised(np.sqrt(each)) for each in histograms], axis=1))
