"""What all persons look like to one camera: the running mean of its tracks, taken away before comparing.

A camera's light and colour response move every embedding the same way. Without that common part, strangers
of one camera stop looking alike, and a person looks the same on two cameras. The sums are whole numbers, so
the same events give the same mean on every machine; the mean in force is the one that the log last stated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.embedding import FixedVector, fixed_from_bytes, fixed_to_bytes, stacked

WholeVector = NDArray[np.float64]
"""``(d,)`` or ``(n, d)`` whole numbers within ±65,534 (fixed point less a mean), exact in float64."""

#: Tracks' worth of "no common part" in every mean: a camera that has seen few is hardly corrected.
SHRINKAGE: Final = 8
#: When a camera has counted so many tracks, all weigh half from then on: light changes over a day.
WINDOW: Final = 256


@dataclass(slots=True)
class CameraMean:
    """``total``: ``(d,) int64`` sum of ``tracks`` fixed-point unit vectors; ``stated``: ``tracks`` when the
    mean in force was stated; ``mean``: that mean in fixed point, None before the first."""

    total: NDArray[np.int64]
    tracks: int = 0
    stated: int = 0
    mean: FixedVector | None = None

    def add(self, vector: FixedVector) -> None:
        """One more track."""
        self.total = self.total + vector
        self.tracks += 1
        if self.tracks == WINDOW:
            self.total >>= 1
            self.tracks //= 2
            self.stated //= 2

    @property
    def due(self) -> bool:
        """Whether a quarter more tracks were seen than when the mean in force was stated."""
        return self.tracks >= 2 and self.tracks * 4 >= self.stated * 5

    def current(self) -> bytes:
        """The mean as it would be stated now, in fixed point."""
        return fixed_to_bytes((self.total // (self.tracks + SHRINKAGE)).astype(np.int16))


@dataclass(slots=True)
class Centring:
    """The means of all cameras, for one encoder."""

    cameras: dict[str, CameraMean] = field(default_factory=dict)

    def add(self, camera_id: str, vector: FixedVector) -> None:
        """A track of the camera was given an identity. A vector of another length is not of this encoder."""
        known = self.cameras.get(camera_id)
        if known is None:
            known = self.cameras[camera_id] = CameraMean(np.zeros(len(vector), np.int64))
        if len(known.total) == len(vector):
            known.add(vector)

    def state(self, camera_id: str, tracks: int, mean: bytes) -> None:
        """Puts a mean in force."""
        vector = fixed_from_bytes(mean)
        known = self.cameras.setdefault(camera_id, CameraMean(np.zeros(len(vector), np.int64)))
        known.stated, known.mean = tracks, vector

    def due(self, camera_id: str) -> CameraMean | None:
        """The camera's mean, when it is time to state it anew."""
        known = self.cameras.get(camera_id)
        return known if known is not None and known.due else None

    def common(self, *camera_ids: str) -> float:
        """How much of the common part is still in looks of these cameras: 1 none taken away, towards 0."""
        tracks = (known.stated for c in camera_ids if (known := self.cameras.get(c)) is not None)
        found = list(tracks)
        return SHRINKAGE / (SHRINKAGE + min(found)) if len(found) == len(camera_ids) else 1.0

    def mean(self, camera_id: str) -> FixedVector | None:
        """The mean in force of the camera."""
        known = self.cameras.get(camera_id)
        return None if known is None else known.mean

    def centred(self, vectors: FixedVector, camera_id: str) -> WholeVector:
        """``(d,)`` or ``(n, d)`` fixed point, all of one camera -> the same less the camera's mean."""
        mean, whole = self.mean(camera_id), vectors.astype(np.float64)
        return whole if mean is None else whole - mean

    def all_centred(self, raws: Sequence[bytes], camera_ids: Sequence[str]) -> WholeVector:
        """``(n, d)``: as `centred`, of vectors of these cameras."""
        whole = stacked(raws).astype(np.float64)
        numbers = {camera_id: number for number, camera_id in enumerate(dict.fromkeys(camera_ids))}
        means = [self.mean(camera_id) for camera_id in numbers]
        if all(mean is None for mean in means):
            return whole
        none = np.zeros(whole.shape[1])
        table = np.array([none if mean is None else mean for mean in means], np.float64)
        whole -= table[0] if len(means) == 1 else table[[numbers[camera_id] for camera_id in camera_ids]]
        return whole


def squares(rows: WholeVector) -> NDArray[np.float64]:
    """``(n, d)`` -> ``(n,)`` squared lengths, exact."""
    found: NDArray[np.float64] = np.vecdot(rows, rows)
    return found


def cosines(
    rows: WholeVector, probe: WholeVector, row_squares: NDArray[np.float64] | None = None
) -> NDArray[np.int64]:
    """``(n, d)``, ``(d,)`` -> ``(n,)`` cosines in millionths, exact on every machine; 0 without direction.

    Sums of products of these whole numbers stay below 2**53 up to 2,000,000 values; product, square root
    and quotient are rounded as IEEE 754 says. ``row_squares``: of `squares`, where already known.
    """
    lengths = squares(rows) if row_squares is None else row_squares
    return in_millionths(rows @ probe, lengths * (probe @ probe))


def cosines_of_many(
    rows: WholeVector, row_squares: NDArray[np.float64], probes: WholeVector
) -> NDArray[np.int64]:
    """``(n, d)``, ``(n,)``, ``(m, d)`` -> ``(m, n)``: as `cosines` for each probe, to the same bit."""
    return in_millionths(probes @ rows.T, squares(probes)[:, None] * row_squares)


def in_millionths(dots: NDArray[np.float64], both: NDArray[np.float64]) -> NDArray[np.int64]:
    """Products of vectors, and the products of their squared lengths -> cosines."""
    lengths = np.sqrt(both)
    found = np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    return np.rint(found * 1e6).astype(np.int64)
