"""Who is where, when: itineraries as data, and a person's pose as a pure function of time.

Time is cut into chapters of ``duration_s``. A chapter's first and last places follow from the seed alone, so
any chapter can be made without those before it: every camera process gets the same people at one time.
"""

import bisect
import itertools
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from producers.simulation.plan import Floor, Place, Point
from producers.simulation.scenario import Scenario

Array = npt.NDArray[np.float64]
SMOOTHING: Final = np.array((-0.3, -0.15, 0.0, 0.15, 0.3))
"""Seconds over which a way is averaged: rounds its corners and softens starting and stopping."""
_COMPANION_OFFSETS: Final = ((0.38, 0.42), (-0.48, 0.34), (0.08, -0.56))
_COMPANION_DELAY: Final = 0.35
#: People of a family at most: more would not pass a door beside each other.
MAX_FAMILY: Final = 1 + len(_COMPANION_OFFSETS)
GESTURES: Final = ("idle", "idle", "phone", "talk", "hip")


@dataclass(frozen=True, slots=True)
class Pose:
    """``heading``, ``phase`` (of the walking cycle): radians. ``gait``: 0 standing to 1 walking."""

    x: float
    y: float
    heading: float
    phase: float
    gait: float
    gesture: str


@dataclass(frozen=True, slots=True)
class Stay:
    """Standing at a place from ``start`` to ``end`` (seconds), looking to ``facing`` (radians)."""

    start: float
    end: float
    place: Place
    facing: float
    gesture: str


@dataclass
class Itinerary:
    """One person's chapter: ``knots`` of (t, x, y, metres walked), and the stays between the walks."""

    knots: list[tuple[float, float, float, float]] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)

    def stay(self, stay: Stay) -> None:
        walked = self.knots[-1][3] if self.knots else 0.0
        self.stays.append(stay)
        self.knots += [(moment, *stay.place.at, walked) for moment in (stay.start, stay.end)]

    def walk(self, points: list[Point], speed: float) -> float:
        """Walks on from the last knot; returns the time of arrival."""
        for point in points[1:]:
            t, x, y, walked = self.knots[-1]
            step = math.dist((x, y), point)
            self.knots.append((t + step / speed, *point, walked + step))
        return self.knots[-1][0]

    @cached_property
    def _columns(self) -> tuple[Array, Array, Array, Array]:
        t, x, y, walked = np.array(self.knots).T
        return t, x, y, walked

    def place_at(self, t: float) -> tuple[float, float, float, float, float, float]:
        """Smoothed x, y, direction dx, dy over the window (m), metres walked, and speed (m/s)."""
        times, xs, ys, walked = self._columns
        moments = t + SMOOTHING
        x, y = np.interp(moments, times, xs), np.interp(moments, times, ys)
        s = np.interp(moments, times, walked)
        speed = float(s[-1] - s[0]) / float(SMOOTHING[-1] - SMOOTHING[0])
        return (
            float(x.mean()),
            float(y.mean()),
            float(x[-1] - x[0]),
            float(y[-1] - y[0]),
            float(s.mean()),
            speed,
        )

    def stay_near(self, t: float) -> tuple[Stay, float]:
        """The stay at, last before or just after ``t``, and how much of the window around ``t`` it fills."""
        starts = self._starts
        at = max(0, bisect.bisect_right(starts, t + float(SMOOTHING[-1])) - 1)
        stay = self.stays[at]
        inside = min(t + 0.3, stay.end) - max(t - 0.3, stay.start)
        return stay, min(1.0, max(0.0, inside / 0.6))

    @cached_property
    def _starts(self) -> list[float]:
        return [stay.start for stay in self.stays]


