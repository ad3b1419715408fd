import json
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from producers.detect import decode
from producers.detect.base import Boxes, clip, overlaps, suppress
from producers.detect.hog import CONFIRMED, HogDetector, _fused
from producers.detect.layout import FAMILIES, Layout, _family, layout_of
from producers.detect.motion import DOUBTFUL, LEARNING, SHAPED, Blob, Motion
from producers.detect.onnx import OnnxDetector, fitted
from producers.detect.select import open_detector
from producers.detect.stature import ENOUGH, REFIT
from producers.detect.truth import TruthDetector
from producers.frames import CapturedFrame, Image, TruePerson
from producers.network import Shape, Tensor
from reid.errors import ConfigError
from tests.unit.producers.onnx_file import linear_model

PERSON = (100.0, 60.0, 40.0, 120.0)


def grey(height: int = 240, width: int = 320) -> Image:
    return np.full((height, width, 3), 120, np.uint8)


class TestBoxes:
    def test_shapes_are_checked(self) -> None:
        with pytest.raises(ValueError, match="boxes of shape"):
            Boxes(np.zeros((2, 4), np.float32), np.zeros(3, np.float32))
        assert len(Boxes.of([], [])) == 0

    def test_overlap_of_known_boxes(self) -> None:
        a = np.array([[0, 0, 10, 10]], np.float32)
        b = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [50, 50, 1, 1]], np.float32)
        assert overlaps(a, b)[0].tolist() == pytest.approx([1.0, 1 / 3, 0.0])

    def test_suppression_keeps_the_best_of_each_place(self) -> None:
        boxes = Boxes.of([[0, 0, 10, 30], [1, 0, 10, 30], [100, 0, 10, 30]], [0.5, 0.9, 0.4])
        assert suppress(boxes).score.tolist() == pytest.approx([0.9, 0.4])

    def test_a_box_within_a_better_one_goes_when_asked(self) -> None:
        boxes = Boxes.of([[0, 0, 40, 100], [10, 10, 10, 20]], [0.9, 0.8])
        assert len(suppress(boxes)) == 2
        assert len(suppress(boxes, contained=0.9)) == 1

    def test_clipping_cuts_and_drops_the_small(self) -> None:
        boxes = clip(
            Boxes.of([[-20, 10, 60, 400], [10, 10, 5, 8], [700, 0, 50, 90]], [1, 1, 1]), 640, 300, 32
        )
        assert boxes.xywh.tolist() == [[0, 10, 40, 290]]


class TestTruth:
    def test_sees_those_in_sight(self) -> None:
        truth = (TruePerson(1, PERSON, 0.9), TruePerson(2, PERSON, 0.29), TruePerson(3, PERSON, 0.3))
        assert len(TruthDetector().detect(CapturedFrame(grey(), 0, 0, truth))) == 2

    def test_a_real_camera_has_no_truth(self) -> None:
        with pytest.raises(ConfigError, match="SAFEROOM_DETECTOR=auto"):
            TruthDetector().detect(CapturedFrame(grey(), 0, 0))


class Canned:
    """A network that always gives the same."""

    def __init__(self, output: Tensor, input_shape: Shape = (1, 3, 416, 416)) -> None:
        self.input_shape = input_shape
        self.names: tuple[str, ...] = ()
        self.output_shapes: tuple[Shape, ...] = (output.shape,)
        self._output = output

    def run(self, batch: Tensor) -> list[Tensor]:
        assert batch.shape[1] == 3
        return [self._output]


