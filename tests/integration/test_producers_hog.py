"""The built-in detector on the simulated site: 80 rendered frames."""

import numpy as np

from producers.detect.base import overlaps
from producers.detect.hog import HogDetector
from producers.sources.base import Playback
from producers.sources.spec import open_source


def test_finds_the_people_of_the_simulated_site() -> None:
    """After four seconds of learning: 60 % of those well in sight, one box in six wrong at most."""
    detector = HogDetector()
    true = right = boxes = wrong = 0
    source = open_source("sim://?camera=2&until=16", Playback(5.0, realtime=False, start_ms=0))
    for frame in source:
        found = detector.detect(frame).xywh
        if frame.number < 20 or not frame.truth:
            continue
        anybody = np.array([p.bbox for p in frame.truth], np.float32)
        clear = np.array([p.visibility >= 0.7 and p.bbox[3] >= 60 for p in frame.truth])
        alike = overlaps(anybody, found)
        true, boxes = true + int(clear.sum()), boxes + len(found)
        right += int((alike.max(axis=1, initial=0)[clear] >= 0.4).sum())
        wrong += int((alike.max(axis=0, initial=0) < 0.3).sum())
    assert true > 40
    assert right >= 0.6 * true
    assert wrong <= boxes / 6
