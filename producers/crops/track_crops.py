"""Which crops of a track are worth keeping: few, good, and from different moments."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import cv2
import numpy as np

from producers.crops.blur import Blur, blur_crop, blur_people
from producers.crops.writer import CropWriter
from producers.detect.base import FloatArray
from producers.frames import Image

#: Crops written of one track at most while one of them is told, and ms between two unless the later is much
#: better.
MOST: Final = 4
APART_MS: Final = 4_000
#: How much better than the track's best a crop must be to be written at once; how good, to be written later.
BETTER: Final = 1.15
AS_GOOD: Final = 0.9
#: A crop is told for so long after it was written. Half of what the keeper grants one that is nobody's
#: (`projections.keeper`): a track that is decided late must not name a picture that is gone, and one whose
#: person was forgotten gets a new one.
TOLD_MS: Final = 300_000
#: Crops worse than this are nobody's portrait.
LEAST_QUALITY: Final = 0.3
#: Rows of a stored crop at most, and its JPEG quality.
MAX_HEIGHT: Final = 256
JPEG_QUALITY: Final = 88
#: Tracks unseen for so long are forgotten, ms.
FORGET_MS: Final = 60_000


class Kept(NamedTuple):
    """A stored crop: the SHA-256 of its bytes, and its quality. Empty: none yet."""

    sha256: str = ""
    quality: float = 0.0


@dataclass(slots=True)
class _Track:
    seen_at: int
    written_at: int = 0
    written: int = 0
    best: float = 0.0
    last: Kept = field(default_factory=Kept)


class TrackCrops:
    """One camera's. Not thread-safe."""

    def __init__(self, writer: CropWriter, blur: Blur) -> None:
        self._writer, self._blur = writer, blur
        self._tracks: dict[int, _Track] = {}

    def hiding(self, image: Image, people: FloatArray) -> Image:
        """The frame that crops are cut from: a crop may show others than its person. ``people``: boxes of
        all who were detected."""
        return blur_people(image, people, self._blur)

    def see(self, crop: Image, quality: float, track: int, at_ms: int) -> Kept:
        """Writes the crop where it is worth it; the track's latest stored crop, empty where that is old."""
        known = self._tracks.setdefault(track, _Track(at_ms))
        known.seen_at = at_ms
        if known.written and at_ms - known.written_at >= TOLD_MS:
            known.last, known.best, known.written = Kept(), 0.0, MOST - 1
        if self._worth(known, quality, at_ms):
            sha256 = self._writer.offer(encoded(blur_crop(crop, self._blur)))
            if sha256:
                known.last = Kept(sha256, round(quality, 3))
                known.best, known.written_at = max(known.best, quality), at_ms
                known.written += 1
        if len(self._tracks) > 64:
            self._tracks = {t: k for t, k in self._tracks.items() if at_ms - k.seen_at < FORGET_MS}
        return known.last

    def _worth(self, known: _Track, quality: float, at_ms: int) -> bool:
        if quality < LEAST_QUALITY or known.written >= MOST:
            return False
        if quality >= BETTER * known.best:
            return True
        return at_ms - known.written_at >= APART_MS and quality >= AS_GOOD * known.best


def encoded(crop: Image) -> bytes:
    """JPEG of a crop, made smaller where it is tall."""
    height, width = crop.shape[:2]
    if height > MAX_HEIGHT:
        size = max(1, round(width * MAX_HEIGHT / height)), MAX_HEIGHT
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, jpeg = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"OpenCV makes no JPEG of a crop of shape {crop.shape}")
    return jpeg.tobytes()
