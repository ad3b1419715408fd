"""The learned detector: what it is given, what is made of its answer, and whom it finds."""

from hashlib import sha256

import numpy as np
import pytest

from producers.detect import headnet
from producers.detect.background import Background, difference, exposed_alike
from producers.detect.base import Boxes, overlaps
from producers.detect.headnet import (
    AREA,
    CHANCES,
    MULTIPLE,
    SCORES,
    STRIDE,
    WEIGHTS,
    HeadDetector,
    drawn,
    people,
    size_of,
)
from producers.detect.motion import DOUBTFUL, Blob
from producers.detect.select import AUTO, detector_for, open_detector
from producers.frames import CapturedFrame, Image
from producers.simulation.site import Site
from producers.subnormal import without_subnormals
from reid.runtime.settings import Settings

RNG = np.random.default_rng(1)
PLACE: Image = np.asarray(RNG.integers(40, 200, (96, 128, 3)), np.uint8)


def test_the_card_is_of_this_file_which_is_small_and_has_no_subnormal_weight() -> None:
    model = WEIGHTS.read_bytes()
    assert len(model) <= 2 * 2**20
    assert without_subnormals(model)[1] == 0
    assert sha256(model).hexdigest() in WEIGHTS.with_suffix(".md").read_text()


def answer(*heads: tuple[int, int, float, float]) -> np.ndarray:
    """A head at each (row, column), with its logit, its person reaching so many cells to all sides."""
    found = np.full((1, 5, 24, 32), -8.0, np.float32)
    for row, column, logit, reach in heads:
        found[0, 0, row, column] = logit
        found[0, 1:, row, column] = np.log(reach)
    return found


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (576, 320), (1920, 1080), (480, 640), (64, 2000)])
def test_a_frame_keeps_its_sides_ratio_and_about_the_area(size: tuple[int, int]) -> None:
    wide, high = size_of(*size)
    assert wide % MULTIPLE == 0 and high % MULTIPLE == 0
    if max(size) < 4 * min(size):
        assert wide / high == pytest.approx(size[0] / size[1], rel=0.1)
        assert wide * high == pytest.approx(AREA, rel=0.15)


def test_a_peak_is_a_person_reaching_to_four_sides() -> None:
    boxes = people(answer((10, 12, 2.0, 3.0)))
    assert boxes.xywh.tolist() == pytest.approx(np.array([[9.5, 7.5, 6, 6]]) * STRIDE)
    assert boxes.score[0] == pytest.approx(np.interp(1 / (1 + np.exp(-2)), CHANCES, SCORES))


def test_beside_a_better_peak_is_no_other_person() -> None:
    assert len(people(answer((10, 12, 2.0, 3.0), (10, 13, 1.0, 3.0), (10, 15, 1.0, 3.0)))) == 2
    assert len(people(answer())) == 0


def test_the_first_picture_differs_from_nothing() -> None:
    background = Background()
    assert not background.difference(PLACE).any()
    assert not background.difference(PLACE).any()


def test_what_comes_differs_and_what_stays_becomes_background() -> None:
    background = Background()
    for _ in range(30):
        background.difference(PLACE)
    with_thing = PLACE.copy()
    with_thing[20:60, 40:60] = 255 - with_thing[20:60, 40:60]
    differs = background.difference(with_thing)
    assert (differs[20:60, 40:60] > 60).mean() > 0.7 and not differs[:, :35].any()
    for _ in range(400):
        differs = background.difference(with_thing)
    assert not differs.any()


def test_other_light_is_taken_back_and_another_place_tells_nothing() -> None:
    background = Background()
    for _ in range(30):
        background.difference(PLACE)
    dimmer = (PLACE * 0.8).astype(np.uint8)
    assert (background.difference(dimmer) > 20).mean() < 0.02
    assert np.abs(exposed_alike(dimmer, PLACE).astype(int) - PLACE).mean() < 6
    assert not background.difference(np.asarray(255 - PLACE, np.uint8)).any()


