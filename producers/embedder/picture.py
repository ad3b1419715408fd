"""One picture: the person in it, embedded as cameras embed theirs."""

import threading
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from producers.detect.base import Boxes, Detector
from producers.embed.base import Embedder, directed, model_of
from producers.frames import CapturedFrame, Image
from producers.quality import crop, qualities
from reid.contracts.embedder import EmbeddedPicture
from reid.contracts.embedding import encode_wire

#: Height to width from which a picture counts as the crop of one standing person; below, the person in it is
#: looked for. Boxes of standing people have 2 to 3.
CROP_FROM: Final = 1.6
#: Pixels of a picture: what a larger one unpacks to would fill the memory.
MOST_PIXELS: Final = 40_000_000
LEAST_SIDE: Final = 16
#: Longest side that a detector is given: it looks for people at frame size.
LONGEST_SIDE: Final = 1280


class NobodyShown(ValueError):
    """Why a picture shows nobody to search for, for whoever sent it."""


class PictureEmbedder:
    """Thread-safe; one picture at a time.

    ``detector`` makes a new one for each picture: a detector learns the background of its camera, and
    pictures are of anywhere.
    """

    def __init__(self, detector: Callable[[], Detector], embedder: Embedder) -> None:
        self._detector, self._embedder = detector, embedder
        self._lock = threading.Lock()

    def embed(self, encoded: bytes) -> EmbeddedPicture:
        """``encoded``: a JPEG or PNG. Raises `NobodyShown`."""
        image = decoded(encoded)
        with self._lock:
            box = self._person(image)
            vector = self._embedder.embed([crop(image, box.xywh[0])])[0]
        if not directed(vector):
            raise NobodyShown(
                f"encoder {self._embedder.name} has nothing to say of this picture: try another one"
            )
        left, top, width, height = (round(float(value)) for value in box.xywh[0])
        return EmbeddedPicture(
            model=model_of(self._embedder),
            embedding=encode_wire(vector),
            bbox=(left, top, width, height),
            quality=round(float(qualities(image, box)[0]), 3),
        )

    def _person(self, image: Image) -> Boxes:
        """One box: the whole of a crop, else the largest person. Raises `NobodyShown`."""
        height, width = image.shape[:2]
        if height >= CROP_FROM * width:
            return Boxes.of([[0, 0, width, height]], [1.0])
        shrunk = min(1.0, LONGEST_SIDE / max(height, width))
        small = cv2.resize(image, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
        found = self._detector().detect(CapturedFrame(np.asarray(small, np.uint8), 0, 0))
        if not len(found):
            raise NobodyShown("no person found in the picture: send one cut to the person, head to feet")
        largest = np.argmax(found.xywh[:, 2] * found.xywh[:, 3])
        return Boxes(found.xywh[[largest]] / np.float32(shrunk), found.score[[largest]])


def decoded(encoded: bytes) -> Image:
    """(h, w, 3) BGR. Raises `NobodyShown` for what is no picture, or one too large or too small."""
    size = size_of(encoded)
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        raise NobodyShown(f"a picture of {size[0]}×{size[1]} is too large: at most 40 million pixels")
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if size is None or image is None:
        raise NobodyShown("this is no JPEG or PNG that can be read")
    if min(image.shape[:2]) < LEAST_SIDE:
        raise NobodyShown(f"a picture of {image.shape[1]}×{image.shape[0]} pixels shows nobody")
    return np.asarray(image, np.uint8)


def size_of(encoded: bytes) -> tuple[int, int] | None:
    """Width and height as the head of a JPEG or PNG states them, before anything is unpacked; None when it
    states none."""
    if encoded[:8] == b"\x89PNG\r\n\x1a\n" and encoded[12:16] == b"IHDR":
        return int.from_bytes(encoded[16:20]), int.from_bytes(encoded[20:24])
    at = 2
    while encoded[:2] == b"\xff\xd8" and at + 9 < len(encoded) and encoded[at] == 0xFF:
        marker, length = encoded[at + 1], int.from_bytes(encoded[at + 2 : at + 4])
        # Start of frame: all of C0 to CF but the tables DHT, JPG and DAC.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(encoded[at + 7 : at + 9]), int.from_bytes(encoded[at + 5 : at + 7])
        at += 1 if marker == 0xFF else 2 + length  # FF may be padding
    return None
