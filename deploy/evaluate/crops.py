"""A directory of person crops, named as Market-1501 names them, and what an encoder says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from producers.detect.base import Boxes
from producers.embed.base import Embedder, model_of
from producers.embed.select import open_embedder
from producers.quality import EDGE_PIXELS, qualities
from producers.training.data import AUTO, Named, listed
from producers.training.score import embedded
from reid.contracts.detections import Model
from reid.contracts.embedding import encode_wire
from reid.evaluation.vectors import IntArray, Vectors

#: A crop fills its picture, but nothing cut it off: the frame it is judged in is so much larger, pixels.
_MARGIN: Final = int(EDGE_PIXELS) + 2


@dataclass(frozen=True)
class CropSet:
    """``files`` in order of name. ``distractors``: further crops, of people nobody knows; ``junk``: how many
    crops were left out."""

    name: str
    files: tuple[Named, ...]
    distractors: tuple[Named, ...] = ()
    junk: int = 0

    @property
    def people(self) -> IntArray:
        return np.array([crop.person for crop in self.files], np.int64)

    @property
    def cameras(self) -> IntArray:
        return np.array([crop.camera for crop in self.files], np.int64)

    def of(self, people: Sequence[int]) -> "CropSet":
        """The crops of these people alone."""
        wanted = set(people)
        return replace(self, files=tuple(crop for crop in self.files if crop.person in wanted))

    def with_distractors(self) -> "CropSet":
        """Each distractor among the others, as a person of its own with a negative number: that two of them
        share a number in their names says nothing."""
        alone = [replace(crop, person=-number) for number, crop in enumerate(self.distractors, 1)]
        return replace(self, files=tuple(sorted([*self.files, *alone], key=lambda crop: crop.path)))

    def told(self, distractors_are: str) -> str:
        """Of distractors and junk, for a title; empty where there are none."""
        found = f"; {len(self.distractors)} distractors {distractors_are}" if self.distractors else ""
        return f"{found}; {self.junk} junk crops left out" if self.junk else found

    def qualities(self) -> dict[Path, float]:
        """What the cameras would say of each crop's quality: size and sharpness, 0 to 1."""
        return {crop.path: _quality(crop) for crop in self.files}


def open_crops(directory: Path, limit: int | None = None, seed: int = 0, distractors: str = AUTO) -> CropSet:
    """``limit``: only so many people, drawn with ``seed``; all distractors stay. ``distractors``, and what is
    raised: as of `listed`."""
    found = listed(directory, distractors)
    everything = CropSet(directory.resolve().name, found.crops, found.distractors, found.junk)
    everyone = np.unique(everything.people)
    if limit is None or limit >= len(everyone):
        return everything
    return everything.of(np.random.default_rng(seed).choice(everyone, limit, replace=False).tolist())


def _quality(crop: Named) -> float:
    edge = _MARGIN
    image = cv2.copyMakeBorder(crop.read(), edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    height, width = image.shape[:2]
    box = Boxes.of([[edge, edge, width - 2 * edge, height - 2 * edge]], [1.0])
    return round(float(qualities(np.asarray(image, np.uint8), box)[0]), 3)


@dataclass
class Encoder:
    """An encoder by the setting's name or path, that never looks at the same crops twice."""

    setting: str
    embedder: Embedder
    ms_a_crop: float = 0.0
    _known: dict[Path, int] = field(default_factory=dict)
    _rows: Vectors | None = None

    @classmethod
    def open(cls, setting: str) -> "Encoder":
        """Raises `ConfigError` when it cannot be opened."""
        return cls(setting, open_embedder(setting))

    @property
    def name(self) -> str:
        return f"{self.embedder.name}@{self.embedder.version}"

    @property
    def model(self) -> Model:
        return model_of(self.embedder)

    def vectors(self, crops: CropSet) -> Vectors:
        """Rows in the order of ``crops.files``."""
        fresh = [crop for crop in crops.files if crop.path not in self._known]
        if fresh:
            found, self.ms_a_crop = embedded(fresh, self.embedder)
            before = 0 if self._rows is None else len(self._rows)
            self._known.update({crop.path: before + i for i, crop in enumerate(fresh)})
            self._rows = found if self._rows is None else _joined(self._rows, found)
        assert self._rows is not None
        places = np.array([self._known[crop.path] for crop in crops.files])
        return Vectors(self._rows.rows[places], crops.people, crops.cameras)

    def wires(self, crops: CropSet) -> dict[Path, bytes]:
        """Each crop's embedding as a message carries it."""
        rows = self.vectors(crops).rows
        return {crop.path: encode_wire(row) for crop, row in zip(crops.files, rows, strict=True)}


def _joined(a: Vectors, b: Vectors) -> Vectors:
    return Vectors(
        np.concatenate([a.rows, b.rows]),
        np.concatenate([a.people, b.people]),
        np.concatenate([a.cameras, b.cameras]),
    )
