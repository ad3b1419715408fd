"""What MOTChallenge folders say; ``tests/integration/test_evaluate_video.py`` scores their pictures."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from deploy.evaluate.footage import camera_ids
from deploy.evaluate.mot import mot_folders, sequence
from deploy.evaluate.mot_text import Info, mot_info, mot_truth
from deploy.evaluate.stream import START_MS
from reid.errors import ConfigError
from tests.unit.deploy.evaluate.command_line import evaluate

FPS = 2.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,7,10,20,30,40,1,1,0.5", {1: [(7, (10, 20, 30, 40), 0.5)]}),
        ("1,7,10,20,30,40,0,1,0.5", {}),  # not to be considered
        ("1,7,10,20,30,40,1,3,0.5", {}),  # a car
        ("2,7,10,20,30,40,1,-1,-1,-1", {2: [(7, (10, 20, 30, 40), 1.0)]}),  # MOT15
        ("1,7,10,20,30,40", {1: [(7, (10, 20, 30, 40), 1.0)]}),
        ("1,7,10,20,0,40,1,1,1\n\n", {}),
        ("\ufeff1,7,10,20,30,40", {1: [(7, (10, 20, 30, 40), 1.0)]}),  # a mark that some editors write
        # Rows with a place in the world have no class: they were all left out.
        ("1,7,10,20,30,40,1,-14.29,-9.28,0", {1: [(7, (10, 20, 30, 40), 1.0)]}),
        ("1,7,10,20,30,40,0,-14.29,-9.28,0", {}),
        ("1,7,10,20,30,40,1,0,0,0", {1: [(7, (10, 20, 30, 40), 1.0)]}),
        # VisDrone: cars, and what is to be ignored, were people.
        (
            "1,7,10,20,30,40,1,1,0,2\r\n1,8,50,20,30,40,1,2,0,0\r\n1,9,0,0,9,9,1,4,0,0\r\n2,0,0,0,9,9,0,0,0,0\r\n",
            {1: [(7, (10, 20, 30, 40), 1.0), (8, (50, 20, 30, 40), 1.0)]},
        ),
    ],
)
def test_rows_of_the_truth(tmp_path: Path, text: str, expected: dict[int, list[Any]]) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(text)
    assert {frame: [tuple(p) for p in persons] for frame, persons in mot_truth(path).items()} == expected


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gt/gt\.txt"):
        mot_folders(tmp_path, FPS, START_MS)
    (tmp_path / "cam1" / "gt").mkdir(parents=True)
    truth = tmp_path / "cam1" / "gt" / "gt.txt"
    truth.write_text("one,two\n")
    with pytest.raises(ConfigError, match="line 1"):
        mot_truth(truth)
    truth.write_text("1,1,0,0,10,10\n")
    with pytest.raises(ConfigError, match="no pictures"):
        mot_folders(tmp_path, FPS, START_MS)
    with pytest.raises(ConfigError, match="no such directory"):
        mot_folders(tmp_path / "nowhere", FPS, START_MS)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"nan,1,0,0,10,10", "frame is nan"),
        (b"1,inf,0,0,10,10", "id is inf"),
        (b"1.5,1,0,0,10,10", r"frame is 1\.5"),
        (b"1,1,nan,0,10,10", "left is nan"),
        (b"1,1,0,0,10,10,1,1,nan", "column 9 is nan"),
        (b"1,1,0,0,10", "not frame,id,left"),
        (b"1,1,0,0,10,10,caf\xe9", "not UTF-8"),
        (b"2,1,1e300,0,1e300,1e300", r"left is 1e\+300, not in pixels"),
    ],
)
def test_a_row_that_says_nothing_was_a_traceback(tmp_path: Path, row: bytes, said: str) -> None:
    path = tmp_path / "gt.txt"
    path.write_bytes(b"1,1,0,0,10,10\n" + row + b"\n")
    with pytest.raises(ConfigError, match=rf"gt\.txt, line 2: {said}"):
        mot_truth(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2,-1,0,0,10,10", "id is -1, which is nobody's"),
        ("1,1,5,5,10,10", "person 1 stands in frame 1 twice"),
    ],
)
def test_ids_that_tell_nobody_apart_were_one_person(tmp_path: Path, row: str, said: str) -> None:
    """A det.txt as truth has -1 everywhere: one person, in many places at once."""
    (tmp_path / "gt.txt").write_text(f"1,1,0,0,10,10\n{row}\n")
    with pytest.raises(ConfigError, match=rf"gt\.txt, line 2: {said}"):
        mot_truth(tmp_path / "gt.txt")
    (tmp_path / "gt.txt").write_text(f"1,1,0,0,10,10\n{row},0\n")  # not to be considered
    assert list(mot_truth(tmp_path / "gt.txt")) == [1]


def test_a_directory_called_as_the_truth_was_a_traceback(tmp_path: Path) -> None:
    folder(tmp_path / "cam1", "1.png")
    (tmp_path / "cam2" / "gt" / "gt.txt").mkdir(parents=True)
    assert [camera.camera_id for camera in mot_folders(tmp_path, FPS, START_MS).cameras] == ["cam1"]


def folder(directory: Path, *pictures: str, truth: str = "1,1,0,0,10,10", info: str = "") -> Path:
    (directory / "gt").mkdir(parents=True)
    (directory / "gt" / "gt.txt").write_text(truth)
    (directory / "img1").mkdir()
    for number, name in enumerate(pictures):
        assert cv2.imwrite(str(directory / "img1" / name), np.full((8, 8, 3), number, np.uint8))
    if info:
        (directory / "seqinfo.ini").write_text(info)
    return directory


def test_a_set_of_nobody_was_perfect(tmp_path: Path) -> None:
    folder(tmp_path / "crowd" / "cam1", "1.png", truth="1,1,0,0,10,10,0\n")
    with pytest.raises(ConfigError, match="crowd: nobody is left"):
        mot_folders(tmp_path / "crowd", FPS, START_MS)
    # A camera that saw nobody, beside one that did, is a part of the set.
    folder(tmp_path / "crowd" / "cam2", "1.png")
    assert len(mot_folders(tmp_path / "crowd", FPS, START_MS).cameras) == 2


@pytest.mark.parametrize("name", ["{}.png", "frame{}.png", "cam2_{}.png"])
def test_frames_whose_number_is_not_padded_had_the_truth_of_others(tmp_path: Path, name: str) -> None:
    numbers = [*range(1, 13), 20]
    truth = "\n".join(f"{number},{number},0,0,4,4" for number in numbers)
    folder(tmp_path / "cam1", *(name.format(n) for n in numbers), truth=truth, info="[Sequence]\nframeRate=2")
    (camera,) = mot_folders(tmp_path, FPS, START_MS).cameras
    frames = list(camera.frames())
    assert [frame.number for frame in frames] == numbers
    assert [frame.captured_at - START_MS for frame in frames] == [500 * (n - 1) for n in numbers]
    assert [[p.person_id for p in frame.truth or ()] for frame in frames] == [[n] for n in numbers]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == list(range(len(numbers)))


def test_pictures_that_have_no_number_go_by_their_names_and_others_are_refused(tmp_path: Path) -> None:
    found = sequence(folder(tmp_path / "a", "b.png", "a.png")).pictures
    assert [(number, path.name) for number, path in found] == [(1, "a.png"), (2, "b.png")]
    with pytest.raises(ConfigError, match=r"cover\.png: no frame number"):
        sequence(folder(tmp_path / "b", "1.png", "cover.png"))
    with pytest.raises(ConfigError, match="both are frame 7"):
        sequence(folder(tmp_path / "c", "a1_7.png", "a2_7.png"))


def test_pictures_counted_from_0_beside_a_truth_from_1(tmp_path: Path) -> None:
    both = "1,1,0,0,4,4\n3,1,0,0,4,4"
    names = [f"frame{number}.png" for number in range(3)]
    assert [number for number, _ in sequence(folder(tmp_path / "a", *names, truth=both)).pictures] == [
        1,
        2,
        3,
    ]
    as_said = folder(tmp_path / "b", *names, truth="0,1,0,0,4,4\n2,1,0,0,4,4")
    assert [number for number, _ in sequence(as_said).pictures] == [0, 1, 2]
    with pytest.raises(ConfigError, match=r"pictures are frames 17000 to 17002 .* has 1 to 3"):
        sequence(folder(tmp_path / "c", *(f"t{17000 + n}.png" for n in range(3)), truth=both))


def film(path: Path, frames: int = 20) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for shade in range(frames):
        writer.write(np.full((48, 64, 3), 10 * shade, np.uint8))
    writer.release()


def test_a_truth_from_0_was_that_of_the_frame_before(tmp_path: Path) -> None:
    """Beside pictures counted from 1, and beside a video."""
    truth = "\n".join(f"{number},{number},0,0,4,4" for number in range(3))
    folder(tmp_path / "a", *(f"{number}.png" for number in range(1, 4)), truth=truth)
    folder(tmp_path / "b", truth=truth).joinpath("img1").rmdir()
    film(tmp_path / "b" / "vdo.mp4", 3)
    for camera in mot_folders(tmp_path, 100.0, START_MS).cameras:
        people = [[p.person_id for p in frame.truth or ()] for frame in camera.frames()]
        assert people == [[0], [1], [2]], camera.camera_id


def test_seqinfo_is_read_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "seqinfo.ini"
    assert mot_info(path) == Info()
    rows = ["\ufeff; made by hand", "[sequence]", "FRAMERATE = 12.5", "imdir: frames", "name=50%"]
    path.write_text("\n".join([*rows, "[else]", "frameRate=x"]))
    assert mot_info(path) == Info(12.5, "frames")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[Sequence]\nframeRate=abc", "line 2: frameRate=abc: give frames a second"),
        ("[Sequence]\nframeRate=29,97", "line 2: frameRate=29,97: give frames a second"),
        ("[Sequence]\nframeRate=0", "line 2: frameRate=0: give frames a second"),
        ("[Sequence]\nframeRate=inf", "line 2: frameRate=inf: give frames a second"),
        ("[Sequence]\nframeRate=", "line 2: frameRate=: give frames a second"),
        # All frames of a camera at one moment, or after the end of time.
        ("[Sequence]\nframeRate=30000000", "line 2: frameRate=30000000: give frames a second"),
        ("[Sequence]\nframeRate=1e-9", "line 2: frameRate=1e-9: give frames a second"),
        ("frameRate=10", "line 1: frameRate=10: no section yet"),
        ("[Sequence]\nframeRate=10\nframerate=10", "line 3: framerate=10: line 2 has it"),
    ],
)
def test_a_seqinfo_that_cannot_be_understood_was_a_traceback(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "seqinfo.ini").write_text(text)
    with pytest.raises(ConfigError, match=rf"seqinfo\.ini, {said}"):
        mot_info(tmp_path / "seqinfo.ini")


def test_a_video_without_seqinfo_was_taken_as_30_frames_a_second(tmp_path: Path) -> None:
    (where := folder(tmp_path / "cam1")).joinpath("img1").rmdir()
    film(where / "vdo.mp4")
    assert sequence(where).rate == pytest.approx(10)
    (camera,) = mot_folders(tmp_path, 10.0, START_MS).cameras
    assert [frame.captured_at - START_MS for frame in camera.frames()] == list(range(0, 2000, 100))
    (where / "seqinfo.ini").write_text("[Sequence]\nframeRate=20\n")
    assert sequence(where).rate == 20


def test_a_camera_id_is_made_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["Front door", "a: b", "plain", "x" * 200]
    ids = camera_ids(names, [Path(name) for name in names])
    assert ids == ["Front-door", "a-b", "plain", "x" * 128]
    with pytest.raises(ConfigError, match=r"a b\.mp4, c/a:b\.mp4: two of one name, a-b"):
        camera_ids(["a b", "z", "a:b"], [Path("a b.mp4"), Path("z.mp4"), Path("c/a:b.mp4")])
    monkeypatch.chdir(folder(tmp_path / "hall", "1.png"))
    assert [camera.camera_id for camera in mot_folders(Path(), FPS, START_MS).cameras] == ["hall"]


@pytest.mark.parametrize("option", ["--seconds", "--gap"])
def test_a_site_of_endless_seconds_was_watched_for_ever(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option} inf: give a number of seconds"):
        evaluate("video", option, "inf", *(["--videos", str(tmp_path)] if option == "--gap" else []))
