"""Measures what calibrates an encoder's cosine, on crops of people seen by several cameras.

Pairs are across cameras, of means of two crops: similarity 0 at the median stranger, 0.6 where 1 % of
strangers lie above, 1.0 at the best per cent of true pairs, straight between (see
`reid.contracts.detections.Model`).

Why two: a mean has less noise than a crop, so that strangers dressed alike come nearer the longer their
tracks. With knots of single crops 2 to 8 % of the strangers of tracks of four pass at 0.6; with knots of
four, 0.1 to 0.5 % of those of single crops (`cuhk03_val`, four encoders). Two is in the middle: about 0.5 %
of single crops and 2 % of long tracks.

How much noise there is in a crop is measured with them: 1 % of strangers lie above a lower cosine where pairs
are of single crops, and the share of the cosine of means of two that is left says what two crops of a track
agree in. `reid.domain.similarity.evening` makes any number of crops of it: an encoder's share of strangers
that pass at 0.6 is then about the same for one to four crops on either side (docs/adr/0033).
"""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from producers.embed.base import Embedder, FloatArray, normalised
from producers.embed.calibration import checked
from producers.training.data import AUTO, Named, listed
from reid.errors import ConfigError

CROPS_A_TRACK: Final = 2
BATCH: Final = 8
#: Fewer, and a hundredth of them is a handful, a matter of chance.
MIN_STRANGERS: Final = 1000
MIN_TRUE_PAIRS: Final = 20
Labels = npt.NDArray[np.int64]
KnotList = list[tuple[float, float]]


class Measured(NamedTuple):
    """``measured_on``: in words."""

    knots: KnotList
    agreement: float | None
    measured_on: str


@dataclass(frozen=True)
class Gallery:
    """``vectors``: (n, dim) unit rows; ``people``, ``cameras``: (n,)."""

    vectors: FloatArray
    people: Labels
    cameras: Labels

    def of_camera(self, camera: int) -> "Gallery":
        mask = self.cameras == camera
        return Gallery(self.vectors[mask], self.people[mask], self.cameras[mask])

    def track_means(self) -> "Gallery":
        """One row a person and camera: the mean of their first crops."""
        groups = self._tracks()
        means = [self.vectors[rows[:CROPS_A_TRACK]].mean(axis=0) for rows in groups.values()]
        people, cameras = (np.array(column) for column in zip(*groups, strict=True))
        return Gallery(normalised(np.stack(means)), people, cameras)

    def first_crops(self) -> list["Gallery"]:
        """The first crop of each track that has as many as are averaged, then their second ones."""
        whole = [rows for rows in self._tracks().values() if len(rows) >= CROPS_A_TRACK]
        return [self._of([rows[place] for rows in whole]) for place in range(CROPS_A_TRACK)]

    def _tracks(self) -> dict[tuple[int, int], list[int]]:
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, key in enumerate(zip(self.people.tolist(), self.cameras.tolist(), strict=True)):
            groups[key].append(index)
        return groups

    def _of(self, rows: list[int]) -> "Gallery":
        return Gallery(self.vectors[rows], self.people[rows], self.cameras[rows])


def embedded(
    directory: Path,
    embedder: Embedder,
    max_people: int | None = None,
    crops_a_track: int | None = None,
    distractors: str = AUTO,
) -> tuple[Gallery, float]:
    """All crops of the first ``max_people`` persons, or the first so many of each in each camera, embedded;
    and milliseconds a crop.

    Files are named as Market-1501 names them: ``{person}_c{camera}s1_{index}_00.jpg``; ``distractors``, as
    `listed` tells them, are left out. Raises `ConfigError` when there is none, or one is no picture.
    """
    found = list(listed(directory, distractors).crops)
    chosen = set(sorted({crop.person for crop in found})[:max_people])
    found = [crop for crop in found if crop.person in chosen]
    if crops_a_track is not None:
        found = _first(found, crops_a_track)
    parts, spent = [], 0.0
    for start in range(0, len(found), BATCH):
        crops = [crop.read() for crop in found[start : start + BATCH]]
        began = time.perf_counter()
        parts.append(embedder.embed(crops))
        spent += time.perf_counter() - began
    people, cameras = (np.array([getattr(crop, name) for crop in found]) for name in ("person", "camera"))
    return Gallery(np.concatenate(parts), people, cameras), 1000 * spent / len(found)


def _first(found: list[Named], crops_a_track: int) -> list[Named]:
    seen: Counter[tuple[int, int]] = Counter()
    kept = []
    for crop in found:
        seen[crop.person, crop.camera] += 1
        if seen[crop.person, crop.camera] <= crops_a_track:
            kept.append(crop)
    return kept


def cross_camera(gallery: Gallery) -> tuple[FloatArray, FloatArray]:
    """Cosines of true pairs and of strangers; the two of a pair are of different cameras."""
    one, two = np.triu_indices(len(gallery.people), 1)
    other = gallery.cameras[one] != gallery.cameras[two]
    same = gallery.people[one] == gallery.people[two]
    cosines = (gallery.vectors @ gallery.vectors.T)[one, two]
    return cosines[other & same], cosines[other & ~same]


def knots(genuine: FloatArray, impostor: FloatArray) -> KnotList:
    """See the module's docstring. May fail to rise where strangers are alike: `calibrated` refuses that."""
    zero, operating = (float(quantile) for quantile in np.quantile(impostor, [0.5, 0.99]))
    one = min(max(float(np.quantile(genuine, 0.99)), operating + 0.01), 1.0)
    return [(round(zero, 4), 0.0), (round(operating, 4), 0.6), (round(one, 4), 1.0)]


def agreement(gallery: Gallery) -> float | None:
    """Of single crops' ``gallery``, what two crops of a track agree in, 0 to 1, as the cosine tells that 1 %
    of strangers lie above: of the same tracks, of single crops and of means of two. None with too few of
    them, or where the encoder finds that strangers have nothing in common.
    """
    each = gallery.first_crops()
    singles = [cross_camera(crops)[1] for crops in each] if len(each[0].people) else []
    if not singles or len(singles[0]) < MIN_STRANGERS:
        return None
    means = normalised(np.mean([crops.vectors for crops in each], axis=0))
    both = Gallery(means, each[0].people, each[0].cameras)
    single = float(np.quantile(np.concatenate(singles), 0.99))
    double = float(np.quantile(cross_camera(both)[1], 0.99))
    if double <= 0:
        return None
    return round(min(max(2 * single / double - 1, 0.0), 1.0), 3)


def calibrated(gallery: Gallery, name: str) -> Measured:
    """Of single crops' ``gallery``; ``name``: what it is called.

    Raises `ConfigError` when there are too few pairs to tell where 1 % of strangers lie, or when these have
    a cosine of 1: the encoder, or what it is given, tells nobody apart.
    """
    tracks = gallery.track_means()
    genuine, impostor = cross_camera(tracks)
    people = len(np.unique(tracks.people))
    if len(impostor) < MIN_STRANGERS or len(genuine) < MIN_TRUE_PAIRS:
        raise ConfigError(
            f"{name}: {people} people make {len(genuine)} true pairs across cameras and {len(impostor)} of "
            f"strangers; {MIN_TRUE_PAIRS} and {MIN_STRANGERS} are needed: some 35 people in two cameras"
        )
    found = knots(genuine, impostor)
    checked(found, f"{name}: strangers are too alike to this encoder, knots {found}")
    return Measured(found, agreement(gallery), f"{name}, {people} people, means of {CROPS_A_TRACK}")
