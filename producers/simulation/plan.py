"""The floor: rooms on both sides of a corridor, furniture, doors, and the ways between them.

World frame: x along the corridor, y across it (0 in its middle), z up; metres. Each room has a local frame
(u along the corridor wall, v from that wall inwards), mirrored from room to room. A room is seen by one
camera in the corner that is farthest from its door, so that no two share a view: walls stand between them.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

Point = tuple[float, float]

ROOM_WIDTH: Final = 8.0
ROOM_DEPTH: Final = 6.5
ROOM_HEIGHT: Final = 3.0
HALF_CORRIDOR: Final = 1.8
DOOR_HALF: Final = 0.8
DOOR_HEIGHT: Final = 2.15
DOOR_U: Final = 5.9
VESTIBULE: Final = 1.35
"""How far past its door a room's camera may see somebody; less than to the people in mid-corridor."""
CLEARANCE: Final = 0.6
CAMERA_UV: Final[Point] = (0.3, 6.2)
_VIEW_TOWARDS: Final = math.radians(-41)
_VIEW_HALF: Final = math.radians(28)
"""Where the camera looks in the local frame, and how far to either side people stop for long."""


@dataclass(frozen=True, slots=True)
class Box:
    """Furniture, axis-aligned: ``lo`` and ``hi`` corners in metres."""

    lo: tuple[float, float, float]
    hi: tuple[float, float, float]
    material: str

    def blocks(self, a: Point, b: Point, margin: float) -> bool:
        """Whether the segment a-b comes nearer than ``margin`` (slab test, footprint only)."""
        near, far = 0.0, 1.0
        for axis in (0, 1):
            low, high = self.lo[axis] - margin, self.hi[axis] + margin
            step = b[axis] - a[axis]
            if abs(step) < 1e-9:
                if not low < a[axis] < high:
                    return False
                continue
            t0, t1 = sorted(((low - a[axis]) / step, (high - a[axis]) / step))
            near, far = max(near, t0), min(far, t1)
        return near < far


# u0, v0, u1, v1, z0, z1, material. The corner at CAMERA_UV stays low: the camera must see over it.
_FURNITURE: Final = (
    (  # office
        (3.6, 5.75, 7.4, 6.5, 0.68, 0.74, "desk"),
        (3.7, 5.9, 4.1, 6.4, 0.0, 0.68, "drawer"),
        (6.9, 5.9, 7.3, 6.4, 0.0, 0.68, "drawer"),
        (4.5, 6.15, 5.1, 6.2, 0.8, 1.15, "screen"),
        (5.9, 6.15, 6.5, 6.2, 0.8, 1.15, "screen"),
        (7.45, 2.4, 8.0, 4.4, 0.0, 1.8, "cabinet"),
        (3.3, 2.9, 4.7, 3.6, 0.69, 0.74, "desk"),
        (3.34, 2.95, 3.42, 3.55, 0.0, 0.69, "drawer"),
        (4.58, 2.95, 4.66, 3.55, 0.0, 0.69, "drawer"),
        (0.0, 0.3, 0.5, 2.0, 0.0, 1.1, "cabinet"),
        (7.5, 0.15, 7.9, 0.55, 0.0, 0.5, "drawer"),
    ),
    (  # lounge
        (3.4, 5.6, 5.6, 6.5, 0.0, 0.45, "sofa"),
        (3.4, 6.25, 5.6, 6.5, 0.45, 0.85, "sofa"),
        (3.8, 4.4, 5.0, 4.9, 0.0, 0.4, "wood"),
        (7.6, 2.0, 8.0, 4.6, 0.0, 2.0, "shelf"),
        (7.3, 5.8, 7.8, 6.3, 0.0, 0.55, "wood"),
        (2.2, 0.0, 4.2, 0.5, 0.0, 0.9, "wood"),
    ),
    (  # shop
        (3.0, 2.5, 5.6, 3.0, 0.0, 0.75, "shelf"),
        (4.4, 4.9, 6.6, 5.3, 0.0, 0.75, "shelf"),
        (7.3, 2.4, 7.9, 4.4, 0.0, 1.0, "counter"),
        (0.0, 0.5, 0.5, 3.2, 0.0, 1.7, "shelf"),
        (2.0, 0.0, 4.4, 0.4, 0.0, 1.6, "shelf"),
    ),
    (  # canteen
        (2.6, 2.4, 3.5, 3.3, 0.66, 0.74, "wood"),
        (3.0, 2.8, 3.1, 2.9, 0.0, 0.66, "screen"),
        (5.2, 3.7, 6.1, 4.6, 0.66, 0.74, "wood"),
        (5.6, 4.1, 5.7, 4.2, 0.0, 0.66, "screen"),
        (3.9, 5.8, 7.6, 6.5, 0.0, 0.95, "counter"),
        (7.4, 1.4, 8.0, 2.4, 0.0, 1.9, "cabinet"),
        (0.1, 0.2, 0.6, 0.7, 0.0, 0.6, "drawer"),
    ),
)


