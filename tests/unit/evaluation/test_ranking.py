"""Ranks, precision and single shot, against answers made by hand and by plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.evaluation.ranking import first_two, ranked, single_shot
from reid.evaluation.vectors import Vectors, unit

#: A coarse grid of directions, so that equal scores are common.
DIRECTIONS = [(1.0, 0.0), (0.8, 0.6), (0.6, 0.8), (0.0, 1.0), (-0.6, 0.8)]


def vectors(rows: list[tuple[float, float]], people: list[int], cameras: list[int]) -> Vectors:
    return Vectors(np.array(rows, np.float32), np.array(people), np.array(cameras))


@st.composite
def galleries(draw: st.DrawFn) -> Vectors:
    size = draw(st.integers(2, 24))

    def column(values: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(values, min_size=size, max_size=size))

    directions = column(st.integers(0, len(DIRECTIONS) - 1))
    return vectors([DIRECTIONS[i] for i in directions], column(st.integers(1, 4)), column(st.integers(1, 3)))


def by_loops(v: Vectors, other_cameras_only: bool) -> list[tuple[int, int, float, float]]:
    """(probe, place, average precision, inverse negative penalty), as the definitions say it."""
    found = []
    for i in range(len(v)):
        entries = []
        for j in range(len(v)):
            same, beside = v.people[i] == v.people[j], v.cameras[i] == v.cameras[j]
            if (same and beside) or (other_cameras_only and beside):
                continue
            score = np.float32(v.rows[i] @ v.rows[j])
            entries.append((-round(float(score), 5), bool(same)))
        entries.sort()  # at equal scores False, a stranger, comes first
        hits = [rank for rank, (_, same) in enumerate(entries, 1) if same]
        if hits:
            precision = sum(n / rank for n, rank in enumerate(hits, 1)) / len(hits)
            found.append((i, hits[0], precision, len(hits) / hits[-1]))
    return found


@given(galleries(), st.booleans())
def test_ranking_is_what_plain_loops_say(v: Vectors, other_cameras_only: bool) -> None:
    exact = Vectors(v.rows.round(5), v.people, v.cameras)
    found = ranked(exact, other_cameras_only=other_cameras_only)
    expected = by_loops(exact, other_cameras_only)
    assert found.probes.tolist() == [e[0] for e in expected]
    assert found.places.tolist() == [e[1] for e in expected]
    assert found.precisions == pytest.approx([e[2] for e in expected])
    assert found.penalties == pytest.approx([e[3] for e in expected])


def test_ranks_by_hand_with_strangers_of_the_same_camera() -> None:
    # Person 1 in camera 1 looks most like person 2 in camera 1: wrong under the standard protocol, and not
    # in the gallery when it holds other cameras only.
    v = vectors([(1, 0), (0.8, 0.6), (0.98, 0.199)], [1, 1, 2], [1, 2, 1])
    standard, other = ranked(v), ranked(v, other_cameras_only=True)
    assert standard.places.tolist() == [2, 2]
    assert other.places.tolist() == [1, 2]
    assert standard.rank(1) == 0.0
    assert standard.rank(2) == 1.0
    assert other.cmc(2) == [0.5, 1.0]
    assert (other.mean_ap, other.mean_inp) == (0.75, 0.75)


def test_the_hardest_right_crop_sets_the_penalty() -> None:
    # Right crops at ranks 1 and 3 of 3.
    v = vectors([(1, 0), (1, 0), (0.6, 0.8), (0.8, 0.6)], [1, 1, 1, 2], [1, 2, 3, 2])
    found = ranked(v)
    assert found.precisions[0] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found.penalties[0] == pytest.approx(2 / 3)


def test_an_encoder_that_says_the_same_of_everybody_ranks_nobody_first() -> None:
    v = vectors([(1, 0)] * 6, [1, 1, 2, 2, 3, 3], [1, 2, 1, 2, 1, 2])
    assert ranked(v).rank(1) == 0.0


def test_nobody_seen_twice_gives_no_probe() -> None:
    found = ranked(vectors([(1, 0), (0, 1)], [1, 2], [1, 2]))
    assert len(found.probes) == 0
    assert (found.rank(1), found.mean_ap) == (0.0, 0.0)


def test_track_means_average_a_person_in_a_camera() -> None:
    means = vectors([(1, 0), (0, 1), (1, 0)], [5, 5, 5], [1, 1, 2]).track_means()
    assert means.people.tolist() == [5, 5]
    assert means.rows == pytest.approx(unit(np.array([[1, 1], [1, 0]], np.float32)))


def test_single_shot_draws_people_that_both_cameras_saw_and_is_seeded() -> None:
    generator = np.random.default_rng(3)
    rows = unit(generator.normal(size=(40, 8)).astype(np.float32))
    v = Vectors(rows, np.repeat(np.arange(10), 4), np.tile([1, 1, 2, 2], 10))
    assert single_shot(v, 5, 4, 7) == single_shot(v, 5, 4, 7)
    assert single_shot(v, 5, 4, 7) != single_shot(v, 5, 4, 8)
    perfect = Vectors(np.repeat(np.eye(10, dtype=np.float32), 4, axis=0), v.people, v.cameras)
    assert single_shot(perfect, 10, 3, 0) == [1.0] * 3
    with pytest.raises(ValueError, match="10 people"):
        single_shot(v, 11, 1, 0)


def test_single_shot_is_of_the_first_two_cameras_that_saw_people_and_not_distractors_alone() -> None:
    people, cameras = np.array([1, 1, 2, 2, 3, -1, -2]), np.array([2, 4, 2, 4, 4, 1, 2])
    pair, everyone = first_two(people, cameras)
    assert pair == (2, 4)
    assert everyone.tolist() == [1, 2]
