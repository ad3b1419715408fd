"""Videos without truth through the real pipeline; the real ones beside the checkout, skipped where absent."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import pytest

from producers.simulation.site import Site
from producers.simulation.source import SimulatedCamera
from reid.errors import ConfigError
from tests.unit.deploy.evaluate.command_line import evaluate
from tests.unit.deploy.evaluate.html_page import assert_self_contained

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
DETECTOR: Final = DATA / "models" / "yolox_nano.onnx"
FPS: Final = 5.0
SECONDS: Final = 12.0


def film(site: Site, camera: int, path: Path) -> Path:
    """What one camera of a site sees, as a file."""
    frames = SimulatedCamera(site, camera, FPS, 0, realtime=False, until_s=SECONDS)
    writer: cv2.VideoWriter | None = None
    for frame in frames:
        if writer is None:
            height, width = frame.image.shape[:2]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
        writer.write(frame.image)
    assert writer is not None
    writer.release()
    return path


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory, site = tmp_path_factory.mktemp("videos"), Site(4, 2, 1)
    for camera in range(2):
        film(site, camera, directory / f"door{camera + 1}.mp4")
    return directory


def found(videos: Sequence[Path], out: Path, *options: str) -> dict[str, Any]:
    """What the command says of its first encoder."""
    asked = [part for path in videos for part in ("--videos", str(path))]
    printed = evaluate("video", *asked, "--json", str(out), *options)
    document = json.loads(out.read_text())
    assert document["seeds"] is None
    assert "ids given" in printed
    told: dict[str, Any] = document["variants"][0]["mean"]
    return told


def test_videos_without_truth_are_counted(filmed: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    told = found([filmed], tmp_path / "a.json", "--known", "4", "--html", str(page))
    assert told["people"] == 4
    assert told["count_error"] == told["ids"] - 4
    assert told["frames"] == 2 * SECONDS * FPS
    assert 0 < told["labelled_boxes"] < told["boxes"]
    assert 0 < told["ids"] <= told["tracks"]
    assert told["ids_on_several_cameras"] <= told["ids"]
    text = page.read_text()
    assert_self_contained(text)
    assert "Visitor-A" in text
    assert "door1" in text


def test_one_after_another_they_do_not_meet(filmed: Path, tmp_path: Path) -> None:
    files = [filmed / "door1.mp4", filmed / "door2.mp4"]
    told = found(files, tmp_path / "b.json", "--gap", "3", "--seconds", "4")
    assert told["people"] is None
    assert told["count_error"] is None
    assert told["frames"] == 2 * 4 * FPS


def test_what_cannot_be_watched_is_said(filmed: Path, tmp_path: Path) -> None:
    (tmp_path / "door1.mp4").write_bytes((filmed / "door1.mp4").read_bytes())
    with pytest.raises(ConfigError, match=r"door1\.mp4: two of one name, door1"):
        evaluate("video", "--videos", str(filmed), "--videos", str(tmp_path))
    with pytest.raises(ConfigError, match="--gap and --known"):
        evaluate("video", "--gap", "2")
    with pytest.raises(ConfigError, match="give one of them"):
        evaluate("video", "--site", "--videos", str(filmed))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(ConfigError, match=r"broken\.mp4"):
        evaluate("video", "--videos", str(tmp_path / "broken.mp4"))


def test_one_person_who_walks_through_two_rooms_has_one_id(tmp_path: Path) -> None:
    """By the default encoder; with retail-0277, too: docs/results/video-hall_handoff.json."""
    hall = DATA / "video" / "hall_handoff"
    if not hall.is_dir() or not DETECTOR.is_file():
        pytest.skip("no hall_handoff, or no yolox_nano, beside the checkout")
    told = found([hall], tmp_path / "c.json", "--gap", "2", "--known", "1", "--detector", str(DETECTOR))
    assert told["ids"] == told["ids_on_several_cameras"] == 1


def test_one_person_before_two_cameras_at_once_has_one_id(tmp_path: Path) -> None:
    corridor = DATA / "video" / "vut"
    videos = [corridor / "s3_f_side_single.mp4", corridor / "s3_m_front_single.mp4"]
    if not corridor.is_dir() or not DETECTOR.is_file():
        pytest.skip("no vut, or no yolox_nano, beside the checkout")
    told = found(videos, tmp_path / "d.json", "--known", "1", "--seconds", "20", "--detector", str(DETECTOR))
    assert told["ids"] == told["ids_on_several_cameras"] == 1
