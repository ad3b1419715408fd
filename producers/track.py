"""One camera's boxes become tracks: Roboflow `trackers` behind a seam."""

import logging
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import supervision
from trackers import ByteTrackTracker

from producers.detect.base import Boxes

log = logging.getLogger(__name__)

Ids = npt.NDArray[np.int64]
#: `trackers` states its buffer in frames at 30 a second, whatever the real rate.
_BUFFER_RATE: Final = 30
UNCONFIRMED: Final = -1


class Tracker(Protocol):
    """Gives each box of a frame the id of its track."""

    def update(self, boxes: Boxes, at_ms: int) -> Ids:
        """(n,) ids parallel to ``boxes``, `UNCONFIRMED` where a box is no track yet. ``at_ms`` rises."""
        ...


class ByteTrack:
    """ByteTrack (Zhang et al., ECCV 2022) of Roboflow's `trackers`.

    ``fps``: frames a second expected; ``lost_s``: seconds that a track survives without a box. At 5
    frames/s a walker moves far between two frames, hence the low ``min_iou``.
    """

    def __init__(
        self,
        fps: float,
        *,
        lost_s: float = 1.6,
        min_iou: float = 0.1,
        sure: float = 0.5,
        start: float = 0.5,
        confirm_after: int = 2,
    ) -> None:
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(lost_s * _BUFFER_RATE),
            frame_rate=fps,
            track_activation_threshold=start,
            minimum_consecutive_frames=confirm_after,
            minimum_iou_threshold=min_iou,
            high_conf_det_threshold=sure,
        )
        self._last_ms: int | None = None

    def update(self, boxes: Boxes, at_ms: int) -> Ids:
        if self._last_ms is not None and at_ms <= self._last_ms:
            # A clock set back: `trackers` would skip the frame and forget nothing for as long as it lags.
            log.warning("capture time went back by %d ms: taken as the next frame", self._last_ms - at_ms)
            at_ms = self._last_ms + 1
        self._last_ms = at_ms
        tracked = self._tracker.update(
            supervision.Detections(
                xyxy=boxes.xyxy, confidence=boxes.score, data={"place": np.arange(len(boxes))}
            ),
            timestamp=at_ms / 1000.0,
        )
        ids = np.full(len(boxes), UNCONFIRMED, np.int64)
        if len(tracked):
            # The tracker returns the boxes in another order.
            ids[tracked.data["place"]] = tracked.tracker_id
        return ids
