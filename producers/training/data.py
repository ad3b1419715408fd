"""Person crops in memory, and batches that show every person in two cameras.

A directory holds files named as Market-1501 names them: ``{person}_c{camera}s{sequence}_{index}_00.jpg``.
There a negative person is junk (a box that shows too little of anybody), which is left out; person 0 is a
distractor, see `Listing`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.sources.file import IMAGE_SUFFIXES
from reid.errors import ConfigError

#: Person 0 is distractors where there is junk, too: only the original naming has that. See `Listing`.
AUTO: Final = "auto"
NAME: Final = re.compile(r"(-?\d+)_c(\d+)")
IntArray = npt.NDArray[np.int64]
Seen = Callable[[npt.NDArray[np.uint8], int], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Crops:
    """``pixels``: (n, height, width, 3) uint8 RGB; ``people``, ``cameras``: (n,) as the file names say."""

    pixels: npt.NDArray[np.uint8]
    people: IntArray
    cameras: IntArray

    def __len__(self) -> int:
        return len(self.people)

    def labels(self) -> IntArray:
        """People renumbered 0 … number of people − 1."""
        return np.asarray(np.unique(self.people, return_inverse=True)[1], np.int64)


@dataclass(frozen=True)
class Named:
    """One file, and what its name says."""

    path: Path
    person: int
    camera: int

    def read(self, seen: Seen | None = None) -> npt.NDArray[np.uint8]:
        """BGR; as ``seen`` shows it: (picture, camera) -> picture. Raises `ConfigError` when the file is
        no picture."""
        image = cv2.imread(str(self.path))
        if image is None:
            raise ConfigError(f"{self.path}: not a picture; remove it or copy it again")
        picture = np.asarray(image, np.uint8)
        return seen(picture, self.camera) if seen else picture


@dataclass(frozen=True)
class Listing:
    """What a directory holds, in order of name. ``distractors``: crops that share a number because nobody
    knows whom they show, not because they show one person; ``junk``: how many crops were left out."""

    crops: tuple[Named, ...]
    distractors: tuple[Named, ...]
    junk: int


def listed(directory: Path, distractors: str = AUTO) -> Listing:
    """``distractors``: `AUTO`, ``none``, or numbers of people, split by commas.

    Raises `ConfigError` when there is no crop of anybody, or none of such a number.
    """
    files = [(path, NAME.match(path.name)) for path in _pictures(directory)]
    everything = [Named(path, int(name[1]), int(name[2])) for path, name in files if name]
    known = [crop for crop in everything if crop.person >= 0]
    junk = len(everything) - len(known)
    numbers = _distractors(distractors, {crop.person for crop in known}, junk, directory)
    crops = tuple(crop for crop in known if crop.person not in numbers)
    if not crops:
        raise ConfigError(_without_crops(directory))
    return Listing(crops, tuple(crop for crop in known if crop.person in numbers), junk)


def named(directory: Path) -> Iterator[Named]:
    """In order of name, junk and distractors left out. Raises `ConfigError` when there is none."""
    yield from listed(directory).crops


def _pictures(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise ConfigError(f"{directory}: {'not a' if directory.exists() else 'no such'} directory")
    return sorted(path for path in directory.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _distractors(asked: str, people: set[int], junk: int, directory: Path) -> set[int]:
    if asked == AUTO:
        return {0} if junk else set()
    if asked == "none":
        return set()
    parts = asked.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"--distractors {asked}: auto, none, or numbers of people, split by commas")
    numbers = {int(part) for part in parts}
    if unknown := sorted(numbers - people):
        raise ConfigError(f"{directory}: --distractors {asked}: no crop of {unknown[0]:04d} is there")
    return numbers


def _without_crops(directory: Path) -> str:
    told = f"{directory}: no crops named like 0001_c1s1_000000_00.jpg"
    for below in sorted(path for path in directory.iterdir() if path.is_dir()):
        if any(NAME.match(path.name) for path in _pictures(below)):
            return f"{told}; {below} holds some: give that"
    return told


def load(directory: Path, height: int, width: int, seen: Seen | None = None) -> Crops:
    """All crops of a directory at one size. ``seen``, and what is raised: as of `named` and `Named.read`."""
    found = list(named(directory))
    pixels = np.stack([resized(crop.read(seen), height, width) for crop in found])
    people, cameras = (
        np.array(column) for column in zip(*((c.person, c.camera) for c in found), strict=True)
    )
    return Crops(pixels, people, cameras)


def resized(bgr: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """(h, w, 3) BGR -> (height, width, 3) RGB: the mean of what a pixel covers, bilinear where it grows."""
    shrinks = bgr.shape[0] > height
    scaled = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(scaled[..., ::-1])


@dataclass(frozen=True)
class CrossCameraBatches:
    """Batches of ``people`` × 2 cameras × ``views`` crops, without end.

    Every person comes once before any comes again. Half the crops of a person are of one camera and half
    of another, so that each anchor has a positive across cameras; where a camera has fewer crops than
    ``views``, crops repeat. People seen in one camera only are left out.
    """

    crops: Crops
    people: int
    views: int
    generator: np.random.Generator

    def __iter__(self) -> Iterator[IntArray]:
        tracks: dict[int, list[IntArray]] = {}
        for person in np.unique(self.crops.people).tolist():
            of_person = np.flatnonzero(self.crops.people == person)
            cameras = self.crops.cameras[of_person]
            tracks[person] = [of_person[cameras == camera] for camera in np.unique(cameras)]
        everyone = [person for person, seen in tracks.items() if len(seen) > 1]
        if len(everyone) < self.people:
            found = f"{len(everyone)} people seen in two cameras"
            raise ConfigError(f"a batch needs {self.people}, the data has {found}: give more of it")
        while True:
            order = self.generator.permutation(everyone)
            for start in range(0, len(order) - self.people + 1, self.people):
                chosen = [self._crops_of(tracks[person]) for person in order[start : start + self.people]]
                yield np.concatenate(chosen)

    def _crops_of(self, seen: list[IntArray]) -> IntArray:
        pair = self.generator.permutation(len(seen))[:2]
        rows = [
            self.generator.choice(seen[camera], self.views, replace=len(seen[camera]) < self.views)
            for camera in pair
        ]
        return np.concatenate(rows)
