"""The simulated site: any camera's frame at any time, and who is truly in it."""

from collections.abc import Iterable
from functools import cached_property
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from producers.frames import Image, TruePerson
from producers.simulation.backdrop import Backdrop, RoomLight, render_backdrop
from producers.simulation.body import parts_of
from producers.simulation.cloth import paint_atlas
from producers.simulation.optics import Floats, Lens, Response, lens_of, response_of
from producers.simulation.plan import Floor, Room
from producers.simulation.raster import Sprite, draw_sprite
from producers.simulation.scenario import UNSEEN_S, Scenario, other_jacket
from producers.simulation.schedule import MAX_FAMILY, Pose, Schedule
from producers.simulation.wardrobe import Wardrobe, wardrobes
from reid.errors import ConfigError

_LEAST_PIXELS: Final = 24
"""Fewer pixels of a person are no sighting."""
_BEHIND: Final = 0.15
"""Metres that furniture must be nearer than a person's axis to hide them."""
_NOISE_ROOM: Final = 64
SHADOW_RADIUS: Final = 0.42
"""Metres from the feet that a person's shadow reaches."""


class _Seen(NamedTuple):
    """One person drawn: their part of the frame, and where in it the room does not hide them."""

    person: int
    distance: float
    pose: Pose
    sprite: Sprite
    window: tuple[slice, slice]
    cut: tuple[slice, slice]
    open: npt.NDArray[np.bool_]


class View:
    """What one camera needs: its lens, response, empty room and noise. Made at its first frame, then kept."""

    def __init__(self, room: Room, width: int, height: int, seed: int) -> None:
        self.room = room
        self.lens: Lens = lens_of(room, width, height)
        self.response: Response = response_of(room.index)
        self.light = RoomLight(room)
        self._seed = seed

    def furnish(self) -> None:
        _ = self.backdrop, self._noise

    @cached_property
    def backdrop(self) -> Backdrop:
        return render_backdrop(self.room, self.lens, self.response, self._seed)

    @cached_property
    def _noise(self) -> Image:
        """Larger than a frame, around 128: each frame takes another window of it."""
        rng = np.random.default_rng([self._seed, 31, self.room.index])
        shape = (self.lens.height + _NOISE_ROOM, self.lens.width + _NOISE_ROOM, 3)
        noise = rng.standard_normal(shape, np.float32)
        noise = 0.75 * noise[..., :1] + 0.5 * noise
        return np.asarray(np.clip(128 + self.response.noise * noise, 0, 255), np.uint8)

    def add_noise(self, image: Image, t: float) -> Image:
        tick = round(t * 1000) * 2654435761 % (1 << 32)
        row, col = tick % _NOISE_ROOM, tick // _NOISE_ROOM % _NOISE_ROOM
        window = self._noise[row : row + self.lens.height, col : col + self.lens.width]
        return np.asarray(cv2.addWeighted(image, 1.0, window, 1.0, -128.0), np.uint8)


