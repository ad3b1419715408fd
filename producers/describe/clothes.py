"""Colours and pattern of the clothes in a person's box."""

from typing import Final, NamedTuple

import cv2
import numpy as np

from producers.describe.colours import names_of
from producers.describe.light import Gain
from producers.frames import Image
from reid.contracts.attributes import COLOURS

Box = tuple[float, float, float, float]


class _Part(NamedTuple):
    """Part of a box: top, bottom, left, right, each 0 to 1."""

    top: float
    bottom: float
    left: float
    right: float


#: Breast to waist without the arms, thighs to shins, and for the pattern the middle of the breast alone.
UPPER: Final = _Part(0.20, 0.44, 0.30, 0.70)
LOWER: Final = _Part(0.55, 0.80, 0.30, 0.70)
BREAST: Final = _Part(0.24, 0.42, 0.40, 0.60)
#: A box narrower than this, wider for its height, or cut at its foot, shows no standing person's legs.
LEAST_HEIGHT: Final = 48.0
MOST_WIDTH: Final = 0.75
_EDGE: Final = 2.0
#: Share of a region's pixels that one colour must have to name the region.
SHARE: Final = 0.35
#: Roughness (CIELAB units, rms about the local mean) from which cloth is not plain, and what a striped one's
#: profile across the stripes has of it, with so many changes of sign.
ROUGH: Final = 10.0
STRIPED: Final = 0.5
TURNS: Final = 3


def clothes(image: Image, box: Box, gain: Gain) -> dict[str, str]:
    """``upper``, ``lower``, ``pattern``: those that the box shows well enough."""
    _, y, w, h = box
    if h < LEAST_HEIGHT or w > MOST_WIDTH * h or y <= _EDGE:
        return {}
    found: dict[str, str] = {}
    upper = _colour(_lit(image, box, UPPER, gain))
    if upper:
        found["upper"] = upper
        found["pattern"] = pattern(_lit(image, box, BREAST, gain))
    if y + h < image.shape[0] - _EDGE:
        lower = _colour(_lit(image, box, LOWER, gain))
        if lower:
            found["lower"] = lower
    return found


def pattern(cloth: Image) -> str:
    """``plain``, ``striped`` or ``patterned``.

    Told by how rough the cloth is once soft shading is taken out, and whether the roughness is the same all
    along a row or a column. Thin stripes far away look plain, checks near look striped: docs/attributes.md
    tells how often.
    """
    if min(cloth.shape[:2]) < 3:
        return "plain"
    small = cv2.resize(cloth, (8, 16), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    lab[..., 0] *= 0.7
    rough = lab - cv2.GaussianBlur(lab, (0, 0), 4, borderType=cv2.BORDER_REFLECT)
    energy = float(np.sqrt((rough**2).sum(axis=2).mean()))
    if energy < ROUGH:
        return "plain"
    for axis in (1, 0):
        profile = rough.mean(axis=axis)
        strength = float(np.sqrt((profile**2).sum(axis=1).mean()))
        main = profile[:, int((profile**2).sum(axis=0).argmax())]
        turns = int((np.diff(np.sign(main)) != 0).sum())
        if strength >= STRIPED * energy and turns >= TURNS:
            return "striped"
    return "patterned"


def _lit(image: Image, box: Box, part: _Part, gain: Gain) -> Image:
    """A part of the box in normal light; may be empty."""
    x, y, w, h = box
    rows = slice(max(int(y + part.top * h), 0), max(int(y + part.bottom * h), 0))
    columns = slice(max(int(x + part.left * w), 0), max(int(x + part.right * w), 0))
    return np.asarray(np.clip(image[rows, columns] * gain, 0, 255), np.uint8)


def _colour(region: Image) -> str:
    """The colour of most pixels; empty when no colour is of enough."""
    if region.size == 0:
        return ""
    counts = np.bincount(names_of(region).ravel(), minlength=len(COLOURS))
    most = int(counts.argmax())
    return COLOURS[most] if counts[most] >= SHARE * counts.sum() else ""
