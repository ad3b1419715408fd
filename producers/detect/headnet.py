"""The built-in detector: a small network that looks for heads, in the picture and in what moved in it.

It was trained here, on people put before places (`producers.training.detector`), and ships with the package.
A fixed camera knows more than a picture tells: beside blue, green and red the network is given what differs
from the empty place, and does without it where that is not known yet, or the light just changed. Heads,
because people who walk together share much of their boxes, and seldom a head.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from producers.detect.background import Background
from producers.detect.base import Boxes, clip, suppress
from producers.frames import CapturedFrame, Image
from producers.network import Network, Tensor, open_network

NAME: Final = "headnet"
WEIGHTS: Final = Path(__file__).parent / "weights" / f"{NAME}.onnx"
#: Pixels that the network is given of a picture, about; its sides are multiples of 32.
AREA: Final = 384 * 288
MULTIPLE: Final = 32
#: Pixels of a cell of what comes out.
STRIDE: Final = 4
#: Chance that there is a head from which on it is told.
MIN_CHANCE: Final = 0.25
#: Boxes that overlap more are one person seen twice.
SAME: Final = 0.65
#: Smaller persons carry too little to be told apart: pixels, and share of the frame's height.
MIN_HEIGHT: Final = 40.0
MIN_HEIGHT_SHARE: Final = 0.1


class HeadDetector:
    """`producers.detect.base.Detector` ``headnet`` of one fixed camera, whose background it learns."""

    name = NAME

    def __init__(self) -> None:
        self._network = _opened()
        self._background = Background()
        self._size: tuple[int, int] | None = None

    def detect(self, frame: CapturedFrame) -> Boxes:
        height, width = frame.image.shape[:2]
        size = size_of(width, height)
        if size != self._size:
            self._size, self._background = size, Background()
        small = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
        found = self._network.run(given(small, self._background))[0]
        boxes = people(found)
        scale = np.array([width / size[0], height / size[1]] * 2, np.float32)
        whole = clip(
            Boxes(boxes.xywh * scale, boxes.score), width, height, max(MIN_HEIGHT, MIN_HEIGHT_SHARE * height)
        )
        return suppress(whole, iou=SAME, contained=0.9)


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
    rows, columns = np.nonzero(peak & (chance >= MIN_CHANCE))
    side = np.exp(reach[:, rows, columns].clip(-4, 6))
    x, y = columns + 0.5, rows + 0.5
    xywh = np.stack([x - side[0], y - side[1], side[0] + side[2], side[1] + side[3]], axis=1) * STRIDE
    return Boxes.of(xywh, chance[rows, columns])
