"""The simulated site's own boxes: what a perfect detector would see."""

from typing import Final

from producers.detect.base import Boxes
from producers.frames import CapturedFrame
from reid.errors import ConfigError

#: Less of a person than this in sight is what no detector is expected to find.
MIN_VISIBILITY: Final = 0.3


class TruthDetector:
    """Score 1 for everybody of whom at least `MIN_VISIBILITY` is in sight."""

    name = "truth"

    def detect(self, frame: CapturedFrame) -> Boxes:
        """Raises `ConfigError` for a real source, whose truth nobody knows."""
        if frame.truth is None:
            raise ConfigError("detector truth works on sim:// sources only; set SAFEROOM_DETECTOR=auto")
        seen = [p.bbox for p in frame.truth if p.visibility >= MIN_VISIBILITY]
        return Boxes.of(seen, [1.0] * len(seen))
