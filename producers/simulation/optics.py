"""One camera: pinhole projection, and how its sensor answers to light and colour."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.simulation.plan import CAMERA_UV, Room

Floats = npt.NDArray[np.float32]
_BRIGHTEST: Final = 2.0
_STEPS: Final = 4096


@dataclass(frozen=True)
class Lens:
    """Pinhole without distortion. ``axes`` (3, 3): rows are right, down, forward in the world."""

    position: npt.NDArray[np.float64]
    axes: npt.NDArray[np.float64]
    focal: float
    width: int
    height: int

    def project(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """World points (n, 3) in metres -> (n, 3): x and y in pixels, depth along the view in metres."""
        seen: npt.NDArray[np.float64] = (points - self.position) @ self.axes.T
        depth = np.maximum(seen[:, 2], 0.05)
        seen[:, 0] = seen[:, 0] / depth * self.focal + self.width / 2
        seen[:, 1] = seen[:, 1] / depth * self.focal + self.height / 2
        return seen

    def distance(self, x: float, y: float) -> float:
        """Distance on the floor plan, in metres: what decides who stands in front of whom."""
        return math.hypot(x - float(self.position[0]), y - float(self.position[1]))

    def rays(self, scale: int) -> Floats:
        """Directions in the world of every pixel at ``scale`` times the size: (h, w, 3), not normalised."""
        x = (np.arange(self.width * scale) + 0.5) / scale - self.width / 2
        y = (np.arange(self.height * scale) + 0.5) / scale - self.height / 2
        right, down, forward = self.axes
        rays = x[None, :, None] * right + y[:, None, None] * down + self.focal * forward
        return np.asarray(rays / self.focal, np.float32)


# aim u, v; height above the floor; horizontal field of view in degrees
_MOUNTS: Final = (
    (4.9, 2.1, 2.60, 70.0),
    (4.6, 2.3, 2.70, 74.0),
    (5.0, 2.4, 2.50, 68.0),
    (4.7, 2.0, 2.75, 72.0),
)


def lens_of(room: Room, width: int, height: int) -> Lens:
    """The camera in the room's corner."""
    u, v, z, fov = _MOUNTS[(room.index + room.index // 4) % len(_MOUNTS)]
    position = np.array([*room.world(*CAMERA_UV), z])
    forward = np.array([*room.world(u, v), 0.85]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    return Lens(position, axes, width / 2 / math.tan(math.radians(fov) / 2), width, height)


@dataclass(frozen=True)
class Response:
    """``gain`` and ``balance`` (b, g, r) multiply the light; ``gamma`` below 1 lifts the shadows;
    ``vignette``: light lost in the corners; ``noise``: sigma in grey levels; ``blur``: sigma in pixels."""

    gain: float
    balance: tuple[float, float, float]
    gamma: float
    saturation: float
    vignette: float
    noise: float
    blur: float

    def matrix(self) -> npt.NDArray[np.float64]:
        """(3, 3): saturation, then white balance and gain, on BGR."""
        grey = np.array((0.114, 0.587, 0.299))
        mix = self.saturation * np.eye(3) + (1 - self.saturation) * np.outer(np.ones(3), grey)
        return np.asarray(self.gain * np.diag(self.balance) @ mix)

    @cached_property
    def _curve(self) -> Floats:
        """Grey level (0 to 255) of a light of 0 to `_BRIGHTEST`: gamma, and a soft shoulder that keeps
        lamps and white shirts from clipping flat."""
        light = np.linspace(0, _BRIGHTEST, _STEPS)
        shouldered = light * (1.0 + 0.18 * light) / (1.0 + 0.32 * light * light)
        return np.asarray(255.0 * np.minimum(shouldered**self.gamma, 1.0), np.float32)

    def develop(self, light: Floats, level: float = 1.0) -> Floats:
        """Scene colours (h, w, 3), 0 to 1 -> what the sensor gives, 0 to 255 (float32)."""
        steps = cv2.transform(light, self.matrix() * (level * (_STEPS - 1) / _BRIGHTEST))
        return np.asarray(self._curve.take(steps.astype(np.int32), mode="clip"), np.float32)

    def falloff(self, width: int, height: int) -> Floats:
        """Vignette (height, width): 1 in the middle."""
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        return np.asarray(1.0 - self.vignette * ((x * x + y * y) / 2.0) ** 1.3, np.float32)


# Daylight office, tungsten lounge, greenish fluorescent shop, cool dim canteen, and four more like them.
_RESPONSES: Final = (
    Response(1.24, (1.00, 1.00, 1.00), 0.95, 1.00, 0.16, 1.6, 0.35),
    Response(1.14, (0.80, 0.97, 1.10), 1.00, 0.92, 0.26, 2.4, 0.55),
    Response(1.26, (0.98, 1.06, 0.95), 0.90, 0.85, 0.18, 2.0, 0.40),
    Response(1.06, (1.12, 1.00, 0.90), 1.06, 1.02, 0.32, 3.2, 0.60),
    Response(1.22, (0.88, 1.00, 1.05), 1.10, 1.12, 0.20, 2.2, 0.35),
    Response(1.08, (1.06, 1.03, 0.92), 0.92, 0.74, 0.24, 2.8, 0.65),
    Response(1.28, (0.94, 0.98, 1.06), 1.02, 0.95, 0.14, 2.4, 0.45),
    Response(0.98, (1.00, 1.08, 0.94), 0.96, 0.82, 0.34, 3.4, 0.55),
)


def response_of(camera: int) -> Response:
    """Light and colour response of a camera."""
    return _RESPONSES[camera % len(_RESPONSES)]
