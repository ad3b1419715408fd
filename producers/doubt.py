"""When a tracker may have changed persons: boxes touched, one vanished into another, a track came back.

A tracker that goes by overlap alone is right while people are apart. What is noted here is only *that* a
track may be somebody else by now, and who; `producers.tracklet` asks what they look like.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from producers.detect.base import FloatArray, intersections

#: Share of the smaller box that two have in common from which a tracker may take one for the other.
TOUCH: Final = 0.25
#: A box missed for longer than this came back rather than went on, ms: the tracker has guessed its way.
MISSED_MS: Final = 300
#: Somebody gone for longer is not expected back at the same place, ms.
GONE_MS: Final = 4_000
#: How far somebody gets, in heights of their box: at once (a box jumps) and by the second, along x and y.
REACH: Final = (0.6, 0.6)
PACE: Final = (1.0, 0.6)


@dataclass(slots=True)
class Seat:
    """A public id's last place. ``box``: left, top, width, height in pixels."""

    box: FloatArray
    seen_at: int


@dataclass(slots=True)
class Course:
    """One track of the tracker. ``maybe``: the public ids that it may be by now; empty while it is sure;
    ``doubted_at``: since when, ms."""

    public: int
    seen_at: int
    maybe: set[int] = field(default_factory=set)
    doubted_at: int = 0
    strikes: int = 0


def doubts(
    courses: Sequence[Course], boxes: FloatArray, seats: Mapping[int, Seat], before: Iterable[int], at_ms: int
) -> list[set[int]]:
    """The public ids that each course of a frame gets as further possibilities; empty where none.

    ``boxes``: (n, 4), parallel to ``courses``. ``before``: public ids of the camera's previous frame.
    Courses not seen in the frame before may be whoever left nearby a moment ago.
    """
    here = {course.public for course in courses}
    gone = [public for public in before if public not in here and public in seats]
    gone_boxes = np.array([seats[public].box for public in gone], np.float32).reshape(-1, 4)
    touching = _common_share(boxes, boxes) >= TOUCH
    np.fill_diagonal(touching, False)
    swallowing = _common_share(boxes, gone_boxes) >= TOUCH
    found = []
    for place, course in enumerate(courses):
        others: set[int] = set()
        for other in np.flatnonzero(touching[place]).tolist():
            others |= {courses[other].public} | courses[other].maybe
        others |= {gone[i] for i in np.flatnonzero(swallowing[place]).tolist()}
        if at_ms - course.seen_at > MISSED_MS:
            others |= {public for public, seat in seats.items() if _may_be(seat, boxes[place], at_ms)}
        found.append(others - {course.public})
    return found


def _common_share(a: FloatArray, b: FloatArray) -> FloatArray:
    """(n, m): what each pair has in common, as a share of the smaller of the two."""
    smaller = np.minimum((a[:, 2] * a[:, 3])[:, None], (b[:, 2] * b[:, 3])[None])
    return np.asarray(intersections(a, b) / np.maximum(smaller, 1.0), np.float32)


def _may_be(seat: Seat, box: FloatArray, at_ms: int) -> bool:
    """Whether somebody last seen there can be here by now."""
    away = at_ms - seat.seen_at
    if not 0 < away <= GONE_MS:
        return False
    height = max(float(seat.box[3]), float(box[3]))
    moved = np.abs((seat.box[:2] + seat.box[2:] / 2) - (box[:2] + box[2:] / 2)) / height
    return bool(np.all(moved <= np.array(REACH) + np.array(PACE) * away / 1000))
