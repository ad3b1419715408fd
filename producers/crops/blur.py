"""Pixelation of people, or of their heads, so coarse that it can't be undone."""

from typing import Final, Literal

import cv2
import numpy as np

from producers.detect.base import FloatArray
from producers.frames import Image

Blur = Literal["none", "faces", "all"]

#: Share of a person's box, from its top, that holds the head, with room for a box that begins too low or a
#: person who bends. No face detector: on crops of 60 x 160 pixels the one in OpenCV's wheel finds one face in
#: few, and a face that it misses is shown. This covers the heads of all whom the detector found, seen from
#: behind as well; it misses who is not detected, lies down, or reaches above their box.
HEAD: Final = 0.24
#: Cells that are left of a head and of a whole body, across.
HEAD_CELLS: Final = 4
BODY_CELLS: Final = 6


def blur_crop(crop: Image, how: Blur) -> Image:
    """A person's crop as it may be kept; a copy where anything is changed."""
    if how == "none":
        return crop
    return blur_box(crop.copy(), (0.0, 0.0, float(crop.shape[1]), float(crop.shape[0])), how)


def blur_people(image: Image, boxes: FloatArray, how: Blur) -> Image:
    """A frame as it may be shown: everybody in ``boxes``, (n, 4) left-top-width-height, is pixelated. A copy
    where anything is changed."""
    if how == "none" or not len(boxes):
        return image
    hidden = image.copy()
    for x, y, w, h in boxes:
        blur_box(hidden, (float(x), float(y), float(w), float(h)), how)
    return hidden


def blur_box(image: Image, box: tuple[float, float, float, float], how: Blur) -> Image:
    """Changes ``image`` within a left-top-width-height box."""
    x, y, w, h = box
    if how == "none":
        return image
    share, cells = (HEAD, HEAD_CELLS) if how == "faces" else (1.0, BODY_CELLS)
    top, bottom = max(int(y), 0), min(round(y + h * share) + 1, image.shape[0])
    left, right = max(int(x), 0), min(round(x + w) + 1, image.shape[1])
    if top < bottom and left < right:
        image[top:bottom, left:right] = _pixelated(image[top:bottom, left:right], cells)
    return image


def _pixelated(part: Image, across: int) -> Image:
    height, width = part.shape[:2]
    cells = min(across, width), max(1, min(round(across * height / width), height))
    coarse = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
