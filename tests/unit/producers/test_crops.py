"""The best few crops of a track: written once each, blurred where asked, without holding a camera up."""

import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from producers.crops.blur import HEAD, blur_box, blur_crop
from producers.crops.track_crops import APART_MS, MAX_HEIGHT, MOST, TOLD_MS, Kept, TrackCrops
from producers.crops.writer import CropWriter
from producers.detect.base import Boxes, FloatArray
from producers.frames import CapturedFrame, Image
from producers.looks import Looks
from producers.pictures import LivePictures
from reid.contracts.detections import Frame, Person
from reid.errors import Unavailable
from reid.runtime.crops.base import Stored, name_of


class MemoryCrops:
    """`CropStore`. ``full``: refuses; ``slow``: waits until it is set."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.full = False
        self.slow: threading.Event | None = None

    def put(self, site_id: str, jpeg: bytes) -> str:
        if self.slow is not None:
            self.slow.wait(5)
        if self.full:
            raise Unavailable("no room")
        self.kept[name_of(jpeg)] = jpeg
        return name_of(jpeg)

    def get(self, site_id: str, sha256: str) -> bytes | None:
        return self.kept.get(sha256)

    def delete(self, site_id: str, sha256: str) -> None:
        self.kept.pop(sha256, None)

    def sites(self) -> list[str]:
        return ["global"]

    def each(self, site_id: str) -> Iterator[Stored]:
        yield from (Stored(name, len(jpeg), 0.0) for name, jpeg in self.kept.items())


def picture(seed: int, height: int = 160) -> Image:
    rng = np.random.default_rng(seed)
    return np.asarray(cv2.resize(rng.integers(0, 255, (20, 8, 3), np.uint8), (64, height)), np.uint8)


@pytest.fixture
def store() -> MemoryCrops:
    return MemoryCrops()


def test_few_of_a_track_and_each_is_what_its_name_says(store: MemoryCrops) -> None:
    writer = CropWriter(store, "global")
    crops = TrackCrops(writer, "none")
    assert crops.see(picture(0), 0.1, 1, 0).sha256 == "", "too bad for a portrait"
    first = crops.see(picture(1), 0.5, 1, 400)
    assert first.quality == 0.5
    assert crops.see(picture(2), 0.52, 1, 800) == first, "hardly better, hardly later"
    better = crops.see(picture(3), 0.8, 1, 1200)
    assert better.sha256 != first.sha256
    assert crops.see(picture(4), 0.3, 1, 1200 + 2 * APART_MS) == better, "later and worse"
    for n in range(10):
        last = crops.see(picture(10 + n), 0.8, 1, 20_000 + n * APART_MS)
    assert crops.see(picture(30), 0.9, 2, 90_000).sha256 not in ("", last.sha256)
    writer.close()
    assert len(store.kept) == MOST + 1
    assert {first.sha256, better.sha256, last.sha256} < store.kept.keys()
    image = cv2.imdecode(np.frombuffer(store.kept[first.sha256], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert np.abs(image.astype(int) - picture(1)).mean() < 15


def test_a_long_track_is_not_shown_by_a_picture_that_may_be_deleted_by_now(store: MemoryCrops) -> None:
    """What is nobody's for ten minutes is deleted: who was found in the track after that had no picture, nor
    had a new person where the one before was forgotten."""
    writer = CropWriter(store, "global")
    crops = TrackCrops(writer, "none")
    told = [crops.see(picture(n), 0.8, 1, n * APART_MS) for n in range(2 * MOST)]
    assert told[MOST - 1 :] == [told[-1]] * (MOST + 1), "so many, and no more"
    last = (MOST - 1) * APART_MS
    assert crops.see(picture(50), 0.2, 1, last + TOLD_MS - 1) == told[-1]
    assert crops.see(picture(51), 0.2, 1, last + TOLD_MS) == Kept()
    renewed = crops.see(picture(52), 0.5, 1, last + TOLD_MS + 1)
    assert renewed.sha256 not in ("", told[-1].sha256)
    assert crops.see(picture(53), 0.9, 1, last + TOLD_MS + APART_MS) == renewed
    writer.close()
    assert len(store.kept) == MOST + 1


def test_a_tall_crop_is_stored_smaller(store: MemoryCrops) -> None:
    writer = CropWriter(store, "global")
    kept = TrackCrops(writer, "none").see(picture(1, 700), 0.9, 1, 0)
    writer.close()
    image = cv2.imdecode(np.frombuffer(store.kept[kept.sha256], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape[:2] == (MAX_HEIGHT, round(64 * MAX_HEIGHT / 700))


def test_a_blurred_head_is_gone_and_the_clothes_are_not() -> None:
    crop = picture(1)
    before = crop.copy()
    blurred = blur_crop(crop, "faces")
    assert (crop == before).all(), "the frame itself stays as it is"
    head = int(HEAD * len(crop))
    assert len(np.unique(blurred[:head].reshape(-1, 3), axis=0)) <= 16
    assert (blurred[head + 2 :] == crop[head + 2 :]).all()
    body = blur_crop(crop, "all")
    assert len(np.unique(body.reshape(-1, 3), axis=0)) <= 6 * 15
    assert blur_crop(crop, "none") is crop
    assert (blur_box(crop.copy(), (-50.0, -50.0, 10.0, 10.0), "all") == crop).all(), "outside the picture"


def test_what_is_stored_is_blurred(store: MemoryCrops) -> None:
    writer = CropWriter(store, "global")
    kept = TrackCrops(writer, "all").see(picture(1), 0.9, 1, 0)
    writer.close()
    image = cv2.imdecode(np.frombuffer(store.kept[kept.sha256], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert np.abs(image.astype(int) - blur_crop(picture(1), "all")).mean() < 10
    assert np.abs(image.astype(int) - picture(1)).mean() > 15


def test_a_store_that_refuses_is_told_once_and_loses_pictures_only(
    store: MemoryCrops, caplog: pytest.LogCaptureFixture
) -> None:
    store.full = True
    writer = CropWriter(store, "global")
    for n in range(5):
        assert writer.offer(b"%d" % n)
    writer.close()
    assert (writer.lost, writer.written) == (5, 0)
    assert caplog.text.count("crops are lost") == 1


def test_a_slow_store_holds_nobody_up(store: MemoryCrops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.crops.writer.MAX_PENDING", 3)
    store.slow = threading.Event()
    writer = CropWriter(store, "global")
    names = [writer.offer(b"%d" % n) for n in range(20)]
    assert writer.lost > 0
    assert names.count("") == writer.lost
    store.slow.set()
    writer.close()
    assert writer.written == 20 - writer.lost


NOBODY = np.zeros((0, 4), np.float32)


def of(*boxes: tuple[float, float, float, float]) -> FloatArray:
    return np.array(boxes, np.float32)


def live(fps: float = 2.0, blur: str = "none") -> LivePictures:
    return LivePictures("global", "room1", "s1", fps, blur)  # type: ignore[arg-type]


def test_a_live_picture_shows_the_boxes_of_its_frame_in_its_own_pixels() -> None:
    captured = CapturedFrame(np.full((720, 1280, 3), 60, np.uint8), 1_000, 0)
    person = Person(7, (200.0, 100.0, 120.0, 300.0))
    taken = live().take(captured, Frame("room1", 1_000, 1280, 720, "s1", persons=(person,)), NOBODY)
    assert taken is not None
    assert (taken.width, taken.height, taken.captured_at, taken.session) == (640, 360, 1_000, "s1")
    (box,) = taken.boxes
    assert (box.tracker_id, box.bbox) == ("7", (100.0, 50.0, 60.0, 150.0))
    image = cv2.imdecode(np.frombuffer(taken.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (360, 640, 3)
    assert image[50:200, 100].mean() > 150 > image[10:40, 10:40].mean()
    assert (captured.image == 60).all(), "the frame itself stays as it is"


def test_live_pictures_are_few_by_the_time_of_capture() -> None:
    pictures, image = live(2.0), np.zeros((48, 64, 3), np.uint8)
    taken = [
        n for n in range(50) if pictures.take(CapturedFrame(image, n * 100, n), None, NOBODY) is not None
    ]
    assert len(taken) == 10
    assert pictures.take(CapturedFrame(image, 0, 51), None, NOBODY) is not None, (
        "a clock set back stops nothing"
    )


def test_live_pictures_are_blurred_as_crops_are() -> None:
    image = np.asarray(cv2.resize(picture(1), (64, 96)), np.uint8)
    person = Person(1, (0.0, 0.0, 64.0, 96.0))
    frame = Frame("room1", 0, 64, 96, "s1", persons=(person,))
    taken = live(2.0, "all").take(CapturedFrame(image, 0, 0), frame, of(person.bbox))
    assert taken is not None
    shown = cv2.imdecode(np.frombuffer(taken.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    hidden = blur_box(image.copy(), person.bbox, "all")
    inside = slice(2, -2)
    assert np.abs(shown.astype(int) - hidden)[inside, inside].mean() < 15
    assert np.abs(shown.astype(int) - image)[inside, inside].mean() > 25


@pytest.mark.parametrize(
    "frame", [None, Frame("room1", 0, 128, 96, "s1")], ids=["not published", "published"]
)
def test_who_was_no_track_yet_was_shown_with_a_face(frame: Frame | None) -> None:
    """A track is confirmed with its second box, one in doubt with its fifth: a second of a bare face."""
    image = np.asarray(cv2.resize(picture(1), (128, 96)), np.uint8)
    taken = live(2.0, "faces").take(CapturedFrame(image, 0, 0), frame, of((32.0, 8.0, 64.0, 80.0)))
    assert taken is not None
    shown = cv2.imdecode(np.frombuffer(taken.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    head = slice(10, round(8 + 80 * HEAD) - 2), slice(34, 94)
    assert np.abs(shown.astype(int) - image)[head].mean() > 20
    assert np.abs(shown.astype(int) - image)[40:, 34:94].mean() < 15, "the rest stays"


@pytest.mark.parametrize("blur", ["faces", "all"])
def test_a_crop_showed_the_face_of_who_stood_beside(store: MemoryCrops, blur: str) -> None:
    """Whose head is lower in the picture than the crop's own: a child in front, whom no track shows yet."""
    fine = np.random.default_rng(1).integers(0, 255, (50, 50, 3), np.uint8)
    image = np.asarray(cv2.resize(fine, (200, 200), interpolation=cv2.INTER_NEAREST), np.uint8)
    before = image.copy()
    adult, child = (20.0, 10.0, 80.0, 180.0), (60.0, 90.0, 40.0, 100.0)
    boxes = Boxes.of([adult], [0.9])
    writer = CropWriter(store, "global")
    looks = Looks(crops=TrackCrops(writer, blur))  # type: ignore[arg-type]
    told = looks.told(CapturedFrame(image, 1_000, 0), boxes, np.array([0.9]), [0], [7], of(adult, child))
    writer.close()
    kept = cv2.imdecode(np.frombuffer(store.kept[told[0].kept.sha256], np.uint8), cv2.IMREAD_COLOR)
    assert kept is not None
    face = slice(92, round(90 + 100 * HEAD) - 2), slice(62, 98)
    seen = kept[face[0].start - 10 : face[0].stop - 10, face[1].start - 20 : face[1].stop - 20]
    assert np.abs(seen.astype(int) - image[face]).mean() > 40
    assert (image == before).all(), "others look at the frame as it is"
