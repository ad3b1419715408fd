"""The simulated site's frames through sources, detectors and the pipeline: some hundred are rendered."""

import numpy as np
import pytest

from deploy.inputs import Simulation
from producers.camera import CameraPipeline
from producers.detect.base import overlaps
from producers.detect.hog import HogDetector
from producers.detect.truth import TruthDetector
from producers.embed.appearance import Appearance
from producers.sources.base import Playback
from producers.sources.spec import open_source
from producers.track import ByteTrack
from reid.contracts.detections import Frame
from reid.contracts.embedding import decode_wire

FLAT_OUT = Playback(fps=5.0, realtime=False, start_ms=1_000_000)


def test_a_simulated_camera_knows_the_truth() -> None:
    source = open_source("sim://?camera=2&fps=5&until=1", FLAT_OUT)
    frames = list(source)
    assert [f.captured_at - 1_000_000 for f in frames] == [0, 200, 400, 600, 800]
    assert all(f.truth is not None for f in frames)
    assert source.stats.state == "ended"


def test_simulated_cameras_of_one_process_agree_on_the_time() -> None:
    playback = Playback(5.0, realtime=False)
    starts = {next(iter(open_source(f"sim://?camera={n}", playback))).captured_at for n in (1, 2)}
    assert len(starts) == 1


def test_the_frame_keeps_the_contract() -> None:
    frames = open_source("sim://?people=8&until=8", Playback(5.0, realtime=False, start_ms=1_700_000_000_000))
    camera = CameraPipeline("room1", "s", TruthDetector(), ByteTrack(5), Appearance(), embed_interval=0.4)
    published = [f for captured in frames if (f := camera.process(captured))]
    persons = [p for f in published for p in f.persons]
    embedded = [p for p in persons if p.embedding]
    assert len(persons) > 30
    assert 0.25 < len(embedded) / len(persons) < 0.75
    assert all(len(decode_wire(p.embedding or b"", 512)) == 512 for p in embedded)
    assert all(0 <= p.quality <= 1 and p.bbox[2] > 0 for p in persons)
    assert all((f.model is not None) == any(p.embedding for p in f.persons) for f in published)
    assert {(f.camera_id, f.session, f.width, f.height) for f in published} == {("room1", "s", 640, 480)}


def test_the_truth_is_what_the_simulated_camera_saw() -> None:
    simulation = Simulation(people=20, cameras=4, seed=3, start_ms=1_700_000_000_000)
    truth_of = simulation.truth()
    camera = open_source(simulation.sources()[1], Playback(fps=0.1, realtime=False))
    found = 0
    for captured, _ in zip(camera, range(4), strict=False):
        true = truth_of(Frame("room2", captured.captured_at, 640, 480))
        boxes = TruthDetector().detect(captured).xywh.tolist()
        assert [box.bbox for box in true] == [pytest.approx(tuple(box), abs=0.01) for box in boxes]
        found += len(true)
    assert found > 0


def test_hog_finds_the_people_of_the_simulated_site() -> None:
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
