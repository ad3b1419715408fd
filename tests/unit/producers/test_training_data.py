"""Crops and batches of the training, without torch."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from producers.training.data import Crops, CrossCameraBatches, load
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
