"""Durations in buckets, and what visits add to the sums of an hour."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid.contracts.journeys import Visit
from reid.journeys.counts import HOUR_MS, Occupancy, Sums, hours_of, occupancy, recount, transitions
from reid.journeys.durations import bucket_of, middle_of, quantile
from tests.unit.journeys import naive
from tests.unit.journeys.test_legs import intervals, visits_of

GAP = 7_200_000


@given(st.integers(0, 10**10))
def test_a_bucket_holds_its_duration_within_one_percent(ms: int) -> None:
    assert abs(middle_of(bucket_of(ms)) - ms) <= ms / 128
    assert bucket_of(ms) <= bucket_of(ms + 1) <= bucket_of(ms) + 1


@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=200), st.sampled_from([1, 10, 50, 90, 100]))
def test_quantiles_are_those_of_the_durations(found: list[int], percent: int) -> None:
    exact = sorted(found)[max(1, -(-len(found) * percent // 100)) - 1]
    told = quantile(Counter(map(bucket_of, found)), percent)
    assert abs(told - exact) <= exact / 128


def test_no_quantile_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        quantile({}, 50)


def sums_of(*people: list[Visit]) -> Sums:
    sums = Sums(Counter(), Counter())
    for visits in people:
        recount([], visits, [], sums)
    return sums


def hour(sums: Sums, number: int) -> list[Occupancy]:
    return occupancy({name: count for (h, name), count in sums.occupancy.items() if h == number and count})


def person(text: str) -> list[Visit]:
    return visits_of(intervals(text), GAP)


def test_an_hour_of_two_people() -> None:
    # Both are there in second 10; the one comes back; the other stays into the next hour.
    sums = sums_of(person("A 0-10, B 20-30, A 40-50"), person("A 10-20, C 3599-3601.5"))
    assert hour(sums, 0) == [
        Occupancy("A", 2, 3, 2, 30_000),
        Occupancy("B", 1, 1, 1, 10_000),
        Occupancy("C", 1, 1, 1, 1_000),
    ]
    assert hour(sums, 1) == [Occupancy("C", 1, 0, 1, 1_500)]


def test_a_person_counts_once_an_hour_in_however_many_visits() -> None:
    visits = visits_of(intervals("A 0-10, A 1000-1010, A 2000-2010"), 60_000)
    assert len(visits) == 3
    assert hour(sums_of(visits), 0) == [Occupancy("A", 1, 3, 1, 30_000)]


def test_cameras_keep_their_names() -> None:
    sums = sums_of(person("a/b%+1 0-10, ü 20-30"))
    assert [row.camera_id for row in hour(sums, 0)] == ["a/b%+1", "ü"]
    assert transitions(sums.transitions) == {("a/b%+1", "ü"): {bucket_of(10_000): 1}}


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, HOUR_MS), st.integers(0, HOUR_MS)), min_size=1, max_size=12))
def test_the_peak_is_the_most_at_once(spans: list[tuple[int, int]]) -> None:
    people = [visits_of(intervals(f"A {s / 1000}-{(s + n) / 1000}"), GAP) for s, n in spans]
    sums = sums_of(*people)
    for number in range(2):
        present = [
            sum(s // 1000 <= second <= (s + n) // 1000 for s, n in spans)
            for second in range(number * 3600, (number + 1) * 3600)
        ]
        assert [row.peak for row in hour(sums, number)] == ([max(present)] if max(present) else [])


def test_what_is_taken_away_leaves_nothing() -> None:
    visits = person("A 0-10, B 20-4000, A 4010-4020")
    sums = sums_of(visits)
    recount(visits, [], [], sums)
    assert not any(sums.occupancy.values()) and not any(sums.transitions.values())


def test_a_leg_that_is_told_anew_is_counted_once() -> None:
    was, now = person("A 0-10, B 20-30, A 40-50"), person("A 0-10, B 20-35, A 40-50")
    sums = sums_of(was)
    recount(was, now, [], sums)
    assert hour(sums, 0) == [Occupancy("A", 1, 2, 1, 20_000), Occupancy("B", 1, 1, 1, 15_000)]
    left = {field: number for field, number in sums.transitions.items() if number}
    assert transitions(left) == {("A", "B"): {bucket_of(10_000): 1}, ("B", "A"): {bucket_of(5_000): 1}}


_SPANS = st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 9_000), st.integers(0, 4_000)), max_size=5)


@given(_SPANS, _SPANS, _SPANS)
def test_what_differs_is_all_that_changes(
    same: list[tuple[str, int, int]], before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]
) -> None:
    """Visits of five minutes' gap, some as they were: the sums are those of counting all of it anew."""

    def visits(spans: list[tuple[str, int, int]]) -> list[Visit]:
        told = ", ".join(f"{camera} {start}-{start + length}" for camera, start, length in sorted(spans))
        return visits_of(intervals(told), 300_000) if spans else []

    beside, was, now = visits(same), visits(before), visits(after)
    changed, naively = Sums(Counter(), Counter()), Sums(Counter(), Counter())
    naive.add([*beside, *was], changed)
    recount(was, now, beside, changed)
    naive.add([*beside, *now], naively)
    for mine, theirs in zip(changed, naively, strict=True):
        assert {k: n for k, n in mine.items() if n} == {k: n for k, n in theirs.items() if n}


def test_hours_that_a_visit_touches() -> None:
    (visit,) = person("A 3599-3600, B 7199-7201")
    assert list(hours_of(visit)) == [0, 1, 2]
