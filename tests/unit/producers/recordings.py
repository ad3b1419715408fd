"""Small recordings, made anew for each test."""

import struct
from collections.abc import Sequence
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


def uneven_video(path: Path, milliseconds: Sequence[int]) -> Path:
    """A video whose frames last so long each; `video` writes only even ones, so its table is replaced."""
    raw = video(path, len(milliseconds)).read_bytes()
    mdhd = raw.index(b"mdhd") + 4
    (scale,) = struct.unpack_from(">I", raw, mdhd + 12)
    path.write_bytes(_retimed(raw, [duration * scale // 1000 for duration in milliseconds]))
    return path


def _retimed(boxes: bytes, durations: Sequence[int]) -> bytes:
    """MP4 boxes with another ``stts``; without the edit list, which ends where the even video did."""
    made, at = b"", 0
    while at < len(boxes):
        size, name = struct.unpack_from(">I4s", boxes, at)
        body, at = boxes[at + 8 : at + size], at + size
        if name == b"edts":
            continue
        if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            body = _retimed(body, durations)
        elif name == b"stts":
            entries = b"".join(struct.pack(">II", 1, duration) for duration in durations)
            body = struct.pack(">II", 0, len(durations)) + entries
        elif name == b"mdhd":
            body = body[:16] + struct.pack(">I", sum(durations)) + body[20:]
        made += struct.pack(">I4s", len(body) + 8, name) + body
    return made
