"""Ids against persons: tiny cases by hand, random ones against other formulas."""

from collections import Counter
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reid.evaluation.identities import contingency, matched, pairwise, shares
from reid.evaluation.matching import assignment, one_to_one

units = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([None, *"abcdef"])), max_size=20)


@given(units)
def test_pairs_are_what_looking_at_each_pair_says(given_ids: list[tuple[int, str | None]]) -> None:
    people, ids = [p for p, _ in given_ids], [i for _, i in given_ids]
    both = same_id = same_person = 0
    for a, b in combinations(range(len(people)), 2):
        one_id = ids[a] is not None and ids[a] == ids[b]
        one_person = people[a] == people[b]
        both, same_id, same_person = (
            both + (one_id and one_person),
            same_id + one_id,
            same_person + one_person,
        )
    found = pairwise(people, ids)
    assert found.precision == (both / same_id if same_id else None)
    assert found.recall == (both / same_person if same_person else None)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 4), st.sampled_from("abcde")), st.integers(1, 9), min_size=1, max_size=12
    )
)
def test_the_pairing_is_the_best_of_all_pairings(counts: dict[tuple[int, str], int]) -> None:
    people, ids = range(5), "abcde"
    best = max(
        sum(counts.get((p, i), 0) for p, i in zip(order, ids, strict=True)) for order in permutations(people)
    )
    found = one_to_one(counts)
    assert len(set(found.values())) == len(found)
    assert sum(counts[p, i] for p, i in found.items()) == best


def optimum(gain: NDArray[np.float64]) -> float:
    """What scipy finds. Its import takes longer than these tests: not where other tests are run."""
    from scipy.optimize import linear_sum_assignment

    return float(gain[linear_sum_assignment(gain, maximize=True)].sum())


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10_000))
def test_assignments_cost_what_scipy_finds(rows: int, columns: int, seed: int) -> None:
    gain = np.random.default_rng(seed).integers(0, 20, (rows, columns)).astype(np.float64)
    found = assignment(gain)
    assert len(found) == min(rows, columns)
    assert len({i for i, _ in found}) == len({j for _, j in found}) == len(found)
    assert sum(gain[i, j] for i, j in found) == optimum(gain)


def test_two_hundred_people_whose_ids_are_all_entangled() -> None:
    generator = np.random.default_rng(0)
    counts = Counter(
        (int(p), int(i))
        for p, i in zip(generator.integers(0, 200, 400), generator.integers(0, 200, 400), strict=True)
    )
    gain = np.zeros((200, 200))
    for pair, count in counts.items():
        gain[pair] = count
    assert sum(counts[pair] for pair in one_to_one(counts).items()) == optimum(gain)


def test_identities_by_hand() -> None:
    # Person 1 has ids a, a, b; person 2 has b and none; person 3 none at all.
    people, ids = [1, 1, 1, 2, 2, 3], ["a", "a", "b", "b", None, None]
    pairs = pairwise(people, ids)
    assert pairs.precision == 1 / 2  # aa is right, bb is not
    assert pairs.recall == 1 / 4  # aa of 3 + 1 pairs of one person
    assert pairs.f1 == pytest.approx(1 / 3)
    given_ids = contingency(people, ids)
    found = matched(given_ids, 6, 4)
    assert (found.precision, found.recall) == (3 / 4, 3 / 6)
    assert found.f1 == pytest.approx(2 * 3 / 10)
    how = shares(people, given_ids)
    assert (how.ids, how.ids_per_person, how.persons_per_id, how.without_id) == (2, 1.5, 1.5, 1)


def test_right_answers_score_one_and_no_answers_none() -> None:
    people, ids = [1, 1, 2], ["x", "x", "y"]
    assert pairwise(people, ids).f1 == 1.0
    assert matched(contingency(people, ids), 3, 3).f1 == 1.0
    nothing = [None, None, None]
    assert pairwise(people, nothing).f1 == 0.0
    assert matched(contingency(people, nothing), 3, 0).f1 == 0.0


def test_a_share_of_nothing_was_perfect() -> None:
    alone = pairwise([1, 2], ["x", "y"])
    assert (alone.precision, alone.recall, alone.f1) == (None, None, None)
    assert pairwise([1, 1], ["x", "y"]).f1 == pairwise([1, 2], ["x", "x"]).f1 == 0.0
    nothing = matched({}, 0, 0)
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, None, None)
    nobody = shares([1], {})
    assert (nobody.ids, nobody.ids_per_person, nobody.persons_per_id, nobody.without_id) == (0, None, None, 1)
