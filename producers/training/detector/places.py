"""Places without people: rooms drawn with furniture that stands anywhere, and pictures of nothing at all."""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from producers.frames import Image
from producers.simulation.backdrop import render_backdrop
from producers.simulation.optics import Lens, Response
from producers.simulation.plan import Box, Room

SIZE: Final = (400, 300)
MATERIALS: Final = ("desk", "drawer", "screen", "cabinet", "sofa", "wood", "shelf", "counter")


class Furnished(Room):
    """A room whose furniture is not that of the site."""

    def __init__(self, index: int, boxes: tuple[Box, ...]) -> None:
        super().__init__(index)
        self.__dict__["boxes"] = boxes


def furnished(rng: np.random.Generator) -> Image:
    """A room seen by a camera anywhere under its ceiling: (300, 400, 3) BGR."""
    index = int(rng.integers(4, 4096))
    shell = Room(index)
    boxes = []
    for _ in range(int(rng.integers(3, 13))):
        u, v = rng.uniform(0, 7.6), rng.uniform(0, 6.1)
        du, dv = rng.uniform(0.15, 2.2), rng.uniform(0.15, 1.2)
        z0 = float(rng.choice([0.0, 0.0, 0.0, 0.65]))
        z1 = z0 + float(rng.uniform(0.06, 1.9))
        (xa, ya), (xb, yb) = shell.world(u, v), shell.world(min(u + du, 8.0), min(v + dv, 6.5))
        lo, hi = (min(xa, xb), min(ya, yb), z0), (max(xa, xb), max(ya, yb), min(z1, 2.4))
        boxes.append(Box(lo, hi, str(rng.choice(MATERIALS))))
    room = Furnished(index, tuple(boxes))
    position = np.array(
        [*shell.world(*(rng.uniform(0.2, 7.8), rng.uniform(4.2, 6.3))), rng.uniform(1.9, 2.9)]
    )
    aim = np.array([*shell.world(rng.uniform(1, 7), rng.uniform(0.3, 3.0)), rng.uniform(0.5, 1.2)])
    forward = (aim - position) / np.linalg.norm(aim - position)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    width, height = SIZE
    lens = Lens(position, axes, width / 2 / np.tan(np.radians(rng.uniform(55, 95)) / 2), width, height)
    return render_backdrop(room, lens, some_response(rng), int(rng.integers(1 << 30))).image


def some_response(rng: np.random.Generator) -> Response:
    blue, green, red = (float(v) for v in rng.uniform(0.82, 1.15, 3))
    return Response(
        float(rng.uniform(0.8, 1.35)),
        (blue, green, red),
        float(rng.uniform(0.8, 1.2)),
        float(rng.uniform(0.6, 1.15)),
        float(rng.uniform(0.0, 0.35)),
        0.0,
        0.4,
    )


def clutter(rng: np.random.Generator) -> Image:
    """Areas, edges, stripes, grain of all scales: (300, 400, 3) BGR."""
    width, height = SIZE
    image = np.empty((height, width, 3), np.float32)
    top, low = rng.uniform(20, 235, 3), rng.uniform(20, 235, 3)
    image[:] = np.linspace(0, 1, height)[:, None, None] * (low - top) + top
    for _ in range(int(rng.integers(4, 40))):
        shade = rng.uniform(0, 255) + rng.normal(0, 25, 3)
        colour = tuple(float(c) for c in shade.clip(0, 255))
        x, y = rng.uniform(-40, width), rng.uniform(-40, height)
        w, h = np.exp(rng.uniform(np.log(6), np.log(220), 2))
        kind = rng.integers(0, 5)
        if kind <= 1:
            cv2.rectangle(image, (int(x), int(y)), (int(x + w), int(y + h)), colour, -1)
        elif kind == 2:
            cv2.ellipse(
                image,
                (int(x), int(y)),
                (int(w / 2), int(h / 2)),
                float(rng.uniform(0, 180)),
                0,
                360,
                colour,
                -1,
            )
        elif kind == 3:
            points = np.stack([rng.uniform(x, x + w, 4), rng.uniform(y, y + h, 4)], axis=1).astype(np.int32)
            cv2.fillPoly(image, [cv2.convexHull(points)], colour)
        else:
            end = (int(x + rng.uniform(-200, 200)), int(y + rng.uniform(-200, 200)))
            cv2.line(image, (int(x), int(y)), end, colour, int(rng.integers(1, 9)))
    for cells in (8, 30, 120):
        grain = rng.normal(0, rng.uniform(0, 14), (max(2, cells * 3 // 4), cells, 1)).astype(np.float32)
        image += cv2.resize(grain, SIZE, interpolation=cv2.INTER_CUBIC)[..., None]
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2)).clip(0, 255), np.uint8)


def patchwork(crops: list[Image], rng: np.random.Generator) -> Image:
    """What stood behind real people, who are painted over, put side by side: (300, 400, 3) BGR."""
    width, height = SIZE
    columns, rows = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    image = np.zeros((height, width, 3), np.uint8)
    for r in range(rows):
        for c in range(columns):
            y0, y1 = height * r // rows, height * (r + 1) // rows
            x0, x1 = width * c // columns, width * (c + 1) // columns
            crop = crops[int(rng.integers(len(crops)))]
            turned = np.rot90(crop) if rng.random() < 0.4 else crop
            image[y0:y1, x0:x1] = cv2.resize(np.ascontiguousarray(turned), (x1 - x0, y1 - y0))
    return image


def behind(crop: Image) -> Image:
    """A crop without whom it shows: the middle is filled in from the sides (Telea, 2004)."""
    small = cv2.resize(crop, (48, 112))
    mask = np.zeros((112, 48), np.uint8)
    mask[2:110, 9:39] = 255
    return np.asarray(cv2.inpaint(small, mask, 4, cv2.INPAINT_TELEA), np.uint8)


def places(rooms: int, others: int, crops: list[Image], rng: np.random.Generator) -> Iterator[Image]:
    """So many rooms; of the others half is drawn, half what stood behind the people of ``crops``."""
    for _ in range(rooms):
        yield furnished(rng)
    hidden = [behind(crop) for crop in crops]
    for number in range(others):
        yield clutter(rng) if number % 2 else patchwork(hidden, rng)