def test_noise_is_no_difference() -> None:
    assert difference(np.array([[0, 6, 7, 80]], np.uint8)).tolist() == [[0, 0, 4, 255]]


def test_another_size_of_frame_is_another_background(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            return [answer()]

    monkeypatch.setattr(headnet, "_opened", Blind)
    detector = HeadDetector()
    for width in (640, 320, 640):
        frame = CapturedFrame(np.zeros((240, width, 3), np.uint8), 0, 0)
        assert len(detector.detect(frame)) == 0


def figure(x: float, y: float, w: float, h: float, fill: float = 0.6) -> Blob:
    return Blob(x, y, w, h, fill, alone=True, fits=fill > 0.5)


def told(*boxes: tuple[float, float, float, float]) -> Boxes:
    return Boxes.of(boxes, [0.9] * len(boxes))


def test_who_is_told_gets_the_sides_of_their_figure() -> None:
    boxes = drawn(told((100, 50, 50, 140), (300, 50, 50, 140)), [figure(104, 40, 44, 150)])
    assert boxes.xywh.tolist() == [[104, 40, 44, 150], [300, 50, 50, 140]]
    assert boxes.score.tolist() == pytest.approx([0.9, 0.9])


def test_a_figure_is_one_persons_alone() -> None:
    boxes = drawn(told((100, 50, 50, 140), (110, 55, 50, 140)), [figure(104, 40, 44, 150)])
    assert boxes.xywh.tolist() == [[104, 40, 44, 150], [110, 55, 50, 140]]


def test_a_side_in_which_the_figure_differs_much_is_met_half_way() -> None:
    """A desk hides the legs of the one, somebody else hangs on to the right of the other."""
    boxes = drawn(
        told((100, 50, 50, 140), (300, 50, 50, 140)), [figure(103, 52, 46, 90), figure(300, 50, 90, 140)]
    )
    assert boxes.xywh.tolist() == [[103, 52, 46, 114], [300, 50, 70, 140]]


def test_a_figure_nobody_is_told_of_begins_no_track_and_a_part_of_somebody_is_nobody() -> None:
    boxes = drawn(told((100, 50, 50, 140)), [figure(300, 40, 44, 130), figure(110, 60, 20, 50)])
    assert boxes.xywh.tolist() == [[100, 50, 50, 140], [300, 40, 44, 130]]
    assert boxes.score.tolist() == pytest.approx([0.9, DOUBTFUL])
    assert len(drawn(told(), [])) == 0


def found_of(boxes: Boxes, truth: list[tuple[float, float, float, float]]) -> int:
    owed = np.array(truth, np.float32).reshape(-1, 4)
    return int((overlaps(owed, boxes.xywh).max(axis=1, initial=0.0) >= 0.5).sum())


def test_finds_the_people_of_a_room_and_nobody_in_an_empty_one() -> None:
    site = Site(people=12, seed=40)
    detector, empty = HeadDetector(), HeadDetector()
    owed = right = boxes = ghosts = 0
    for number in range(14):
        image, truth = site.observe(0, 20 + number)
        found = detector.detect(CapturedFrame(image, 1000 * number, number, ()))
        clear = [one.bbox for one in truth if one.visibility > 0.6 and one.bbox[3] > 60]
        owed, right, boxes = owed + len(clear), right + found_of(found, clear), boxes + len(found)
        nobody = site.observe(0, 20 + number, people=())[0]
        ghosts += len(empty.detect(CapturedFrame(nobody, 1000 * number, number, ())))
    assert owed > 15
    assert right / owed > 0.8
    assert ghosts <= 2


def test_by_default_a_real_camera_has_the_learned_detector_and_the_simulated_site_hog() -> None:
    assert Settings.model_fields["detector"].default == AUTO
    assert detector_for(AUTO, "rtsp://camera.local/1") == "headnet"
    assert detector_for(AUTO, "sim://?camera=1") == "hog"
    assert detector_for("truth", "sim://?camera=1") == "truth"
    assert open_detector(detector_for(AUTO, "0")).name == "headnet"
