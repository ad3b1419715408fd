"""Small recordings, made anew for each test."""

from pathlib import Path

import cv2
import numpy as np

from producers.frames import Image


def picture(number: int, width: int = 160, height: int = 120) -> Image:
    """A grey picture whose brightness tells its number."""
    return np.full((height, width, 3), 10 + 4 * number % 240, np.uint8)


def video(path: Path, frames: int = 60, fps: float = 30.0, codec: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (160, 120))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(picture(number))
    writer.release()
    return path
