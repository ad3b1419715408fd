"""Journeys and groups of the simulated site are its truth, when detections and appearances are."""

import pytest

from benchmarks import unusual
from benchmarks.journeys import Sight, lost, measure, score, true_legs
from producers.simulation.scenario import UNUSUAL, UNUSUAL_FAMILY
from producers.simulation.site import Site
from reid.journeys.legs import Leg
from reid.runtime.settings import Settings

pytestmark = pytest.mark.integration


def test_journeys_and_the_family_are_the_truth(settings: Settings) -> None:
    site = Site(people=12, cameras=4, seed=1, family=3)
    found = measure(site, 180.0, False, "", "", settings)
    assert found["true_legs"] > 60
    assert found["right"] >= 0.9 and found["told_right"] >= 0.9
    assert found["persons_told"] == 12
    assert found["transitions"] >= 0.95 * found["true_transitions"]
    assert [sorted(group["people"]) for group in found["groups"]] == found["true_groups"] == [[0, 1, 2]]


def test_of_the_unusual_cast_journeys_family_and_exactly_the_alerts(settings: Settings) -> None:
    """Three walk together, one loiters, one is where nobody may be at night; by the rules of the demo."""
    site = Site(12, 4, 0, size=(160, 120), scenario=UNUSUAL, family=UNUSUAL_FAMILY)
    (found,) = unusual.measure(site, 175.0, ["perfect"], settings)
    assert found["true_legs"] > 50 and found["right"] >= 0.9 and found["told_right"] >= 0.9
    assert [sorted(group["people"]) for group in found["groups"]] == found["true_groups"] == [[0, 1, 2]]
    assert found["alerts"] == [("forbidden room at night", "room4", 6), ("loitering", "room3", 5)]
    assert found["alerts_told"] == {"right": 2, "wrong": 0, "missed": 0}
    assert found["jackets_told"] == {"right": 1, "wrong": 0, "missed": 0}, found["jackets"]


def test_the_cameras_of_the_unusual_cast_name_clothes(settings: Settings) -> None:
    """They did not, so that no change of jacket could be told, however good the identities."""
    site = Site(4, 1, 0)
    found = unusual.detections(site, 2.0, "truth", settings, None)
    persons = [person for message in found for frame in message.frames for person in frame.persons]
    assert any("upper" in person.attributes for person in persons)


def test_the_score_tells_a_second_id_a_late_entry_and_a_missing_leg() -> None:
    true = true_legs(Sight(1000 * s, "A" if s < 20 else "B", 7) for s in range(40) if s not in (19, 20))
    assert true == {7: [Leg("A", 0, 18_000, 1, ("t/0",)), Leg("B", 21_000, 39_000, 1, ("t/0",))]}
    right = [Leg("A", 900, 17_000, 1), Leg("B", 22_000, 39_000, 1)]
    assert score(true, {"p": right})["right"] == 1.0
    assert score(true, {"p": right[:1], "q": right[1:]})["right"] == 0.5
    assert score(true, {"p": [right[0], Leg("B", 24_100, 39_000, 1)]})["right"] == 0.5
    assert score(true, {"p": [right[0], Leg("C", 21_000, 39_000, 1)]})["told_right"] == 0.5
    assert score(true, {})["right"] == 0.0


def test_who_walk_together_get_no_legs_by_each_others_ids() -> None:
    """By legs alone an id went to whoever came first of those who walk together: the one whom it shows lost
    all legs, and the other won some that nobody had told."""
    walk = [Leg(camera, 20_000 * n, 20_000 * n + 9_000, 1) for n, camera in enumerate("ABCD")]
    true, told = {1: walk, 2: walk}, {"p": walk, "q": walk[:1]}
    assert score(true, told)["ids"] == {1: "p", 2: "q"}
    shows = {"p": 2, "q": 2}
    found = score(true, told, shows)
    assert (found["ids"], found["right"]) == ({1: None, 2: "p"}, 0.5)
    # Without knowing it: most legs in all, whoever comes first.
    both = {"p": walk, "q": [*walk[:3], Leg("E", 90_000, 99_000, 1)]}
    true = {1: walk, 2: [*walk[:2], both["p"][3], *both["q"][3:]]}
    assert score(true, both)["right"] == (4 + 3) / 8


def test_each_leg_that_is_lost_says_why() -> None:
    true = {1: [Leg(camera, 20_000 * n, 20_000 * n + 12_000, 1) for n, camera in enumerate("ABCDEF")]}
    told = {
        "p": [
            true[1][0],
            Leg("B", 25_000, 32_000, 1),
            Leg("C", 40_000, 45_000, 1),
            Leg("X", 60_000, 72_000, 1),
        ]
    }
    crops = {
        (1, "B"): [24_500, 25_000, 26_000],
        (1, "C"): [40_000, 41_000, 42_000],
        (1, "D"): [60_000, 61_000, 62_000],
        (1, "E"): [85_000],
    }
    assert lost(true, told, {1: "p"}, crops) == {
        "entered late: the first crop came late": 1,
        "left early": 1,
        "under no id, or another": 1,
        "fewer crops than an identity needs": 1,
        "no crop": 1,
    }