class Site:
    """A floor of at least four rooms, one camera a room, and the people who walk through it.

    Everything is a pure function of (arguments, time): processes that share nothing see the same people.
    Time is in seconds from the start; it has no end, after ``duration_s`` new routes begin where the old end.
    """

    def __init__(
        self,
        people: int = 12,
        cameras: int = 4,
        seed: int = 0,
        duration_s: float = 180.0,
        size: tuple[int, int] = (640, 480),
        scenario: Scenario = Scenario(),  # noqa: B008 frozen
        family: int = 0,
    ) -> None:
        """``family``: so many, from person 0 on, walk together; 0 for the pairs that there are otherwise."""
        if not 1 <= people <= 40:
            raise ConfigError(f"a simulated site holds 1 to 40 people, not {people}")
        if not 1 <= cameras <= 8:
            raise ConfigError(f"a simulated site has 1 to 8 cameras, not {cameras}")
        if duration_s < 60:
            raise ConfigError(f"duration of a simulated site is {duration_s:g} s: give it 60 s or more")
        if family and not 2 <= family <= min(people, MAX_FAMILY):
            most = min(people, MAX_FAMILY)
            raise ConfigError(f"a simulated family is of 2 to {most} of the people, not of {family}")
        self.people, self.cameras, self.seed, self.duration_s = people, cameras, seed, duration_s
        self.width, self.height = size
        self.floor = Floor.of(max(4, cameras))
        self.wardrobes: tuple[Wardrobe, ...] = wardrobes(people, seed)
        scenario.check(people, family)
        self.scenario = scenario
        self._schedule = Schedule(self.floor, people, seed, duration_s, cameras, scenario, family)
        self._views = [View(self.floor.rooms[i], *size, seed) for i in range(cameras)]
        self._atlases: dict[Wardrobe, Floats] = {}

    def furnish(self, camera: int) -> None:
        """Draws what a camera's frames have in common, once: else its first frame does (0.3 s)."""
        self._views[camera].furnish()

    def leader(self, person: int) -> int:
        """Whom a person walks with; most walk by themselves."""
        return self._schedule.leader(person)

    def pose(self, person: int, t: float) -> Pose:
        """Where a person is, and how they stand or walk, ``t`` seconds after the start."""
        return self._schedule.pose(person, t)

    def worn(self, person: int, t: float) -> Wardrobe:
        """What a person looks like at ``t``."""
        if person == self.scenario.changer and t >= self.changes_at:
            return self._second_look
        return self.wardrobes[person]

    @cached_property
    def changes_at(self) -> float:
        """Seconds from the start when the scenario's ``changer`` wears something else: never, or at a moment
        that no camera sees. Infinite where there is none within three chapters."""
        person, t = self.scenario.changer, self.scenario.changes_after
        while person is not None and t < 3 * self.duration_s:
            if all(not self._in_sight(person, t + dt) for dt in (-UNSEEN_S, -1.0, 0.0, 1.0, UNSEEN_S)):
                return t
            t += 0.5
        return float("inf")

    @cached_property
    def _second_look(self) -> Wardrobe:
        assert self.scenario.changer is not None
        return other_jacket(self.wardrobes[self.scenario.changer], self.wardrobes)

    def in_room(self, camera: int, person: int, t: float) -> bool:
        """Whether somebody is where the camera of a room would see them, were nothing in between."""
        pose = self.pose(person, t)
        return self._views[camera].room.in_sight(pose.x, pose.y)

    def _in_sight(self, person: int, t: float) -> bool:
        pose = self.pose(person, max(t, 0.0))
        return any(view.room.in_sight(pose.x, pose.y) for view in self._views)

    def render(self, camera: int, t: float) -> Image:
        """Frame of a camera (from 0) at ``t``: (height, width, 3) uint8 BGR."""
        return self.observe(camera, t)[0]

    def truth(self, camera: int, t: float) -> tuple[TruePerson, ...]:
        """Who is in that frame, nearest first. Cheaper than `observe`: outlines alone are drawn."""
        return self._truth(self._people_seen(camera, t, range(self.people), shaded=False), camera)

    def observe(
        self, camera: int, t: float, people: Iterable[int] | None = None
    ) -> tuple[Image, tuple[TruePerson, ...]]:
        """Frame and truth together. ``people``: only these are on the floor (all by default)."""
        view = self._views[camera]
        seen = self._people_seen(camera, t, range(self.people) if people is None else people, shaded=True)
        image = view.backdrop.image.copy()
        for one in seen:
            _cast_shadow(image, view, one)
        for one in reversed(seen):
            _paste(image, view, one)
        return view.add_noise(image, t), self._truth(seen, camera)

    def _people_seen(self, camera: int, t: float, people: Iterable[int], shaded: bool) -> list[_Seen]:
        """Everybody in a camera's sight, drawn, nearest first."""
        view = self._views[camera]
        seen = []
        for person in people:
            pose = self.pose(person, t)
            if not view.room.in_sight(pose.x, pose.y):
                continue
            worn = self.worn(person, t)
            parts = parts_of(worn, pose, person, t)
            sprite = draw_sprite(parts, view.lens, self._atlas(worn) if shaded else None)
            if sprite is None:
                continue
            top, left = max(0, sprite.y), max(0, sprite.x)
            bottom = min(self.height, sprite.y + sprite.alpha.shape[0])
            right = min(self.width, sprite.x + sprite.alpha.shape[1])
            window = (slice(top, bottom), slice(left, right))
            cut = (slice(top - sprite.y, bottom - sprite.y), slice(left - sprite.x, right - sprite.x))
            distance = view.lens.distance(pose.x, pose.y)
            unhidden = view.backdrop.occluder[window] > distance - _BEHIND
            seen.append(_Seen(person, distance, pose, sprite, window, cut, unhidden))
        return sorted(seen, key=lambda one: (one.distance, one.person))

    def _truth(self, seen: list[_Seen], camera: int) -> tuple[TruePerson, ...]:
        """Each pixel belongs to the nearest who covers it: what is left to the others is visible."""
        covered = np.zeros((self.height, self.width), np.bool_)
        persons = []
        for one in seen:
            body = one.sprite.alpha[one.cut] > 0.5
            in_room = body & one.open
            total, shown = int(body.sum()), int((in_room & ~covered[one.window]).sum())
            covered[one.window] |= in_room
            if total < _LEAST_PIXELS or int(in_room.sum()) < _LEAST_PIXELS:
                continue
            x, y, w, h = one.sprite.box
            left, top = max(0.0, x), max(0.0, y)
            right, bottom = min(float(self.width), x + w), min(float(self.height), y + h)
            box = (left, top, right - left, bottom - top)
            persons.append(TruePerson(one.person, box, shown / total))
        return tuple(persons)

    def _atlas(self, worn: Wardrobe) -> Floats:
        if worn not in self._atlases:
            self._atlases[worn] = paint_atlas(worn)
        return self._atlases[worn]


