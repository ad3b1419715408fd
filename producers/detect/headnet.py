"""The built-in detector: a small network that looks for heads, and the foreground that tells people's sides.

The network was trained here, on people put before places (`producers.training.detector`), and ships with the
package. A fixed camera knows more than a picture tells: beside blue, green and red it is given what differs
from the empty place, and does without it where that is not known yet, or the light just changed. Heads,
because people who walk together share much of their boxes, and seldom a head.

Who is there, the network tells; how far they reach, the foreground tells better, taken apart into figures as
for `producers.detect.hog`: on the simulated site (seed 4) half of the network's boxes overlap the true one by
0.8 (intersection over union), and of those that take a figure's sides two of three do.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from producers.detect.background import Background
from producers.detect.base import (
    BELIEVED,
    Boxes,
    FloatArray,
    clip,
    intersections,
    least_height,
    overlaps,
    suppress,
)
from producers.detect.motion import DOUBTFUL, Blob, Motion, boxes_of, shape_score
from producers.frames import CapturedFrame, Image
from producers.network import Network, Tensor, open_network

NAME: Final = "headnet"
WEIGHTS: Final = Path(__file__).parent / "weights" / f"{NAME}.onnx"
#: Pixels that the network is given of a picture, about; its sides are multiples of 32.
AREA: Final = 384 * 288
MULTIPLE: Final = 32
#: Pixels of a cell of what comes out.
STRIDE: Final = 4
#: The network's chance of a head, and the score that is told: from the first on at all, from the second on it
#: begins a track, from the third on it is believed by itself.
CHANCES: Final = (0.25, 0.45, 0.5, 1.0)
SCORES: Final = (0.3, 0.5, BELIEVED, 1.0)
#: Boxes that overlap more are one person seen twice.
SAME: Final = 0.6
#: Overlap from which a figure is the person that the network tells of; and by how much of that one's height
#: their sides differ at most where the figure's is believed. One that differs more lost its legs behind a
#: desk, or has somebody else's.
CONFIRMS: Final = 0.3
AGREE: Final = 0.08
#: Share of a figure within the network's boxes from which it is a part of somebody told already.
PART: Final = 0.5


class HeadDetector:
    """`producers.detect.base.Detector` ``headnet`` of one fixed camera, whose background it learns."""

    name = NAME

    def __init__(self) -> None:
        self._network = _opened()
        self._background = Background()
        self._motion = Motion()

    def detect(self, frame: CapturedFrame) -> Boxes:
        height, width = frame.image.shape[:2]
        if self._motion.size != (height, width):
            # Pictures of two sizes may be given to the network in one.
            self._background = Background()
        least = least_height(height)
        told = self._told(frame.image, size_of(width, height), least)
        blobs = self._motion.blobs(frame.image, least)
        self._motion.learn(blobs, told.xywh[told.score >= SCORES[1]], (width, height))
        return clip(drawn(told, blobs), width, height, least)

    def _told(self, image: Image, size: tuple[int, int], least: float) -> Boxes:
        """By the network: one box a person, within the frame."""
        height, width = image.shape[:2]
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        boxes = people(self._network.run(given(small, self._background))[0])
        scale = np.array([width / size[0], height / size[1]] * 2, np.float32)
        return suppress(
            clip(Boxes(boxes.xywh * scale, boxes.score), width, height, least), iou=SAME, contained=0.9
        )


def drawn(told: Boxes, blobs: list[Blob]) -> Boxes:
    """The network's people with the sides of their figures, where there is one each and both nearly agree,
    and else those between; then the figures of which it tells nobody and that lie within nobody's box: they
    keep tracks alive, and begin none."""
    blobs = [blob for blob in blobs if shape_score(blob) > 0]
    if not blobs:
        return told
    shapes = boxes_of(blobs)
    alike = overlaps(told.xywh, shapes)
    xywh, lone = told.xywh.copy(), np.ones(len(blobs), bool)
    for one in np.argsort(-told.score, kind="stable"):
        near = np.where(lone, alike[one], 0.0)
        best = int(near.argmax())
        if near[best] >= CONFIRMS:
            lone[best] = False
            xywh[one] = _agreed(xywh[one], shapes[best])
    within = intersections(shapes, told.xywh) / np.maximum(shapes[:, 2] * shapes[:, 3], 1.0)[:, None]
    lone &= within.max(axis=1, initial=0.0) <= PART
    doubtful = np.full(int(lone.sum()), DOUBTFUL, np.float32)
    return Boxes(np.concatenate([xywh, shapes[lone]]), np.concatenate([told.score, doubtful]))


def _agreed(told: FloatArray, shape: FloatArray) -> FloatArray:
    """(4,) left, top, width, height of a person, side by side."""
    sides, seen = (np.concatenate([box[:2], box[:2] + box[2:]]) for box in (told, shape))
    near = np.abs(seen - sides) <= AGREE * told[3]
    sides = np.where(near, seen, (seen + sides) / 2)
    return np.concatenate([sides[:2], sides[2:] - sides[:2]]).astype(np.float32)


@lru_cache(maxsize=1)
def _opened() -> Network:
    return open_network(WEIGHTS)


def size_of(width: int, height: int) -> tuple[int, int]:
    """Width and height that a frame is brought to; its sides keep their ratio but for rounding."""
    scale = (AREA / (width * height)) ** 0.5
    wide, high = (max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (width, height))
    return wide, high


def given(picture: Image, background: Background) -> Tensor:
    """(1, 4, h, w) float32: blue, green, red, and what differs from the background, 0 to 255."""
    planes = np.dstack([picture, background.difference(picture)])
    return np.ascontiguousarray(planes.transpose(2, 0, 1)[None], np.float32)


def people(found: Tensor) -> Boxes:
    """(1, 5, h, w): logit of a head, and logs of its person's distances to left, top, right and bottom in
    cells -> a box for each peak, in pixels of the picture that the network was given."""
    logit, reach = found[0, 0], found[0, 1:]
    chance = 1 / (1 + np.exp(-logit.clip(-30, 30)))
    peak = chance >= cv2.dilate(chance, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero(peak & (chance >= CHANCES[0]))
    side = np.exp(reach[:, rows, columns].clip(-4, 6))
    x, y = columns + 0.5, rows + 0.5
    xywh = np.stack([x - side[0], y - side[1], side[0] + side[2], side[1] + side[3]], axis=1) * STRIDE
    return Boxes.of(xywh, np.interp(chance[rows, columns], CHANCES, SCORES))
