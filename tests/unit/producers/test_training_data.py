"""Crops and batches of the training, without torch."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from producers.training.data import Crops, CrossCameraBatches, listed, load, named
from reid.errors import ConfigError


def crops(people: int = 6, per_camera: tuple[int, int] = (3, 1)) -> Crops:
    rows = [(p, c) for p in range(people) for c, count in enumerate(per_camera, 1) for _ in range(count)]
    who, where = np.array(rows).T
    return Crops(np.zeros((len(rows), 8, 4, 3), np.uint8), who * 10, where)


def test_crops_are_read_by_their_names_as_rgb(tmp_path: Path) -> None:
    blue = np.zeros((20, 10, 3), np.uint8)
    blue[..., 0] = 255
    for name in ("0007_c1s1_000000_00.png", "0007_c2s1_000003_00.png", "-001_c1s1_000000_00.png"):
        cv2.imwrite(str(tmp_path / name), blue)
        (tmp_path / name).rename(tmp_path / name.replace(".png", ".jpg"))
    loaded = load(tmp_path, 16, 8)
    assert loaded.pixels.shape == (2, 16, 8, 3)
    assert (loaded.pixels == (0, 0, 255)).all()
    assert loaded.people.tolist() == [7, 7]
    assert loaded.cameras.tolist() == [1, 2]


def touch(directory: Path, *names: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).touch()
    return directory


def test_distractors_are_no_person_where_there_is_junk(tmp_path: Path) -> None:
    market = touch(
        tmp_path, "-1_c1s1_1_00.jpg", "0000_c1s1_2_00.jpg", "0000_c2s1_3_00.jpg", "0002_c1s1_4_00.jpg"
    )
    found = listed(market)
    assert [crop.person for crop in found.crops] == [crop.person for crop in named(market)] == [2]
    assert [crop.camera for crop in found.distractors] == [1, 2]
    assert found.junk == 1
    assert [crop.person for crop in listed(market, "none").crops] == [0, 0, 2]


def test_person_0_of_a_set_without_junk_is_a_person(tmp_path: Path) -> None:
    renumbered = touch(tmp_path, "0000_c1s1_2_00.jpg", "0001_c2s1_3_00.jpg", "0002_c1s1_4_00.jpg")
    assert [crop.person for crop in listed(renumbered).crops] == [0, 1, 2]
    assert [crop.person for crop in listed(renumbered, "0, 2").crops] == [1]
    for wrong in ("-1", "x", "", "0,"):
        with pytest.raises(ConfigError, match="auto, none, or numbers"):
            listed(renumbered, wrong)
    with pytest.raises(ConfigError, match="no crop of 0007"):
        listed(renumbered, "0,7")


def test_crops_of_any_kind_of_picture_are_found(tmp_path: Path) -> None:
    names = ["0001_c1s1_1_00.JPG", "0002_c1s1_1_00.jpeg", "0003_c1s1_1_00.PNG", "0004_c1s1_1_00.bmp"]
    touch(tmp_path, *names, "0005_c1s1_1_00.txt", "Thumbs.db")
    assert [crop.path.name for crop in named(tmp_path)] == names


def test_where_the_crops_are_is_said_when_they_are_not_here(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: no such directory"):
        list(named(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="not a directory"):
        list(named(touch(tmp_path, "file") / "file"))
    touch(tmp_path / "a")
    touch(tmp_path / "bounding_box_test", "0001_c1s1_1_00.png")
    with pytest.raises(ConfigError, match="bounding_box_test holds some"):
        list(named(tmp_path))


def test_a_directory_without_crops_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=tmp_path.name):
        load(tmp_path, 16, 8)


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "0007_c1s1_000000_00.jpg").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match="0007_c1s1"):
        load(tmp_path, 16, 8)


def test_every_anchor_of_a_batch_has_a_positive_of_another_camera() -> None:
    data = crops()
    for rows in islice(CrossCameraBatches(data, 2, 2, np.random.default_rng(0)), 20):
        assert len(rows) == 2 * 2 * 2
        who, where = data.people[rows], data.cameras[rows]
        for person in np.unique(who):
            assert np.unique(where[who == person], return_counts=True)[1].tolist() == [2, 2]


def test_nobody_comes_twice_before_everybody_came_once() -> None:
    data = crops(people=6)
    rows = np.concatenate(list(islice(CrossCameraBatches(data, 2, 1, np.random.default_rng(3)), 3)))
    assert sorted(np.unique(data.people[rows])) == sorted(np.unique(data.people))


def test_people_of_one_camera_are_left_out_and_too_few_is_an_error() -> None:
    data = crops(people=3, per_camera=(4, 0))
    with pytest.raises(ConfigError, match="0 people seen in two cameras"):
        next(iter(CrossCameraBatches(data, 2, 2, np.random.default_rng(0))))
