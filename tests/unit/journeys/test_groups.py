"""Who belong together: companions are found, strangers are not, however crowded it is."""

import math
import random

import pytest

from reid.journeys.groups import ALPHA, groups, pairs, tail
from reid.journeys.legs import Leg

Walk = list[Leg]


def walk(dice: random.Random, cameras: str, begin: int, count: int, stay: tuple[int, int]) -> Walk:
    """A visit: ``count`` legs, seconds of stay, some seconds between."""
    made: Walk = []
    at, camera = begin, ""
    for _ in range(count):
        camera = dice.choice([c for c in cameras if c != camera])
        dwell = dice.randint(*stay) * 1000
        made.append(Leg(camera, at, at + dwell, 1))
        at += dwell + dice.randint(3, 10) * 1000
    return made


def beside(dice: random.Random, other: Walk) -> Walk:
    """A companion: everywhere with them, a little earlier or later."""

    def near(at: int) -> int:
        return at + dice.randint(-1500, 1500)

    return [Leg(leg.camera_id, near(leg.entered_at), near(leg.left_at), 1) for leg in other]


def crowd(seed: int, people: int = 12, legs: int = 25) -> dict[str, list[Walk]]:
    """Strangers on a small site for a quarter of an hour."""
    dice = random.Random(seed)
    return {
        f"p{n:02}": [walk(dice, "ABCD", dice.randint(0, 60) * 1000, legs, (5, 40))] for n in range(people)
    }


@pytest.mark.parametrize("seed", range(25))
def test_strangers_make_no_group(seed: int) -> None:
    assert groups(crowd(seed)) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_family_is_found_among_strangers(seed: int) -> None:
    people, dice = crowd(seed), random.Random(100 + seed)
    people["mother"] = [walk(dice, "ABCD", 30_000, 25, (5, 40))]
    people["child"] = [beside(dice, people["mother"][0])]
    people["uncle"] = [beside(dice, people["mother"][0])[3:]]
    (family,) = groups(people)
    assert family.person_ids == ("child", "mother", "uncle")
    assert family.confidence > 0.999
    assert family.times == 25 and family.cameras == ("A", "B", "C", "D")
    assert family.since <= people["mother"][0][0].entered_at <= family.last


def test_colleagues_who_arrive_together_every_day_at_one_door() -> None:
    days = [[Leg("door", d * 86_400_000, d * 86_400_000 + 20_000, 1)] for d in range(8)]
    late = [[Leg("door", w[0].entered_at + 1_000, w[0].left_at + 1_500, 1)] for w in days]
    other = [[Leg("door", w[0].entered_at + 9_000, w[0].left_at + 7_000, 1)] for w in days]
    found = groups({"a": days, "b": late, "c": other})
    assert [group.person_ids for group in found] == [("a", "b")]
    # Once or twice is no habit.
    assert groups({"a": days[:2], "b": late[:2], "c": other}) == []


def test_a_few_meetings_of_two_who_mostly_go_their_own_ways_are_none() -> None:
    dice = random.Random(5)
    one, other = (walk(dice, "ABCD", 0, 30, (5, 40)) for _ in range(2))
    shared = walk(dice, "EF", 2_000_000, 6, (5, 40))
    people = {"a": [one + shared], "b": [other + beside(dice, shared)]}
    assert pairs(people) == []


def test_the_order_of_people_changes_nothing() -> None:
    people, dice = crowd(3), random.Random(9)
    people["x"] = [beside(dice, people["p03"][0])]
    found = groups(people)
    assert found and groups(dict(reversed(people.items()))) == found


@pytest.mark.parametrize("count", [0, 1, 3, 10, 60])
@pytest.mark.parametrize("expected", [0.0, 0.01, 1.0, 8.0, 40.0])
def test_the_tail_is_poissons(count: int, expected: float) -> None:
    below = math.fsum(math.exp(-expected) * expected**k / math.factorial(k) for k in range(count))
    assert tail(count, expected) == pytest.approx(1 - below, abs=1e-12)


def test_the_tail_is_exact_where_one_less_it_is_one() -> None:
    # One less the rest would be 0.
    assert tail(30, 1.0) == pytest.approx(
        math.fsum(math.exp(-1.0) / math.factorial(k) for k in range(30, 60)), rel=1e-9
    )
    assert 0 < tail(30, 1.0) * 1e6 < ALPHA
