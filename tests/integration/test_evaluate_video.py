"""Footage with known truth: the simulated site and MOTChallenge folders through the real pipeline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.evaluate.footage import Footage, simulated
from deploy.evaluate.mot import mot_folders
from deploy.evaluate.stream import START_MS, decided
from deploy.evaluate.video_score import TrackTruth, track_truths, video_score
from deploy.evaluate.watch import Watched, watch
from deploy.identities import Identities
from deploy.score import TrueBox
from deploy.score import score as demo_score
from producers.embed.select import open_embedder
from reid.contracts.detections import Frame
from reid.contracts.policy import Policy
from reid.runtime.settings import Settings
from tests.unit.deploy.evaluate.html_page import assert_self_contained

FPS = 2.0
SECONDS = 24.0


def site() -> Footage:
    return simulated(6, 2, SECONDS, 1, FPS, START_MS)


def seen(footage: Footage) -> Watched:
    return watch(footage, "truth", open_embedder("appearance-512"), FPS, 0.4)


def identities_of(watched: Watched) -> Identities:
    identities = Identities()
    for event in decided(watched.messages(), Policy()):
        identities.fold(event)
    return identities


def as_mot(footage: Footage, directory: Path) -> Path:
    """The footage written as MOTChallenge has it."""
    for camera in footage.cameras:
        pictures, rows = directory / camera.camera_id / "img1", []
        pictures.mkdir(parents=True)
        for number, frame in enumerate(camera.frames(), 1):
            assert cv2.imwrite(str(pictures / f"{number:06d}.png"), frame.image)
            for person in frame.truth or ():
                box = ",".join(repr(value) for value in person.bbox)
                rows.append(f"{number},{person.person_id},{box},1,1,{person.visibility!r}")
        (directory / camera.camera_id / "gt").mkdir()
        (directory / camera.camera_id / "gt" / "gt.txt").write_text("\n".join(rows) + "\n")
        (directory / camera.camera_id / "seqinfo.ini").write_text(
            f"[Sequence]\nframeRate={FPS:g}\nimDir=img1\n"
        )
    return directory


@pytest.fixture(scope="module")
def watched() -> Watched:
    return seen(site())


@pytest.fixture(scope="module")
def score(watched: Watched) -> dict[str, Any]:
    return video_score(watched, identities_of(watched))


def test_a_perfect_detector_finds_everybody(watched: Watched, score: dict[str, Any]) -> None:
    assert score["frames"] == len(watched.looks) == 2 * SECONDS * FPS
    assert score["people"] >= 2
    # All that is missing are the first boxes of tracks that wait to be confirmed.
    assert 0.7 * score["true_boxes"] <= score["boxes"] <= score["true_boxes"]
    assert score["tracker_det_a"] > 0.7
    assert score["tracks_of_nobody"] == 0
    assert [look.captured_at for look in watched.looks] == sorted(look.captured_at for look in watched.looks)


def test_two_ways_to_count_idf1_agree(score: dict[str, Any]) -> None:
    # Boxes matched frame by frame, then paired; or ids paired by overlap: alike where boxes are the truth's.
    assert score["cross_idf1"] == pytest.approx(score["boxes_idf1"], abs=0.02)
    assert score["ids_per_person_boxes"] >= score["ids_per_person"]
    assert score["cross_idf1"] < 1.0


def test_the_demo_counts_the_same_ids(watched: Watched, score: dict[str, Any]) -> None:
    truth = {(look.camera_id, look.captured_at): look.truth for look in watched.looks}

    def truth_of(frame: Frame) -> list[TrueBox]:
        return [TrueBox(p.person_id, p.bbox) for p in truth[frame.camera_id, frame.captured_at]]

    frames = [look.frame for look in watched.looks if look.frame is not None]
    demo = demo_score(frames, truth_of, identities_of(watched))
    assert score["ids_per_person_boxes"] == pytest.approx(demo.ids_per_person, abs=1e-4)
    assert score["persons_per_id_boxes"] == pytest.approx(demo.persons_per_id, abs=1e-4)
    assert score["labelled_boxes"] == demo.labelled + demo.labelled_nobody
    # The demo pairs ids and persons greedily, which never agrees more; it sees published frames alone, so
    # the boxes that agree are compared, not the share.
    agreed = score["boxes_idf1"] * (score["true_boxes"] + score["labelled_boxes"]) / 2
    assert agreed >= demo.idf1 * (demo.true_boxes + score["labelled_boxes"]) / 2 - 0.5


def test_a_track_is_the_person_most_of_its_boxes_are(watched: Watched) -> None:
    found = track_truths(watched, identities_of(watched))
    assert all(isinstance(each, TrackTruth) and each.person is not None for each in found)
    assert {each.track for each in found} == set(watched.shots)
    assert all(image.size for _, image in watched.shots.values())


def test_mot_folders_give_what_the_site_gave(tmp_path: Path, score: dict[str, Any]) -> None:
    again = seen(mot_folders(as_mot(site(), tmp_path), FPS, START_MS))
    assert video_score(again, identities_of(again)) == score


def test_frames_of_a_folder_are_taken_as_often_as_asked(tmp_path: Path) -> None:
    folder = as_mot(simulated(2, 1, 10.0, 0, 2.0, START_MS), tmp_path) / "room1"
    (folder / "seqinfo.ini").write_text("[Sequence]\nframeRate=10\nimDir=img1\n")
    (camera,) = mot_folders(tmp_path, 5.0, START_MS).cameras
    frames = list(camera.frames())
    assert [frame.number for frame in frames] == list(range(1, 21, 2))
    assert [frame.captured_at - START_MS for frame in frames] == list(range(0, 2000, 200))
    (camera,) = mot_folders(tmp_path, 5.0, START_MS, seconds=1.0).cameras
    assert len(list(camera.frames())) == 5


def test_the_command_puts_policies_side_by_side(
    tmp_path: Path, make_settings: Callable[..., Settings]
) -> None:
    arguments = ["evaluate", "video", "--people", "4", "--cameras", "2", "--seconds", "30", "--fps", "2"]
    arguments += ["--detector", "truth", "--embedder", "appearance-512", "--compare", "threshold=0.95"]
    arguments += ["--json", str(tmp_path / "v.json"), "--html", str(tmp_path / "v.html")]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "across cameras: IDF1" in result.output
    document = json.loads((tmp_path / "v.json").read_text())
    assert [v["name"] for v in document["variants"]] == ["appearance-512", "threshold=0.95"]
    first, strict = (variant["mean"] for variant in document["variants"])
    assert first["tracks"] == strict["tracks"]
    assert first["ids"] <= strict["ids"]
    assert_self_contained((tmp_path / "v.html").read_text())
