"""Histograms of a batch of crops by stripe: colours, channels, texture; and gradients by cell.

Pixels count by a Gaussian about the vertical axis: the person stands in the middle of the box, the
background at its sides. Stripes overlap by half, so that a box set a little higher moves no pixel far.
LBP: Ojala et al., PAMI 2002 (riu2). Gradient cells: Dalal & Triggs, CVPR 2005.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.embed.base import FloatArray
from producers.embed.light import HEIGHT, WIDTH, Grey, Pixels, converted

BANDS: Final = 16
#: Each of two neighbouring bands.
STRIPES: Final = BANDS - 1
HUES, GREYS, LEVELS, CODES, CONTRASTS, ORIENTATIONS = 12, 4, 8, 10, 6, 8
SHAPE_ROWS: Final = 13
SHAPE_COLUMNS: Final = 2

Cells = npt.NDArray[np.intp]

_rows, _columns = np.arange(HEIGHT), np.arange(WIDTH)
_CENTRE: Final = np.exp(-(((_columns + 0.5) / WIDTH - 0.5) ** 2) / (2 * 0.22**2)).astype(np.float32)[None]
_BAND: Final = np.broadcast_to((_rows * BANDS // HEIGHT)[:, None], (HEIGHT, WIDTH))
_CELL: Final = (_rows * SHAPE_ROWS // HEIGHT)[:, None] * SHAPE_COLUMNS + _columns * SHAPE_COLUMNS // WIDTH
#: (256, LEVELS): how far a value of a channel belongs to each level, linear between their centres.
_LEVEL: Final = np.maximum(
    1 - np.abs(np.clip(np.arange(256)[:, None] * LEVELS / 256 - 0.5, 0, LEVELS - 1) - np.arange(LEVELS)), 0
).astype(np.float32)


def colours(pixels: Pixels) -> FloatArray:
    """(n, STRIPES × 16): each pixel votes for its hue as far as it has colour, for its lightness as far as
    it has none."""
    hsv = converted(pixels, cv2.COLOR_BGR2HSV).astype(np.float32)
    hue, saturation, value = hsv[..., 0] / 180, hsv[..., 1] / 255, hsv[..., 2] / 255
    # Saturation of dark pixels is noise, hence the root of the value; 0.15 splits coloured from grey.
    coloured = 1 / (1 + np.exp(-12 * (saturation * np.sqrt(value) - 0.15)))
    hues = _histogram(_BAND, BANDS, hue * HUES - 0.5, HUES, _CENTRE * coloured, circular=True)
    greys = _histogram(_BAND, BANDS, value * GREYS - 0.5, GREYS, _CENTRE * (1 - coloured))
    return _stripes(np.concatenate([hues, greys], axis=2))


def channels(pixels: Pixels) -> FloatArray:
    """(n, STRIPES × 3 × LEVELS): the levels of each channel by itself."""
    n = len(pixels)
    base = (np.arange(n)[:, None, None] * BANDS + _BAND) * 256
    weight = np.broadcast_to(_CENTRE, pixels.shape[:3]).ravel()
    size = n * BANDS * 256
    counts = [np.bincount((base + pixels[..., i]).ravel(), weight, size) for i in range(3)]
    levels = [each.astype(np.float32).reshape(n, BANDS, 256) @ _LEVEL for each in counts]
    return _stripes(np.concatenate(levels, axis=2))


def texture(grey: Grey) -> FloatArray:
    """(n, STRIPES × 16): rotation-invariant uniform LBP codes, and local contrasts."""
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
    codes = _histogram(_BAND, BANDS, code, CODES, weight)
    contrasts = _histogram(_BAND, BANDS, np.sqrt(spread) - 0.5, CONTRASTS, weight)
    return _stripes(np.concatenate([codes, contrasts], axis=2))


def gradients(grey: Grey) -> FloatArray:
    """(n, SHAPE_ROWS × SHAPE_COLUMNS × ORIENTATIONS): unsigned directions, by their strength."""
    value = grey.astype(np.float32)
    dx, dy = np.zeros_like(value), np.zeros_like(value)
    dx[:, :, 1:-1] = value[:, :, 2:] - value[:, :, :-2]
    dy[:, 1:-1] = value[:, 2:] - value[:, :-2]
    angle = np.mod(np.arctan2(dy, dx), np.pi) / np.pi * ORIENTATIONS - 0.5
    weight = np.hypot(dx, dy) * _CENTRE
    found = _histogram(_CELL, SHAPE_ROWS * SHAPE_COLUMNS, angle, ORIENTATIONS, weight, circular=True)
    return found.reshape(len(grey), -1)


def _stripes(bands: FloatArray) -> FloatArray:
    """(n, BANDS, bins) -> (n, STRIPES × bins)."""
    return np.asarray((bands[:, :-1] + bands[:, 1:]).reshape(len(bands), -1), np.float32)


def _histogram(
    cell: Cells,
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
