"""What a camera tells of its tracks beside who they are: words, and the name of a stored picture."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from producers.crops.track_crops import Kept, TrackCrops
from producers.describe.describer import Describer
from producers.detect.base import Boxes, FloatArray
from producers.frames import CapturedFrame, Image
from producers.quality import crop


class Look(NamedTuple):
    """``kept``: the track's latest stored crop."""

    attributes: dict[str, str]
    kept: Kept


class Looks:
    """One camera's; either part may be switched off. Not thread-safe."""

    def __init__(self, describer: Describer | None = None, crops: TrackCrops | None = None) -> None:
        self._describer, self._crops = describer, crops

    def told(
        self,
        frame: CapturedFrame,
        boxes: Boxes,
        quality: FloatArray,
        due: Collection[int],
        tracks: Sequence[int],
        people: FloatArray,
    ) -> dict[int, Look]:
        """Place -> what is known of that track, for the places ``due``: those whose crops are embedded now.
        ``boxes``, ``quality`` and ``tracks`` (public ids) are parallel. ``people``: (n, 4) boxes of all who
        were detected, also of whom no track is confirmed yet."""
        if self._describer is not None:
            self._describer.see(frame.image, frame.captured_at)
        shown = frame.image
        if self._crops is not None and due:
            shown = self._crops.hiding(shown, people)
        return {
            place: self._look(frame, shown, boxes, float(quality[place]), place, tracks[place])
            for place in due
        }

    def _look(
        self, frame: CapturedFrame, shown: Image, boxes: Boxes, quality: float, place: int, track: int
    ) -> Look:
        """``shown``: the frame as crops may show it."""
        image, at = frame.image, frame.captured_at
        attributes: dict[str, str] = {}
        if self._describer is not None:
            x, y, w, h = (float(value) for value in boxes.xywh[place])
            attributes = self._describer.describe(image, (x, y, w, h), quality, track, at)
        kept = Kept()
        if self._crops is not None:
            kept = self._crops.see(crop(shown, boxes.xywh[place]), quality, track, at)
        return Look(attributes, kept)
