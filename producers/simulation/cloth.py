"""A person's skin and clothes painted flat: one small atlas that the renderer looks colours up in.

Columns go once around the body: 0 is the front, 32 the left, 64 the back. Rows are bands, one a body part,
each from its upper to its lower end.
"""

from typing import Final

import cv2
import numpy as np

from producers.simulation.optics import Floats
from producers.simulation.wardrobe import Wardrobe

COLUMNS: Final = 128
BANDS: Final = {
    "torso": (0, 96),
    "arm": (96, 144),
    "leg": (144, 208),
    "head": (208, 256),
    "skirt": (256, 288),
    "shoe": (288, 296),
    "skin": (296, 304),
    "hair": (304, 320),
    "bag": (320, 344),
}
ROWS: Final = 344


def paint_atlas(look: Wardrobe) -> Floats:
    """(ROWS, COLUMNS, 3) float32, BGR, 0 to 1."""
    rng = np.random.default_rng(look.seed)
    atlas = np.zeros((ROWS, COLUMNS, 3), np.float32)
    _paint_torso(_band(atlas, "torso"), look)
    arm = _band(atlas, "arm")
    arm[:] = look.upper
    if look.pattern in ("stripes", "checks", "pinstripes"):
        _pattern(arm, look)
    bare = int(look.sleeve * len(arm))
    arm[bare:] = look.skin
    if bare < len(arm):
        arm[bare - 2 : bare] *= 0.75
    leg = _band(atlas, "leg")
    leg[:] = look.lower
    if look.lower_kind != "trousers":
        leg[26:] = look.skin
        leg[24:26] *= 0.75
    _paint_head(_band(atlas, "head"), look)
    skirt = _band(atlas, "skirt")
    skirt[:] = look.lower
    skirt *= (1 + 0.10 * np.sin(np.arange(COLUMNS) * np.pi / 5)).astype(np.float32)[None, :, None]
    shoe = _band(atlas, "shoe")
    shoe[:] = look.shoes
    shoe[6:] *= 0.5
    _band(atlas, "skin")[:] = look.skin
    _band(atlas, "hair")[:] = look.hair
    bag = _band(atlas, "bag")
    bag[:] = look.bag_colour
    bag[9:11] *= 0.55
    bag[14:22, 52:76] *= 0.78
    _weave(atlas, rng)
    return atlas


def _band(atlas: Floats, name: str) -> Floats:
    first, end = BANDS[name]
    return atlas[first:end]


def _around(degrees: float, half: float) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Columns within ``half`` degrees of a direction (0 front, 90 left)."""
    angle = np.arange(COLUMNS) * 360 / COLUMNS - degrees
    return np.asarray(np.abs((angle + 180) % 360 - 180) <= half)


def _pattern(band: Floats, look: Wardrobe) -> None:
    rows, cols = np.arange(len(band))[:, None], np.arange(COLUMNS)[None, :]
    accent = np.array(look.accent, np.float32)
    match look.pattern:
        case "stripes":
            band[(rows[:, 0] // 6) % 2 == 1] = accent
        case "pinstripes":
            band[:, (cols[0] % 8) < 2] = accent
        case "checks":
            band[:] = 0.5 * band + 0.5 * np.where(
                (((rows // 7) + (cols // 8)) % 2 == 0)[..., None], band, accent
            )
            band[np.broadcast_to(((rows // 7) % 2 == 0) & ((cols // 8) % 2 == 0), band.shape[:2])] = accent
        case "two_tone":
            band[: int(0.42 * len(band))] = accent


def _paint_torso(torso: Floats, look: Wardrobe) -> None:
    torso[:] = look.upper
    _pattern(torso, look)
    if look.pattern == "print":
        torso[28:52, _around(0, 38)] = look.accent
        torso[34:46, _around(0, 20)] = look.upper
        torso[24:34, _around(180, 44)] = look.accent
    if look.pattern == "jacket":
        # Worn open: the shirt shows in front, lapels darker.
        torso[:, _around(0, 22)] = look.accent
        torso[:, _around(0, 26) & ~_around(0, 20)] *= 0.6
    torso[:8, _around(0, 30)] = look.skin
    torso[8:14, _around(0, 16)] = look.skin
    torso[4:8, _around(180, 150)] *= 0.8
    hem = int(look.hem * len(torso))
    torso[hem:] = look.lower
    torso[hem - 2 : hem] *= 0.7
    if hem < 80:
        torso[hem : hem + 4] = (0.10, 0.12, 0.16)
    if look.bag == "backpack":
        for side in (-34, 34):
            torso[8:50, _around(side, 9)] = look.bag_colour
    if look.bag == "shoulder":
        for row in range(6, 78):
            lean = -40 + 110 * (row - 6) / 72
            torso[row, _around(lean, 7)] = look.bag_colour
            torso[row, _around(180 - lean, 7)] = look.bag_colour


def _paint_head(head: Floats, look: Wardrobe) -> None:
    head[:] = look.skin
    side = np.abs((np.arange(COLUMNS) * 360 / COLUMNS + 180) % 360 - 180)
    # Hairline, in rows from the crown: high over the face, low at the nape.
    line = np.interp(side, (0, 40, 60, 85, 110, 180), (15, 16, 20, 27, 36, 40))
    if look.hair_style == "long":
        line = np.interp(side, (0, 40, 60, 80, 180), (15, 17, 30, 48, 48))
    if look.hair_style == "bald":
        line = np.interp(side, (0, 80, 100, 180), (0, 0, 26, 30))
    rows = np.arange(len(head))[:, None]
    hair = rows < line[None, :]
    if look.hair_style == "bald":
        hair &= rows > 20
    head[hair] = look.hair
    if look.hair_style == "cap":
        head[:19] = look.accent
        head[19:21, _around(0, 60)] = np.array(look.accent) * 0.6
    shade = np.array(look.skin, np.float32)
    for eye in (-19, 19):
        head[21:23, _around(eye, 9)] = np.array(look.hair) * 0.8
        head[24:27, _around(eye, 6)] = (0.10, 0.09, 0.10)
    head[27:33, _around(0, 5)] = shade * 1.05
    head[33:34, _around(0, 8)] = shade * 0.7
    head[37:39, _around(0, 13)] = shade * (0.62, 0.55, 0.82)
    head[44:] *= 0.82
    if look.seed % 5 == 0 and look.hair_style in ("short", "bald", "cap"):
        head[34:47, _around(0, 55)] = 0.4 * head[34:47, _around(0, 55)] + 0.6 * np.array(
            look.hair, np.float32
        )


def _weave(atlas: Floats, rng: np.random.Generator) -> None:
    """Cloth is never even: fine grain, and soft folds that run around and along."""
    grain = rng.normal(0, 0.025, (ROWS, COLUMNS, 1)).astype(np.float32)
    cells = rng.uniform(-1, 1, (44, 20)).astype(np.float32)
    folds = cv2.resize(cells, (COLUMNS + 40, ROWS), interpolation=cv2.INTER_CUBIC)[:, 20:-20]
    first, end = BANDS["head"]
    folds[first:end] *= 0.2
    atlas *= 1 + grain + 0.085 * folds[..., None]
    np.clip(atlas, 0, 1, out=atlas)
