"""The built-in 512-d appearance descriptor: no weights, no download.

Every crop is resized to 48×128 and described by four blocks of square-rooted (Hellinger) histograms:

=======  ====  ==================================================================================
block    size  what
=======  ====  ==================================================================================
colour     48  whole body: 3 overlapping body parts × (12 hues by chroma, 4 lightnesses of grey)
spatial   128  8 stripes head to foot × (12 hues by chroma, 4 lightnesses of what has none)
texture   128  8 stripes × (10 rotation-invariant uniform LBP codes, 6 local contrasts)
shape     208  13 rows × 2 columns × 8 unsigned gradient orientations
=======  ====  ==================================================================================

Two light corrections, each where it did best across cameras: the whole-body colours are those of the
grey-world picture, the stripes those of the equalised one.

From the weighted blocks a fixed centre is taken (`appearance_centre.json`, measured by
``benchmarks/centre.py``), then the length is made 1. Histograms are positive, so that without it strangers
have cosines of 0.9 on real cameras and 0.8 on colourful ones, and no threshold serves both.

Pixels count by a Gaussian about the vertical axis: the person stands in the middle of the box, the
background at its sides. Each block is normalised by itself, then weighted (`WEIGHTS`).
LBP: Ojala et al., PAMI 2002 (riu2). Gradient cells: Dalal & Triggs, CVPR 2005. Hellinger: Arandjelović &
Zisserman, CVPR 2012.
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.embed.base import FloatArray, Knots, normalised
from producers.frames import Image

WIDTH: Final = 48
HEIGHT: Final = 128
STRIPES: Final = 8
BLOCKS: Final = {"colour": 48, "spatial": 128, "texture": 128, "shape": 208}
HUES, GREYS, CODES, CONTRASTS, ORIENTATIONS = 12, 4, 10, 6, 8
SHAPE_ROWS: Final = 13
SHAPE_COLUMNS: Final = 2
#: Share of each block in the whole, chosen by rank-1 on cuhk03_train (benchmarks/calibrate.py measures it).
WEIGHTS: Final = {"colour": 0.7, "spatial": 1.0, "texture": 0.5, "shape": 0.3}
CENTRE_FILE: Final = "appearance_centre.json"

Pixels = npt.NDArray[np.uint8]
"""``(n, HEIGHT, WIDTH, 3)`` uint8 BGR."""

_rows, _columns = np.arange(HEIGHT), np.arange(WIDTH)
_CENTRE: Final = np.exp(-(((_columns + 0.5) / WIDTH - 0.5) ** 2) / (2 * 0.22**2)).astype(np.float32)[None]
_BODY: Final = np.broadcast_to((_rows * 3 // HEIGHT)[:, None], (HEIGHT, WIDTH))
_STRIPE: Final = np.broadcast_to((_rows * STRIPES // HEIGHT)[:, None], (HEIGHT, WIDTH))
_CELL: Final = (_rows * SHAPE_ROWS // HEIGHT)[:, None] * SHAPE_COLUMNS + _columns * SHAPE_COLUMNS // WIDTH


class Appearance:
    """`producers.embed.base.Embedder` ``appearance-512``; about two milliseconds a crop."""

    name = "appearance-512"
    version = "1"
    dim = sum(BLOCKS.values())

    def __init__(self, calibration: Knots = ()) -> None:
        self.calibration = calibration
        stored = json.loads((files("producers.embed") / CENTRE_FILE).read_text())["centre"]
        self._centre = np.array(stored, np.float32)

    def embed(self, crops: Sequence[Image]) -> FloatArray:
        if not crops:
            return np.zeros((0, self.dim), np.float32)
        return normalised(uncentred(crops) - self._centre)


def uncentred(crops: Sequence[Image]) -> FloatArray:
    """(n, 512), rows of length 1: the weighted blocks side by side."""
    blocks = describe(np.stack([_resized(crop) for crop in crops]))
    return normalised(np.concatenate([WEIGHTS[name] * block for name, block in blocks.items()], axis=1))


def describe(pixels: Pixels) -> dict[str, FloatArray]:
    """The four blocks, each ``(n, size)`` with rows L2-normalised."""
    balanced, equalised = _grey_world(pixels), _equalised(pixels)
    grey = cv2.cvtColor(_tall(pixels), cv2.COLOR_BGR2GRAY).reshape(pixels.shape[:3])
    blocks = {
        "colour": _colours(balanced, _BODY, 3),
        "spatial": _colours(equalised, _STRIPE, STRIPES),
        "texture": _texture(grey),
        "shape": _gradients(grey),
    }
    return {name: normalised(np.sqrt(block)) for name, block in blocks.items()}


def _resized(crop: Image) -> Image:
    shrinks = crop.shape[0] > HEIGHT
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (WIDTH, HEIGHT), interpolation=how), np.uint8)


def _tall(pixels: Pixels) -> Pixels:
    """All crops below each other as one image: OpenCV then works through the batch in one call."""
    return np.ascontiguousarray(pixels).reshape(-1, WIDTH, 3)


def _grey_world(pixels: Pixels) -> Pixels:
    """Gains that make each crop's mean grey: takes out the tint of its camera's light."""
    mean = pixels.reshape(len(pixels), -1, 3).mean(axis=1) + 1.0
    gain = (mean.mean(axis=1, keepdims=True) / mean).astype(np.float32)
    return np.asarray(np.clip(pixels * gain[:, None, None], 0, 255), np.uint8)


def _equalised(pixels: Pixels) -> Pixels:
    """Each channel of each crop equalised: ranks instead of values, which any monotonic response keeps."""
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    for plane in planes.reshape(-1, HEIGHT, WIDTH):
        cv2.equalizeHist(plane, plane)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _colours(pixels: Pixels, cell: npt.NDArray[np.intp], cells: int) -> FloatArray:
    """Each pixel votes for its hue as far as it has colour, for its lightness as far as it has none."""
    hsv = cv2.cvtColor(_tall(pixels), cv2.COLOR_BGR2HSV).reshape(pixels.shape).astype(np.float32)
    hue, saturation, value = hsv[..., 0] / 180, hsv[..., 1] / 255, hsv[..., 2] / 255
    # Saturation of dark pixels is noise, hence the root of the value; 0.15 splits coloured from grey.
    coloured = 1 / (1 + np.exp(-12 * (saturation * np.sqrt(value) - 0.15)))
    hues = _histogram(cell, cells, hue * HUES - 0.5, HUES, _CENTRE * coloured, circular=True)
    greys = _histogram(cell, cells, value * GREYS - 0.5, GREYS, _CENTRE * (1 - coloured))
    return np.concatenate([hues, greys], axis=2).reshape(len(pixels), -1)


def _texture(grey: npt.NDArray[np.uint8]) -> FloatArray:
    padded = np.pad(grey.astype(np.int16), ((0, 0), (1, 1), (1, 1)), mode="edge")
    ring = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    around = np.stack([padded[:, y : y + HEIGHT, x : x + WIDTH] for y, x in ring])
    # Two grey levels of slack: in a flat patch the bits would be the sensor's noise.
    bits = around >= grey + np.int16(2)
    ones = bits.sum(axis=0, dtype=np.int8)
    changes = (bits != np.roll(bits, 1, axis=0)).sum(axis=0, dtype=np.int8)
    code = np.where(changes <= 2, ones, CODES - 1).astype(np.float32)
    spread = around.astype(np.float32).std(axis=0)
    weight = np.broadcast_to(_CENTRE, grey.shape)
    codes = _histogram(_STRIPE, STRIPES, code, CODES, weight)
    contrasts = _histogram(_STRIPE, STRIPES, np.sqrt(spread) - 0.5, CONTRASTS, weight)
    return np.concatenate([codes, contrasts], axis=2).reshape(len(grey), -1)


def _gradients(grey: npt.NDArray[np.uint8]) -> FloatArray:
    value = grey.astype(np.float32)
    dx, dy = np.zeros_like(value), np.zeros_like(value)
    dx[:, :, 1:-1] = value[:, :, 2:] - value[:, :, :-2]
    dy[:, 1:-1] = value[:, 2:] - value[:, :-2]
    angle = np.mod(np.arctan2(dy, dx), np.pi) / np.pi * ORIENTATIONS - 0.5
    cells = SHAPE_ROWS * SHAPE_COLUMNS
    weight = np.hypot(dx, dy) * _CENTRE
    return _histogram(_CELL, cells, angle, ORIENTATIONS, weight, circular=True).reshape(len(grey), -1)


def _histogram(
    cell: npt.NDArray[np.intp],
    cells: int,
    position: npt.NDArray[np.floating],
    bins: int,
    weight: npt.NDArray[np.floating],
    *,
    circular: bool = False,
) -> FloatArray:
    """Weighted histograms of a batch with linear interpolation between bins: (n, cells, bins).

    ``position``: (n, HEIGHT, WIDTH), in bins, bin centres at whole numbers; ``cell``: (HEIGHT, WIDTH).
    """
    n = len(position)
    floor = np.floor(position)
    share = position - floor
    low = floor.astype(np.int32)
    high = low + 1
    low, high = (low % bins, high % bins) if circular else (low.clip(0, bins - 1), high.clip(0, bins - 1))
    base = (np.arange(n, dtype=np.int32)[:, None, None] * cells + cell.astype(np.int32)) * bins
    size = n * cells * bins
    counts = np.bincount((base + low).ravel(), (weight * (1 - share)).ravel(), size)
    counts += np.bincount((base + high).ravel(), (weight * share).ravel(), size)
    return counts.reshape(n, cells, bins).astype(np.float32)
