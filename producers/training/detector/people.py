"""People cut out, to be put before any place: drawn ones of the simulator, and real ones of `cuhk03_train`.

The real ones stand before their own background; GrabCut (Rother et al., SIGGRAPH 2004) takes them off it,
started with where people stand in such crops on the average. What it cannot cut cleanly is left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.simulation.body import parts_of
from producers.simulation.cloth import paint_atlas
from producers.simulation.optics import Lens, Response
from producers.simulation.raster import draw_sprite
from producers.simulation.schedule import GESTURES, Pose
from producers.simulation.wardrobe import Wardrobe, wardrobes
from producers.training.data import named

#: Wardrobes of the simulator from this seed on: below lie those that the site is measured with.
FIRST_SEED: Final = 1000
#: Pixels that a figure is kept at.
TALL: Final = 176
#: Shares of a crop that a cut-out person takes, at least and at most.
AREA: Final = (0.22, 0.66)
_PLAIN: Final = Response(1.15, (1.0, 1.0, 1.0), 1.0, 1.0, 0.0, 0.0, 0.0)

Rgba = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Figure:
    """``rgba``: (h, w, 4) uint8 BGR and coverage, cut to the person; ``real``: photographed."""

    rgba: Rgba
    real: bool


def drawn(count: int, rng: np.random.Generator) -> Iterator[Figure]:
    """``count`` figures of the simulator, each in some pose, seen by some camera from somewhere."""
    looks: tuple[Wardrobe, ...] = ()
    for number in range(count):
        if number % 40 == 0:
            looks = wardrobes(40, FIRST_SEED + number // 40)
        look = looks[number % 40]
        figure = _drawn(look, rng)
        if figure is not None:
            yield figure


def _drawn(look: Wardrobe, rng: np.random.Generator) -> Figure | None:
    far, high = float(rng.uniform(2.2, 9.0)), float(rng.uniform(1.7, 3.4))
    gait = float(rng.choice([0.0, 0.0, rng.uniform(0.3, 1), 1.0, 1.0]))
    turn, phase = rng.uniform(0, math.tau, 2)
    gesture = GESTURES[int(rng.integers(len(GESTURES)))]
    pose = Pose(0.0, 0.0, float(turn), float(phase), gait, gesture)
    forward = np.array([far, float(rng.uniform(-0.25, 0.25)) * far, 0.9 - high])
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    focal = TALL * 1.1 * math.hypot(far, high - 0.9) / look.height
    lens = Lens(np.array([-far, 0.0, high]), axes, focal, 2000, 1400)
    sprite = draw_sprite(
        parts_of(look, pose, int(rng.integers(40)), float(rng.uniform(0, 60))), lens, paint_atlas(look)
    )
    if sprite is None:
        return None
    alpha = sprite.alpha
    straight = np.asarray(sprite.colour / np.maximum(alpha, 1e-3)[..., None], np.float32)
    colour = _PLAIN.develop(straight)
    rgba = np.dstack([colour, 255 * alpha]).clip(0, 255).astype(np.uint8)
    return Figure(trimmed(rgba), real=False)


def photographed(directory: Path, count: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Up to ``count`` people of ``directory``, of those that could be cut out. Raises `ConfigError` when
    there are no crops."""
    crops = list(named(directory))
    for place in rng.permutation(len(crops))[:count]:
        figure = cut_out(crops[place].read())
        if figure is not None:
            yield figure


def cut_out(crop: npt.NDArray[np.uint8]) -> Figure | None:
    """The person of a (h, w, 3) BGR crop, or None where they cannot be told from what is behind them."""
    width = max(24, round(crop.shape[1] * TALL / crop.shape[0]))
    image = cv2.resize(crop, (width, TALL), interpolation=cv2.INTER_CUBIC)
    mask = _begin(TALL, width)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(image, mask, None, *models, 3, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return None
    person = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    person = cv2.morphologyEx(person, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(person)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    w, h, area = (int(v) for v in stats[largest][2:])
    share = area / person.size
    whole = h >= 0.82 * TALL and AREA[0] <= share <= AREA[1] and 0.2 <= w / h <= 0.62
    if not whole or area < 0.38 * w * h:
        return None
    alpha = cv2.GaussianBlur((labels == largest).astype(np.float32), (5, 5), 1.0)
    rgba = np.dstack([image, np.clip(255 * alpha, 0, 255).astype(np.uint8)])
    return Figure(trimmed(rgba), real=True)


def _begin(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Where people are in a tight crop: for certain, likely, hardly, and (the upper corners) never."""
    y, x = np.mgrid[0:height, 0:width]
    v, u = (y + 0.5) / height, np.abs((x + 0.5) / width - 0.5) * 2
    mask = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    body = np.interp(
        v, [0, 0.04, 0.1, 0.16, 0.22, 0.5, 0.7, 1.0], [0.2, 0.34, 0.38, 0.45, 0.78, 0.74, 0.6, 0.6]
    )
    mask[u < body] = cv2.GC_PR_FGD
    core = np.interp(
        v, [0.05, 0.1, 0.18, 0.25, 0.5, 0.6, 0.85, 0.86], [0.12, 0.16, 0.2, 0.36, 0.34, 0.2, 0.1, -1]
    )
    mask[(u < core) & (v > 0.05)] = cv2.GC_FGD
    mask[u > np.minimum(body + np.where(v < 0.16, 0.17, 0.2), 0.97)] = cv2.GC_BGD
    return mask


def trimmed(rgba: Rgba) -> Rgba:
    """Cut to where the person covers something."""
    solid = rgba[..., 3] > 100
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return np.ascontiguousarray(rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
