"""An articulated body: from a pose to rounded parts in the world.

The figure's frame: f forward, l left, z up, origin on the floor below the hips. Lengths are fractions of the
height (Drillis and Contini's segment proportions, rounded); angles in radians.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from producers.simulation.schedule import Pose
from producers.simulation.wardrobe import Wardrobe

Vector = tuple[float, float, float]

# Lateral and depth half-widths (m at 1.75 m height) from the neck's base (0) to the crotch (1).
_TORSO_AT: Final = (0.0, 0.035, 0.08, 0.13, 0.20, 0.36, 0.60, 0.80, 0.93, 1.0)
_TORSO_WIDE: Final = (0.060, 0.105, 0.165, 0.188, 0.190, 0.174, 0.152, 0.168, 0.172, 0.150)
_TORSO_DEEP: Final = (0.055, 0.065, 0.085, 0.100, 0.112, 0.120, 0.110, 0.120, 0.118, 0.100)
_SKIRT_WIDE: Final = (0.160, 0.185, 0.215, 0.235)
_SKIRT_DEEP: Final = (0.120, 0.145, 0.180, 0.200)
_PACK_WIDE: Final = (0.08, 0.125, 0.145, 0.15, 0.15, 0.145, 0.10)
_PACK_DEEP: Final = (0.05, 0.085, 0.10, 0.115, 0.12, 0.115, 0.08)


class Part(NamedTuple):
    """One rounded part between ``a`` (upper end) and ``b``, in metres in the world.

    ``wide``/``deep``: half-widths along it, sideways and front to back; two values and ``round_ends`` make
    a capsule; ``at``: where along it they hold, 0 to 1 (evenly if empty). ``band``, ``rows`` (of the
    band, 0 to 1): where its colours lie in the atlas.
    ``turn``: heading of the part's own front, radians.
    """

    a: Vector
    b: Vector
    wide: tuple[float, ...]
    deep: tuple[float, ...]
    band: str
    rows: tuple[float, float]
    round_ends: bool
    turn: float
    at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    """Figure frame in the world."""

    x: float
    y: float
    lift: float
    cos: float
    sin: float

    def world(self, f: float, side: float, z: float) -> Vector:
        return (
            self.x + f * self.cos - side * self.sin,
            self.y + f * self.sin + side * self.cos,
            z + self.lift,
        )


def _limb(start: Vector, length: float, forward: float, out: float) -> Vector:
    """End of a segment that hangs from ``start`` (f, l, z), swung ``forward`` and ``out`` to the side."""
    f, side, z = start
    return (
        f + length * math.sin(forward),
        side + length * math.sin(out) * math.cos(forward),
        z - length * math.cos(forward) * math.cos(out),
    )


def _legs(pose: Pose, height: float) -> tuple[list[tuple[Vector, Vector, Vector, float]], float]:
    """(hip, knee, ankle, foot angle) of left and right, and the lift that puts the lower foot down."""
    legs = []
    for side in (1, -1):
        phase = pose.phase + (0.0 if side > 0 else math.pi)
        swing = 0.42 * pose.gait * math.sin(phase)
        bend = 0.05 + pose.gait * (0.10 + 0.85 * max(0.0, math.cos(phase)) ** 1.6)
        hip = (0.0, side * 0.052 * height, 0.52 * height)
        knee = _limb(hip, 0.242 * height, swing + 0.03, 0.02 * side)
        ankle = _limb(knee, 0.240 * height, swing + 0.03 - bend, 0.0)
        legs.append((hip, knee, ankle, 0.55 * (swing - bend) if pose.gait > 0.05 else 0.0))
    lowest = min(leg[2][2] for leg in legs)
    return legs, 0.040 * height - lowest


def _arm_angles(pose: Pose, side: int, t: float, person: int) -> tuple[float, float, float]:
    """Shoulder swing forward, outwards, and elbow bend."""
    swing = -0.45 * pose.gait * math.sin(pose.phase + (0.0 if side > 0 else math.pi))
    forward, out, elbow = swing, 0.10, 0.18 + 0.30 * pose.gait + 0.35 * max(0.0, swing)
    still = 1.0 - pose.gait
    if still > 0.02:
        wave = math.sin(2.1 * t + 1.7 * person)
        match pose.gesture, side:
            case "phone", -1:
                target = (0.55, 0.05, 1.75)
            case "talk", _:
                target = (0.35 + 0.18 * wave * side, 0.14, 1.05 + 0.3 * wave)
            case "hip", 1:
                target = (-0.15, 0.62, 0.9)
            case _:
                target = (0.03 * wave, 0.09, 0.12)
        forward += still * (target[0] - forward)
        out += still * (target[1] - out)
        elbow += still * (target[2] - elbow)
    return forward, out, elbow


def parts_of(look: Wardrobe, pose: Pose, person: int, t: float) -> list[Part]:
    """All parts of a person at ``t`` seconds, in the world."""
    height, girth = look.height, look.build * look.height / 1.75
    legs, lift = _legs(pose, height)
    lean = 0.05 * pose.gait + 0.02
    sway = 0.012 * math.sin(0.9 * t + person) * (1 - pose.gait) + 0.02 * pose.gait * math.sin(pose.phase)
    frame = _Frame(pose.x, pose.y, lift, math.cos(pose.heading), math.sin(pose.heading))
    neck = (lean * 0.30 * height, sway, 0.845 * height)
    crotch = (0.0, 0.0, 0.475 * height)
    parts = [
        Part(
            frame.world(*neck), frame.world(*crotch),
            tuple(w * girth for w in _TORSO_WIDE), tuple(d * girth for d in _TORSO_DEEP),
            "torso", (0.0, 1.0), False, pose.heading, _TORSO_AT,
        ),
        *_head(look, pose, frame, neck, t, person),
    ]  # fmt: skip
    for (hip, knee, ankle, tip), _side in zip(legs, (1, -1), strict=True):
        parts += _leg(look, pose, frame, girth, hip, knee, ankle, tip)
    for side in (1, -1):
        parts += _arm(look, pose, frame, girth, neck, side, t, person)
    if look.lower_kind == "skirt":
        stride = 1 + 0.18 * pose.gait * abs(math.sin(pose.phase))
        top, bottom = frame.world(0, 0, 0.58 * height), frame.world(0, 0, 0.30 * height)
        deep = tuple(d * girth * stride for d in _SKIRT_DEEP)
        wide = tuple(w * girth for w in _SKIRT_WIDE)
        parts.append(Part(top, bottom, wide, deep, "skirt", (0, 1), False, pose.heading))
    parts += _bag(look, pose, frame, girth, neck)
    return parts


def _head(look: Wardrobe, pose: Pose, frame: _Frame, neck: Vector, t: float, person: int) -> list[Part]:
    height = look.height
    turn = pose.heading + 0.30 * math.sin(0.6 * t + 2.3 * person) * (1 - 0.6 * pose.gait)
    f, side, z = neck
    f += 0.015
    radius = 0.0445 * height
    crown, chin = height - radius, 0.872 * height + radius
    face = frame.world(f + 0.012, side, crown), frame.world(f + 0.012, side, chin)
    parts = [
        _capsule(
            frame.world(f, side, z + 0.035 * height),
            frame.world(f, side, z - 0.01),
            0.055,
            0.062,
            "skin",
            turn,
        ),
        Part(*face, (radius, radius * 0.9), (radius * 1.1, radius * 1.05), "head", (0.0, 1.0), True, turn),
    ]
    cos, sin = math.cos(turn), math.sin(turn)

    def behind(back: float, up: float) -> Vector:
        x, y, floor = frame.world(f, side, up)
        return x - back * cos, y - back * sin, floor

    if look.hair_style == "long":
        parts.append(
            _capsule(behind(0.05, 0.94 * height), behind(0.075, 0.83 * height), 0.078, 0.068, "hair", turn)
        )
    if look.hair_style == "bun":
        parts.append(
            _capsule(behind(0.10, 0.965 * height), behind(0.10, 0.955 * height), 0.045, 0.045, "hair", turn)
        )
    if look.hair_style == "cap":
        parts.append(
            _capsule(behind(-0.07, 0.948 * height), behind(-0.12, 0.943 * height), 0.028, 0.02, "bag", turn)
        )
    return parts


def _capsule(
    a: Vector,
    b: Vector,
    start: float,
    end: float,
    band: str,
    turn: float,
    rows: tuple[float, float] = (0.0, 1.0),
) -> Part:
    return Part(a, b, (start, end), (start, end), band, rows, True, turn)


def _leg(
    look: Wardrobe,
    pose: Pose,
    frame: _Frame,
    girth: float,
    hip: Vector,
    knee: Vector,
    ankle: Vector,
    tip: float,
) -> list[Part]:
    loose = 1.0 if look.lower_kind == "skirt" else 1.10
    calf = 0.050 if look.lower_kind == "trousers" else 0.043
    foot = 0.115 * look.height
    heel = (ankle[0] - 0.035, ankle[1], ankle[2] - 0.012)
    toe = (ankle[0] - 0.035 + foot * math.cos(tip), ankle[1] * 1.12, ankle[2] - 0.018 + foot * math.sin(tip))
    w = frame.world
    return [
        _capsule(
            w(*hip), w(*knee), 0.082 * girth * loose, 0.060 * girth * loose, "leg", pose.heading, (0.0, 0.5)
        ),
        _capsule(
            w(*knee), w(*ankle), 0.058 * girth * loose, calf * girth * loose, "leg", pose.heading, (0.5, 1.0)
        ),
        _capsule(w(*heel), w(*toe), 0.044, 0.036, "shoe", pose.heading),
    ]


def _arm(
    look: Wardrobe, pose: Pose, frame: _Frame, girth: float, neck: Vector, side: int, t: float, person: int
) -> list[Part]:
    height = look.height
    forward, out, elbow_bend = _arm_angles(pose, side, t, person)
    twist = 0.03 * pose.gait * math.sin(pose.phase) * -side
    shoulder = (neck[0] + twist, neck[1] + side * 0.163 * girth, 0.798 * height)
    elbow = _limb(shoulder, 0.172 * height, forward, out * side)
    inwards = -0.25 * side if elbow_bend > 0.8 else 0.04 * side
    wrist = _limb(elbow, 0.140 * height, forward + elbow_bend, inwards)
    hand = _limb(wrist, 0.050 * height, forward + elbow_bend + 0.1, inwards)
    cloth = 1.12 if look.sleeve > 0.9 else 1.0
    w = frame.world
    return [
        _capsule(
            w(*shoulder),
            w(*elbow),
            0.051 * girth * cloth,
            0.043 * girth * cloth,
            "arm",
            pose.heading,
            (0.0, 0.52),
        ),
        _capsule(
            w(*elbow),
            w(*wrist),
            0.043 * girth * cloth,
            0.031 * girth * cloth,
            "arm",
            pose.heading,
            (0.52, 1.0),
        ),
        _capsule(w(*wrist), w(*hand), 0.032, 0.030, "skin", pose.heading),
    ]


def _bag(look: Wardrobe, pose: Pose, frame: _Frame, girth: float, neck: Vector) -> list[Part]:
    height = look.height
    if look.bag == "backpack":
        top = frame.world(neck[0] - 0.165 * girth, neck[1], 0.815 * height)
        bottom = frame.world(-0.165 * girth, 0, 0.565 * height)
        return [Part(top, bottom, _PACK_WIDE, _PACK_DEEP, "bag", (0, 1), False, pose.heading)]
    if look.bag == "shoulder":
        swing = 0.03 * pose.gait * math.sin(pose.phase)
        top = frame.world(swing, 0.215 * girth, 0.585 * height)
        bottom = frame.world(swing * 1.4, 0.225 * girth, 0.465 * height)
        wide, deep = (0.05, 0.065, 0.065, 0.055), (0.11, 0.14, 0.145, 0.12)
        return [Part(top, bottom, wide, deep, "bag", (0, 1), False, pose.heading)]
    return []


def endpoints(parts: list[Part]) -> npt.NDArray[np.float64]:
    """(2 n, 3): each part's upper end, then its lower."""
    return np.array([point for part in parts for point in (part.a, part.b)])
