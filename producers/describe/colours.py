"""Names of colours as people give them, by nearness in CIELAB.

Each name has a few prototypes, cloth as cameras show it rather than pure paint. Lightness counts half
(`LIGHTNESS`): a shadow changes it and little else. The 32 x 32 x 32 table of names is made once for a
process, after which a pixel costs one look-up.
"""

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from reid.contracts.attributes import COLOURS

#: Name -> sRGB prototypes, 0xRRGGBB.
PROTOTYPES: Final[dict[str, tuple[int, ...]]] = {
    "black": (0x0C0C0E, 0x1E1E21, 0x2E2E32, 0x25221F),
    "white": (0xFFFFFF, 0xEDEDED, 0xDEDCD6, 0xD6DAE0),
    "grey": (0x505154, 0x6C6D70, 0x88898C, 0xA6A7AA, 0xBFC0C2, 0x756F68),
    "red": (0xB3262E, 0xD43A40, 0x8E1F26, 0xE2504E, 0x6E1A22),
    "orange": (0xD96C1F, 0xF08A35, 0xC25A18),
    "yellow": (0xD9A521, 0xF2D544, 0xE8C858, 0xB89020, 0xC9B94A),
    "green": (0x1F7A4D, 0x3FA05F, 0x7FB06A, 0x2F4A3A, 0x1E5A3A, 0x9AA83A, 0x6B7A35, 0x4E8F80),
    "blue": (0x23408F, 0x3560C0, 0x4FA3C7, 0x7FB4DC, 0x43667F, 0x2C7A9A, 0x5F7FB8),
    "purple": (0x7D3C98, 0x9A62B5, 0x5A2C70, 0x7A4A80),
    "pink": (0xD98CAE, 0xF0B5CC, 0xD0609A, 0xC88A9A),
    "brown": (0x5A3A26, 0x7A5233, 0x8F6540, 0x46301F, 0x5E4A3A),
    "beige": (0xC8B08A, 0xDCC8A4, 0xB8A888, 0xD8C4B0),
    "navy": (0x2B3550, 0x1E2748, 0x1B2138, 0x333F60),
}
LIGHTNESS: Final = 0.5
#: Bits of a channel that the table looks at.
_BITS: Final = 5
_SIDE: Final = 1 << _BITS

Names = npt.NDArray[np.uint8]
"""Places in `COLOURS`."""


def names_of(pixels: npt.NDArray[np.uint8]) -> Names:
    """(..., 3) BGR -> (...) places in `COLOURS`."""
    blue, green, red = (pixels[..., i] >> (8 - _BITS) for i in range(3))
    return np.asarray(_table()[blue, green, red], np.uint8)


def name_of(bgr: tuple[int, int, int]) -> str:
    """The name of one colour."""
    return COLOURS[int(names_of(np.array([bgr], np.uint8))[0])]


@cache
def _table() -> Names:
    step = 256 // _SIDE
    levels = (np.arange(_SIDE) * step + step // 2).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    owners = np.array([COLOURS.index(name) for name, shown in PROTOTYPES.items() for _ in shown], np.uint8)
    shown = [_bgr(colour) for colours in PROTOTYPES.values() for colour in colours]
    anchors = _lab(np.array(shown, np.uint8))
    cells = _lab(cube)
    nearest = np.empty(len(cells), np.intp)
    for start in range(0, len(cells), 4096):
        part = cells[start : start + 4096]
        nearest[start : start + 4096] = ((part[:, None] - anchors[None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray(owners[nearest].reshape(_SIDE, _SIDE, _SIDE), np.uint8)


def _lab(bgr: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(n, 3) -> (n, 3) CIELAB with lightness weighted."""
    lab = cv2.cvtColor((bgr.reshape(1, -1, 3) / 255.0).astype(np.float32), cv2.COLOR_BGR2LAB)[0]
    return np.asarray(lab * (LIGHTNESS, 1.0, 1.0), np.float32)


def _bgr(colour: int) -> tuple[int, int, int]:
    return colour & 255, colour >> 8 & 255, colour >> 16
