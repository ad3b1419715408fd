"""The training's yardstick against hand-made answers, without torch."""

import numpy as np
import pytest

from producers.embed.calibration import checked
from producers.training.evaluate import Vectors, equal_error, knots, scores, single_shot, unit


def vectors(rows: list[list[float]], people: list[int], cameras: list[int]) -> Vectors:
    return Vectors(unit(np.array(rows, np.float32)), np.array(people), np.array(cameras))


def test_perfect_vectors_score_one() -> None:
    perfect = vectors([[1, 0], [1, 0], [0, 1], [0, 1]], [1, 1, 2, 2], [1, 2, 1, 2])
    found = scores(perfect)
    assert (found.rank1, found.mean_ap, found.equal_error) == (1.0, 1.0, 0.0)
    assert single_shot(perfect, 2, 5, 0) == [1.0] * 5


def test_ranks_and_precision_by_hand() -> None:
    # Person 1's crop of camera 1 lies nearer to person 2's of camera 2; all other directions are right.
    some = vectors([[1, 0.9], [1, 0], [0, 1], [0.7, 1]], [1, 1, 2, 2], [1, 2, 1, 2])
    found = scores(some)
    assert found.rank1 == 0.5
    assert found.rank5 == 1.0
    assert found.mean_ap == pytest.approx((0.5 + 1.0 + 1.0 + 0.5) / 4)


def test_track_means_average_a_person_in_a_camera() -> None:
    means = vectors([[1, 0], [0, 1], [1, 0]], [5, 5, 5], [1, 1, 2]).track_means()
    assert means.people.tolist() == [5, 5]
    assert means.rows == pytest.approx(unit(np.array([[1, 1], [1, 0]], np.float32)))
    assert len(vectors([[1, 0], [0, 1]], [5, 5], [1, 1]).track_means(1).rows) == 1


def test_equal_error_of_overlapping_scores() -> None:
    generator = np.random.default_rng(0)
    genuine = generator.normal(1, 1, 40_000).astype(np.float32)
    impostor = generator.normal(-1, 1, 40_000).astype(np.float32)
    # Two unit Gaussians two apart: each errs beyond one standard deviation.
    assert equal_error(genuine, impostor) == pytest.approx(0.1587, abs=0.005)


def test_knots_put_six_tenths_where_one_in_a_hundred_strangers_lies_above() -> None:
    generator = np.random.default_rng(0)
    who = generator.normal(size=(300, 32))
    seen = np.concatenate([who + 0.5 * generator.normal(size=who.shape) for _ in range(2)])
    people, cameras = np.tile(np.arange(300), 2), np.repeat([1, 2], 300)
    crops = Vectors(unit(seen.astype(np.float32)), people, cameras)
    (zero, least), (operating, similarity), (one, most) = knots(crops)
    assert (least, similarity, most) == (0.0, 0.6, 1.0)
    assert zero < operating < one
    cosine = crops.rows[:300] @ crops.rows[300:].T
    strangers = cosine[~np.eye(300, dtype=bool)]
    assert (strangers > operating).mean() == pytest.approx(0.01, abs=0.0005)


def test_knots_of_a_net_that_learned_nothing_lay_above_a_cosine_of_one() -> None:
    """The exported file could not be opened."""
    seen = 10 + np.random.default_rng(0).normal(size=(80, 32))
    crops = Vectors(unit(seen.astype(np.float32)), np.tile(np.arange(40), 2), np.repeat([1, 2], 40))
    assert checked(knots(crops), "exported")[-1] == (1.0, 1.0)
