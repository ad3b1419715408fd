"""The built-in detector: background gating and OpenCV's HOG people detector, no weights, no download.

HOG alone (Dalal & Triggs, CVPR 2005) finds 40 to 70 % and costs 60 to 180 ms a frame. A fixed camera
knows more: what moves. So HOG looks only where something moves, or where somebody was a moment ago, each
region brought to the size that HOG was trained for; foreground of a person's shape that HOG does not
confirm counts too, with a lower score that keeps tracks alive. Furniture that looks like a person never
moved, and is never looked at. Only while the background is not known, in the first seconds or when the
camera was moved, is the whole frame scanned, and more asked of a find.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np

from producers.detect.base import (
    BELIEVED,
    Boxes,
    FloatArray,
    clip,
    intersections,
    least_height,
    overlaps,
    suppress,
)
from producers.detect.motion import SHAPED, Blob, Motion, boxes_of, shape_score
from producers.frames import CapturedFrame, Image

#: HOG's window is 64×128 about a person of some 96 pixels.
PERSON_IN_WINDOW: Final = 96.0
#: The share of the window that the person takes: left, top, width, height.
TIGHT: Final = (0.20, 0.11, 0.60, 0.80)
#: SVM margin below which a window is no person.
MIN_MARGIN: Final = 0.1
#: The same where the whole frame is scanned, on a picture of so many pixels width.
SCAN_MARGIN: Final = 0.5
SCAN_WIDTH: Final = 480
#: Somebody who stands still is looked for where HOG saw them less than so long ago, ms, and ...
REMEMBER_MS: Final = 3000
#: ... for so long after they last moved: a chair that somebody passed would confirm itself for ever.
STAND_MS: Final = 60_000
#: Scores of what HOG confirmed, from and to.
CONFIRMED: Final = (BELIEVED, 1.0)
#: Overlap from which a window confirms a figure; share of it within figures from which they explain it.
CONFIRMS: Final = 0.4
EXPLAINED: Final = 0.5
#: Share of a figure within a window that no figure explains, from which it is but a part of that person.
FRAGMENT: Final = 0.7


class _Seen(NamedTuple):
    """Where HOG saw somebody. Times: capture, ms."""

    box: FloatArray
    at: int
    moved_at: int


class HogDetector:
    """`producers.detect.base.Detector` ``hog`` of one fixed camera, whose background it learns."""

    name = "hog"

    def __init__(self) -> None:
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
        self._motion = Motion()
        self._seen: list[_Seen] = []

    def detect(self, frame: CapturedFrame) -> Boxes:
        image, now = frame.image, frame.captured_at
        height, width = image.shape[:2]
        if self._motion.size != (height, width):
            self._seen = []
        min_height = least_height(height)
        blobs = self._motion.blobs(image, min_height)
        moving = boxes_of([blob for blob in blobs if blob.h >= 0.6 * min_height])
        still = [seen.box for seen in self._seen if not _near(seen.box, moving)]
        windows = [self._look(image, box) for box in [*moving, *still]]
        if not self._motion.reliable:
            windows.append(self._scan(image))
        hog = suppress(_joined(windows), iou=0.4, contained=0.75)
        self._remember(hog, moving, now)
        self._motion.learn(blobs, hog.xywh, (width, height))
        return clip(_fused(hog, blobs), width, height, min_height)

    def _remember(self, hog: Boxes, moving: FloatArray, now: int) -> None:
        kept = [
            seen
            for seen in self._seen
            if 0 <= now - seen.at < REMEMBER_MS
            and now - seen.moved_at < STAND_MS
            and not _near(seen.box, hog.xywh)
        ]
        for box in hog.xywh:
            before = [seen.moved_at for seen in self._seen if _near(seen.box, box[None])]
            moved_at = now if _near(box, moving) else max(before, default=now)
            kept.append(_Seen(box, now, moved_at))
        self._seen = kept

    def _look(self, image: Image, box: FloatArray) -> Boxes:
        """HOG in and about one box, scaled so that a person of its height fits the window."""
        x, y, w, h = (float(v) for v in box)
        # HOG wants a margin about the person; and the blob may have lost the head or the feet.
        margin_x, margin_y = 0.25 * w + 0.2 * h, 0.3 * h
        x0, y0 = int(max(x - margin_x, 0)), int(max(y - margin_y, 0))
        x1, y1 = int(min(x + w + margin_x, image.shape[1])), int(min(y + h + margin_y, image.shape[0]))
        scale = PERSON_IN_WINDOW * 1.15 / h
        part = cv2.resize(image[y0:y1, x0:x1], None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        return self._hog_boxes(part, scale, x0, y0)

    def _scan(self, image: Image) -> Boxes:
        scale = min(1.0, SCAN_WIDTH / image.shape[1])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return self._hog_boxes(small, scale, 0, 0, SCAN_MARGIN)

    def _hog_boxes(self, part: Image, scale: float, x0: int, y0: int, margin: float = MIN_MARGIN) -> Boxes:
        if part.shape[0] < 128 or part.shape[1] < 64:
            low, side = max(128 - part.shape[0], 0), max(64 - part.shape[1], 0)
            part = cv2.copyMakeBorder(part, 0, low, 0, side, cv2.BORDER_REPLICATE)
        windows, margins = self._hog.detectMultiScale(
            part, hitThreshold=margin, winStride=(8, 8), padding=(8, 8), scale=1.12, groupThreshold=0
        )
        if len(windows) == 0:
            return Boxes.of([], [])
        xywh = np.asarray(windows, np.float32) / scale
        w, h = xywh[:, 2].copy(), xywh[:, 3].copy()
        tight = [xywh[:, 0] + TIGHT[0] * w + x0, xywh[:, 1] + TIGHT[1] * h + y0, TIGHT[2] * w, TIGHT[3] * h]
        low, high = CONFIRMED
        score = low + (high - low) * np.clip(np.asarray(margins).reshape(-1) / 1.5, 0, 1)
        return Boxes.of(np.stack(tight, axis=1), score)


def _near(box: FloatArray, others: FloatArray) -> bool:
    return len(others) > 0 and float(overlaps(box[None], others).max()) >= 0.3


def _joined(parts: list[Boxes]) -> Boxes:
    if not parts:
        return Boxes.of([], [])
    return Boxes(np.concatenate([p.xywh for p in parts]), np.concatenate([p.score for p in parts]))


def _fused(hog: Boxes, blobs: list[Blob]) -> Boxes:
    """The figures of the foreground, each with the score of the window that confirms it, and those windows
    that no figure explains: people who stand still.

    Foreground is exact where it is whole, HOG's windows lie on a grid of sizes and places. Two figures were
    told apart by their heads, so that they may overlap; a window may not overlap them.
    """
    blobs = [blob for blob in blobs if shape_score(blob) > 0]
    shapes, scores = boxes_of(blobs), np.array([shape_score(blob) for blob in blobs], np.float32)
    alike = overlaps(hog.xywh, shapes)
    common = intersections(hog.xywh, shapes) / np.maximum(hog.xywh[:, 2] * hog.xywh[:, 3], 1.0)[:, None]
    free = np.ones(len(hog), bool)
    for window in np.argsort(-hog.score, kind="stable"):
        if not blobs:
            break
        best = int(alike[window].argmax())
        free[window] = common[window].sum() < EXPLAINED and alike[window, best] < CONFIRMS
        if alike[window, best] >= CONFIRMS and scores[best] <= SHAPED:
            if scores[best] < SHAPED:
                shapes[best] = (shapes[best] + hog.xywh[window]) / 2
            scores[best] = hog.score[window]
    # What moved of somebody whose background is not known yet: an arm, a leg, not one more person.
    within = intersections(shapes, hog.xywh[free]) / np.maximum(shapes[:, 2] * shapes[:, 3], 1.0)[:, None]
    whole = within.max(axis=1, initial=0.0) <= FRAGMENT
    return Boxes(
        np.concatenate([hog.xywh[free], shapes[whole]]), np.concatenate([hog.score[free], scores[whole]])
    )
