"""How well a crop shows its person: 0 to 1, the product of five factors."""

from typing import Final

import cv2
import numpy as np

from producers.detect.base import BELIEVED, Boxes, FloatArray, intersections
from producers.frames import Image

#: Height in pixels from which more of them add nothing (encoders look at 128 to 256 rows).
GOOD_HEIGHT: Final = 128.0
#: Mean absolute Laplacian, per unit of contrast, of a sharp crop resized to 64 rows.
SHARP: Final = 0.35
EDGE_PIXELS: Final = 2.0
#: Crops of boxes that are not `BELIEVED` count so much at least. On the simulated site (seeds 4 and 5) 2 % of
#: the built-in detector's confirmed boxes are nobody's or badly placed, 15 % of those that only have a
#: person's shape, half of the doubtful ones.
DISBELIEVED: Final = 0.4


def qualities(image: Image, boxes: Boxes) -> FloatArray:
    """(n,) float32: size × sharpness × completeness × freedom from others in front × belief in the box."""
    height, width = image.shape[:2]
    size = np.clip(boxes.xywh[:, 3] / GOOD_HEIGHT, 0.05, 1) ** 0.5
    sharp = np.array([_sharpness(crop(image, box)) for box in boxes.xywh], np.float32)
    whole = _completeness(boxes, width, height)
    belief = ((boxes.score / BELIEVED) ** 2).clip(DISBELIEVED, 1)
    return np.asarray(size * (0.4 + 0.6 * sharp) * whole * (1 - hidden(boxes)) * belief, np.float32)


def crop(image: Image, box: FloatArray) -> Image:
    """The part of ``image`` in a left-top-width-height box; at least one pixel, wherever the box lies."""
    height, width = image.shape[:2]
    x0, y0 = min(max(int(box[0]), 0), width - 1), min(max(int(box[1]), 0), height - 1)
    x1 = min(max(round(float(box[0] + box[2])), x0 + 1), width)
    y1 = min(max(round(float(box[1] + box[3])), y0 + 1), height)
    return image[y0:y1, x0:x1]


def _sharpness(part: Image) -> float:
    """0 to 1. Relative to contrast, so that dark clothes are not called blurred."""
    grey = cv2.cvtColor(cv2.resize(part, (32, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    contrast = float(grey.std())
    if contrast < 2.0:
        return 0.0
    edges = float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())
    return min(edges / contrast / SHARP, 1.0)


def _completeness(boxes: Boxes, width: int, height: int) -> FloatArray:
    """Less where the frame's edge cuts the person: by a third at the sides, by half above or below."""
    left, top, right, bottom = boxes.xyxy.T
    sides = (left <= EDGE_PIXELS) | (right >= width - EDGE_PIXELS)
    ends = (top <= EDGE_PIXELS) | (bottom >= height - EDGE_PIXELS)
    return np.asarray(np.where(sides, 0.67, 1.0) * np.where(ends, 0.5, 1.0), np.float32)


def hidden(boxes: Boxes) -> FloatArray:
    """(n,) float32, 0 to 0.95: largest share of each box that one other covers. Who stands lower in the
    picture stands in front; the other loses it all, and the one in front half of it: its crop shows both."""
    if len(boxes) < 2:
        return np.zeros(len(boxes), np.float32)
    area = np.maximum(boxes.xywh[:, 2] * boxes.xywh[:, 3], 1e-9)
    share = intersections(boxes.xywh, boxes.xywh) / area[:, None]
    bottom = boxes.xyxy[:, 3]
    share = share * np.where(bottom[None] >= bottom[:, None], 1.0, 0.5)
    np.fill_diagonal(share, 0)
    return np.asarray(share.max(axis=1).clip(0, 0.95), np.float32)
