"""A person's intervals as visits and legs, in letters: ``A 0-10`` is camera A from second 0 to 10."""

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.contracts.journeys import Interval, Visit
from reid.journeys.legs import UNSEEN, Move, last_leg_at, legs, moves, settled
from reid.journeys.visits import (
    MAX_INTERVALS,
    MAX_VISIT,
    MAX_VISITS,
    absorbed,
    extended,
    given_back,
    shown_until,
    taken,
    visits_of,
)
from tests.unit.journeys import naive

GAP = 300_000


def intervals(text: str) -> list[Interval]:
    made = []
    for number, part in enumerate(text.split(", ") if text else ()):
        camera, span = part.split()
        first, last = (round(float(s) * 1000) for s in span.split("-"))
        made.append(Interval(first, last, camera, f"s/{number}"))
    return made


def told(visit: Visit) -> str:
    return ", ".join(
        f"{one.camera_id} {one.entered_at / 1000:g}-{one.left_at / 1000:g}" for one in legs(visit)
    )


def one_visit(text: str) -> Visit:
    (visit,) = visits_of(intervals(text), GAP)
    return visit


@pytest.mark.parametrize(
    ("seen", "walked"),
    [
        ("A 0-10, B 15-30, C 40-41", "A 0-10, B 15-30, C 40-41"),
        # A broken track, and one found again after a while out of sight of all.
        ("A 0-10, A 12-20, A 19-25", "A 0-25"),
        ("A 0-10, A 25-30", "A 0-30"),
        # Out of sight of all for so long that nobody can say where: they came and went twice.
        ("A 0-10, A 25.001-30", "A 0-10, A 25.001-30"),
        ("A 0-10, A 200-210", "A 0-10, A 200-210"),
        # Elsewhere meanwhile, however shortly and although the cameras share the doorway.
        ("A 0-10, B 12-20, A 22-30", "A 0-10, B 12-20, A 22-30"),
        ("A 0-10, B 9-23, A 22-30", "A 0-10, B 9-23, A 22-30"),
        # Two cameras look at one place, and now and then either loses the person.
        ("A 0-10, B 1-25, A 12-20", "A 0-20, B 1-25"),
        ("A 0-10, B 5-11, B 11.5-25, A 12-20", "A 0-20, B 5-25"),
        # A gap longer than the visit's at one camera, while another goes on.
        ("A 0-10, B 5-400, A 390-395", "A 0-10, B 5-400, A 390-395"),
    ],
)
def test_legs_of_a_visit(seen: str, walked: str) -> None:
    assert told(one_visit(seen)) == walked


def test_a_visit_with_a_shorter_gap_has_legs_with_that() -> None:
    (visit,) = visits_of(intervals("A 0-10, B 10-11, A 18-19, B 18-19"), 7_500)
    assert told(visit) == "A 0-10, B 10-19, A 18-19"


def test_a_stay_goes_on_over_the_gap_of_whoever_asks() -> None:
    """A rule's own gap says how long somebody may be out of sight."""
    (visit,) = visits_of(intervals("A 0-10, A 50-60, A 95-100"), 40_000)
    stay = last_leg_at(visit, "A")
    assert stay is not None and (stay.entered_at, stay.left_at) == (0, 100_000)
    assert last_leg_at(visit, "B") is None


def test_legs_count_their_tracks() -> None:
    assert [leg.tracks for leg in legs(one_visit("A 0-10, A 12-20, B 30-40"))] == [2, 1]


def test_moves_between_legs() -> None:
    walked = legs(one_visit("A 0-10, B 15-30, C 20-41, A 50-51"))
    assert moves(walked) == [Move("A", "B", 5000), Move("B", "C", 0), Move("C", "A", 9000)]


