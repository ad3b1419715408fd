"""The cameras of a matrix of templates: their numbers, and the means that are taken away from its rows."""

import math

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import FixedVector
from reid.domain.centring import Centring, WholeVector


class RowCameras:
    """``turned``: ``(cameras,)`` radians that new means turned a camera's rows by, in all at most."""

    def __init__(self, dim: int, centring: Centring) -> None:
        self._dim, self._centring = dim, centring
        self.turned: NDArray[np.float64] = np.zeros(0)
        self._numbers: dict[str, int] = {}
        self._in_force: list[FixedVector | None] = []
        self._all: WholeVector = np.zeros((0, dim))

    def known(self, camera_id: str) -> int | None:
        return self._numbers.get(camera_id)

    def number(self, camera_id: str) -> int:
        """The camera's, a new one where there is none."""
        camera = self._numbers.setdefault(camera_id, len(self._numbers))
        if camera == len(self._in_force):
            self._in_force.append(self._centring.mean(camera_id))
            self.turned = np.append(self.turned, 0.0)
        return camera

    def renew(self, camera_id: str, shortest: float) -> None:
        """After a new mean of a known camera, whose rows were all at least so far from the old one."""
        camera, mean = self._numbers[camera_id], self._centring.mean(camera_id)
        moved = _whole(mean, self._dim) - _whole(self._in_force[camera], self._dim)
        length = math.sqrt(float(moved @ moved))
        # A vector of that length at least, to which so much is added, turns by no more than this.
        self.turned[camera] += math.asin(length / shortest) if length < shortest else math.pi
        self._in_force[camera], self._all = mean, np.zeros((0, self._dim))

    def means(self) -> WholeVector:
        """``(cameras, d)`` in force."""
        if len(self._all) != len(self._in_force):
            self._all = np.array([_whole(mean, self._dim) for mean in self._in_force])
        return self._all


def _whole(mean: FixedVector | None, dim: int) -> WholeVector:
    return np.zeros(dim) if mean is None else mean.astype(np.float64)
