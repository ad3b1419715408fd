"""Strangers that pass by how many crops each side is."""

import numpy as np
import pytest

from deploy.evaluate.images import Protocol, image_score
from deploy.evaluate.lengths import by_length, length_columns, length_row
from reid.evaluation.vectors import Vectors, unit

KNOTS = ((0.1, 0.0), (0.4, 0.6), (0.9, 1.0))


def seen(crops: int, people: int = 60) -> Vectors:
    random = np.random.default_rng(0)
    rows = random.normal(size=(people, 1, 6)) + 0.8 * random.normal(size=(people, 2 * crops, 6))
    who = np.repeat(np.arange(people), 2 * crops)
    return Vectors(
        unit(rows.reshape(-1, 6).astype(np.float32)), who, np.tile(np.repeat([1, 2], crops), people)
    )


def test_lengths_go_as_far_as_there_are_crops() -> None:
    for crops, wanted in ((1, [1]), (3, [1, 2, 3]), (6, [1, 2, 3, 4])):
        assert [one["crops"] for one in by_length(seen(crops), KNOTS, 0.7)] == wanted
    first = by_length(seen(3), KNOTS, 0.7)
    assert [one["rows"] for one in first] == [360, 120, 120]


def test_single_crops_are_those_of_the_whole_set() -> None:
    vectors = seen(3)
    (first, *_), whole = by_length(vectors, KNOTS, 0.7), image_score(vectors, KNOTS, Protocol()).numbers
    assert first["false_match"] == whole["false_match_at_0.6"]
    assert first["true_match"] == whole["true_match_at_0.6"]


def test_by_the_number_of_crops_single_ones_pass_more_and_long_tracks_less() -> None:
    one, two, *_, four = by_length(seen(6), KNOTS, 0.7)
    assert one["false_match_by_crops"] > one["false_match"]
    assert two["false_match_by_crops"] == two["false_match"]
    assert four["false_match_by_crops"] < four["false_match"]
    assert four["true_match_by_crops"] <= four["true_match"]


@pytest.mark.parametrize(("knots", "agreement"), [(KNOTS, None), ((), 0.7)])
def test_an_encoder_that_does_not_say_how_is_measured_as_it_is(
    knots: tuple[tuple[float, float], ...], agreement: float | None
) -> None:
    assert all(one["false_match_by_crops"] is None for one in by_length(seen(2), knots, agreement))


def test_a_row_has_a_heading_for_each_number() -> None:
    lengths = by_length(seen(2), KNOTS, 0.7)
    assert list(length_row(lengths)) == list(length_columns(len(lengths)))


def test_of_length_counts_a_persons_crops_in_each_camera_alone() -> None:
    rows = unit(np.eye(5, dtype=np.float32))
    found = Vectors(rows, np.array([1, 1, 1, 2, 2]), np.array([1, 1, 2, 1, 1])).of_length(2)
    assert (found.people.tolist(), found.cameras.tolist()) == ([1, 1, 2, 2], [1, 1, 1, 1])
