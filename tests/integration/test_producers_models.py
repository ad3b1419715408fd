"""The catalogue's models on real pictures, where both are at hand: is what it declares of them right?"""

from pathlib import Path

import numpy as np
import pytest

from producers.detect.select import open_detector
from producers.embed.measure import cross_camera, embedded
from producers.embed.select import open_embedder
from producers.sources.base import Playback
from producers.sources.spec import open_source
from reid.domain.similarity import evening

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
VAL = SHARED / "images" / "cuhk03_val"
HALL = SHARED / "video" / "hall_handoff" / "cam1.mp4"


def at_hand(model: str) -> Path:
    path = SHARED / "models" / model
    if not path.is_file():
        pytest.skip(f"needs {path.name}")
    if path.suffix == ".xml":
        pytest.importorskip("openvino", reason="needs the extra openvino")
    return path


@pytest.mark.skipif(not VAL.is_dir(), reason="needs ../shared/data/images/cuhk03_val")
@pytest.mark.parametrize(
    ("model", "rank1"),
    [
        ("osnet_x0_25_msmt17.onnx", 0.52),
        ("person-reidentification-retail-0288.xml", 0.66),
        ("person-reidentification-retail-0277.xml", 0.85),
    ],
)
def test_an_encoder_is_prepared_and_calibrated_right(model: str, rank1: float) -> None:
    """On 40 people whom the knots were not measured on; colours in the wrong order cost several points."""
    embedder = open_embedder(str(at_hand(model)))
    gallery, _ = embedded(VAL, embedder, max_people=40)
    one, two = gallery.of_camera(1), gallery.of_camera(2)
    nearest = two.people[(one.vectors @ two.vectors.T).argmax(axis=1)]
    assert float((nearest == one.people).mean()) >= rank1
    (operating,) = [raw for raw, similarity in embedder.calibration if similarity == 0.6]
    genuine, strangers = cross_camera(gallery.track_means())
    assert float((strangers > operating).mean()) <= 0.025
    assert float((genuine > operating).mean()) >= 0.5
    assert embedder.agreement is not None
    _, single = cross_camera(gallery.first_crops()[0])
    as_of_two = single * float(evening(np.array([1.0]), embedder.agreement)[0]) ** 2
    assert float((single > operating).mean()) < float((as_of_two > operating).mean()) <= 0.025


@pytest.mark.skipif(not HALL.is_file(), reason="needs ../shared/data/video/hall_handoff")
@pytest.mark.parametrize("model", ["yolox_nano.onnx", "FastestDet.onnx"])
def test_a_detector_finds_the_one_person_of_the_hall(model: str) -> None:
    """At five frames a second the walker is in sight from frame 8 to 18 (seen by eye), else nobody."""
    detector = open_detector(str(at_hand(model)))
    frames = open_source(str(HALL), Playback(5.0, realtime=False))
    counts = [len(detector.detect(frame)) for frame in frames]
    assert counts[8:19].count(1) >= 10
    assert sum(counts[:7]) + sum(counts[21:]) <= 3