def test_a_visit_ends_with_a_gap_or_after_a_day() -> None:
    found = visits_of(intervals("A 0-10, B 310-320, A 620.1-630"), GAP)
    assert [(v.started_at, v.ended_at) for v in found] == [(0, 320_000), (620_100, 630_000)]
    hourly = [Interval(h * 60_000, h * 60_000 + 59_000, "A", f"s/{h}") for h in range(2000)]
    assert [v.started_at for v in visits_of(hourly, GAP)] == [0, MAX_VISIT + 60_000]


def test_a_sighting_adds_to_its_visit_or_says_that_it_does_not() -> None:
    visit = one_visit("A 10-20")
    assert extended(visit, Interval(21_000, 21_000, "A", "s/0"), GAP) is visit.intervals[0]
    assert extended(visit, Interval(15_000, 30_000, "B", "s/9"), GAP) is visit.intervals[1]
    assert told(visit) == "A 10-21, B 15-30"
    for seen in (Interval(9_999, 12_000, "A", "s/0"), Interval(330_001, 330_001, "A", "s/0")):
        assert extended(visit, seen, GAP) is None
    assert told(visit) == "A 10-21, B 15-30" and visit.ended_at == 30_000
    # A sighting of a moment before: the interval begins earlier, and they stay in order.
    assert extended(visit, Interval(14_000, 14_000, "B", "s/9"), GAP) is visit.intervals[1]
    assert extended(visit, Interval(11_000, 12_000, "A", "s/5"), GAP) is visit.intervals[1]
    assert told(visit) == "A 10-21, B 14-30"


def test_what_is_kept_is_bounded() -> None:
    shuttle = [Interval(t * 1000, t * 1000 + 500, "AABB"[t % 4], f"s/{t}") for t in range(3 * MAX_INTERVALS)]
    (visit,) = visits_of(shuttle, GAP)
    assert len(visit.intervals) == MAX_INTERVALS
    assert visit.intervals[-1] == shuttle[-1]
    assert sum(one.tracks for one in visit.intervals) == sum(leg.tracks for leg in legs(visit))
    alternating = [
        Interval(t * 1000, t * 1000 + 500, "AB"[t % 2], f"s/{t}") for t in range(MAX_INTERVALS + 5)
    ]
    assert visits_of(alternating, GAP)[0].intervals == alternating[5:]
    days = [Interval(d * 10 * GAP, d * 10 * GAP + 5, "A", "s/1") for d in range(MAX_VISITS + 3)]
    assert [v.started_at for v in visits_of(days, GAP)] == [one.first for one in days[3:]]


def test_an_undone_merge_gives_back_what_it_brought() -> None:
    own, theirs = intervals("A 0-10"), intervals("B 5-10, C 20-30")
    # A third person was part of the second.
    both = [*own, *absorbed([*theirs, Interval(1, 2, "D", "s/9", "third")], "second")]
    # Since then: their track at C goes on, and there is a new one that nobody else had.
    since = [Interval(700_000, 701_000, "C", "s/1"), Interval(800_000, 801_000, "A", "s/7")]
    stay, back = given_back([*both, *since], "second", {("B", "s/0"), ("C", "s/1")})
    assert sorted(stay) == [*own, since[1]]
    assert sorted(back) == sorted([*theirs, Interval(1, 2, "D", "s/9", "third"), since[0]])


def test_a_track_that_both_had_stays_the_survivors_until_then() -> None:
    own, theirs = Interval(0, 5, "A", "s/1"), Interval(400_000, 400_005, "A", "s/1")
    stay, back = given_back([own, *absorbed([theirs], "second")], "second", {("A", "s/1")})
    assert (stay, back) == ([own], [theirs])


def test_tracks_taken_away_are_nobodys_any_more() -> None:
    seen = [Interval(0, 5, "A", "s/1", "second"), Interval(0, 5, "B", "s/1")]
    assert taken(seen, {("A", "s/1")}) == ([seen[1]], [Interval(0, 5, "A", "s/1")])