class Schedule:
    """Every person's way through the floor, made chapter by chapter on demand. ``family``: so many, from
    person 0 on, walk together, and nobody else does."""

    def __init__(
        self,
        floor: Floor,
        people: int,
        seed: int,
        duration_s: float,
        watched: int,
        scenario: Scenario = Scenario(),  # noqa: B008 frozen
        family: int = 0,
    ) -> None:
        self._floor, self._people, self._seed = floor, people, seed
        self._scenario = scenario
        #: The room that nobody but the intruder enters.
        self.forbidden = None if scenario.intruder is None else watched - 1
        self._duration, self._watched, self._family = duration_s, watched, family
        self._chapters: dict[int, list[Itinerary]] = {}
        rng = np.random.default_rng([seed, 11])
        self._speeds = rng.uniform(1.0, 1.35, people)
        self._offsets = rng.uniform(-0.12, 0.12, (people, 2))

    def leader(self, person: int) -> int:
        """Whom a person walks with; most walk by themselves."""
        if self._family:
            return 0 if person < self._family else person
        return person - 1 if person % 5 == 4 else person

    def pose(self, person: int, t: float) -> Pose:
        """Position, heading and walking state at ``t`` seconds (0 or later)."""
        lead = self.leader(person)
        dx, dy = self._offsets[person]
        moment = t
        if lead != person:
            # Fixed in the world, not turned with the heading: a turn must not throw the companion outwards.
            beside = person - lead - 1
            dx, dy = self._offsets[lead] + _COMPANION_OFFSETS[beside]
            moment = max(0.0, t - _COMPANION_DELAY)
        itinerary = self._chapter(int(moment // self._duration))[lead]
        x, y, ahead_x, ahead_y, walked, speed = itinerary.place_at(moment)
        stay, still = itinerary.stay_near(moment)
        turn = 0.25 * still
        heading = math.atan2(
            ahead_y + turn * math.sin(stay.facing), ahead_x + turn * math.cos(stay.facing) + 1e-12
        )
        gait = min(1.0, speed / float(self._speeds[lead]))
        phase = math.tau * walked / 1.36 + person
        return Pose(x + float(dx), y + float(dy), heading, phase, gait, stay.gesture)

    def _chapter(self, number: int) -> list[Itinerary]:
        if number not in self._chapters:
            self._chapters[number] = self._plan(number)
        return self._chapters[number]

    def _ends_of(self, number: int) -> list[Place]:
        """Where everybody is when chapter ``number`` ends (-1: when the first begins)."""
        rng = np.random.default_rng([self._seed, 7, number + 1])
        # Rooms in turn, so that at any chapter's edge people are spread over the floor.
        spots = [
            [Place(room.index, at) for at in rng.permutation(room.spots)]
            for room in self._floor.rooms
            if room.index != self.forbidden
        ]
        spread = [
            Place(row[depth].room, (float(row[depth].at[0]), float(row[depth].at[1])))
            for depth in range(max(map(len, spots)))
            for row in spots
            if depth < len(row)
        ]
        outside = [self._floor.ends[int(end)] for end in rng.integers(0, 2, self._people)]
        return [
            spread[p] if p % 4 != 3 and p < len(spread) and p != self._scenario.intruder else outside[p]
            for p in range(self._people)
        ]

    def _plan(self, number: int) -> list[Itinerary]:
        starts, ends = self._ends_of(number - 1), self._ends_of(number)
        taken: list[Stay] = []
        return [
            self._itinerary(number, person, starts[person], ends[person], taken)
            if self.leader(person) == person
            else Itinerary()
            for person in range(self._people)
        ]

    def _itinerary(self, number: int, person: int, start: Place, end: Place, taken: list[Stay]) -> Itinerary:
        rng = np.random.default_rng([self._seed, 3, number, person])
        speed = float(self._speeds[person])
        t, limit = number * self._duration, (number + 1) * self._duration
        itinerary = Itinerary()

        def stay(place: Place, seconds: float) -> float:
            begin = itinerary.knots[-1][0] if itinerary.knots else t
            gesture = GESTURES[int(rng.integers(len(GESTURES)))]
            itinerary.stay(
                Stay(begin, begin + seconds, place, float(rng.uniform(-math.pi, math.pi)), gesture)
            )
            if place.room is not None:
                taken.append(itinerary.stays[-1])
            return begin + seconds

        def seconds_to(a: Place, b: Place) -> float:
            points = self._floor.route(a, b)
            return sum(math.dist(p, q) for p, q in itertools.pairwise(points)) / speed

        first = rng.uniform(0.7, 5.0) if start.room is not None else rng.uniform(0.7, 6.0)
        t = stay(start, float(first))
        here = start
        for target, pause in self._wishes(rng, start, person):
            place = self._spot(rng, target, here, t, taken)
            arrive = t + seconds_to(here, place)
            if arrive + pause + seconds_to(place, end) + 1.5 > limit:
                break
            itinerary.walk(self._floor.route(here, place), speed)
            t, here = stay(place, pause), place
        if here != end:
            itinerary.walk(self._floor.route(here, end), speed)
        stay(end, max(0.5, limit - itinerary.knots[-1][0]))
        return itinerary

    def _wishes(
        self, rng: np.random.Generator, start: Place, person: int
    ) -> "list[tuple[int | None, float]]":
        """(room or None for outside, seconds to stay) in order; more than a chapter can hold."""
        wishes: list[tuple[int | None, float]] = []
        if person == self._scenario.loiterer:
            return [(start.room, float(rng.uniform(6.0, 15.0))) for _ in range(int(self._duration / 6))]
        if person == self._scenario.intruder:
            # One visit, in the middle of the chapter; what is left of it is spent outside.
            inside = [(self.forbidden, float(rng.uniform(4.0, 9.0))) for _ in range(3)]
            return [(None, 0.3 * self._duration), *inside]
        last = start.room
        if last is not None:
            wishes += [(last, float(rng.uniform(1.5, 6.0))) for _ in range(int(rng.integers(0, 3)))]
        while len(wishes) < 8 + self._duration / 6:
            # Watched rooms first: whoever is on the floor is soon seen by a second camera.
            order = [int(room) for room in rng.permutation(self._watched) if room != self.forbidden]
            if len(order) > 1 and order[0] == last:
                order.append(order.pop(0))
            rest = [int(room) for room in rng.permutation(range(self._watched, len(self._floor.rooms)))]
            for visit, room in enumerate(order + rest):
                for _ in range(int(rng.integers(2, 4))):
                    wishes.append((room, float(rng.uniform(1.0, 6.0))))
                last = room
                if visit >= 1 and rng.random() < 0.25:
                    wishes.append((None, float(rng.uniform(5.0, 12.0))))
                    last = None
        return wishes

    def _spot(
        self, rng: np.random.Generator, room: int | None, here: Place, t: float, taken: list[Stay]
    ) -> Place:
        """A place in ``room`` that nobody stands on around ``t``; for outside, the nearer end."""
        if room is None:
            return min(self._floor.ends, key=lambda end: abs(end.at[0] - here.at[0]))
        spots = self._floor.rooms[room].spots
        places = [Place(room, spots[int(i)]) for i in rng.permutation(len(spots))]
        busy = {s.place.at for s in taken if s.start - 12 < t + 10 and t < s.end + 1}
        free = [place for place in places if place.at not in busy and place != here]
        return free[0] if free else next(place for place in places if place != here)
