"""Clocks of cameras that are off, found by the log alone."""

import numpy as np
import pytest

from reid.journeys.arrivals import HOUR, Arrival
from reid.journeys.clocks import ahead, ahead_by_journeys

OFF = {"room1": 0, "room2": 2_500, "room3": -1_500, "room4": 0}


def test_the_least_delay_of_two_hours_counts() -> None:
    arrival = Arrival(5, 300)
    assert not arrival.note(5 * HOUR, 5 * HOUR + 400) and arrival.delay == 300
    assert arrival.note(5 * HOUR, 5 * HOUR + 200) and arrival.delay == 200
    assert arrival.note(6 * HOUR, 6 * HOUR + 900) and arrival.delay == 200
    assert arrival.note(8 * HOUR, 8 * HOUR + 700) and arrival.delay == 700, "a clock put right is right"
    assert not arrival.note(7 * HOUR, 7 * HOUR - 9_000), "an old event is not of this hour"


def test_a_clock_that_is_ahead_makes_its_events_come_early() -> None:
    delays = {name: 180 - off for name, off in OFF.items()}
    assert ahead(delays) == OFF
    assert ahead({"a": 100, "b": -4_900}) == {"a": 0, "b": 5_000}
    assert ahead({"a": -4_900, "b": 100}) == {"a": 5_000, "b": 0}
    assert ahead({"a": 100}) == {}


def test_a_backlog_does_not_look_like_a_clock() -> None:
    late = Arrival(5, 60_000)
    for delay in (60_000, 30_000, 150, 45_000):
        late.note(5 * HOUR, 5 * HOUR + delay)
    assert ahead({"a": late.delay, "b": 160, "c": 170})["a"] == 10


def walks(seed: int, cameras: list[str], both: bool = True) -> dict[tuple[str, str], list[int]]:
    draw = np.random.default_rng(seed)
    found: dict[tuple[str, str], list[int]] = {}
    for one in cameras:
        for other in cameras:
            if one != other and (both or one < other):
                took = draw.normal(9_000, 1_200, 60) + (OFF[other] - OFF[one])
                found[one, other] = [round(t) for t in took]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_people_who_walk_both_ways_tell_the_clocks(seed: int) -> None:
    found = ahead_by_journeys(walks(seed, list(OFF)))
    mean = sum(OFF.values()) / 4
    assert found == pytest.approx({name: off - mean for name, off in OFF.items()}, abs=250)


def test_one_way_or_few_walks_tell_nothing() -> None:
    assert ahead_by_journeys(walks(0, list(OFF), both=False)) == {}
    assert ahead_by_journeys({("a", "b"): [1_000] * 4, ("b", "a"): [1_000] * 9}) == {}
    one_way = walks(0, ["room1", "room2"]) | {("room1", "room3"): [5_000] * 9}
    assert set(ahead_by_journeys(one_way)) == {"room1", "room2"}
