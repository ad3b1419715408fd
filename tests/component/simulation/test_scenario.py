"""The unusual on the simulated site, and that the usual one is as it was."""

import hashlib

import pytest

from producers.simulation.scenario import UNUSUAL, UNUSUAL_FAMILY, Scenario
from producers.simulation.site import Site
from producers.sources.base import Playback
from producers.sources.simulated import open_simulated
from reid.errors import ConfigError

STEP = 1.0


def rooms(site: Site, person: int, until: float = 180.0) -> list[int | None]:
    """In whose sight, each second."""
    found = []
    for number in range(int(until / STEP)):
        pose = site.pose(person, number * STEP)
        found.append(next((r.index for r in site.floor.rooms if r.in_sight(pose.x, pose.y)), None))
    return found


@pytest.fixture(scope="module")
def site() -> Site:
    return Site(seed=0, size=(320, 240), scenario=UNUSUAL)


def test_the_loiterer_stays_and_nobody_else_does(site: Site) -> None:
    def longest(person: int) -> float:
        best = run = 0
        before: int | None = None
        for room in rooms(site, person):
            run = run + 1 if room is not None and room == before else 0
            before, best = room, max(best, run)
        return best * STEP

    assert longest(5) > 150
    assert max(longest(person) for person in range(site.people) if person != 5) < 75


def test_the_forbidden_room_has_one_visitor_at_a_time_of_its_own(site: Site) -> None:
    forbidden = site.cameras - 1
    visitors = {person for person in range(site.people) if forbidden in rooms(site, person, 400.0)}
    assert visitors == {6}
    assert rooms(site, 6)[0] is None


def test_a_jacket_is_changed_where_nobody_sees_it(site: Site) -> None:
    at = site.changes_at
    assert UNUSUAL.changes_after <= at < 180
    before, after = site.worn(10, at - 0.1), site.worn(10, at)
    assert before == site.wardrobes[10] and before.upper != after.upper
    assert (before.lower, before.height, before.hair) == (after.lower, after.height, after.hair)
    places = (site.pose(10, at + since / 2) for since in range(-4, 4))
    assert not any(room.in_sight(pose.x, pose.y) for pose in places for room in site.floor.rooms)
    assert site.worn(3, at + 1) == site.wardrobes[3]


def test_the_ordinary_site_is_as_it_always_was() -> None:
    """Poses of three minutes, as they were before there were scenarios."""
    plain = Site(seed=0, size=(320, 240))
    poses = [plain.pose(person, t * 7.3) for person in range(12) for t in range(25)]
    text = "".join(f"{p.x:.6f},{p.y:.6f},{p.heading:.6f};" for p in poses)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "073fd69343e14670"
    assert plain.changes_at == float("inf")


@pytest.mark.parametrize(
    ("scenario", "says"),
    [
        (Scenario(loiterer=12), "loiterer 13 of a simulated site: it has people 1 to 12"),
        (Scenario(intruder=4), "intruder 5 walks with somebody"),
        (Scenario(changer=3), "changer 4 walks with somebody"),
        (Scenario(loiterer=1, changer=1), "has two parts"),
    ],
)
def test_a_part_that_nobody_can_play_is_refused(scenario: Scenario, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Site(scenario=scenario)


def test_with_a_family_its_members_alone_walk_with_somebody() -> None:
    with pytest.raises(ConfigError, match="changer 3 walks with somebody"):
        Site(scenario=Scenario(changer=2), family=3)
    Site(scenario=Scenario(changer=3, intruder=4), family=3)
    Site(scenario=UNUSUAL, family=UNUSUAL_FAMILY)


def test_a_source_names_its_cast_from_one() -> None:
    query = {"people": "12", "loiterer": "6", "intruder": "7", "changer": "11", "realtime": "0"}
    source = open_simulated(query, Playback(realtime=False))
    assert source._camera._site.scenario == UNUSUAL  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="loiterer 41"):
        open_simulated({"loiterer": "41"}, Playback(realtime=False))
