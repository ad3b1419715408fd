"""Encoders that are neural networks, by path; what goes into them says `producers.embed.preparation`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np

from producers.embed.base import FloatArray, Knots, normalised
from producers.embed.preparation import Preparation, preparation_of
from producers.frames import Image
from producers.network import Network, Tensor, open_network
from reid.errors import ConfigError

#: Crops in one call of the network.
MAX_BATCH: Final = 16
#: Values of a vector: the agent refuses messages with more (`reid.domain.validate`).
LARGEST: Final = 8192


class DeepEmbedder:
    """`producers.embed.base.Embedder` of a network. Raises `ConfigError` on construction when the network
    does not give one vector a crop, or not of the declared dimension."""

    def __init__(self, network: Network, preparation: Preparation) -> None:
        self.name = preparation.name
        self.version = preparation.version
        self.calibration: Knots = preparation.calibration or ()
        self.agreement = preparation.agreement
        self._network = network
        self._preparation = preparation
        self._fixed_batch = network.input_shape[0] if network.input_shape else None
        grey = np.full((preparation.height, preparation.width, 3), 128, np.uint8)
        coloured = np.ascontiguousarray(grey + np.array([-96, -32, 64], np.int8).view(np.uint8))
        # In one call where the file allows it: some exports fix the batch deep inside, and fail only when
        # a second person comes.
        output = self._embedded([grey, coloured])
        if output.ndim != 2 or len(output) != 2 or not 1 < output.shape[1] <= LARGEST:
            raise ConfigError(
                f"embedder {self.name}: gives {output.shape} for two crops, not one vector of 2 to {LARGEST} "
                "values each"
            )
        self.dim = int(output.shape[1])
        if preparation.dim not in (None, self.dim):
            raise ConfigError(f"embedder {self.name}: field dim: {preparation.dim}, but it gives {self.dim}")
        # Grey may be a network's very zero; of another crop too it has no business to say nothing, nor the
        # same. Such rows have no direction of their own: all would look alike, and the agent see one person.
        if not np.isfinite(output).all() or np.array_equal(*normalised(output)):
            raise ConfigError(
                f"embedder {self.name}: gives {_odd(output)} whatever the crop: its weights are damaged, or "
                "scale, mean or std of its sidecar are not those of its training"
            )

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises `ConfigError` when the model cannot be loaded, is unknown, or its sidecar is wrong."""
        network = open_network(path)
        return cls(network, preparation_of(path, network))

    def embed(self, crops: Sequence[Image]) -> FloatArray:
        if not crops:
            return np.zeros((0, self.dim), np.float32)
        vectors = self._embedded(crops)
        if self._preparation.flip:
            mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
            vectors = normalised(vectors) + normalised(self._embedded(mirrored))
        return normalised(vectors)

    def _embedded(self, crops: Sequence[Image]) -> FloatArray:
        size = self._fixed_batch or MAX_BATCH
        parts = [self._run(self._prepared(crops[i : i + size])) for i in range(0, len(crops), size)]
        return np.concatenate(parts)

    def _run(self, batch: Tensor) -> FloatArray:
        wanted = len(batch)
        if self._fixed_batch and wanted < self._fixed_batch:
            # A network exported with a fixed batch takes no smaller one: what is added is dropped again.
            batch = np.concatenate([batch, np.repeat(batch[-1:], self._fixed_batch - wanted, axis=0)])
        output = np.atleast_1d(self._network.run(batch)[0])
        # Networks end in (n, d) or in (n, d, 1, 1); larger planes are a map that is yet to be pooled.
        return (output[..., 0, 0] if output.ndim == 4 and output.shape[2:] == (1, 1) else output)[:wanted]

    def _prepared(self, crops: Sequence[Image]) -> Tensor:
        want = self._preparation
        pixels = np.stack([_stretched(crop, want.width, want.height) for crop in crops])
        if want.channels == "RGB":
            pixels = pixels[..., ::-1]
        mean, std = np.array(want.mean, np.float32), np.array(want.std, np.float32)
        values = (pixels.astype(np.float32) * want.scale - mean) / std
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)


def _odd(output: FloatArray) -> str:
    if not np.isfinite(output).all():
        return "numbers that are not finite"
    return "the same vector" if output.any() else "zeros"


def _stretched(crop: Image, width: int, height: int) -> Image:
    # Linear interpolation looks at four pixels: of a crop several times the size it would skip the others.
    shrinks = crop.shape[0] >= height and crop.shape[1] >= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (width, height), interpolation=how), np.uint8)