def test_what_a_track_showed_after_it_went_over_to_somebody_goes() -> None:
    seen = [Interval(0, 9, "A", "s/1", "second", 2), Interval(0, 9, "B", "s/1"), Interval(20, 29, "A", "s/1")]
    cut = Interval(0, 5, "A", "s/1", "second", 2)
    assert shown_until(seen, ("A", "s/1"), 5) == [cut, seen[1]]
    assert shown_until(seen, ("A", "s/1"), 29) == seen
    assert shown_until(seen, ("A", "s/1"), 0) == [Interval(0, 0, "A", "s/1", "second", 2), seen[1]]


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(0, 2000), st.integers(0, 60)), min_size=1, max_size=30
    )
)
def test_legs_cover_what_was_seen_and_no_two_of_a_camera_meet(spans: list[Any]) -> None:
    seen = [Interval(s * 1000, (s + n) * 1000, c, f"s/{i}") for i, (c, s, n) in enumerate(spans)]
    visits = visits_of(seen, GAP)
    found = [leg for visit in visits for leg in legs(visit)]
    assert found == [leg for visit in visits for leg in naive.legs_of(visit, UNSEEN)]
    assert sum(leg.tracks for leg in found) == len(seen)
    for one in seen:
        holding = [leg for leg in found if leg.camera_id == one.camera_id and one.track in leg.names]
        assert len(holding) == 1
        assert holding[0].entered_at <= one.first <= one.last <= holding[0].left_at
    for camera in "ABC":
        here = sorted((leg.entered_at, leg.left_at) for leg in found if leg.camera_id == camera)
        assert all(a[1] < b[0] for a, b in pairwise(here))
    for visit, camera in product(visits, "ABC"):
        there = [leg for leg in naive.legs_of(visit, GAP) if leg.camera_id == camera]
        assert last_leg_at(visit, camera) == (there[-1] if there else None)


_SEEN = st.tuples(st.sampled_from("AB"), st.integers(0, 30), st.integers(0, 12))


@given(
    st.lists(_SEEN, min_size=1, max_size=8),
    st.lists(_SEEN, max_size=3),
    st.lists(_SEEN, max_size=3),
    st.sampled_from([(GAP, GAP), (5_000, GAP), (5_000, 5_000)]),
)
def test_what_is_settled_is_the_same_before_and_after(
    same: list[tuple[str, int, int]],
    before: list[tuple[str, int, int]],
    after: list[tuple[str, int, int]],
    gaps: tuple[int, int],
) -> None:
    """Sightings that begin so many seconds after the one before, and last so long."""

    def visit(gap: int, more: list[tuple[str, int, int]]) -> Visit:
        now, seen = 0, list[Interval]()
        for camera, later, length in [*same, *more]:
            now += 1000 * later
            seen.append(Interval(now, now + 1000 * length, camera, "s/1"))
        return Visit(started_at=seen[0].first, ended_at=now, gap=gap, intervals=sorted(seen))

    one, two = visit(gaps[0], before), visit(gaps[1], after)
    since = settled(one, two)
    old, new = legs(one), legs(two)
    old_left, new_left = legs(one, since), legs(two, since)
    assert old[len(old) - len(old_left) :] == old_left and new[len(new) - len(new_left) :] == new_left
    assert old[: len(old) - len(old_left)] == new[: len(new) - len(new_left)]
    if since:
        assert old_left[0] == new_left[0], "the moves before it are the same too"


@pytest.mark.parametrize(
    ("before", "after", "since"),
    [
        ("A 0-10, B 40-50, A 80-90", "A 0-10, B 40-50, A 80-95", 1),
        ("A 0-10, B 40-50, A 80-90", "A 0-10, B 40-50, A 80-90, B 120-130", 2),
        ("A 0-10, B 40-50, A 80-90", "A 0-10, B 40-50, A 80-90, B 100-130", 1),
        ("A 0-10, B 40-50", "A 0-10, B 20-50", 0),
    ],
)
def test_so_much_is_settled(before: str, after: str, since: int) -> None:
    assert settled(one_visit(before), one_visit(after)) == since