def output_with_person(family: str) -> tuple[Tensor, Layout]:
    """Output of each family that holds PERSON (in a 416 input) at 0.8, and a chair at 0.9."""
    layout = msgspec.structs.replace(FAMILIES[family], width=416, height=416)
    x, y, w, h = PERSON
    cx, cy = x + w / 2, y + h / 2
    if family in ("yolox", "yolov5"):
        rows = np.zeros((1, 3549 * (3 if family == "yolov5" else 1), 85), np.float32)
        if family == "yolox":
            at = 52 * int(cy // 8) + int(cx // 8)
            rows[0, at, :4] = [cx / 8 - cx // 8, cy / 8 - cy // 8, np.log(w / 8), np.log(h / 8)]
        else:
            at = 7
            rows[0, at, :4] = [cx, cy, w, h]
        rows[0, at, 4:6] = [1.0, 0.8]
        rows[0, 900, 4], rows[0, 900, 5 + 56] = 1.0, 0.9
        return rows, layout
    if family == "yolov8":
        rows = np.zeros((1, 84, 3549), np.float32)
        rows[0, :5, 3] = [cx, cy, w, h, 0.8]
        rows[0, 4 + 56, 9] = 0.9
        return rows, layout
    if family == "end2end":
        return np.array([[[x, y, x + w, y + h, 0.8, 0], [x, y, x + w, y + h, 0.9, 56]]], np.float32), layout
    if family == "ssd":
        box = np.array([x, y, x + w, y + h]) / 416
        rows = np.zeros((1, 1, 4, 7), np.float32)
        rows[0, 0, 0], rows[0, 0, 1] = [0, 1, 0.8, *box], [0, 62, 0.9, *box]
        rows[0, 0, 2:, 0] = -1
        rows[0, 0, 3] = [-1, 1, 0.99, *box]
        return rows, layout
    plane = np.full((1, 85, 26, 26), -9.0, np.float32)
    plane[0, 0], plane[0, 5:] = 0.0, 0.0
    column, row = int(cx // 16), int(cy // 16)
    plane[0, 0, row, column] = plane[0, 5, row, column] = 0.8
    plane[0, 1:3, row, column] = np.arctanh([cx / 16 - column, cy / 16 - row])
    plane[0, 3:5, row, column] = [-np.log(416 / w - 1), -np.log(416 / h - 1)]
    plane[0, 0, 2, 2] = plane[0, 5 + 56, 2, 2] = 0.9
    return plane, layout


class TestFamilies:
    @pytest.mark.parametrize("family", list(FAMILIES))
    def test_finds_the_person_and_not_the_chair(self, family: str) -> None:
        output, layout = output_with_person(family)
        boxes = decode.DECODERS[family](output, layout)
        assert len(boxes) == 1
        assert boxes.xywh[0].tolist() == pytest.approx(PERSON, abs=0.2)
        assert float(boxes.score[0]) == pytest.approx(0.8, abs=0.01)

    @pytest.mark.parametrize("family", list(FAMILIES))
    def test_is_recognised_by_its_output(self, family: str) -> None:
        assert _family((1, 3, 416, 416), (output_with_person(family)[0].shape,)) == family

    def test_boxes_come_back_to_the_frame(self) -> None:
        output, layout = output_with_person("yolov8")
        frame = CapturedFrame(grey(480, 832), 0, 0)
        found = OnnxDetector("canned", Canned(output), layout).detect(frame)
        # 832x480 is halved and padded by (416 - 240) / 2 = 88 rows above.
        x, y, w, h = PERSON
        assert found.xywh[0].tolist() == pytest.approx(
            [2 * x, 2 * max(y - 88, 0), 2 * w, 2 * (y + h - 88)], abs=0.5
        )

    def test_letterbox_keeps_the_aspect_and_the_values(self) -> None:
        layout = Layout(family="yolox", width=416, height=416, scale=1.0, centred=False, channels="BGR")
        batch, fit = fitted(np.full((100, 200, 3), (1, 2, 3), np.uint8), layout)
        assert batch.shape == (1, 3, 416, 416)
        assert batch[0, :, 0, 0].tolist() == [1, 2, 3]
        assert batch[0, :, 300, 0].tolist() == [114] * 3
        assert fit.scale_x == fit.scale_y == pytest.approx(2.08)


class TestLayout:
    """A file of a few bytes stands for the model: its network is given beside it."""

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        path = tmp_path / "m.onnx"
        path.write_bytes(b"weights")
        return path

    def unknown(self) -> Canned:
        return Canned(np.zeros((1, 7), np.float32))

    def test_unknown_output_asks_for_a_declaration(self, model: Path) -> None:
        with pytest.raises(ConfigError, match=r"declare it in m\.saferoom\.yaml.*family: yolov8"):
            layout_of(model, self.unknown())

    @pytest.mark.parametrize("sidecar", ["m.saferoom.yaml", "m.saferoom.json", "m.onnx.json"])
    def test_the_sidecar_wins(self, model: Path, sidecar: str) -> None:
        stated = json.dumps({"family": "yolov8", "width": 416, "min_score": 0.7})
        model.with_name(sidecar).write_text(stated)  # JSON is YAML too
        layout = layout_of(model, self.unknown())
        assert (layout.family, layout.width, layout.height, layout.min_score) == ("yolov8", 416, 416, 0.7)

    def test_a_recognised_family_may_be_changed_in_part(self, model: Path) -> None:
        model.with_name("m.saferoom.yaml").write_text("min_score: 0.2\nchannels: RGB\n")
        layout = layout_of(model, Canned(output_with_person("yolox")[0]))
        assert (layout.family, layout.channels, layout.min_score) == ("yolox", "RGB", 0.2)

    @pytest.mark.parametrize(
        ("sidecar", "words"),
        [
            ('{"family": "resnet"}', "field family: 'resnet' is none of yolox"),
            ("{", "m.saferoom.yaml: "),
            ('{"family": "ssd", "width": "wide"}', "field width: "),
            ('{"family": "ssd", "iou": 2}', "field iou: "),
            ('{"family": "ssd", "with": 2}', "`with`"),
            ('{"family": "ssd", "width": 320}', "field width: 320, but the network takes 416 only"),
        ],
    )
    def test_a_wrong_sidecar_is_named(self, model: Path, sidecar: str, words: str) -> None:
        model.with_name("m.saferoom.yaml").write_text(sidecar)
        with pytest.raises(ConfigError, match=r"m\.saferoom\.yaml") as caught:
            layout_of(model, self.unknown())
        assert words in str(caught.value)

    def test_a_size_that_nobody_states_is_asked_for(self, model: Path) -> None:
        network = Canned(output_with_person("end2end")[0], (1, 3, None, None))
        with pytest.raises(ConfigError, match="field width: missing"):
            layout_of(model, network)

    @pytest.mark.parametrize(
        ("given", "found", "family"),
        [
            ((1, 3, 416, 416), (1, 3549, 6), "yolox"),  # one class: as wide as end2end's rows
            ((1, 3, 640, 640), (1, 25200, 6), "yolov5"),
            ((1, 3, 640, 640), (1, 5, 8400), "yolov8"),
            ((1, 3, 640, 640), (1, 300, 6), "end2end"),
            ((1, 3, None, None), (1, 84, 8400), "yolov8"),
            ((1, 3, 352, 352), (1, 6, 22, 22), "fastestdet"),
            ((1, 3, 352, 352), (1, 85, 44, 44), None),
            ((1, 3, 256, 128), (1, 256), None),
        ],
    )
    def test_networks_of_one_class_and_free_sizes(
        self, given: Shape, found: Shape, family: str | None
    ) -> None:
        assert _family(given, (found,)) == family

    def test_missing_and_damaged_models_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"no such file.*SAFEROOM_DETECTOR"):
            open_detector(str(tmp_path / "gone.onnx"))
        with pytest.raises(ConfigError, match="saferoom models fetch yolox_nano"):
            open_detector("yolox_nano")
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(b"\x08\x07 broken")
        with pytest.raises(ConfigError, match=r"broken\.onnx"):
            open_detector(str(broken))


def scene(*people: tuple[int, int], gain: float = 1.0) -> Image:
    """A textured wall; dark persons of 30×100 pixels with their left top at these places."""
    wall = np.random.default_rng(3).integers(90, 150, (60, 80, 3), dtype=np.uint8)
    image = cv2.resize(wall, (320, 240), interpolation=cv2.INTER_CUBIC)
    for x, y in people:
        cv2.ellipse(image, (x + 15, y + 12), (9, 12), 0, 0, 360, (60, 80, 140), cv2.FILLED)
        cv2.rectangle(image, (x + 4, y + 22), (x + 26, y + 100), (30, 30, 40), cv2.FILLED)
    return np.clip(image * gain, 0, 255).astype(np.uint8)


class TestMotion:
    def learned(self) -> Motion:
        motion = Motion()
        for _ in range(15):
            assert motion.blobs(scene(), 48) == []
        return motion

    def test_a_walker_is_one_blob_of_their_size(self) -> None:
        (blob,) = self.learned().blobs(scene((150, 80)), 48)
        assert (blob.x, blob.y) == pytest.approx((152, 80), abs=6)
        assert (blob.w, blob.h) == pytest.approx((24, 100), abs=10)

    def test_two_hand_in_hand_are_cut_apart(self) -> None:
        image = scene((130, 80), (170, 84))
        cv2.rectangle(image, (145, 116), (185, 124), (30, 30, 40), cv2.FILLED)
        assert len(self.learned().blobs(image, 48)) == 2

    def taught(self) -> Motion:
        """People of 100 pixels were seen whole, their heads in row 80."""
        motion = self.learned()
        motion.blobs(scene(), 48)
        for _ in range(ENOUGH + REFIT):
            motion.confirm(Blob(150, 80, 24, 100, 0.8))
        return motion

    def parted(self, low: int, high: int) -> Image:
        """A walker of whom something like the wall hides these rows, and the wall to the right."""
        image = scene((150, 80))
        image[low:high] = scene()[low:high]
        return image

    def test_legs_under_a_desk_are_not_one_more_person(self) -> None:
        (whole,) = self.taught().blobs(self.parted(120, 140), 48)
        assert (whole.y, whole.h) == pytest.approx((80, 100), abs=6)
        assert whole.fits
        assert len(self.learned().blobs(self.parted(120, 140), 48)) == 2, "who knows no heights cannot tell"

    def test_who_stands_beside_a_person_s_legs_is_somebody_else(self) -> None:
        image = self.parted(120, 140)
        image[:, 160:] = scene()[:, 160:]
        cv2.rectangle(image, (190, 140), (206, 180), (30, 30, 40), cv2.FILLED)
        found = self.taught().blobs(image, 48)
        assert any(blob.x > 180 for blob in found)

    def test_the_exposure_may_change(self) -> None:
        motion = self.learned()
        assert motion.blobs(scene(gain=0.75), 48) == []
        assert len(motion.blobs(scene((150, 80), gain=0.75), 48)) == 1


class TestHog:
    def test_an_empty_room_is_empty(self) -> None:
        detector = HogDetector()
        assert sum(len(detector.detect(CapturedFrame(scene(), 200 * n, n))) for n in range(10)) == 0

    def test_tiny_and_flat_frames_do_no_harm(self) -> None:
        detector = HogDetector()
        for n in range(3):
            assert len(detector.detect(CapturedFrame(np.zeros((20, 30, 3), np.uint8), n, n))) == 0

    def test_a_window_confirms_the_figure_it_sees(self) -> None:
        window = Boxes.of([[95, 50, 45, 130]], [CONFIRMED[1]])
        found = _fused(window, [Blob(100, 50, 40, 120, 0.8), Blob(300, 50, 40, 120, 0.8)])
        assert found.xywh.tolist() == [[100, 50, 40, 120], [300, 50, 40, 120]]
        assert found.score.tolist() == pytest.approx([CONFIRMED[1], SHAPED])

    def test_a_thin_or_striding_figure_of_a_person_s_size_is_one_without_a_window(self) -> None:
        nobody = Boxes.of([], [])
        thin, striding = Blob(100, 50, 30, 150, 0.7), Blob(200, 50, 100, 150, 0.3)
        assert _fused(nobody, [thin, striding]).score.tolist() == pytest.approx([DOUBTFUL, DOUBTFUL])
        known = [thin._replace(fits=True), striding._replace(fits=True)]
        assert _fused(nobody, known).score.tolist() == pytest.approx([SHAPED, SHAPED])

    def test_two_who_were_told_apart_stay_two_and_the_window_about_both_goes(self) -> None:
        both = Boxes.of([[95, 45, 75, 140]], [0.7])
        found = _fused(both, [Blob(100, 50, 40, 120, 0.8, False), Blob(118, 54, 40, 120, 0.8, False)])
        assert found.xywh.tolist() == [[100, 50, 40, 120], [118, 54, 40, 120]]

    def test_who_stands_still_is_one_person_though_an_arm_moves(self) -> None:
        still = Boxes.of([[100, 50, 60, 160]], [0.8])
        assert _fused(still, [Blob(102, 60, 22, 60, 0.8)]).xywh.tolist() == [[100, 50, 60, 160]]
        assert len(_fused(still, [])) == 1


class TestAnotherSize:
    """Pictures of one camera that change their size: numpy and OpenCV refused the background of the other."""

    SIZES = ((640, 480), (64, 48), (1280, 720), (640, 480), (480, 640), (320, 240), (8, 200), (640, 480))

    @pytest.mark.parametrize("name", ["headnet", "hog"])
    def test_a_camera_whose_pictures_changed_their_size_was_ended(self, name: str) -> None:
        detector, number = open_detector(name), 0
        for width, height in self.SIZES:
            for _ in range(3):
                detector.detect(CapturedFrame(grey(height, width), 200 * number, number))
                number += 1

    def test_the_background_is_begun_anew_for_both_detectors(self) -> None:
        motion = Motion()
        for _ in range(LEARNING + 2):
            motion.blobs(grey(), 40)
        assert motion.reliable
        motion.blobs(grey(480, 640), 40)
        assert not motion.reliable

    def test_who_was_seen_in_pictures_of_another_size_is_not_looked_for(self) -> None:
        detector = HogDetector()
        detector.detect(CapturedFrame(grey(480, 640), 0, 0))
        detector._remember(Boxes.of([[500, 300, 60, 150]], [0.9]), np.zeros((0, 4), np.float32), 0)
        assert detector._seen
        detector.detect(CapturedFrame(grey(120, 160), 200, 1))
        assert not detector._seen


def test_a_network_of_another_layout_than_declared_failed_with_every_frame(tmp_path: Path) -> None:
    """Of class 999, too: the camera ended after ten of them, with an index out of bounds as the reason."""
    path = tmp_path / "colour.onnx"
    path.write_bytes(linear_model(np.eye(3, dtype=np.float32), (32, 16)))
    path.with_name("colour.saferoom.json").write_text('{"family": "end2end"}')
    with pytest.raises(ConfigError, match=r"read as family end2end.*: correct colour\.saferoom\.json"):
        open_detector(str(path))
