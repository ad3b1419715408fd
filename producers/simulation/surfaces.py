"""Colours of floor, walls and furniture, procedural: what each point of the room is made of."""

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from producers.simulation.optics import Floats
from producers.simulation.plan import HALF_CORRIDOR, ROOM_DEPTH, ROOM_HEIGHT, ROOM_WIDTH, Room

if TYPE_CHECKING:
    from producers.simulation.backdrop import Quad

_NOISE: Final = 512
# BGR, 0 to 1
_WALLS: Final = ((0.78, 0.80, 0.80), (0.62, 0.72, 0.80), (0.74, 0.80, 0.74), (0.80, 0.74, 0.70))
_FLOORS: Final = ("planks", "carpet", "tiles", "terrazzo")
_MATERIALS: Final = {
    "desk": (0.62, 0.70, 0.76),
    "drawer": (0.55, 0.55, 0.56),
    "screen": (0.10, 0.10, 0.11),
    "cabinet": (0.60, 0.62, 0.62),
    "sofa": (0.42, 0.34, 0.26),
    "wood": (0.28, 0.42, 0.58),
    "shelf": (0.40, 0.52, 0.62),
    "counter": (0.50, 0.50, 0.48),
    "counter_top": (0.20, 0.22, 0.24),
    "frame": (0.44, 0.46, 0.48),
    "ceiling": (0.82, 0.83, 0.83),
    "lamp": (1.15, 1.2, 1.2),
    "corridor_wall": (0.56, 0.60, 0.62),
}


def _grain(rng: np.random.Generator, cells_x: int, cells_y: int) -> Floats:
    """Smooth noise, -1 to 1, (512, 512), repeating at its edges."""
    cells = rng.uniform(-1, 1, (cells_y, cells_x)).astype(np.float32)
    padded = np.pad(cells, 2, mode="wrap")
    scale_x, scale_y = _NOISE // cells_x, _NOISE // cells_y
    big = cv2.resize(padded, None, fx=scale_x, fy=scale_y, interpolation=cv2.INTER_CUBIC)
    return np.asarray(big[2 * scale_y : 2 * scale_y + _NOISE, 2 * scale_x : 2 * scale_x + _NOISE], np.float32)


