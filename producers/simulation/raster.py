"""Draws a body's parts into a small picture with a depth buffer, shades it, and scales it to frame pixels.

Each part is a surface of revolution seen from the side; its outline, depth and normals have closed forms, so
no mesh is needed. Colours are looked up once for all pixels at the end (deferred shading).
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.simulation.body import Part, endpoints
from producers.simulation.cloth import BANDS, COLUMNS
from producers.simulation.optics import Floats, Lens

_STEPS: Final = 48
_PAD: Final = 2
_TALLEST: Final = 240.0
"""Pixels: taller people are drawn at 1.5 times their size instead of twice."""


@dataclass(frozen=True, slots=True)
class Sprite:
    """A person at their place in the frame: top-left corner ``x``, ``y`` (may lie outside), ``colour``
    (h, w, 3), multiplied by its coverage ``alpha`` (h, w), both 0 to 1. ``box``: x, y, w, h of the outline,
    unclipped."""

    x: int
    y: int
    colour: Floats
    alpha: Floats
    box: tuple[float, float, float, float]


class _Canvas:
    """Depth, normals and atlas place of each pixel."""

    def __init__(self, width: int, height: int) -> None:
        self.depth = np.full((height, width), np.inf, np.float32)
        self.normal_x = np.zeros((height, width), np.float32)
        self.normal_y = np.zeros((height, width), np.float32)
        self.place = np.zeros((height, width), np.int32)
        self.xs = np.arange(width, dtype=np.float32) + 0.5
        self.ys = np.arange(height, dtype=np.float32) + 0.5

    def draw(self, part: Part, a: Floats, b: Floats, per_metre: float, seen_from: float) -> None:
        """``a``, ``b``: x, y in canvas pixels, depth in metres. ``seen_from``: way to the camera, radians."""
        angle = seen_from - part.turn
        cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
        wide = np.array(part.wide, np.float32)
        deep = np.array(part.deep, np.float32)
        half: Floats = np.hypot(wide * np.float32(cos), deep * np.float32(sin)) * np.float32(per_metre)
        thick = float(np.sqrt((wide * sin) ** 2 + (deep * cos) ** 2).max())
        reach = float(half.max()) + 1
        x0, x1 = self._span(a[0], b[0], reach, len(self.xs))
        y0, y1 = self._span(a[1], b[1], reach, len(self.ys))
        if x0 >= x1 or y0 >= y1:
            return
        ex, ey = float(b[0] - a[0]), float(b[1] - a[1])
        length = max(math.hypot(ex, ey), 1e-3)
        ux, uy = ex / length, ey / length
        dx, dy = self.xs[None, x0:x1] - float(a[0]), self.ys[y0:y1, None] - float(a[1])
        along = dx * ux + dy * uy
        across = dx * uy - dy * ux
        if part.round_ends:
            normal_along, across, rest, t, v = _rounded(along, across, half, length)
        else:
            normal_along, across, rest, t, v = _turned(along, across, half, length, part.at)
        # `t` is not needed after this: its memory is taken for the depth.
        t *= float(b[2] - a[2])
        depth = np.subtract(t, thick * np.sqrt(np.maximum(rest, 0)), out=t)
        depth += float(a[2])
        window = np.s_[y0:y1, x0:x1]
        win = (rest > 0) & (depth < self.depth[window])
        first, end = BANDS[part.band]
        low, high = part.rows
        # Past the part's ends these are no valid rows, but there nothing is drawn.
        bands = end - first - 0.01
        rows = (v * ((high - low) * bands) + (low * bands + first)).astype(np.int32)
        columns = (across * (COLUMNS / 4) + (angle / math.tau + 4) * COLUMNS).astype(np.int32)
        columns &= COLUMNS - 1
        rows *= COLUMNS
        rows += columns
        np.copyto(self.depth[window], depth, where=win)
        np.copyto(self.normal_x[window], across * uy + normal_along * ux, where=win)
        np.copyto(self.normal_y[window], normal_along * uy - across * ux, where=win)
        np.copyto(self.place[window], rows, where=win)

    @staticmethod
    def _span(p: float, q: float, reach: float, size: int) -> tuple[int, int]:
        return max(0, int(min(p, q) - reach)), min(size, int(max(p, q) + reach) + 1)


def _rounded(along: Floats, across: Floats, half: Floats, length: float) -> tuple[Floats, ...]:
    """Capsule: normal along and across the axis, 1 - their squares, place on axis and texture (0 to 1)."""
    start, end = float(half[0]), float(half[-1])
    t = along * (1 / length)
    np.minimum(np.maximum(t, 0.0, out=t), 1.0, out=t)
    scale = t * (end - start)
    scale += start
    past = along - t * length
    past /= scale
    across /= scale
    v = (along + start) * (1 / (length + start + end))
    return past, across, 1.0 - past * past - across * across, t, v


def _turned(
    along: Floats, across: Floats, half: Floats, length: float, at: tuple[float, ...]
) -> tuple[Floats, ...]:
    """As `_rounded`, for flat ends and the profile ``half`` (its values stand at ``at``, else evenly)."""
    steps = np.linspace(0, 1, _STEPS, dtype=np.float32)
    profile = np.interp(steps, at or np.linspace(0, 1, len(half)), half).astype(np.float32)
    slope = -np.gradient(profile) * ((_STEPS - 1) / length)
    slope = np.clip(slope / np.sqrt(1 + slope * slope), -0.9, 0.9).astype(np.float32)
    t = along * (1 / length)
    step = (t * _STEPS).astype(np.int32)
    np.minimum(np.maximum(step, 0, out=step), _STEPS - 1, out=step)
    across /= profile[step]
    rest = np.where((t >= 0) & (t <= 1), 1.0 - across * across, -1.0)
    return slope[step], across, rest, t, t.copy()


def draw_sprite(parts: list[Part], lens: Lens, atlas: Floats | None) -> Sprite | None:
    """Renders a person. Without an atlas: the outline alone. None where nothing falls into the frame.

    Light comes from the ceiling and a little from the camera's side, as lamps and pale walls give it.
    """
    ends = lens.project(endpoints(parts))
    if ends[:, 2].min() < 0.4:
        return None
    depth = float(ends[0, 2])
    reach = lens.focal / depth * 0.26
    left, top = (int(v) for v in np.floor(ends[:, :2].min(axis=0) - reach))
    right, bottom = (int(v) for v in np.ceil(ends[:, :2].max(axis=0) + reach))
    if right <= 0 or bottom <= 0 or left >= lens.width or top >= lens.height:
        return None
    scale = min(2.0, max(1.5, _TALLEST / (bottom - top)))
    width, height = right - left, bottom - top
    canvas = _Canvas(round(width * scale), round(height * scale))
    scale_x, scale_y = len(canvas.xs) / width, len(canvas.ys) / height
    placed = ((ends - (left, top, 0)) * (scale_x, scale_y, 1)).astype(np.float32)
    seen_from = math.atan2(lens.position[1] - parts[0].a[1], lens.position[0] - parts[0].a[0])
    for number, part in enumerate(parts):
        a, b = placed[2 * number], placed[2 * number + 1]
        canvas.draw(part, a, b, scale_x * lens.focal / float(a[2] + b[2]) * 2, seen_from)
    return _finish(canvas, lens, atlas, (left, top), (width, height))


def _finish(
    canvas: _Canvas, lens: Lens, atlas: Floats | None, corner: tuple[int, int], size: tuple[int, int]
) -> Sprite:
    drawn = np.isfinite(canvas.depth)
    rgba = np.zeros((*drawn.shape, 4), np.float32)
    rgba[..., 3] = drawn
    if atlas is not None:
        rgba[drawn, :3] = _lit(canvas, drawn, lens, atlas)
    small = cv2.resize(rgba, size, interpolation=cv2.INTER_AREA)
    alpha = np.ascontiguousarray(small[..., 3])
    rows, cols = np.flatnonzero((alpha > 0.4).any(axis=1)), np.flatnonzero((alpha > 0.4).any(axis=0))
    if not rows.size:
        rows, cols = np.array([0]), np.array([0])
    box = (
        float(corner[0] + cols[0]),
        float(corner[1] + rows[0]),
        float(cols[-1] - cols[0] + 1),
        float(rows[-1] - rows[0] + 1),
    )
    return Sprite(*corner, np.ascontiguousarray(small[..., :3]), alpha, box)


def _lit(canvas: _Canvas, drawn: npt.NDArray[np.bool_], lens: Lens, atlas: Floats) -> Floats:
    """Colours (n, 3) of the drawn pixels under the room's light."""
    nx, ny = canvas.normal_x[drawn], canvas.normal_y[drawn]
    nz = np.sqrt(np.maximum(1.0 - nx * nx - ny * ny, 0.0))
    lamp = lens.axes @ np.array((0.25, 0.15, 0.955))
    lambert = nx * float(lamp[0]) + ny * float(lamp[1]) - nz * float(lamp[2])
    light = 0.50 + 0.38 * lambert + 0.10 * np.maximum(lambert, 0) ** 2 + 0.24 * nz
    light *= 0.72 + 0.28 * np.minimum(nz * 1.8, 1.0)
    colours: Floats = atlas.reshape(-1, 3)[canvas.place[drawn]]
    return np.asarray(colours * light[:, None], np.float32)
