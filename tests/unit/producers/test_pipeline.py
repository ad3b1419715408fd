from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from producers.annotate import VideoWriter, annotate, colour_of, contact_sheet, save_image
from producers.camera import CameraPipeline
from producers.detect.base import Boxes
from producers.embed.appearance import Appearance
from producers.embed.base import FloatArray, normalised
from producers.frames import CapturedFrame, Image
from producers.quality import crop, qualities
from producers.sources.base import Playback
from producers.sources.spec import open_source
from producers.track import PATIENCE, UNCONFIRMED, ByteTrack
from reid.contracts.detections import Frame, Person
from reid.errors import ConfigError


def walkers(step: int) -> Boxes:
    """Two who walk towards each other in different rows."""
    return Boxes.of([[50 + 12 * step, 40, 40, 120], [400 - 12 * step, 200, 40, 120]], [0.9, 0.9])


class TestTracker:
    def test_walkers_keep_their_ids(self) -> None:
        tracker = ByteTrack(5)
        ids = [tracker.update(walkers(n), 1000 + 200 * n) for n in range(10)]
        assert ids[0].tolist() == [UNCONFIRMED, UNCONFIRMED]
        assert len({tuple(i.tolist()) for i in ids[2:]}) == 1
        assert len(set(ids[-1].tolist())) == 2

    def test_ids_are_parallel_to_the_boxes_in_any_order(self) -> None:
        tracker = ByteTrack(5)
        for n in range(4):
            first = tracker.update(walkers(n), 1000 + 200 * n)
        mixed = walkers(4).take(np.array([1, 0]))
        assert tracker.update(mixed, 1800).tolist() == first.tolist()[::-1]

    def test_a_short_gap_is_bridged_and_a_long_one_is_not(self) -> None:
        for gap_ms, same in ((600, True), (3000, False)):
            tracker = ByteTrack(5)
            still = Boxes.of([[50, 40, 40, 120]], [0.9])
            before = [tracker.update(still, 1000 + 200 * n)[0] for n in range(4)][-1]
            for at in range(1800, 1600 + gap_ms, 200):
                assert len(tracker.update(Boxes.of([], []), at)) == 0
            after = [tracker.update(still, 1600 + gap_ms + 200 * n)[0] for n in range(3)][-1]
            assert after != UNCONFIRMED
            assert bool(before == after) is same

    def test_who_walked_fast_across_the_picture_was_never_a_track(self) -> None:
        """70 % of the width of the box by the frame: intersection over union 0.18."""
        tracker = ByteTrack(5)
        ids = [
            tracker.update(Boxes.of([[50 + 28 * n, 40, 40, 120]], [0.9]), 1000 + 200 * n)[0] for n in range(8)
        ]
        assert len(set(ids[1:])) == 1
        assert ids[1] != UNCONFIRMED

    def test_who_turns_round_while_walking_was_lost(self) -> None:
        tracker = ByteTrack(5)
        lefts = [50, 70, 90, 110, 116, 110, 90, 70]
        ids = [
            tracker.update(Boxes.of([[left, 40, 40, 120]], [0.9]), 1000 + 200 * n)[0]
            for n, left in enumerate(lefts)
        ]
        assert len(set(ids[1:])) == 1

    def test_somebody_out_of_reach_is_somebody_else(self) -> None:
        tracker = ByteTrack(5)
        for n in range(4):
            before = tracker.update(Boxes.of([[50, 40, 40, 120]], [0.9]), 1000 + 200 * n)[0]
        ids = [tracker.update(Boxes.of([[120, 40, 40, 120]], [0.9]), 1800 + 200 * n)[0] for n in range(3)]
        assert ids[-1] not in (before, UNCONFIRMED)

    def test_boxes_that_do_not_convince_wait(self) -> None:
        tracker = ByteTrack(5)
        doubtful = Boxes.of([[50, 40, 40, 120]], [0.55])
        ids = [tracker.update(doubtful, 1000 + 200 * n)[0] for n in range(8)]
        assert set(ids[:PATIENCE]) == {UNCONFIRMED}
        assert ids[-1] != UNCONFIRMED

    def test_a_clock_set_back_loses_nobody(self) -> None:
        tracker = ByteTrack(5)
        for n in range(4):
            before = tracker.update(walkers(n), 100_000 + 200 * n)
        assert tracker.update(walkers(3), 5_000).tolist() == before.tolist()

    def test_after_a_clock_was_set_back_whoever_was_gone_was_waited_for_minutes(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Until the clock had caught up each frame was a millisecond after the last one, and each told."""
        tracker, still = ByteTrack(5), Boxes.of([[50, 40, 40, 120]], [0.9])
        for n in range(4):
            before = tracker.update(still, 3_700_000 + 200 * n)[0]
        for n in range(15):
            assert len(tracker.update(Boxes.of([], []), 100_000 + 200 * n)) == 0
        after = [tracker.update(still, 103_000 + 200 * n)[0] for n in range(3)][-1]
        assert after not in (before, UNCONFIRMED)
        assert len(caplog.records) == 1


def textured(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


class TestQuality:
    def quality(self, image: Image, *boxes: tuple[float, float, float, float]) -> list[float]:
        found = qualities(image, Boxes.of(boxes, [1.0] * len(boxes))).tolist()
        assert all(0 <= q <= 1 for q in found)
        return [float(q) for q in found]

    def test_larger_sharper_and_whole_is_better(self) -> None:
        sharp = textured(400, 400)
        blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 9), np.uint8)
        (best,) = self.quality(sharp, (100, 100, 60, 160))
        assert best > self.quality(sharp, (100, 100, 15, 40))[0]
        assert best > 1.4 * self.quality(blurred, (100, 100, 60, 160))[0]
        assert best > 1.3 * self.quality(sharp, (0, 100, 60, 160))[0]
        assert best > 1.8 * self.quality(sharp, (100, 240, 60, 160))[0]

    def test_who_stands_behind_another_is_worse(self) -> None:
        behind, front = self.quality(textured(400, 400), (100, 80, 60, 160), (120, 120, 60, 160))
        assert behind < front

    def test_a_box_that_its_detector_doubts_is_worse(self) -> None:
        boxes = [(100.0, 100.0, 60.0, 160.0)]
        sure, shaped, doubted = (
            float(qualities(textured(400, 400), Boxes.of(boxes, [score]))[0]) for score in (0.6, 0.5, 0.3)
        )
        assert sure == self.quality(textured(400, 400), *boxes)[0]
        assert sure > 1.3 * shaped > 1.5 * doubted > 0

    def test_a_flat_crop_says_little(self) -> None:
        assert self.quality(np.zeros((400, 400, 3), np.uint8), (100, 100, 60, 160))[0] <= 0.41

    @pytest.mark.parametrize(
        "box", [(-50, -50, 10, 10), (900, 900, 5, 5), (10, 10, 0, 0), (0, 0, 9999, 9999)]
    )
    def test_a_crop_always_has_a_pixel(self, box: tuple[float, float, float, float]) -> None:
        assert crop(textured(40, 30), np.array(box, np.float32)).size >= 3


class Scripted:
    """Detector that sees what the script says for each frame number."""

    name = "scripted"

    def __init__(self, script: dict[int, Boxes]) -> None:
        self._script = script

    def detect(self, frame: CapturedFrame) -> Boxes:
        return self._script.get(frame.number, Boxes.of([], []))


def pipeline(script: dict[int, Boxes], embed_interval: float = 0.4) -> CameraPipeline:
    return CameraPipeline(
        "room1", "s1", Scripted(script), ByteTrack(5), Appearance(), embed_interval=embed_interval
    )


def play(camera: CameraPipeline, frames: int) -> list[Frame | None]:
    image = textured(360, 480)
    return [camera.process(CapturedFrame(image, 1_000 + 200 * n, n)) for n in range(frames)]


class TestPipeline:
    def test_who_is_no_track_yet_is_detected_all_the_same(self) -> None:
        """By that they are hidden in live pictures and others' crops."""
        camera = pipeline({0: walkers(0)})
        (frame,) = play(camera, 1)
        assert frame is not None and not frame.persons
        assert camera.detected.tolist() == walkers(0).xywh.tolist()

    def test_an_empty_scene_tells_the_time_once_a_second(self) -> None:
        published = play(pipeline({}), 21)
        times = [f.captured_at for f in published if f]
        assert times == [1000, 2000, 3000, 4000, 5000]

    def test_a_scene_is_published_while_somebody_is_there_and_once_after(self) -> None:
        published = play(pipeline({n: walkers(n) for n in range(2, 8)}), 12)
        counts = {n: len(f.persons) for n, f in enumerate(published) if f}
        assert [counts.get(n) for n in range(3, 9)] == [2, 2, 2, 2, 2, 0]

    def test_those_whom_an_encoder_had_nothing_to_say_of_all_looked_alike(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Some crops give NaN: each became the same vector, and strangers one person."""

        def embed(_: Appearance, crops: Sequence[Image]) -> FloatArray:
            return normalised(np.full((len(crops), Appearance.dim), np.nan, np.float32))

        monkeypatch.setattr(Appearance, "embed", embed)
        published = [f for f in play(pipeline({n: walkers(n) for n in range(20)}), 20) if f]
        assert any(f.persons for f in published)
        assert [p for f in published for p in f.persons if p.embedding is not None] == []
        assert caplog.text.count("gives no direction") == 1

    def test_a_track_is_embedded_at_its_interval(self) -> None:
        published = play(pipeline({n: walkers(n) for n in range(20)}, embed_interval=0.6), 20)
        first = published[5].persons[0].tracker_id  # type: ignore[union-attr]
        at = [
            f.captured_at for f in published if f for p in f.persons if p.tracker_id == first and p.embedding
        ]
        assert len(at) >= 5
        assert {b - a for a, b in pairwise(at)} <= {600, 800, 1000, 1200}

    def test_after_a_clock_was_set_back_who_was_in_view_was_no_evidence_until_it_had_caught_up(self) -> None:
        camera = pipeline({n: walkers(n) for n in range(20)})
        image = textured(480, 640)
        times = [3_700_000 + 200 * n - (3_600_000 if n >= 10 else 0) for n in range(20)]
        frames = [camera.process(CapturedFrame(image, at, n)) for n, at in enumerate(times)]
        embedded = [sum(p.embedding is not None for p in frame.persons) for frame in frames[10:] if frame]
        assert sum(embedded) >= 8, "two people, every 0.4 s of 2 s"

    def test_who_is_hidden_is_tracked_but_is_no_evidence(self) -> None:
        stand = Boxes.of([[100, 60, 60, 160], [112, 80, 60, 160]], [0.9, 0.9])
        published = play(pipeline(dict.fromkeys(range(12), stand)), 12)
        behind = [p for f in published if f for p in f.persons if p.bbox[1] == 60]
        front = [p for f in published if f for p in f.persons if p.bbox[1] == 80]
        assert len(behind) == len(front) >= 9
        assert not any(p.embedding for p in behind)
        assert any(p.embedding for p in front)

    def test_the_first_crop_of_who_was_hidden_says_since_when_they_were_there(self) -> None:
        hidden = Boxes.of([[100, 60, 60, 160], [112, 80, 60, 160]], [0.9, 0.9])
        apart = Boxes.of([[100, 60, 60, 160], [190, 80, 60, 160]], [0.9, 0.9])
        script = {n: hidden if n < 10 else apart for n in range(25)}
        published = [f for f in play(pipeline(script), 25) if f]
        behind = [(f.captured_at, p) for f in published for p in f.persons if p.bbox[:2] == (100, 60)]
        came = behind[0][0]
        assert all(at >= 3_000 for at, p in behind if p.embedding) and came < 2_000
        assert {p.since for _, p in behind if p.embedding} == {came}
        assert {p.since for _, p in behind if not p.embedding} == {0}


class TestAnnotate:
    FRAME = Frame(
        "room1", 0, 320, 240, "s", None, (Person(3, (40, 30, 60, 150)), Person(4, (200, 30, 60, 150)))
    )

    def label_of(self, camera_id: str, session: str, tracker_id: str) -> str | None:
        return {("room1", "s", "3"): "Visitor-A"}.get((camera_id, session, tracker_id))

    def test_draws_on_a_copy(self) -> None:
        image = np.zeros((240, 320, 3), np.uint8)
        drawn = annotate(image, self.FRAME, self.label_of)
        assert not image.any()
        assert tuple(drawn[100, 40].tolist()) == colour_of("Visitor-A")
        assert tuple(drawn[100, 200].tolist()) == (160, 160, 160)
        assert colour_of("Visitor-A") != colour_of("Visitor-B")

    def test_writes_a_video_that_can_be_read_back(self, tmp_path: Path) -> None:
        with VideoWriter(tmp_path / "out.mp4", 5) as writer:
            for size in ((240, 320, 3), (240, 320, 3), (480, 640, 3)):
                writer.write(np.full(size, 90, np.uint8))
        frames = list(open_source(str(writer.path), Playback(5.0, realtime=False)))
        assert [f.image.shape for f in frames] == [(240, 320, 3)] * 3

    def test_a_sheet_holds_every_picture(self, tmp_path: Path) -> None:
        sheet = contact_sheet(
            [np.full((90, 120, 3), 10 * n, np.uint8) for n in range(5)], columns=2, width=60
        )
        assert sheet.shape == (3 * 45, 120, 3)
        save_image(tmp_path / "sheet.png", sheet)
        assert np.array_equal(cv2.imread(str(tmp_path / "sheet.png")), sheet)

    def test_places_that_cannot_be_written_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot write the video"):
            VideoWriter(tmp_path / "no" / "out.mp4", 5).write(np.zeros((24, 32, 3), np.uint8))
        with pytest.raises(ConfigError, match="No such file"):
            save_image(tmp_path / "no" / "sheet.png", np.zeros((24, 32, 3), np.uint8))
