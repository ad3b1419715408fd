"""Appearances with whom and which camera they show: what every measure of an encoder takes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Vectors:
    """``rows``: (n, d) of unit length, beside whom and which camera they show, (n,) each. A negative person
    is a distractor: one row, somebody nobody knows."""

    rows: FloatArray
    people: IntArray
    cameras: IntArray

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, mask: BoolArray) -> "Vectors":
        return Vectors(self.rows[mask], self.people[mask], self.cameras[mask])

    def of_length(self, crops: int) -> "Vectors":
        """Those whose person has at least so many in that camera."""
        keys = np.stack([self.people, self.cameras], axis=1)
        _, which, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        return self.of(counts[which.ravel()] >= crops)

    def track_means(self, crops: int | None = None) -> "Vectors":
        """One vector a person and camera: the mean of the first ``crops`` of it, or of all."""
        keys = np.unique(np.stack([self.people, self.cameras], axis=1), axis=0)
        means = [
            self.rows[(self.people == person) & (self.cameras == camera)][:crops].mean(axis=0)
            for person, camera in keys
        ]
        return Vectors(unit(np.stack(means)), keys[:, 0], keys[:, 1])


def unit(rows: FloatArray) -> FloatArray:
    """(n, d) rows to unit length; a row of zeros stays one."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)
