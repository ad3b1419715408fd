"""What the detector is trained on: people before places, and what it is told of them."""

from functools import cache

import numpy as np
import pytest

from producers.detect.headnet import STRIDE
from producers.frames import Image
from producers.training.detector.people import TALL, Figure, cut_out, drawn
from producers.training.detector.places import SIZE, behind, places
from producers.training.detector.scenes import HEIGHT, MOST, WIDTH, Scene, Scenes


@cache
def banks() -> tuple[list[Figure], list[Image]]:
    rng = np.random.default_rng(3)
    return list(drawn(12, rng)), list(places(1, 4, [np.full((120, 50, 3), 90, np.uint8)], rng))


def scenes(count: int, seed: int = 3) -> list[Scene]:
    figures, grounds = banks()
    made = Scenes(figures, figures, grounds, np.random.default_rng(seed))
    return [made.next() for _ in range(count)]


def test_drawn_people_are_whole_and_cut_to_their_outline() -> None:
    for figure in drawn(8, np.random.default_rng(1)):
        solid = figure.rgba[..., 3] > 100
        assert solid[0].any() and solid[-1].any() and solid[:, 0].any() and solid[:, -1].any()
        assert 0.6 * TALL < len(solid) < 1.5 * TALL and not figure.real


def test_of_a_crop_the_person_is_taken_and_the_wall_left() -> None:
    crop = np.full((160, 64, 3), (200, 190, 180), np.uint8)
    crop[8:30, 25:39] = (60, 80, 120)
    crop[28:90, 16:48] = (30, 40, 200)
    crop[90:156, 20:44] = (90, 40, 30)
    crop = np.asarray(np.clip(crop + np.random.default_rng(2).normal(0, 4, crop.shape), 0, 255), np.uint8)
    figure = cut_out(crop)
    assert isinstance(figure, Figure) and figure.real
    colours = figure.rgba[figure.rgba[..., 3] > 200][:, :3].astype(int)
    assert (np.abs(colours - (200, 190, 180)).max(axis=1) < 25).mean() < 0.05


def test_of_a_plain_crop_nobody_is_taken() -> None:
    assert cut_out(np.full((160, 64, 3), 128, np.uint8)) is None


def test_behind_people_is_nobody() -> None:
    crop = np.full((160, 64, 3), 200, np.uint8)
    crop[8:156, 16:48] = 0
    assert behind(crop).min() > 100


def test_a_scene_says_who_is_within_and_how_much_of_them_is_seen() -> None:
    made = scenes(12)
    assert sum(len(scene.people) for scene in made) > 12
    for scene in made:
        assert scene.image.shape == (HEIGHT, WIDTH, 4)
        left, top, width, height, seen = scene.people.T
        assert len(seen) <= MOST and ((seen >= 0) & (seen <= 1)).all()
        assert (left >= 0).all() and (left + width <= WIDTH).all()
        assert (top >= 0).all() and (top + height <= HEIGHT).all()
    assert SIZE[0] >= WIDTH and SIZE[1] >= HEIGHT


def test_people_differ_from_the_background_and_the_rest_hardly() -> None:
    inside, outside = [], []
    for scene in scenes(16, seed=5):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        for x, y, w, h, _ in scene.people:
            mask[int(y) : int(y + h * 1.1), max(int(x - w / 2), 0) : int(x + 1.5 * w)] = True
        if mask.any():
            inside.append(scene.image[..., 3][mask].mean())
            outside.append(scene.image[..., 3][~mask].mean())
    assert np.median(inside) > 8 * np.median(outside)


def test_a_seed_tells_all_scenes() -> None:
    one, two = scenes(3), scenes(3)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one, two, strict=True))


def test_a_target_is_a_head_and_the_box_of_the_nearer() -> None:
    pytest.importorskip("torch")
    from producers.training.detector.loss import target
    from producers.training.detector.network import HEAD

    people = np.array(
        [[40, 20, 40, 100, 1.0], [150, 60, 40, 100, 0.25], [100, 100, 40, 100, 0.05]], np.float32
    )
    told = target(people, 192, 256)
    row, column = np.argwhere(told.heat == 1)[0]
    assert (row, column) == (round((20 + HEAD * 100) / STRIDE - 0.5), round(60 / STRIDE - 0.5))
    assert (told.heat == 1).sum() == 1
    assert told.boxes.tolist() == [[40, 20, 80, 120]] * 9
    # Hardly seen: neither owed nor wrong. Not seen: wrong to find.
    unsure = np.argwhere(told.weight == 0)
    assert len(unsure) and (np.abs(unsure * STRIDE - (72, 170)).max(axis=1) < 24).all()


def test_a_part_of_a_picture_shows_less_of_whom_it_cuts() -> None:
    pytest.importorskip("torch")
    from producers.training.detector.train import within

    people = np.array([[30, 10, 20, 40, 1.0], [0, 0, 0, 0, 0]], np.float32)
    assert within(people, 40, 0).tolist() == [[0, 10, 10, 40, 0.5]]


def test_the_network_learns_one_picture_and_finds_the_boxes_it_was_told() -> None:
    torch = pytest.importorskip("torch")
    from producers.detect.headnet import people as decoded
    from producers.training.detector.train import Run

    torch.manual_seed(1)
    picture = torch.full((2, 4, 64, 96), 100.0)
    picture[:, :, 12:52, 30:48] = torch.tensor([200.0, 30.0, 60.0, 255.0]).view(1, 4, 1, 1)
    who = [np.array([[30, 12, 18, 40, 1.0]], np.float32)] * 2
    run = Run()
    for _ in range(60):
        run.learn(picture, who, 3e-3)
    with torch.inference_mode():
        found = decoded(run.detector.eval()(picture[:1]).numpy())
    best = found.xywh[int(found.score.argmax())]
    assert np.abs(best - (30, 12, 18, 40)).max() < 6
