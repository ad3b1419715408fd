"""One camera's boxes become tracks: Roboflow `trackers` behind a seam."""

import logging
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import supervision
from trackers import ByteTrackTracker

from producers.detect.base import BELIEVED, Boxes
from producers.reach import Gait, Reach

log = logging.getLogger(__name__)

Ids = npt.NDArray[np.int64]
#: `trackers` states its buffer in frames at 30 a second, whatever the real rate.
_BUFFER_RATE: Final = 30
UNCONFIRMED: Final = -1
#: Without a box that is `BELIEVED`, which is evidence by itself, a track needs so many in a row.
PATIENCE: Final = 5
#: Records of tracks unseen for so long are dropped, ms.
_FORGET_MS: Final = 60_000


class Tracker(Protocol):
    """Gives each box of a frame the id of its track."""

    def update(self, boxes: Boxes, at_ms: int) -> Ids:
        """(n,) ids parallel to ``boxes``, `UNCONFIRMED` where a box is no track yet. ``at_ms`` rises."""
        ...


@dataclass(slots=True)
class _Evidence:
    boxes: int = 0
    best: float = 0.0
    seen_at: int = 0

    @property
    def convinces(self) -> bool:
        return self.best >= BELIEVED or self.boxes >= PATIENCE


class ByteTrack:
    """ByteTrack (Zhang et al., ECCV 2022) of Roboflow's `trackers`, and a track's confirmation.

    ``fps``: frames a second expected; ``lost_s``: seconds that a track survives without a box. A track is
    published once the tracker confirms it *and* its boxes convince: foreground that no person detector
    ever confirmed is a person only when it stays one for a second.

    Boxes are compared by `producers.reach`, not by intersection over union: on the simulated site at 5
    frames/s (seed 5, true boxes) that makes 75 tracks of 145, with 650 boxes of the wrong person for 538;
    with the built-in detector 191 of 222, and 338 for 503. A memory of 1.6 s gives fewer tracks that
    change persons more often (before `Gait`: 166 for 185, and 681 for 535). ByteTrack was chosen earlier,
    by intersection over union, among those of `trackers`. A broken track is found again by appearance.
    """

    def __init__(
        self,
        fps: float,
        *,
        lost_s: float = 0.8,
        alike: float = 0.3,
        sure: float = 0.5,
        confirm_after: int = 2,
    ) -> None:
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(lost_s * _BUFFER_RATE),
            frame_rate=fps,
            track_activation_threshold=sure,
            minimum_consecutive_frames=confirm_after,
            minimum_iou_threshold=alike,
            high_conf_det_threshold=sure,
            state_estimator_class=Gait,
            iou=Reach(),
        )
        self._last_ms: int | None = None
        self._frame_ms = max(1, round(1000 / fps))
        #: By how much the capture times were set back so far: the tracker's own time only goes on.
        self._set_back_ms = 0
        self._evidence: dict[int, _Evidence] = {}

    def update(self, boxes: Boxes, at_ms: int) -> Ids:
        at_ms += self._set_back_ms
        if self._last_ms is not None and at_ms <= self._last_ms:
            # A clock set back: `trackers` would skip every frame until it has caught up. The frames that come
            # are as far apart as ever: in a time that crept, who is gone would be waited for minutes.
            log.warning("capture time went back by %d ms: taken as the next frame", self._last_ms - at_ms)
            self._set_back_ms += self._last_ms + self._frame_ms - at_ms
            at_ms = self._last_ms + self._frame_ms
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
        return self._convincing(ids, boxes, at_ms)

    def _convincing(self, ids: Ids, boxes: Boxes, at_ms: int) -> Ids:
        for place in np.flatnonzero(ids != UNCONFIRMED):
            evidence = self._evidence.setdefault(int(ids[place]), _Evidence())
            evidence.boxes += 1
            evidence.best = max(evidence.best, float(boxes.score[place]))
            evidence.seen_at = at_ms
            if not evidence.convinces:
                ids[place] = UNCONFIRMED
        if len(self._evidence) > 64:
            fresh = at_ms - _FORGET_MS
            self._evidence = {i: e for i, e in self._evidence.items() if e.seen_at >= fresh}
        return ids
