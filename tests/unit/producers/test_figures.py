"""People who touch are one blob; their heads and the camera's idea of how tall people are take them apart."""

import numpy as np
import pytest

from producers.detect.figures import Figure, Part, figures
from producers.detect.stature import ENOUGH, REFIT, Stature


def people(*places: tuple[int, int, int]) -> Part:
    """Foreground of upright people, head and trunk: (middle column, top row, height) of each."""
    part = np.zeros((240, 320), bool)
    for column, top, height in places:
        head, half = round(0.06 * height), round(0.15 * height)
        part[top : top + round(0.16 * height), column - head : column + head + 1] = True
        part[top + round(0.16 * height) : top + height, column - half : column + half + 1] = True
    return part


def found(part: Part, stature: Stature | None = None, raw: Part | None = None) -> list[Figure]:
    """As of the piece's own window, sorted from left to right, back in rows and columns of the whole."""
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    raw = part if raw is None else raw
    each = figures(part[window], raw[window], int(rows[0]), 30, stature or Stature())
    moved = [
        Figure(f.left + columns[0], f.top + rows[0], f.right + columns[0], f.bottom + rows[0], *f[4:])
        for f in each
    ]
    return sorted(moved)


def stature_of(*heights: tuple[int, int]) -> Stature:
    """Learned from people at (row of the head, height), each seen often enough."""
    stature = Stature()
    for n in range(ENOUGH + REFIT):
        stature.learn(*heights[n % len(heights)])
    return stature


class TestFigures:
    def test_one_person_is_their_whole_piece(self) -> None:
        (only,) = found(people((100, 40, 120)))
        assert only[:4] == (82, 40, 119, 160)
        assert only.alone
        assert 0.7 < only.fill <= 1

    def test_two_who_walk_together_are_two(self) -> None:
        left, right = found(people((100, 40, 120), (130, 44, 118)))
        assert left[:4] == pytest.approx((82, 40, 123, 161), abs=4)
        assert right[:4] == pytest.approx((106, 44, 149, 162), abs=4)
        assert not left.alone
        assert not right.alone

    def test_gaps_that_were_closed_between_heads_do_not_join_them(self) -> None:
        raw = people((100, 40, 120), (124, 40, 120))
        closed = raw.copy()
        closed[40:60, 94:131] = True
        assert len(found(closed)) == 1
        assert len(found(closed, raw=raw)) == 2

    def test_an_arm_is_no_head(self) -> None:
        part = people((100, 40, 120))
        part[70:78, 60:140] = True
        part[55:78, 58:64] = True
        assert len(found(part)) == 1

    def test_feet_behind_a_desk_are_where_the_camera_expects_them(self) -> None:
        part = people((100, 40, 120), (132, 40, 120))
        part[110:, 117:] = False
        left, right = found(part, stature_of((40, 120), (80, 160)))
        assert left.bottom == 160
        assert right.bottom == pytest.approx(160, abs=6)

    def test_a_crowded_side_is_narrow_and_the_free_side_is_not(self) -> None:
        part = people((100, 40, 120), (132, 40, 120))
        part[90:100, 66:100] = True
        left, right = found(part, stature_of((40, 120), (80, 160)))
        assert left.left == 66
        assert left.right <= 100 + round(0.19 * 120) + 1
        assert right.left >= 132 - round(0.19 * 120) - 8, "the place of a head is known to some pixels"

    def test_somebody_alone_whom_a_desk_cut_at_the_hips_still_has_feet(self) -> None:
        part = people((100, 40, 120))
        part[120:] = False
        (cut,) = found(part, stature_of((40, 120), (80, 160)))
        assert cut.bottom == 160
        assert cut.fits
        assert not cut.alone, "must not teach the camera how tall people are"

    def test_a_slender_piece_is_no_person_cut_by_a_desk(self) -> None:
        part = np.zeros((240, 320), bool)
        part[40:110, 95:105] = True
        (post,) = found(part, stature_of((40, 120), (80, 160)))
        assert post.bottom == 110
        assert not post.fits

    def test_who_stands_before_somebody_s_head_and_all_is_found_by_their_feet(self) -> None:
        part = people((100, 40, 120), (104, 78, 158))
        far, near = found(part, stature_of((40, 120), (80, 160)))
        assert far[1::2][:2] == pytest.approx((40, 160), abs=4)
        assert (near.top, near.bottom) == pytest.approx((77, 236), abs=4)
        assert near.left <= 84
        assert near.right >= 124
        assert not far.alone
        assert not near.alone

    def test_tall_people_are_not_two_where_nobody_was_seen_whole(self) -> None:
        near_by = people((100, 90, 148))
        assert len(found(near_by, stature_of((40, 100), (41, 102), (42, 104)))) == 1
        assert len(found(near_by)) == 1

    def test_one_person_is_not_two_for_being_taller_than_most(self) -> None:
        (tall,) = found(people((100, 50, 150)), stature_of((40, 120), (80, 160)))
        assert (tall.top, tall.bottom) == (50, 200)
        assert tall.alone
        assert tall.fits

    def test_too_small_is_nobody(self) -> None:
        assert found(people((100, 40, 28))) == []


class TestStature:
    def test_says_nothing_before_it_knows(self) -> None:
        stature = Stature()
        for _ in range(ENOUGH - 1):
            stature.learn(50, 100)
        assert stature.below(50) is None

    def test_learns_the_line_and_forgives_the_seated(self) -> None:
        heights = [(40 + n, 100 + 2 * n) for n in range(30)]
        seated = [(60, 70), (50, 60)]
        stature = stature_of(*heights, *seated)
        assert stature.below(50) == pytest.approx(120, abs=5)
        assert stature.below(65) == pytest.approx(150, abs=5)

    def test_says_nothing_beyond_what_it_saw(self) -> None:
        stature = stature_of(*[(40 + n, 100 + 2 * n) for n in range(30)])
        assert stature.below(500) == pytest.approx(158, abs=3)
        assert stature.below(-500) == pytest.approx(100, abs=3)

    def test_people_in_one_row_give_their_median(self) -> None:
        stature = stature_of((50, 100), (51, 104), (50, 96))
        assert stature.below(50) == stature.below(51) == pytest.approx(100, abs=1)

    def test_is_not_known_in_rows_where_nobody_was_seen(self) -> None:
        stature = stature_of(*[(40 + n, 100 + 2 * n) for n in range(30)])
        assert stature.known(50) == pytest.approx(120, abs=3)
        assert stature.known(90) is None
        assert stature.known(20) is None
        assert Stature().known(50) is None

    def test_from_the_feet_people_are_as_tall_as_from_the_head(self) -> None:
        stature = stature_of(*[(40 + n, 100 + 2 * n) for n in range(30)])
        assert stature.above(50 + 120) == pytest.approx(120, abs=3)
        assert Stature().above(170) is None

    def test_a_camera_that_was_moved_is_learned_anew(self) -> None:
        stature = stature_of((50, 100), (51, 101))
        for _ in range(500):
            stature.learn(50, 60)
        assert stature.below(50) == pytest.approx(60)
