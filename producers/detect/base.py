"""Boxes of persons, and what every detector does."""

from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from producers.frames import CapturedFrame

FloatArray = npt.NDArray[np.float32]

#: From this score on a detector is believed to have boxed one whole person.
BELIEVED: Final = 0.6

#: Smaller persons carry too little to be told apart: pixels, and share of the frame's height.
MIN_HEIGHT: Final = 40.0
MIN_HEIGHT_SHARE: Final = 0.1


def least_height(frame_height: int) -> float:
    """Pixels that a built-in detector wants of a person."""
    return max(MIN_HEIGHT, MIN_HEIGHT_SHARE * frame_height)


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Parallel arrays. ``xywh``: (n, 4) float32, left, top, width, height in pixels of the whole frame;
    ``score``: (n,) float32, 0 to 1. Validated on construction: raises `ValueError`."""

    xywh: FloatArray
    score: FloatArray

    def __post_init__(self) -> None:
        if self.xywh.ndim != 2 or self.xywh.shape[1] != 4 or self.score.shape != (len(self.xywh),):
            raise ValueError(f"boxes of shape {self.xywh.shape} with scores of shape {self.score.shape}")

    def __len__(self) -> int:
        return len(self.score)

    @classmethod
    def of(cls, xywh: npt.ArrayLike, score: npt.ArrayLike) -> Self:
        """Any two sequences of numbers -> boxes; empty ones too."""
        return cls(np.asarray(xywh, np.float32).reshape(-1, 4), np.asarray(score, np.float32).reshape(-1))

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Boxes":
        """The boxes at these places, or where a mask is true."""
        return Boxes(self.xywh[index], self.score[index])

    @property
    def xyxy(self) -> FloatArray:
        """(n, 4) left, top, right, bottom."""
        return np.concatenate([self.xywh[:, :2], self.xywh[:, :2] + self.xywh[:, 2:]], axis=1)


class Detector(Protocol):
    """Finds persons. One instance a camera: it may learn that camera's background."""

    @property
    def name(self) -> str: ...

    def detect(self, frame: CapturedFrame) -> Boxes:
        """Boxes of persons within the frame, after non-maximum suppression."""
        ...


def overlaps(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of (n, 4) and (m, 4) left-top-width-height boxes: (n, m)."""
    intersection = intersections(a, b)
    area_a, area_b = a[:, 2] * a[:, 3], b[:, 2] * b[:, 3]
    union = area_a[:, None] + area_b[None] - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9), np.float32)


def intersections(a: FloatArray, b: FloatArray) -> FloatArray:
    """Areas common to each pair of boxes, pixels: (n, m)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    size = np.clip(high - low, 0, None)
    return np.asarray(size[..., 0] * size[..., 1], np.float32)


def suppress(boxes: Boxes, *, iou: float = 0.5, contained: float = 1.1) -> Boxes:
    """Greedy non-maximum suppression: the best score stays, boxes that overlap it go.

    ``contained``: also drop a box of which more than this share lies within a better one (above 1: off).
    """
    order = np.argsort(-boxes.score, kind="stable")
    boxes = boxes.take(order)
    alike = overlaps(boxes.xywh, boxes.xywh)
    area = np.maximum(boxes.xywh[:, 2] * boxes.xywh[:, 3], 1e-9)
    within = intersections(boxes.xywh, boxes.xywh) / area[None]
    keep = np.ones(len(boxes), bool)
    for i in range(len(boxes)):
        if keep[i]:
            rest = slice(i + 1, None)
            keep[rest] &= (alike[i, rest] <= iou) & (within[i, rest] <= contained)
    return boxes.take(keep)


def clip(boxes: Boxes, width: int, height: int, min_height: float = 0.0) -> Boxes:
    """Boxes cut at the frame's edges, without those that end up smaller than ``min_height`` pixels."""
    xyxy = boxes.xyxy
    xyxy[:, 0::2] = xyxy[:, 0::2].clip(0, width)
    xyxy[:, 1::2] = xyxy[:, 1::2].clip(0, height)
    size = xyxy[:, 2:] - xyxy[:, :2]
    good = (size[:, 0] >= max(min_height / 4, 2)) & (size[:, 1] >= max(min_height, 4))
    return Boxes(np.concatenate([xyxy[:, :2], size], axis=1), boxes.score).take(good)
