"""The empty room as its camera sees it: ray-cast once, then kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from producers.simulation.optics import Floats, Lens, Response
from producers.simulation.plan import (
    DOOR_HALF,
    DOOR_HEIGHT,
    DOOR_U,
    HALF_CORRIDOR,
    ROOM_DEPTH,
    ROOM_HEIGHT,
    ROOM_WIDTH,
    Room,
)
from producers.simulation.surfaces import Surfaces

_SUPERSAMPLE: Final = 2
_LAMPS_UV: Final = ((2.2, 2.0), (5.8, 2.0), (2.2, 4.6), (5.8, 4.6))


class Quad(NamedTuple):
    """Axis-aligned rectangle: ``axis`` is constant at ``value``; bounds on the two other axes, in order."""

    axis: int
    value: float
    lo: tuple[float, float]
    hi: tuple[float, float]
    material: str
    occludes: bool = True


@dataclass(frozen=True)
class Backdrop:
    """``image`` (h, w, 3) uint8 BGR, developed but without noise. ``occluder`` (h, w) float32: metres on the
    floor plan to what may hide a person (walls, furniture), infinite where floor or ceiling is seen.
    ``falloff`` (h, w) float32: the vignette, 1 in the middle."""

    image: npt.NDArray[np.uint8]
    occluder: Floats
    falloff: Floats


class RoomLight:
    """Light level in a room: lamps at the ceiling, plus what the walls throw back."""

    def __init__(self, room: Room) -> None:
        self._lamps = [room.world(u, v) for u, v in _LAMPS_UV]

    def level(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """About 1 under a lamp, 0.6 in the corners."""
        total = np.full(np.broadcast(x, y, z).shape, 0.5, np.float32)
        for lamp_x, lamp_y in self._lamps:
            rise = np.maximum(ROOM_HEIGHT - z, 0.25)
            total += 0.95 / (3.6 + (x - lamp_x) ** 2 + (y - lamp_y) ** 2 + 0.15 * rise * rise)
        return total

    def at(self, x: float, y: float) -> float:
        """Level on a person's chest."""
        one = [np.full((1,), value, np.float32) for value in (x, y, 1.2)]
        return float(self.level(*one)[0])


def quads_of(room: Room) -> Iterator[Quad]:
    """Everything in sight: the room's shell with its door, the corridor behind it, furniture, lamps."""
    xs = sorted((room.world(0, 0)[0], room.world(ROOM_WIDTH, 0)[0]))
    near, far = room.world(0, 0)[1], room.world(0, ROOM_DEPTH)[1]
    ys = sorted((near, far))
    yield Quad(2, 0.0, (xs[0], ys[0]), (xs[1], ys[1]), "floor", False)
    yield Quad(2, ROOM_HEIGHT, (xs[0], ys[0]), (xs[1], ys[1]), "ceiling", False)
    for x in xs:
        yield Quad(0, x, (ys[0], 0.0), (ys[1], ROOM_HEIGHT), "wall")
    yield Quad(1, far, (xs[0], 0.0), (xs[1], ROOM_HEIGHT), "wall")
    door = sorted(room.world(DOOR_U + side * DOOR_HALF, 0)[0] for side in (-1, 1))
    for left, right, bottom in ((xs[0], door[0], 0.0), (door[1], xs[1], 0.0), (*door, DOOR_HEIGHT)):
        yield Quad(1, near, (left, bottom), (right, ROOM_HEIGHT), "wall")
    inside = near + room.side * 0.02
    for left, right, low, high in (
        (door[0] - 0.09, door[0], 0.0, DOOR_HEIGHT + 0.09),
        (door[1], door[1] + 0.09, 0.0, DOOR_HEIGHT + 0.09),
        (door[0], door[1], DOOR_HEIGHT, DOOR_HEIGHT + 0.09),
    ):
        yield Quad(1, inside, (left, low), (right, high), "frame")
    corridor = sorted((near, -room.side * HALF_CORRIDOR))
    yield Quad(2, 0.0, (xs[0] - 9, corridor[0]), (xs[1] + 9, corridor[1]), "corridor", False)
    yield Quad(2, 2.6, (xs[0] - 9, corridor[0]), (xs[1] + 9, corridor[1]), "ceiling", False)
    yield Quad(1, -room.side * HALF_CORRIDOR, (xs[0] - 9, 0.0), (xs[1] + 9, ROOM_HEIGHT), "corridor_wall")
    yield from _fixtures(room, near, far)
    for box in room.boxes:
        (x0, y0, z0), (x1, y1, z1) = box.lo, box.hi
        for x in (x0, x1):
            yield Quad(0, x, (y0, z0), (y1, z1), box.material)
        for y in (y0, y1):
            yield Quad(1, y, (x0, z0), (x1, z1), box.material)
        yield Quad(2, z1, (x0, y0), (x1, y1), box.material + "_top")


