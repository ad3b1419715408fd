"""Encoders that are neural networks, by path: families recognised by name, others declared in a sidecar.

The sidecar of ``encoder.onnx`` is ``encoder.onnx.json``, such as::

    {"name": "our-encoder", "version": "3", "width": 128, "height": 256, "channels": "RGB",
     "scale": 0.003921569, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
     "calibration": [[0.1, 0.0], [0.62, 0.6], [0.9, 1.0]]}

Fields left out are those of the recognised family, else `Preparation`'s.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, Self

import cv2
import msgspec
import numpy as np

from producers.embed.base import FloatArray, Knots, normalised
from producers.embed.calibration import calibration_of, checked
from producers.frames import Image
from producers.network import Network, Tensor, open_network
from reid.errors import ConfigError

#: Crops in one call of the network.
MAX_BATCH: Final = 16


class Preparation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the network expects: crops stretched to width × height, ``(pixel * scale - mean) / std`` by
    channel in ``channels`` order. ``version`` empty: a short hash of the file."""

    name: str = ""
    version: str = ""
    width: int = 128
    height: int = 256
    channels: Literal["BGR", "RGB"] = "RGB"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    calibration: tuple[tuple[float, float], ...] | None = None


IMAGENET: Final = Preparation()
PLAIN_BGR: Final = Preparation(channels="BGR", scale=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
#: By what the file's name begins with. torchreid's OSNet; Open Model Zoo's person-reidentification-retail.
FAMILIES: Final[dict[str, Preparation]] = {"osnet": IMAGENET, "person-reidentification-retail": PLAIN_BGR}


class DeepEmbedder:
    """`producers.embed.base.Embedder` of a network. Raises `ConfigError` on construction when the network
    does not give one vector a crop."""

    def __init__(self, network: Network, preparation: Preparation) -> None:
        self.name = preparation.name
        self.version = preparation.version
        self.calibration: Knots = preparation.calibration or ()
        self._network = network
        self._preparation = preparation
        self._fixed_batch = network.input_shape[0] if network.input_shape else None
        grey = np.full((preparation.height, preparation.width, 3), 128, np.uint8)
        output = self._run(self._prepared([grey]))
        if output.ndim != 2 or len(output) != 1:
            raise ConfigError(f"embedder {self.name}: gives {output.shape}, not one vector a crop")
        self.dim = int(output.shape[1])

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises `ConfigError` when the model cannot be loaded or its sidecar is wrong."""
        return cls(open_network(path), preparation_of(path))

    def embed(self, crops: Sequence[Image]) -> FloatArray:
        if not crops:
            return np.zeros((0, self.dim), np.float32)
        size = self._fixed_batch or MAX_BATCH
        parts = [self._run(self._prepared(crops[i : i + size])) for i in range(0, len(crops), size)]
        return normalised(np.concatenate(parts))

    def _run(self, batch: Tensor) -> FloatArray:
        # Networks end in (n, d) or in (n, d, 1, 1).
        output = self._network.run(batch)[0]
        return output.reshape(len(output), -1) if output.ndim == 4 else output

    def _prepared(self, crops: Sequence[Image]) -> Tensor:
        want = self._preparation
        size = (want.width, want.height)
        pixels = np.stack([cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR) for crop in crops])
        if want.channels == "RGB":
            pixels = pixels[..., ::-1]
        mean, std = np.array(want.mean, np.float32), np.array(want.std, np.float32)
        values = (pixels.astype(np.float32) * want.scale - mean) / std
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)


def preparation_of(path: Path) -> Preparation:
    """The family's, overridden by the sidecar. Raises `ConfigError` when there is neither."""
    sidecar = path.with_name(path.name + ".json")
    family = next((made for stem, made in FAMILIES.items() if path.stem.startswith(stem)), None)
    if family is None and not sidecar.is_file():
        raise ConfigError(
            f"embedder {path}: of no known family ({', '.join(FAMILIES)}); "
            f'declare its input in {sidecar.name}, such as {{"width": 128, "height": 256, "channels": "RGB"}}'
        )
    stated: dict[str, object] = {}
    try:
        if sidecar.is_file():
            stated = msgspec.json.decode(sidecar.read_bytes(), type=dict[str, object])
        found = msgspec.convert(msgspec.structs.asdict(family or IMAGENET) | stated, Preparation)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{sidecar}: {error}") from error
    name = found.name or path.stem
    return msgspec.structs.replace(
        found,
        name=name,
        version=found.version or _fingerprint(path),
        calibration=checked(found.calibration, str(sidecar)) if found.calibration else calibration_of(name),
    )


def _fingerprint(path: Path) -> str:
    """Eight hex digits of the weights: other weights of the same name are never compared with these."""
    weights = path.with_suffix(".bin") if path.suffix.lower() == ".xml" else path
    try:
        return sha256(weights.read_bytes()).hexdigest()[:8]
    except OSError as error:
        raise ConfigError(f"embedder {path}: {weights.name} is missing beside it") from error
