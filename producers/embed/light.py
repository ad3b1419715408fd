"""Crops at one size, and two ways to take their camera's light out of them."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.frames import Image

WIDTH: Final = 48
HEIGHT: Final = 128

Pixels = npt.NDArray[np.uint8]
"""``(n, HEIGHT, WIDTH, 3)`` uint8 BGR."""
Grey = npt.NDArray[np.uint8]
"""``(n, HEIGHT, WIDTH)`` uint8."""


def resized(crop: Image) -> Image:
    """To ``(HEIGHT, WIDTH, 3)``: averaged where it shrinks, else interpolated."""
    shrinks = crop.shape[0] > HEIGHT
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (WIDTH, HEIGHT), interpolation=how), np.uint8)


def converted(pixels: Pixels, code: int) -> npt.NDArray[np.uint8]:
    """All crops below each other as one image: OpenCV then works through the batch in one call."""
    tall = np.ascontiguousarray(pixels).reshape(-1, WIDTH, 3)
    found = np.asarray(cv2.cvtColor(tall, code), np.uint8)
    return found.reshape(*pixels.shape[:3], *found.shape[2:])


def grey_world(pixels: Pixels) -> Pixels:
    """Gains that make each crop's mean grey: takes out the tint of its camera's light."""
    mean = pixels.reshape(len(pixels), -1, 3).mean(axis=1) + 1.0
    gain = (mean.mean(axis=1, keepdims=True) / mean).astype(np.float32)
    return np.asarray(np.clip(pixels * gain[:, None, None], 0, 255), np.uint8)


def equalised(pixels: Pixels) -> Pixels:
    """Each channel of each crop equalised: ranks instead of values, which any monotonic response keeps."""
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    for plane in planes.reshape(-1, HEIGHT, WIDTH):
        cv2.equalizeHist(plane, plane)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
