"""Where people are: at human speed, through walls never, before many cameras soon."""

import itertools
import math

import pytest

from producers.simulation.plan import Floor
from producers.simulation.schedule import Pose, Schedule
from producers.simulation.site import Site
from reid.errors import ConfigError

DURATION = 180.0
STEP = 0.4


@pytest.fixture(scope="module")
def floor() -> Floor:
    return Floor.of(4)


def schedule(floor: Floor, people: int = 12, seed: int = 0) -> Schedule:
    return Schedule(floor, people, seed, DURATION, len(floor.rooms))


@pytest.fixture(scope="module")
def walks(floor: Floor) -> list[list[Pose]]:
    """Everybody's poses over 200 s: one chapter, and the start of the next."""
    made = schedule(floor)
    return [[made.pose(person, step * STEP) for step in range(500)] for person in range(12)]


def test_nobody_walks_faster_than_people_do(walks: list[list[Pose]]) -> None:
    fastest = max(
        math.dist((a.x, a.y), (b.x, b.y)) / STEP for walk in walks for a, b in itertools.pairwise(walk)
    )
    assert 1.0 < fastest < 1.5


def test_nobody_stands_in_furniture_or_walls(floor: Floor, walks: list[list[Pose]]) -> None:
    for walk in walks:
        for pose in walk:
            for room in floor.rooms:
                u, v = room.local(pose.x, pose.y)
                if not (0 <= u <= 8 and 0 <= v <= 6.5):
                    continue
                assert 0.2 < u < 7.8, f"in a side wall of room {room.index}: {pose}"
                assert v < 6.3, f"in the far wall of room {room.index}: {pose}"
                if v < 0.2:
                    assert abs(u - 5.9) < 0.8, f"through the corridor wall of room {room.index}: {pose}"
                for box in room.boxes:
                    inside = box.lo[0] < pose.x < box.hi[0] and box.lo[1] < pose.y < box.hi[1]
                    assert not inside, f"in the {box.material} of room {room.index}: {pose}"


def test_people_cross_rooms_at_once(floor: Floor, walks: list[list[Pose]]) -> None:
    first_ten_seconds = [walk[:25] for walk in walks]
    in_rooms = [any(r.in_sight(w[0].x, w[0].y) for r in floor.rooms) for w in walks]
    moved = [math.dist((w[0].x, w[0].y), (w[-1].x, w[-1].y)) for w in first_ten_seconds]
    assert sum(in_rooms) >= 6
    assert sum(d > 1.5 for d in moved) >= 6


def test_people_leave_and_come_back(floor: Floor, walks: list[list[Pose]]) -> None:
    def away(pose: Pose) -> bool:
        return pose.x < -2 or pose.x > floor.length + 2

    returned = 0
    for walk in walks:
        states = [away(pose) for pose in walk]
        if False in states and True in states[states.index(False) :]:
            left = states.index(True, states.index(False))
            returned += False in states[left:]
    assert returned >= 3


def test_companions_walk_together(floor: Floor, walks: list[list[Pose]]) -> None:
    assert schedule(floor).leader(4) == 3
    apart = [math.dist((a.x, a.y), (b.x, b.y)) for a, b in zip(walks[3], walks[4], strict=True)]
    assert min(apart) > 0.2
    assert max(apart) < 1.3


def test_a_chapter_needs_none_before_it(floor: Floor) -> None:
    moments = [3 * DURATION + 17.0, 2 * DURATION - 0.05, 5.0]
    forwards, backwards = schedule(floor), schedule(floor)
    assert [forwards.pose(5, t) for t in sorted(moments)] == [backwards.pose(5, t) for t in moments][::-1]


def test_new_routes_begin_where_the_old_ones_ended(floor: Floor) -> None:
    made = schedule(floor, people=40)
    for person in range(40):
        before, after = made.pose(person, DURATION - 0.01), made.pose(person, DURATION + 0.01)
        assert math.dist((before.x, before.y), (after.x, after.y)) < 0.05
    early = [made.pose(2, t / 2) for t in range(120)]
    late = [made.pose(2, DURATION + t / 2) for t in range(120)]
    assert early != late


@pytest.mark.parametrize("rooms", [4, 8])
def test_every_spot_can_be_reached(rooms: int) -> None:
    for room in Floor.of(rooms).rooms:
        assert len(room.spots) >= 8
        for spot in room.spots:
            path = room.path(spot, room.door[0])
            assert (path[0], path[-1]) == (spot, room.door[0])


def test_a_family_walks_together_and_nobody_else(floor: Floor) -> None:
    made = Schedule(floor, 12, 0, DURATION, len(floor.rooms), family=3)
    assert [made.leader(person) for person in range(12)] == [0, 0, 0, *range(3, 12)]
    moments = [step * STEP for step in range(400)]
    family = [[made.pose(person, t) for t in moments] for person in range(3)]
    for one, other in itertools.combinations(family, 2):
        apart = [math.dist((a.x, a.y), (b.x, b.y)) for a, b in zip(one, other, strict=True)]
        # Closest for a moment, where they turn round.
        assert min(apart) > 0.1 and max(apart) < 2.0
    # Nobody of them is pushed through a wall or onto a desk by walking beside somebody.
    for room in floor.rooms:
        for pose in itertools.chain.from_iterable(family):
            u, v = room.local(pose.x, pose.y)
            if 0 <= u <= 8 and 0.2 <= v <= 6.5:
                assert 0.2 < u < 7.8 and v < 6.3
                for box in room.boxes:
                    inside = box.lo[0] < pose.x < box.hi[0] and box.lo[1] < pose.y < box.hi[1]
                    assert not inside, f"in the {box.material} of room {room.index}: {pose}"


def test_the_site_without_a_family_is_as_ever(floor: Floor) -> None:
    plain, none = schedule(floor), Schedule(floor, 12, 0, DURATION, len(floor.rooms), family=0)
    assert [plain.leader(person) for person in range(12)] == [0, 1, 2, 3, 3, 5, 6, 7, 8, 8, 10, 11]
    assert [plain.pose(p, 33.3) for p in range(12)] == [none.pose(p, 33.3) for p in range(12)]


@pytest.mark.parametrize("family", [1, 5, 13])
def test_a_family_too_small_or_large_is_refused(family: int) -> None:
    with pytest.raises(ConfigError, match=f"2 to 4 of the people, not of {family}"):
        Site(12, 4, 0, family=family)
