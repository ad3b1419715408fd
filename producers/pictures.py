"""A small picture of what a camera sees, once or twice a second, for people to look at."""

from typing import Final

import cv2
import numpy as np

from producers.crops.blur import Blur, blur_people
from producers.detect.base import FloatArray
from producers.frames import CapturedFrame, Image
from reid.contracts.detections import Frame
from reid.contracts.pictures import Picture, PictureBox

#: Pixels across at most, and JPEG quality: some 30 KB.
MAX_WIDTH: Final = 640
JPEG_QUALITY: Final = 72
#: BGR of a box. Labels are not drawn: who it is stands behind the log.
BOX: Final = (230, 230, 230)


class LivePictures:
    """One camera's. ``fps``: pictures a second at most, by capture time. Not thread-safe."""

    def __init__(self, site_id: str, camera_id: str, session: str, fps: float, blur: Blur) -> None:
        self._site, self._camera, self._session = site_id, camera_id, session
        self._interval_ms, self._blur = 1000.0 / fps, blur
        self._taken_at: int | None = None

    def take(self, captured: CapturedFrame, frame: Frame | None, detected: FloatArray) -> Picture | None:
        """The picture to publish, None where one was not long ago. ``frame``: what was found in it,
        None for an empty scene; ``detected``: (n, 4) boxes of all who were detected. Whose track is not
        confirmed yet has no box in the frame, and a face all the same."""
        at = captured.captured_at
        # A tenth early is in time: frames do not come to the millisecond.
        if self._taken_at is not None and 0 <= at - self._taken_at < 0.9 * self._interval_ms:
            return None
        self._taken_at = at
        height, width = captured.image.shape[:2]
        scale = min(1.0, MAX_WIDTH / width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        boxes = tuple(
            PictureBox(str(p.tracker_id), _scaled(p.bbox, scale)) for p in (frame.persons if frame else ())
        )
        image = self._drawn(captured.image, size, boxes, detected * scale)
        done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not done:
            return None
        return Picture(self._site, self._camera, self._session, at, *size, boxes, jpeg.tobytes())

    def _drawn(
        self, image: Image, size: tuple[int, int], boxes: tuple[PictureBox, ...], hidden: FloatArray
    ) -> Image:
        """A copy: the frame itself is somebody else's."""
        if size == (image.shape[1], image.shape[0]):
            small = image.copy()
        else:
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        small = blur_people(small, hidden, self._blur)
        for box in boxes:
            x, y, w, h = (round(value) for value in box.bbox)
            cv2.rectangle(small, (x, y), (x + w, y + h), BOX, 1)
        return small


def _scaled(box: tuple[float, float, float, float], scale: float) -> tuple[float, float, float, float]:
    x, y, w, h = (round(value * scale, 1) for value in box)
    return x, y, w, h
