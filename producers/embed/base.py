"""What every encoder states and does."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from producers.frames import Image
from reid.contracts.detections import Model

FloatArray = npt.NDArray[np.float32]
Knots = tuple[tuple[float, float], ...]
"""``(raw cosine, similarity)``, both rising; see `reid.contracts.detections.Model`."""


class Embedder(Protocol):
    """Thread-safe: the cameras of a process share one."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def calibration(self) -> Knots: ...

    @property
    def agreement(self) -> float | None: ...

    def embed(self, crops: Sequence[Image]) -> FloatArray:
        """Person crops of any size, BGR -> (n, dim) float32, rows finite and L2-normalised."""
        ...


def model_of(embedder: Embedder) -> Model:
    """What the messages say of the encoder."""
    return Model(embedder.name, embedder.version, embedder.dim, embedder.calibration, embedder.agreement)


def normalised(vectors: FloatArray) -> FloatArray:
    """Rows to unit length. A row without direction (zeros, NaN) becomes the uniform vector, because a
    consumer must refuse a message that has one, and with it everybody else in the frame; `directed` tells."""
    vectors = np.nan_to_num(vectors.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    with np.errstate(over="ignore"):
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
    empty = (length[:, 0] < 1e-12) | np.isinf(length[:, 0])
    vectors[empty] = 1.0
    length[empty] = np.sqrt(vectors.shape[1])
    return np.asarray(vectors / length, np.float32)


def directed(vector: FloatArray) -> bool:
    """Whether it says anything of its crop: all whom the encoder has nothing to say of would look alike."""
    return bool((vector != vector[0]).any())
