"""What MOTChallenge folders say; ``tests/integration/test_evaluate_video.py`` scores their pictures."""

from pathlib import Path
from typing import Any

import pytest

from deploy.evaluate.footage import mot_folders, mot_truth
from deploy.evaluate.stream import START_MS
from reid.errors import ConfigError

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
    (camera,) = mot_folders(tmp_path, FPS, START_MS).cameras
    with pytest.raises(ConfigError, match="no pictures"):
        list(camera.frames())