def _paste(image: Image, view: View, one: _Seen) -> None:
    """Blends a person in, as the camera's sensor sees them in that light, behind what stands nearer."""
    level = view.light.at(one.pose.x, one.pose.y) * float(view.backdrop.falloff[one.window].mean())
    alpha = one.sprite.alpha[one.cut]
    # Straight colours for the sensor's curve; dividing by coverage keeps edges free of dark rims.
    straight = np.asarray(one.sprite.colour[one.cut] / np.maximum(alpha, 1e-3)[..., None], np.float32)
    colour = view.response.develop(straight, level)
    weight = alpha * one.open
    if view.response.blur >= 0.5:
        colour = cv2.GaussianBlur(colour, (3, 3), view.response.blur)
        weight = cv2.GaussianBlur(weight, (3, 3), view.response.blur)
    part = image[one.window]
    part[:] = (part + weight[..., None] * (colour - part) + 0.5).astype(np.uint8)


def _cast_shadow(image: Image, view: View, one: _Seen) -> None:
    """A soft dark ellipse on the floor under a person, unless furniture stands before it."""
    lens = view.lens
    x, y, depth = (float(v) for v in lens.project(np.array([[one.pose.x, one.pose.y, 0.0]]))[0])
    wide = SHADOW_RADIUS * lens.focal / depth
    high = wide * float(lens.position[2]) / float(np.hypot(one.distance, lens.position[2]))
    left, right = max(0, int(x - wide)), min(lens.width, int(x + wide) + 1)
    top, bottom = max(0, int(y - high)), min(lens.height, int(y + high) + 1)
    if left >= right or top >= bottom:
        return
    across = (np.arange(left, right, dtype=np.float32) - x)[None, :] / wide
    down = (np.arange(top, bottom, dtype=np.float32) - y)[:, None] / high
    near = np.maximum(1.0 - across * across - down * down, 0.0)
    # Only the floor takes it: everywhere else the occluder map is finite.
    near = 1.0 - 0.55 * near**1.5 * np.isinf(view.backdrop.occluder[top:bottom, left:right])
    part = image[top:bottom, left:right]
    part[:] = (part * near[..., None]).astype(np.uint8)
