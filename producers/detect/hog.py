"""The built-in detector: background gating and OpenCV's HOG people detector, no weights, no download.

HOG alone (Dalal & Triggs, CVPR 2005) finds 40 to 70 % and costs 60 to 180 ms a frame. A fixed camera
knows more: what moves. So HOG looks only where something moves, or where somebody was a moment ago, each
region brought to the size that HOG was trained for; foreground of a person's shape that HOG does not
confirm counts too, with a lower score that keeps tracks alive. About once a second the whole frame is
scanned for those who stand.
"""

from typing import Final

import cv2
import numpy as np

from producers.detect.base import Boxes, FloatArray, clip, overlaps, suppress
from producers.detect.motion import Blob, Motion
from producers.frames import CapturedFrame, Image

#: HOG's window is 64×128 about a person of some 96 pixels.
PERSON_IN_WINDOW: Final = 96.0
#: The share of the window that the person takes: left, top, width, height.
TIGHT: Final = (0.20, 0.11, 0.60, 0.80)
#: SVM margin below which a window is no person.
MIN_MARGIN: Final = 0.1
#: Full scan of the frame: every so many ms, on a picture of at most so many pixels width.
SCAN_EVERY_MS: Final = 1000
SCAN_WIDTH: Final = 480
REMEMBER_MS: Final = 3000
#: Scores: confirmed by HOG (from, to), unconfirmed foreground of a person's shape, and doubtful shape.
CONFIRMED: Final = (0.6, 1.0)
SHAPED: Final = 0.55
DOUBTFUL: Final = 0.3


class HogDetector:
    """`producers.detect.base.Detector` ``hog`` of one fixed camera, whose background it learns."""

    name = "hog"

    def __init__(self, min_height: float = 48.0) -> None:
        self._min_height = min_height
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
        self._motion = Motion()
        self._scanned_at = float("-inf")
        self._seen: list[tuple[int, FloatArray]] = []

    def detect(self, frame: CapturedFrame) -> Boxes:
        image, now = frame.image, frame.captured_at
        blobs = self._motion.blobs(image, self._min_height)
        windows = [self._look(image, region, height) for region, height in self._regions(blobs, now)]
        if not 0 <= now - self._scanned_at < SCAN_EVERY_MS:
            self._scanned_at = now
            windows.append(self._scan(image))
        hog = suppress(_joined(windows), iou=0.4, contained=0.75)
        height, width = image.shape[:2]
        found = clip(_fused(hog, blobs), width, height, self._min_height)
        found = suppress(found, iou=0.45, contained=0.7)
        self._remember(hog, now)
        return found

    def _remember(self, hog: Boxes, now: int) -> None:
        self._seen = [(at, box) for at, box in self._seen if 0 <= now - at < REMEMBER_MS]
        if len(hog):
            fresh = [(at, box) for at, box in self._seen if overlaps(box[None], hog.xywh).max() < 0.3]
            self._seen = fresh + [(now, box) for box in hog.xywh]

    def _regions(self, blobs: list[Blob], now: int) -> list[tuple[FloatArray, float]]:
        """Where HOG shall look, and the person's height to be expected there."""
        wanted = [np.array(blob[:4], np.float32) for blob in blobs if blob.h >= 0.6 * self._min_height]
        for _, box in self._seen:
            if not wanted or overlaps(box[None], np.stack(wanted)).max() < 0.3:
                wanted.append(box)
        return [(box, float(box[3])) for box in wanted]

    def _look(self, image: Image, box: FloatArray, person: float) -> Boxes:
        """HOG in and about one box, scaled so that a person of that height fits its window."""
        x, y, w, h = (float(v) for v in box)
        # HOG wants a margin about the person; and the blob may have lost the head or the feet.
        margin_x, margin_y = 0.25 * w + 0.2 * h, 0.3 * h
        x0, y0 = int(max(x - margin_x, 0)), int(max(y - margin_y, 0))
        x1, y1 = int(min(x + w + margin_x, image.shape[1])), int(min(y + h + margin_y, image.shape[0]))
        scale = PERSON_IN_WINDOW * 1.15 / person
        part = cv2.resize(image[y0:y1, x0:x1], None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        return self._hog_boxes(part, scale, x0, y0, 1.12)

    def _scan(self, image: Image) -> Boxes:
        scale = min(1.0, SCAN_WIDTH / image.shape[1])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return self._hog_boxes(small, scale, 0, 0, 1.1)

    def _hog_boxes(self, part: Image, scale: float, x0: int, y0: int, step: float) -> Boxes:
        if part.shape[0] < 128 or part.shape[1] < 64:
            low, side = max(128 - part.shape[0], 0), max(64 - part.shape[1], 0)
            part = cv2.copyMakeBorder(part, 0, low, 0, side, cv2.BORDER_REPLICATE)
        windows, margins = self._hog.detectMultiScale(
            part, hitThreshold=MIN_MARGIN, winStride=(8, 8), padding=(8, 8), scale=step, groupThreshold=0
        )
        if len(windows) == 0:
            return Boxes.of([], [])
        xywh = np.asarray(windows, np.float32) / scale
        w, h = xywh[:, 2].copy(), xywh[:, 3].copy()
        tight = [xywh[:, 0] + TIGHT[0] * w + x0, xywh[:, 1] + TIGHT[1] * h + y0, TIGHT[2] * w, TIGHT[3] * h]
        low, high = CONFIRMED
        score = low + (high - low) * np.clip(np.asarray(margins).reshape(-1) / 1.5, 0, 1)
        return Boxes.of(np.stack(tight, axis=1), score)


def _joined(parts: list[Boxes]) -> Boxes:
    if not parts:
        return Boxes.of([], [])
    return Boxes(np.concatenate([p.xywh for p in parts]), np.concatenate([p.score for p in parts]))


def _fused(hog: Boxes, blobs: list[Blob]) -> Boxes:
    """HOG's boxes, drawn to the foreground where both see the same person, and unconfirmed foreground."""
    if not blobs:
        return hog
    shapes = np.array([blob[:4] for blob in blobs], np.float32)
    scores = np.array([_shape_score(blob) for blob in blobs], np.float32)
    alike = overlaps(hog.xywh, shapes)
    xywh = hog.xywh.copy()
    for i in range(len(hog)):
        best = int(alike[i].argmax())
        if alike[i, best] > 0.45:
            # Foreground is exact where it is whole; HOG's windows lie on a grid of sizes and places.
            xywh[i] = shapes[best] if scores[best] == SHAPED else (xywh[i] + shapes[best]) / 2
    return Boxes(np.concatenate([xywh, shapes]), np.concatenate([hog.score, scores])).take(
        np.concatenate([np.ones(len(hog), bool), scores > 0])
    )


def _shape_score(blob: Blob) -> float:
    """How far foreground alone makes a person: by the aspect and fill of its box."""
    aspect = blob.h / max(blob.w, 1.0)
    if 1.6 <= aspect <= 4.5 and blob.fill >= 0.4:
        return SHAPED
    if 1.1 <= aspect <= 5.5 and blob.fill >= 0.3:
        return DOUBTFUL
    return 0.0