class Surfaces:
    """Procedural materials of one room."""

    def __init__(self, room: Room, seed: int) -> None:
        self._room = room
        rng = np.random.default_rng([seed, 23, room.index])
        self._fine = _grain(rng, 256, 256)
        self._coarse = _grain(rng, 16, 16)
        self._wood = _grain(rng, 8, 128)
        self._plank = rng.uniform(0.82, 1.08, 64).astype(np.float32)
        vivid = rng.uniform(0.15, 0.85, (8, 3)).astype(np.float32)
        self._prints = 0.45 * vivid + 0.55 * vivid.mean(axis=1, keepdims=True)
        self._wall = np.array(_WALLS[room.index % 4], np.float32)
        self._floor = _FLOORS[(room.index + room.index // 4) % 4]

    @staticmethod
    def _at(noise: Floats, a: Floats, b: Floats, per_metre: float) -> Floats:
        rows = (b * per_metre).astype(np.int32) % _NOISE
        cols = (a * per_metre).astype(np.int32) % _NOISE
        return noise[rows, cols]

    def colour(self, quad: "Quad", x: Floats, y: Floats, z: Floats) -> Floats:
        """Albedo (n, 3) at the points of a quad."""
        a, b = ((y, z), (x, z), (x, y))[quad.axis]
        match quad.material:
            case "floor" | "corridor":
                return self._ground(x, y, self._floor if quad.material == "floor" else "terrazzo")
            case "wall":
                return self._painted(a, z)
            case "window":
                return self._window(quad, a, z)
            case "picture" | "board":
                return self._picture(quad, a, z)
            case "shelf":
                return self._shelf(a, b, z, quad.axis)
        base = np.array(
            _MATERIALS.get(quad.material) or _MATERIALS[quad.material.removesuffix("_top")], np.float32
        )
        wooden = quad.material.removesuffix("_top") in ("wood", "desk", "shelf")
        grain = 0.10 * self._at(self._wood, b, a, 140) if wooden else 0.03 * self._at(self._fine, a, b, 200)
        return np.asarray(base * (1.0 + grain + 0.03 * self._at(self._coarse, a, b, 60))[:, None], np.float32)

    def contact(self, quad: "Quad", x: Floats, y: Floats, z: Floats) -> Floats:
        """Ambient occlusion: darker where surfaces meet."""
        room = self._room
        u0, u1 = room.origin_x, room.origin_x + ROOM_WIDTH
        depth = room.side * y - HALF_CORRIDOR
        dark = np.ones_like(x)
        if quad.axis != 0:
            dark *= 1.0 - 0.28 * np.exp(-np.abs(np.minimum(x - u0, u1 - x)) / 0.30)
        if quad.axis != 1:
            dark *= 1.0 - 0.28 * np.exp(-np.minimum(np.abs(depth), np.abs(ROOM_DEPTH - depth)) / 0.30)
        if quad.axis != 2:
            dark *= 1.0 - 0.22 * np.exp(-np.minimum(np.maximum(z, 0), ROOM_HEIGHT - z) / 0.25)
        if quad.material == "floor":
            for box in room.boxes:
                gap_x = np.maximum(np.maximum(box.lo[0] - x, x - box.hi[0]), 0)
                gap_y = np.maximum(np.maximum(box.lo[1] - y, y - box.hi[1]), 0)
                dark *= 1.0 - 0.45 * np.exp(-np.hypot(gap_x, gap_y) / (0.18 + 0.3 * box.lo[2]))
        return dark

    def _painted(self, a: Floats, z: Floats) -> Floats:
        out = (
            self._wall
            * (1 + 0.015 * self._at(self._fine, a, z, 120) + 0.03 * self._at(self._coarse, a, z, 40))[:, None]
        )
        out[z < 0.10] = (0.34, 0.36, 0.38)
        return np.asarray(out, np.float32)

    def _ground(self, x: Floats, y: Floats, kind: str) -> Floats:
        fine, coarse = self._at(self._fine, x, y, 90), self._at(self._coarse, x, y, 30)
        if kind == "planks":
            row = np.floor(y / 0.16)
            column = np.floor((x + row * 0.73) / 1.4)
            tone = self._plank[(row * 7 + column * 13).astype(np.int32) % 64] + 0.09 * self._at(
                self._wood, y, x, 130
            )
            seam = (np.mod(y, 0.16) < 0.008) | (np.mod(x + row * 0.73, 1.4) < 0.008)
            out = np.array((0.34, 0.47, 0.60), np.float32) * np.where(seam, 0.6, tone)[:, None]
        elif kind == "carpet":
            out = np.array((0.46, 0.41, 0.40), np.float32) * (1 + 0.16 * fine + 0.05 * coarse)[:, None]
        elif kind == "tiles":
            dark = (np.floor(x / 0.5) + np.floor(y / 0.5)) % 2
            seam = (np.mod(x, 0.5) < 0.012) | (np.mod(y, 0.5) < 0.012)
            tone = np.where(seam, 0.72, 1.0 - 0.07 * dark + 0.03 * coarse)
            out = np.array((0.62, 0.66, 0.68), np.float32) * tone[:, None]
        else:
            flecks = np.where(np.abs(fine) > 0.72, np.sign(fine) * 0.12, 0.0)
            out = np.array((0.50, 0.53, 0.55), np.float32) * (1 + flecks + 0.04 * coarse)[:, None]
        return np.asarray(out, np.float32)

    def _window(self, quad: "Quad", a: Floats, z: Floats) -> Floats:
        """Bright sky over hedges, white bars."""
        across = (a - quad.lo[0]) / (quad.hi[0] - quad.lo[0])
        up = (z - quad.lo[1]) / (quad.hi[1] - quad.lo[1])
        sky = np.array((1.05, 1.0, 0.95), np.float32) * (0.9 + 0.2 * up)[:, None]
        hedge = np.array((0.45, 0.62, 0.52), np.float32) * (1 + 0.2 * self._at(self._fine, a, z, 60))[:, None]
        out = np.where((up < 0.3 + 0.06 * self._at(self._coarse, a, z, 90))[:, None], hedge, sky)
        bars = (np.abs(across - 0.5) < 0.02) | (np.minimum(across, 1 - across) < 0.04)
        bars |= np.minimum(up, 1 - up) < 0.03
        out[bars] = (0.8, 0.8, 0.8)
        return np.asarray(out, np.float32)

    def _picture(self, quad: "Quad", a: Floats, z: Floats) -> Floats:
        across = (a - quad.lo[0]) / (quad.hi[0] - quad.lo[0])
        up = (z - quad.lo[1]) / (quad.hi[1] - quad.lo[1])
        edge = np.minimum(np.minimum(across, 1 - across), np.minimum(up, 1 - up)) < 0.05
        if quad.material == "board":
            lines = (
                (np.mod(up, 0.14) < 0.025)
                & (across > 0.12)
                & (across < 0.3 + 0.5 * np.abs(self._coarse[0, (up / 0.14).astype(int)]))
            )
            out = np.where(lines[:, None], np.float32(0.45), np.float32(0.93)) * np.ones(3, np.float32)
        else:
            field = (across * 2 + up * 3 + self._at(self._coarse, a, z, 50)).astype(np.int32) % 8
            out = self._prints[field]
        out[edge] = (0.25, 0.27, 0.28)
        return np.asarray(out, np.float32)

    def _shelf(self, a: Floats, b: Floats, z: Floats, axis: int) -> Floats:
        """Rows of boxes and books between boards."""
        if axis == 2:
            return np.asarray(np.full((a.size, 3), 0.5, np.float32))
        level = np.mod(z, 0.38)
        item = np.floor(a / 0.11 + 3 * np.floor(z / 0.38)).astype(np.int32)
        tall = 0.2 + 0.12 * self._fine[item % _NOISE, (item * 7) % _NOISE]
        out = self._prints[(item * 5 + (item // 3)) % 8] * np.float32(0.75)
        out[(level > tall + 0.03)] *= 0.25
        out[level < 0.03] = _MATERIALS["shelf"]
        return np.asarray(out, np.float32)