def _fixtures(room: Room, near: float, far: float) -> Iterator[Quad]:
    """Lamps, a window, pictures."""
    for u, v in _LAMPS_UV:
        x, y = room.world(u, v)
        yield Quad(2, ROOM_HEIGHT - 0.01, (x - 0.6, y - 0.15), (x + 0.6, y + 0.15), "lamp", False)
    side_x = room.world(ROOM_WIDTH, 0)[0]
    inward = -0.02 if side_x > room.world(0, 0)[0] else 0.02
    for v0, v1, z0, z1, material in ((0.5, 1.7, 1.0, 2.2, "picture"), (4.7, 6.0, 0.95, 2.3, "window")):
        ys = sorted((room.world(0, v0)[1], room.world(0, v1)[1]))
        yield Quad(0, side_x + inward, (ys[0], z0), (ys[1], z1), material)
    for u0, u1, z0, z1, material in ((1.2, 2.6, 1.1, 2.1, "board"), (3.4, 4.3, 1.2, 2.3, "picture")):
        wall_xs = sorted((room.world(u0, 0)[0], room.world(u1, 0)[0]))
        yield Quad(1, near + room.side * 0.02, (wall_xs[0], z0), (wall_xs[1], z1), material)


def render_backdrop(room: Room, lens: Lens, response: Response, seed: int) -> Backdrop:
    """Ray-casts the room at twice the size, develops it as the camera does, and scales down."""
    rays = lens.rays(_SUPERSAMPLE)
    height, width = rays.shape[:2]
    nearest = np.full((height, width), np.inf, np.float32)
    which = np.full((height, width), -1, np.int16)
    quads = list(quads_of(room))
    camera = lens.position.astype(np.float32)
    for number, quad in enumerate(quads):
        rows, cols = _window(quad, lens, height, width)
        ray = rays[rows, cols]
        if not ray.size:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (quad.value - camera[quad.axis]) / ray[..., quad.axis]
        a, b = (axis for axis in range(3) if axis != quad.axis)
        hit_a, hit_b = camera[a] + t * ray[..., a], camera[b] + t * ray[..., b]
        hit = (t > 1e-3) & (t < nearest[rows, cols])
        hit &= (hit_a >= quad.lo[0]) & (hit_a <= quad.hi[0]) & (hit_b >= quad.lo[1]) & (hit_b <= quad.hi[1])
        nearest[rows, cols][hit] = t[hit]
        which[rows, cols][hit] = number
    return _shade(room, lens, response, seed, quads, rays, nearest, which)


def _window(quad: Quad, lens: Lens, height: int, width: int) -> tuple[slice, slice]:
    """The part of the image that a quad can be in; all of it where a corner lies behind the camera."""
    corners = np.empty((4, 3))
    a, b = (axis for axis in range(3) if axis != quad.axis)
    corners[:, quad.axis] = quad.value
    corners[:, a] = (quad.lo[0], quad.hi[0], quad.lo[0], quad.hi[0])
    corners[:, b] = (quad.lo[1], quad.lo[1], quad.hi[1], quad.hi[1])
    seen = lens.project(corners)
    if (seen[:, 2] <= 0.06).any():
        return slice(0, height), slice(0, width)
    scale = _SUPERSAMPLE
    low, high = seen[:, :2].min(axis=0) * scale - 2, seen[:, :2].max(axis=0) * scale + 2
    rows = slice(int(np.clip(low[1], 0, height)), int(np.clip(high[1], 0, height)))
    return rows, slice(int(np.clip(low[0], 0, width)), int(np.clip(high[0], 0, width)))


def _shade(
    room: Room,
    lens: Lens,
    response: Response,
    seed: int,
    quads: list[Quad],
    rays: Floats,
    nearest: Floats,
    which: npt.NDArray[np.int16],
) -> Backdrop:
    surfaces, light = Surfaces(room, seed), RoomLight(room)
    colour = np.zeros((which.size, 3), np.float32)
    occluder = np.full(which.size, np.inf, np.float32)
    camera = lens.position.astype(np.float32)
    # One sort of the pixels by their quad: a search of the whole image for each quad took half of the time.
    order = np.argsort(which, axis=None, kind="stable")
    starts = np.searchsorted(which.ravel()[order], np.arange(len(quads) + 1))
    for number, quad in enumerate(quads):
        pixels = order[starts[number] : starts[number + 1]]
        if not pixels.size:
            continue
        t = nearest.ravel()[pixels]
        hit = camera + t[:, None] * rays.reshape(-1, 3)[pixels]
        x, y, z = hit[:, 0], hit[:, 1], hit[:, 2]
        shade = surfaces.colour(quad, x, y, z)
        if quad.material not in ("lamp", "window"):
            # Upright faces get the lamps' light at an angle; the two directions differ a little.
            facing = (0.82, 0.92, 1.0)[quad.axis]
            shade *= (facing * light.level(x, y, z) * surfaces.contact(quad, x, y, z))[:, None]
        colour[pixels] = shade
        if quad.occludes:
            occluder[pixels] = np.hypot(x - camera[0], y - camera[1])
    size = (lens.width, lens.height)
    falloff = response.falloff(*size)
    linear = cv2.resize(colour.reshape(*which.shape, 3), size, interpolation=cv2.INTER_AREA)
    image = response.develop(linear * falloff[..., None])
    image = cv2.GaussianBlur(image, (0, 0), max(0.3, response.blur))
    middle = slice(_SUPERSAMPLE // 2, None, _SUPERSAMPLE)
    small = np.ascontiguousarray(occluder.reshape(which.shape)[middle, middle])
    return Backdrop(np.asarray(np.rint(image), np.uint8), small, falloff)
