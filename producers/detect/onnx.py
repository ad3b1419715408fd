"""Person detectors that are neural networks, by path."""

from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, Self

import cv2
import numpy as np

from producers.detect.base import Boxes, clip, suppress
from producers.detect.decode import DECODERS
from producers.detect.layout import Layout, layout_of
from producers.frames import CapturedFrame, Image
from producers.network import Network, Tensor, open_network
from producers.sidecar import new_sidecar, sidecar_of
from reid.errors import ConfigError

#: Smaller persons carry too little to be told apart, pixels.
MIN_HEIGHT: Final = 32.0


class Fit(NamedTuple):
    """How a frame was fitted into the network's input: frame = (input - offset) / scale."""

    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float


class OnnxDetector:
    """`producers.detect.base.Detector`. The cameras of a process share one loaded network."""

    def __init__(self, name: str, network: Network, layout: Layout, min_height: float = MIN_HEIGHT) -> None:
        self.name = name
        self._network = network
        self._layout = layout
        self._min_height = min_height

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises `ConfigError` when the model cannot be loaded, or its layout is unknown or another one."""
        network, layout = _opened(path.absolute())
        return cls(path.stem, network, layout)

    def detect(self, frame: CapturedFrame) -> Boxes:
        batch, fit = fitted(frame.image, self._layout)
        found = DECODERS[self._layout.family](self._network.run(batch)[0], self._layout)
        xywh = found.xywh.copy()
        xywh[:, 0::2] = (xywh[:, 0::2] - [fit.offset_x, 0]) / fit.scale_x
        xywh[:, 1::2] = (xywh[:, 1::2] - [fit.offset_y, 0]) / fit.scale_y
        height, width = frame.image.shape[:2]
        inside = clip(Boxes(xywh, found.score), width, height, self._min_height)
        return suppress(inside, iou=self._layout.iou, contained=0.9)


@lru_cache(maxsize=4)
def _opened(path: Path) -> tuple[Network, Layout]:
    network = open_network(path)
    layout = layout_of(path, network)
    grey = np.full((layout.height, layout.width, 3), 128, np.uint8)
    try:
        DECODERS[layout.family](network.run(fitted(grey, layout)[0])[0], layout)
    except (IndexError, ValueError) as error:
        # Else each frame fails alike, and says no more than this.
        raise ConfigError(
            f"detector {path}: what it gives can't be read as family {layout.family}, person_class "
            f"{layout.person_class} ({error}): correct {(sidecar_of(path) or new_sidecar(path)).name}"
        ) from error
    return network, layout


def fitted(image: Image, layout: Layout) -> tuple[Tensor, Fit]:
    """The frame as the network wants it, (1, 3, height, width), and how it was fitted in."""
    height, width = image.shape[:2]
    scale_x, scale_y = layout.width / width, layout.height / height
    offset_x = offset_y = 0
    if layout.letterbox:
        scale_x = scale_y = min(scale_x, scale_y)
    inner = (round(width * scale_x), round(height * scale_y))
    canvas = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    if layout.letterbox:
        spare_x, spare_y = layout.width - inner[0], layout.height - inner[1]
        offset_x, offset_y = (spare_x // 2, spare_y // 2) if layout.centred else (0, 0)
        edges = (offset_y, spare_y - offset_y, offset_x, spare_x - offset_x)
        canvas = cv2.copyMakeBorder(canvas, *edges, cv2.BORDER_CONSTANT, value=(layout.pad,) * 3)
    if layout.channels == "RGB":
        canvas = canvas[..., ::-1]
    mean, std = np.array(layout.mean, np.float32), np.array(layout.std, np.float32)
    pixels = (canvas.astype(np.float32) * layout.scale - mean) / std
    batch = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)
    return batch, Fit(scale_x, scale_y, offset_x, offset_y)
