"""Persons whose templates lie as an encoder lays them: clusters, along the axes that it really uses.

Measured on real crops where there are some: the covariance of persons' means and that of crops about their
own person's mean (what PLDA assumes of embeddings: Ioffe, ECCV 2006). Then as many Gaussian persons and
templates as wanted are drawn, and made unit vectors. Their similarities spread like the real ones, except
that real persons have rarer, more extreme views.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from producers.embed.select import open_embedder
from reid.contracts.embedding import SCALE

#: Exponent of eigenvalue by rank where no crops are there to measure: real encoders have 0.9 to 1.4.
SLOPE: Final = 1.1
#: Standard deviation within persons to that between them, likewise.
WITHIN: Final = 0.7
Matrix = NDArray[np.float32]


class Shape(NamedTuple):
    """``mean``: (dim,) of all; ``between``, ``within``: (dim, dim) roots of the covariances. ``measured_on``:
    crops, 0 when made up."""

    mean: Matrix
    between: Matrix
    within: Matrix
    measured_on: int


def shape_of(encoder: str, folder: Path | None, most: int = 3000) -> Shape:
    """``folder``: crops named as Market-1501 names them, ``{person}_…``."""
    paths = sorted(folder.glob("*.jpg"))[:most] if folder is not None and folder.is_dir() else []
    embedder = open_embedder(encoder)
    if not paths:
        spectrum = np.diag(np.arange(1, embedder.dim + 1, dtype=np.float32) ** (-SLOPE / 2))
        return Shape(np.zeros(embedder.dim, np.float32), spectrum, WITHIN * spectrum, 0)
    crops = [np.asarray(cv2.imread(str(path)), np.uint8) for path in paths]
    vectors = np.concatenate([embedder.embed(crops[i : i + 64]) for i in range(0, len(crops), 64)])
    persons = np.unique([path.name.split("_")[0] for path in paths], return_inverse=True)[1]
    means = np.stack([vectors[persons == person].mean(axis=0) for person in range(persons.max() + 1)])
    mean = means.mean(axis=0)
    return Shape(mean, _root(means - mean), _root(vectors - means[persons]), len(paths))


def _root(rows: Matrix) -> Matrix:
    """A matrix M so that ``z @ M`` has the covariance of ``rows`` for standard normal z."""
    values, vectors = np.linalg.eigh(np.cov(rows.T.astype(np.float64)))
    return np.asarray(np.sqrt(values.clip(0))[:, None] * vectors.T, np.float32)


def persons(shape: Shape, count: int, templates: int, seed: int) -> Iterator[NDArray[np.int16]]:
    """Each person's ``(templates, dim)`` unit vectors in fixed point."""
    random, dim, chunk = np.random.default_rng(seed), len(shape.mean), 500
    for first in range(0, count, chunk):
        some = min(chunk, count - first)
        means = shape.mean + random.standard_normal((some, dim), dtype=np.float32) @ shape.between
        spread = random.standard_normal((some, templates, dim), dtype=np.float32) @ shape.within
        vectors = means[:, None] + spread
        vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
        yield from np.rint(vectors * np.float32(SCALE)).astype(np.int16)
