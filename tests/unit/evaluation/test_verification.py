"""Errors of pairs and of open-set searches, against plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.evaluation.open_set import OpenSet, open_set
from reid.evaluation.vectors import Vectors, unit
from reid.evaluation.verification import (
    PairCounts,
    equal_error,
    pair_counts,
    place_of,
    score_at,
)

#: Cosines that are the foot of a bin, so that counting by bins is exact.
GRID = [score_at(place) for place in range(0, 1 << 16, 1 << 11)]
scores = st.lists(st.sampled_from(GRID), min_size=1, max_size=30)


def counted(genuine: list[float], impostor: list[float]) -> PairCounts:
    counts = PairCounts()
    counts.add(np.array(genuine, np.float32), np.array(impostor, np.float32))
    return counts


@given(scores, scores, st.sampled_from(GRID))
def test_errors_at_a_threshold_are_what_loops_say(
    genuine: list[float], impostor: list[float], threshold: float
) -> None:
    counts = counted(genuine, impostor)
    assert counts.false_match(threshold) == pytest.approx(
        sum(s >= threshold for s in impostor) / len(impostor)
    )
    assert counts.false_non_match(threshold) == pytest.approx(
        sum(s < threshold for s in genuine) / len(genuine)
    )


@given(scores, scores)
def test_the_equal_error_is_the_best_of_all_thresholds(genuine: list[float], impostor: list[float]) -> None:
    gaps = []
    for threshold in [-1.1, *sorted({*genuine, *impostor}), 1.1]:
        for t in (threshold, threshold + 1e-9):
            passed = sum(s >= t for s in impostor) / len(impostor)
            failed = sum(s < t for s in genuine) / len(genuine)
            gaps.append((abs(passed - failed), (passed + failed) / 2))
    least = min(gap for gap, _ in gaps)
    rate, at = counted(genuine, impostor).equal_error()
    assert any(rate == pytest.approx(mean) for gap, mean in gaps if gap == pytest.approx(least))
    passed = sum(s >= at for s in impostor) / len(impostor)
    failed = sum(s < at for s in genuine) / len(genuine)
    assert rate == pytest.approx((passed + failed) / 2)


def test_separated_scores_have_no_error_and_their_threshold_lies_between() -> None:
    rate, at = counted([0.5, 0.75], [-0.5, 0.0]).equal_error()
    assert rate == 0.0
    assert 0.0 < at <= 0.5
    assert equal_error(np.array([0.1], np.float32), np.array([0.9], np.float32)) == 1.0


def test_the_trade_off_falls_from_strict_to_lenient() -> None:
    generator = np.random.default_rng(0)
    counts = PairCounts()
    counts.add(
        generator.normal(0.5, 0.2, 2000).clip(-1, 1).astype(np.float32),
        generator.normal(0.0, 0.2, 20000).clip(-1, 1).astype(np.float32),
    )
    curve = counts.det()
    passed, failed = zip(*curve, strict=True)
    assert sorted(passed) == list(passed)
    assert sorted(failed, reverse=True) == list(failed)
    assert passed[0] <= 1 / 20000
    assert passed[-1] == 1.0
    possible = set(zip(*(errors.tolist() for errors in counts.errors()), strict=True))
    assert set(curve) <= possible


def test_pairs_of_two_cameras_and_strangers_of_one() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8]], np.float32)
    v = Vectors(rows, np.array([1, 1, 2, 2]), np.array([1, 2, 1, 2]))
    across, beside = pair_counts(v)
    # Each pair is counted from both sides: (0,1) and (2,3) are one person, (0,3) and (1,2) are not.
    assert (across.genuine.sum(), across.impostor.sum()) == (4, 4)
    assert across.impostor[place_of(np.float32(0.6))] == 2
    assert (beside.genuine.sum(), beside.impostor.sum()) == (0, 4)


def test_open_set_by_loops() -> None:
    generator = np.random.default_rng(1)
    who = generator.normal(size=(20, 6))
    seen = np.concatenate([who + 0.8 * generator.normal(size=who.shape) for _ in range(3)])
    v = Vectors(unit(seen.astype(np.float32)), np.tile(np.arange(20), 3), np.repeat([1, 1, 2], 20))
    found = open_set(v, 5)
    everyone = np.random.default_rng(5).permutation(np.arange(20))
    enrolled = set(everyone[10:].tolist())
    strangers, mates, first = [], [], []
    for i in range(60):
        best_mate, best_other = -2.0, -2.0
        for j in range(60):
            if v.people[j] not in enrolled:
                continue
            score = float(v.rows[i] @ v.rows[j])
            if v.people[i] != v.people[j]:
                best_other = max(best_other, score)
            elif v.cameras[i] != v.cameras[j]:
                best_mate = max(best_mate, score)
        if v.people[i] in enrolled:
            mates.append(best_mate)
            first.append(best_mate > best_other)
        else:
            strangers.append(best_other)
    assert found.strangers == pytest.approx(strangers, abs=1e-5)
    assert found.mates == pytest.approx(mates, abs=1e-5)
    assert found.first.tolist() == first


def test_the_threshold_lets_so_many_strangers_pass_and_no_more() -> None:
    strangers = np.linspace(0.0, 0.99, 100, dtype=np.float32)
    searches = OpenSet(strangers, np.array([0.985, 0.5, 0.999], np.float32), np.array([True, True, False]))
    one_in_a_hundred, none = searches.threshold(0.01), searches.threshold(0.001)
    assert one_in_a_hundred is not None
    assert none is not None
    assert searches.fpir(one_in_a_hundred) == 0.01
    # Of three: one passes, one is below, one is not first.
    assert searches.fnir(one_in_a_hundred) == pytest.approx(2 / 3)
    assert searches.fpir(none) == 0.0
    assert none > 0.99
    assert searches.threshold(1.0) == -1.0


def test_without_searches_or_pairs_there_is_no_number() -> None:
    nobody = np.zeros(0, np.float32)
    assert OpenSet(nobody, nobody, np.zeros(0, np.bool_)).threshold(0.01) is None
    assert OpenSet(np.array([0.5], np.float32), nobody, np.zeros(0, np.bool_)).fnir(0.5) is None
    # Whoever searched an empty gallery found nobody, at any threshold.
    assert OpenSet(np.full(3, -np.inf, np.float32), nobody, np.zeros(0, np.bool_)).threshold(0.01) == -1.0
    true_alone, strangers_alone = counted([0.5], []), counted([], [0.5])
    assert (true_alone.false_match(0.4), true_alone.true_match(0.4)) == (None, 1.0)
    assert (strangers_alone.false_match(0.4), strangers_alone.true_match(0.4)) == (1.0, None)