@dataclass(frozen=True)
class Room:
    """One room; ``index`` counts from 0 and is the camera's."""

    index: int

    @property
    def origin_x(self) -> float:
        return (self.index // 2) * ROOM_WIDTH

    @property
    def side(self) -> int:
        """+1: the room lies at positive y; -1: at negative y."""
        return 1 if self.index % 2 == 0 else -1

    @property
    def mirrored(self) -> bool:
        return self.index % 4 in (1, 2)

    def world(self, u: float, v: float) -> Point:
        return (self.origin_x + (ROOM_WIDTH - u if self.mirrored else u), self.side * (HALF_CORRIDOR + v))

    def local(self, x: float, y: float) -> Point:
        u = x - self.origin_x
        return (ROOM_WIDTH - u if self.mirrored else u, self.side * y - HALF_CORRIDOR)

    def in_sight(self, x: float, y: float) -> bool:
        """Whether the room's camera may see a person there: in the room, or just past its door."""
        u, v = self.local(x, y)
        return 0.0 <= u <= ROOM_WIDTH and -VESTIBULE <= v <= ROOM_DEPTH

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        boxes = []
        for u0, v0, u1, v1, z0, z1, material in _FURNITURE[self.index % len(_FURNITURE)]:
            xs, ys = zip(self.world(u0, v0), self.world(u1, v1), strict=True)
            boxes.append(Box((min(xs), min(ys), z0), (max(xs), max(ys), z1), material))
        return tuple(boxes)

    @cached_property
    def door(self) -> tuple[Point, Point]:
        """The door's point inside the room, and the one on the corridor's middle line."""
        return self.world(DOOR_U, 1.0), self.world(DOOR_U, -HALF_CORRIDOR)

    @cached_property
    def spots(self) -> tuple[Point, ...]:
        """Where people stop: free of furniture, apart from each other, in front of the camera."""
        chosen: list[Point] = []
        camera = self.world(*CAMERA_UV)
        for v in (2.0, 4.0, 1.2, 5.2, 3.2, 4.6, 2.6):
            for u in (4.4, 6.6, 2.4, 5.4, 3.3, 7.2, 6.0):
                spot = self.world(u, v)
                aside = abs(math.atan2(v - CAMERA_UV[1], u - CAMERA_UV[0]) - _VIEW_TOWARDS)
                apart = aside < _VIEW_HALF and all(
                    math.dist(spot, other) >= 1.0 for other in (*chosen, self.door[0])
                )
                if apart and math.dist(spot, camera) > 3.3 and self._free(spot, spot):
                    chosen.append(spot)
        return tuple(chosen)

    def _free(self, a: Point, b: Point) -> bool:
        return not any(box.blocks(a, b, CLEARANCE) for box in (*self.boxes, self._under_camera))

    @cached_property
    def _under_camera(self) -> Box:
        """Nobody walks right below the camera: it would see hair and no person."""
        (x0, y0), (x1, y1) = self.world(0.0, 4.1), self.world(2.3, ROOM_DEPTH)
        return Box((min(x0, x1), min(y0, y1), 0.0), (max(x0, x1), max(y0, y1), 0.0), "")

    @cached_property
    def _ways(self) -> tuple[list[Point], np.ndarray, np.ndarray]:
        """Nodes, their distances, and the next node on the way (visibility graph, Floyd-Warshall)."""
        nodes = [self.door[0], *self.spots]
        for box in self.boxes:
            for x in (box.lo[0] - CLEARANCE - 0.05, box.hi[0] + CLEARANCE + 0.05):
                for y in (box.lo[1] - CLEARANCE - 0.05, box.hi[1] + CLEARANCE + 0.05):
                    u, v = self.local(x, y)
                    inside = 0.4 < u < ROOM_WIDTH - 0.4 and 0.4 < v < ROOM_DEPTH - 0.4
                    if inside and self._free((x, y), (x, y)):
                        nodes.append((x, y))
        n = len(nodes)
        length = np.full((n, n), np.inf)
        for i, a in enumerate(nodes):
            for j in range(i + 1):
                if self._free(a, nodes[j]):
                    length[i, j] = length[j, i] = math.dist(a, nodes[j])
        following = np.where(np.isfinite(length), np.arange(n)[None, :], -1)
        for k in range(n):
            through = length[:, k : k + 1] + length[k : k + 1, :]
            better = through < length - 1e-9
            length = np.where(better, through, length)
            following = np.where(better, following[:, k : k + 1], following)
        return nodes, length, following

    def path(self, start: Point, end: Point) -> list[Point]:
        """Points from ``start`` to ``end``, each a spot of this room or the inside of its door."""
        nodes, _, following = self._ways
        here, goal = nodes.index(start), nodes.index(end)
        points = [nodes[here]]
        while here != goal:
            here = int(following[here, goal])
            if here < 0:
                raise ValueError(f"room {self.index}: no way from {start} to {end}")
            points.append(nodes[here])
        return points


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person can stay: a spot of a room, or outside an end of the corridor (``room`` None)."""

    room: int | None
    at: Point


@dataclass(frozen=True)
class Floor:
    """All rooms, and the two ends of the corridor by which people come and go."""

    rooms: tuple[Room, ...]

    @classmethod
    def of(cls, rooms: int) -> "Floor":
        return cls(tuple(Room(index) for index in range(rooms)))

    @property
    def length(self) -> float:
        return math.ceil(len(self.rooms) / 2) * ROOM_WIDTH

    @cached_property
    def ends(self) -> tuple[Place, Place]:
        return Place(None, (-4.0, 0.0)), Place(None, (self.length + 4.0, 0.0))

    def route(self, start: Place, end: Place) -> list[Point]:
        """Way from one place to another, through doors and corridor."""
        if start.room is not None and start.room == end.room:
            return self.rooms[start.room].path(start.at, end.at)
        points = [start.at]
        if start.room is not None:
            room = self.rooms[start.room]
            points = [*room.path(start.at, room.door[0]), room.door[1]]
        if end.room is None:
            return [*points, end.at]
        room = self.rooms[end.room]
        return [*points, room.door[1], *room.path(room.door[0], end.at)]
