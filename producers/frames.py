"""What every source yields: a frame with its capture time, and the truth where it is known."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""``(h, w, 3)`` uint8, BGR."""


class TruePerson(NamedTuple):
    """A person who really is in a frame. Only the simulated site knows them.

    ``bbox``: x, y, width, height in pixels of the whole body, occluded parts included, clipped to the frame.
    ``visibility``: part of that clipped body that nothing stands in front of, 0 to 1.
    """

    person_id: int
    bbox: tuple[float, float, float, float]
    visibility: float


@dataclass(frozen=True, slots=True, eq=False)
class CapturedFrame:
    """One frame of one camera.

    ``captured_at``: milliseconds since the epoch. ``number``: counts the frames of the source from 0, dropped
    ones included. ``truth``: None where nobody knows it (every real source).
    """

    image: Image
    captured_at: int
    number: int
    truth: tuple[TruePerson, ...] | None = None
