"""Draws boxes and labels on frames; writes a video and a contact sheet."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np

from producers.frames import Image
from reid.contracts.detections import Frame
from reid.errors import ConfigError

LabelOf = Callable[[str, str, str], str | None]
"""``(camera_id, session, tracker_id) -> label``, None while the person has no name yet."""

FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
UNNAMED: Final = (160, 160, 160)


def annotate(image: Image, frame: Frame, label_of: LabelOf) -> Image:
    """A copy of ``image`` with every person's box and label; the same label has the same colour always."""
    drawn = image.copy()
    thickness = max(1, round(image.shape[0] / 360))
    for person in frame.persons:
        label = label_of(frame.camera_id, frame.session, str(person.tracker_id))
        colour = colour_of(label) if label else UNNAMED
        x, y, w, h = (round(value) for value in person.bbox)
        cv2.rectangle(drawn, (x, y), (x + w, y + h), colour, thickness)
        _tag(drawn, label or f"#{person.tracker_id}", (x, y), colour, thickness)
    return drawn


def colour_of(label: str) -> tuple[int, int, int]:
    """BGR of a label: hues by the golden ratio, so that neighbours in the alphabet look different."""
    number = sum(ord(letter) * 31**place for place, letter in enumerate(reversed(label)))
    hue = int((number * 0.618034 % 1.0) * 179)
    blue, green, red = cv2.cvtColor(np.array([[[hue, 200, 235]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
    return int(blue), int(green), int(red)


def _tag(
    image: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int], thickness: int
) -> None:
    scale = 0.45 * thickness
    (width, height), base = cv2.getTextSize(text, FONT, scale, thickness)
    x = min(corner[0], max(image.shape[1] - width - 4, 0))
    y = max(corner[1], height + base + 2)
    cv2.rectangle(image, (x, y - height - base - 2), (x + width + 4, y), colour, cv2.FILLED)
    cv2.putText(image, text, (x + 2, y - base), FONT, scale, (0, 0, 0), thickness, cv2.LINE_AA)


class VideoWriter:
    """An .mp4 (codec mp4v) of frames of one size; frames of another size are scaled to the first's.

    Raises `ConfigError` when the file cannot be written.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.frames = 0
        self._fps = fps
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, image: Image) -> None:
        if self._writer is None:
            self._writer = self._opened(image)
        if (image.shape[1], image.shape[0]) != self._size:
            image = np.asarray(cv2.resize(image, self._size), np.uint8)
        self._writer.write(image)
        self.frames += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self, image: Image) -> cv2.VideoWriter:
        self._size = (image.shape[1], image.shape[0])
        # mp4v: avc1 and H264 fail silently in the wheels of OpenCV.
        writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"mp4v"), self._fps, self._size)
        if not writer.isOpened():
            raise ConfigError(
                f"cannot write the video {self.path}: check that its folder exists and has room"
            )
        return writer


def contact_sheet(images: Iterable[Image], columns: int = 4, width: int = 400) -> Image:
    """Pictures side by side, each scaled to ``width`` pixels and padded to the tallest."""
    tiles = [
        np.asarray(cv2.resize(image, (width, round(width * image.shape[0] / image.shape[1]))), np.uint8)
        for image in images
    ]
    if not tiles:
        raise ConfigError("a contact sheet needs at least one picture")
    height = max(tile.shape[0] for tile in tiles)
    blank = np.full((height, width, 3), 32, np.uint8)
    padded = []
    for tile in tiles:
        canvas = blank.copy()
        canvas[: tile.shape[0]] = tile
        padded.append(canvas)
    padded += [blank] * (-len(padded) % columns)
    rows = [np.hstack(padded[start : start + columns]) for start in range(0, len(padded), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def save_image(path: Path, image: Image) -> None:
    """Raises `ConfigError` when the file cannot be written."""
    done, encoded = cv2.imencode(path.suffix or ".jpg", image)
    try:
        if not done:
            raise ConfigError(f"cannot write {path}: unknown image kind {path.suffix!r}; use .jpg or .png")
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
