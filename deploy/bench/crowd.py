"""Cameras that nobody built: people who come, stay and go by a statistical model. Pure, seeded.

A camera is an M/G/∞ queue: people arrive by Poisson, each stays for a log-normal time, so that the number
in front of it is Poisson around ``people``. Who comes was here before with probability ``returning``, and is
in front of one camera only. A person is a direction on the sphere, drawn from the person's number; each look
at them is that direction and noise, so that two looks of one person have a cosine around ``alike`` and two
people around zero.
"""

import heapq
import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from reid.contracts.detections import Frame, Model, Person
from reid.contracts.embedding import encode_wire

WIDTH: Final = 1280
HEIGHT: Final = 720
_BOX: Final = (80.0, 220.0)
#: Different looks at one person during a stay: taken in turn, or the generator would cost more than what
#: it loads.
_LOOKS: Final = 6
#: Spread of the logarithm of a stay.
_SIGMA: Final = 0.6


class Crowd(NamedTuple):
    """``cameras``; ``people`` in front of each at a time, on average; ``dwell_s``: mean stay; ``returning``:
    share of arrivals who were here before; ``fps`` of each camera, an embedding of each track every
    ``embed_ms``; ``alike``: cosine of two looks at one person."""

    cameras: int = 8
    people: float = 5.0
    fps: float = 10.0
    dwell_s: float = 20.0
    returning: float = 0.7
    embed_ms: int = 400
    dim: int = 512
    alike: float = 0.85
    seed: int = 0

    @property
    def model(self) -> Model:
        return Model("load", "1", self.dim)


@dataclass(slots=True)
class _Stay:
    person: int
    number: int
    tracker_id: str
    since_ms: int
    until_ms: int
    looks: list[bytes]
    embedded_ms: int = -1_000_000
    taken: int = 0


@dataclass(slots=True)
class _Camera:
    """``next_ms``: of the next arrival."""

    next_ms: float
    stays: list[_Stay] = field(default_factory=list)
    trackers: int = 0


class Cameras:
    """All cameras of a crowd, asked in the order of time. Equal arguments give equal frames."""

    def __init__(self, crowd: Crowd, session: str) -> None:
        self.crowd, self._session, self._model = crowd, session, crowd.model
        self._random = np.random.default_rng([crowd.seed, 1])
        self._away: list[tuple[int, int]] = []
        self.known = 0
        """People who ever came."""
        self._cameras = [_Camera(0.0) for _ in range(crowd.cameras)]
        for camera in self._cameras:
            # As if the crowd had been here for long: some are in the middle of their stay.
            for _ in range(int(self._random.poisson(crowd.people))):
                left = 1000 * self._stay_s() * self._random.random()
                self._arrive(camera, 0, max(500, int(left)))
            camera.next_ms = self._gap_ms()

    def frame(self, number: int, at_ms: int, start_ms: int) -> Frame:
        """What camera ``number`` (from 0) sees ``at_ms`` after the start at ``start_ms`` (epoch)."""
        camera = self._cameras[number]
        while camera.next_ms <= at_ms:
            came = int(camera.next_ms)
            self._arrive(camera, came, came + max(500, int(1000 * self._stay_s())))
            camera.next_ms += self._gap_ms()
        gone = [stay for stay in camera.stays if stay.until_ms <= at_ms]
        for stay in gone:
            heapq.heappush(self._away, (stay.until_ms, stay.person))
            camera.stays.remove(stay)
        persons = tuple(self._seen(stay, at_ms) for stay in camera.stays)
        return Frame(
            f"load{number + 1}", start_ms + at_ms, WIDTH, HEIGHT, self._session, self._model, persons
        )

    def _arrive(self, camera: _Camera, came_ms: int, until_ms: int) -> None:
        person = self._somebody(came_ms)
        camera.trackers += 1
        # Of this session alone: an id of an earlier run would be taken for its track.
        tracker_id = f"{self._session}-{camera.trackers}"
        looks = self._looks_of(person)
        camera.stays.append(_Stay(person, camera.trackers, tracker_id, came_ms, until_ms, looks))

    def _somebody(self, at_ms: int) -> int:
        if self._away and self._away[0][0] < at_ms and self._random.random() < self.crowd.returning:
            return heapq.heappop(self._away)[1]
        self.known += 1
        return self.known

    def _looks_of(self, person: int) -> list[bytes]:
        crowd = self.crowd
        own = np.random.default_rng([crowd.seed, 2, person]).standard_normal(crowd.dim)
        own /= np.linalg.norm(own)
        # cos(two looks) = 1 / (1 + noise²) for noise of that length, at right angles in so many dimensions.
        spread = math.sqrt((1 / crowd.alike - 1) / crowd.dim)
        noisy = own + spread * self._random.standard_normal((_LOOKS, crowd.dim))
        return [encode_wire(look / np.linalg.norm(look)) for look in noisy]

    def _seen(self, stay: _Stay, at_ms: int) -> Person:
        embedding = None
        if at_ms - stay.embedded_ms >= self.crowd.embed_ms:
            embedding, stay.embedded_ms = stay.looks[stay.taken % _LOOKS], at_ms
            stay.taken += 1
        through = (at_ms - stay.since_ms) / max(1, stay.until_ms - stay.since_ms)
        left = round((WIDTH - _BOX[0]) * through, 1)
        top = float(200 + 40 * (stay.number % 7))
        return Person(stay.tracker_id, (left, top, *_BOX), 0.9, 0.8, embedding)

    def _stay_s(self) -> float:
        return float(self._random.lognormal(math.log(self.crowd.dwell_s) - _SIGMA**2 / 2, _SIGMA))

    def _gap_ms(self) -> float:
        return float(self._random.exponential(1000 * self.crowd.dwell_s / self.crowd.people))
