"""The statistical model behind `saferoom bench load`, and what is told of its latencies."""

import itertools

import numpy as np
import pytest

from deploy.bench.crowd import Cameras, Crowd
from deploy.bench.report import latencies, latency
from reid.contracts.detections import Detections, Frame
from reid.contracts.embedding import decode_wire
from reid.domain.validate import check

START = 1_762_344_658_197


def frames(crowd: Crowd, seconds: float) -> list[Frame]:
    cameras = Cameras(crowd, "s1")
    moments = [round(1000 * number / crowd.fps) for number in range(round(seconds * crowd.fps))]
    return [cameras.frame(camera, at, START) for at in moments for camera in range(crowd.cameras)]


def test_the_same_crowd_comes_again() -> None:
    crowd = Crowd(cameras=2, fps=5)
    assert frames(crowd, 20) == frames(crowd, 20)
    assert frames(crowd, 20) != frames(crowd._replace(seed=1), 20)


def test_so_many_people_for_so_long() -> None:
    crowd = Crowd(cameras=10, people=4, fps=1, dwell_s=15)
    cameras = Cameras(crowd, "s1")
    seen = [cameras.frame(n, at, START) for at in range(0, 300_000, 1000) for n in range(crowd.cameras)]
    assert np.mean([len(frame.persons) for frame in seen]) == pytest.approx(4, rel=0.1)
    stays: dict[tuple[str, object], int] = {}
    for frame in seen:
        for person in frame.persons:
            stays[frame.camera_id, person.tracker_id] = stays.get((frame.camera_id, person.tracker_id), 0) + 1
    assert np.mean(list(stays.values())) == pytest.approx(15, rel=0.15)
    assert cameras.known / len(stays) == pytest.approx(1 - crowd.returning, abs=0.1), "the rest came back"


def test_frames_are_valid_and_looks_are_as_alike_as_asked() -> None:
    crowd = Crowd(cameras=1, people=6, fps=10, dwell_s=30, alike=0.8)
    seen = frames(crowd, 10)
    check(Detections("load", "load-0", tuple(seen)))
    looks: dict[object, list[np.ndarray]] = {}
    for frame in seen:
        for person in frame.persons:
            if person.embedding is not None:
                looks.setdefault(person.tracker_id, []).append(
                    decode_wire(person.embedding, crowd.dim).astype(np.float64)
                )
    own = [a @ b for found in looks.values() for a, b in itertools.pairwise(found)]
    others = [a[0] @ b[0] for a in looks.values() for b in looks.values() if a is not b]
    assert np.mean(own) == pytest.approx(0.8, abs=0.05)
    assert abs(np.mean(others)) < 0.1
    embedded = sum(person.embedding is not None for frame in seen for person in frame.persons)
    total = sum(len(frame.persons) for frame in seen)
    assert embedded / total == pytest.approx(1 / 4, rel=0.2), "every 400 ms, of frames 100 ms apart"


def test_latencies_by_nearest_rank() -> None:
    told = latency([n / 1000 for n in range(1, 101)])
    assert (told.count, told.p50, told.p99, told.most) == (100, 50.0, 99.0, 100.0)
    assert latency([]).p50 is None
    named = {("c", "1"): (1_000, 1.1), ("c", "2"): (2_000, 2.2), ("c", "3"): (3_000, 3.1)}
    to_log, to_label, unshown = latencies(named, {("c", "2"): 2.3}, since_ms=2_000)
    assert (to_log.count, to_label.count, to_label.p50, unshown) == (2, 1, 300.0, 1)
