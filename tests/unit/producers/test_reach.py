import numpy as np
import pytest

from producers.reach import ALONG, Float64Array, Reach

PERSON = np.array([[100.0, 50.0, 140.0, 170.0]])


def moved(left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> Float64Array:
    return np.asarray(PERSON + np.array([[left, top, right, bottom]]), np.float64)


class TestReach:
    def test_the_expected_box_is_one_and_distance_takes_away(self) -> None:
        steps = [float(Reach().compute(PERSON, moved(step, 0, step, 0))[0, 0]) for step in (0, 10, 30, 90)]
        assert steps[0] == pytest.approx(1.0)
        assert steps == sorted(steps, reverse=True)
        assert float(Reach().compute(PERSON, moved(ALONG * 120, 0, ALONG * 120, 0))[0, 0]) == pytest.approx(
            np.exp(-0.5)
        )

    def test_it_is_the_same_at_every_size(self) -> None:
        near, far = moved(20, 6, 20, 6), moved(20, 6, 20, 6) / 3
        assert Reach().compute(PERSON / 3, far)[0, 0] == pytest.approx(Reach().compute(PERSON, near)[0, 0])

    def test_hidden_feet_leave_the_head_to_go_by(self) -> None:
        cut, sunk = moved(bottom=-24), moved(top=24, bottom=24)
        assert Reach().compute(PERSON, cut)[0, 0] > 0.6
        assert Reach().compute(PERSON, sunk)[0, 0] < 0.5

    def test_somebody_twice_as_tall_at_the_same_place_is_somebody_else(self) -> None:
        assert Reach().compute(PERSON, moved(top=-120))[0, 0] < 0.05

    def test_nobody_is_no_row(self) -> None:
        assert Reach().compute(np.zeros((0, 4)), PERSON).shape == (0, 1)
