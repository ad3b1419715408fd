"""Cameras whose truth is known: the simulated site, and MOTChallenge folders. Nothing waits for a clock."""

import configparser
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from deploy.inputs import VIDEO_SUFFIXES
from producers.detect.truth import MIN_VISIBILITY
from producers.frames import CapturedFrame, Image, TruePerson
from producers.simulation.site import Site
from producers.simulation.source import SimulatedCamera
from producers.sources.file import IMAGE_SUFFIXES
from producers.sources.pace import Sampler
from reid.errors import ConfigError

#: Frames a second of a MOTChallenge folder that does not say (seqinfo.ini).
_MOT_FPS: Final = 30.0
_PEDESTRIAN: Final = 1


@dataclass(frozen=True)
class Camera:
    """``frames``: opens it anew; in order of capture, each with who is in it."""

    camera_id: str
    frames: Callable[[], Iterator[CapturedFrame]]


@dataclass(frozen=True)
class Footage:
    """``name``: for people."""

    name: str
    cameras: tuple[Camera, ...]


def simulated(people: int, cameras: int, seconds: float, seed: int, fps: float, start_ms: int) -> Footage:
    """The demo's site, from its start. Whom no detector is expected to find is not part of the truth."""
    return footage_of(Site(people, cameras, seed), seconds, fps, start_ms)


def footage_of(site: Site, seconds: float, fps: float, start_ms: int) -> Footage:
    """Any simulated site, from its start."""

    def opened(index: int) -> Iterator[CapturedFrame]:
        for frame in SimulatedCamera(site, index, fps, start_ms, realtime=False, until_s=seconds):
            seen = tuple(p for p in frame.truth or () if p.visibility >= MIN_VISIBILITY)
            yield CapturedFrame(frame.image, frame.captured_at, frame.number, seen)

    found = tuple(Camera(f"room{i + 1}", partial(opened, i)) for i in range(site.cameras))
    told = f"{site.people} people, {site.cameras} cameras, {seconds:g} s, seed {site.seed}"
    return Footage(f"simulated site: {told}", found)


def mot_folders(directory: Path, fps: float, start_ms: int, seconds: float | None = None) -> Footage:
    """Each folder with ``gt/gt.txt`` is a camera; ids hold for all of them. Takes ``fps`` frames a second.

    Raises `ConfigError` when there is none, or one has neither pictures nor a video.
    """
    folders = sorted(path.parent.parent for path in directory.glob("**/gt/gt.txt"))
    if not folders:
        raise ConfigError(f"{directory}: no folder with gt/gt.txt in it (MOTChallenge), one a camera")
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names) or any(set(name) & set(" :/") for name in names):
        raise ConfigError(f"{directory}: cameras {', '.join(names)}: give each a name of its own, no spaces")
    cameras = tuple(Camera(folder.name, partial(_mot, folder, fps, start_ms, seconds)) for folder in folders)
    return Footage(f"{directory.resolve().name}: {len(folders)} cameras", cameras)


def _mot(folder: Path, fps: float, start_ms: int, seconds: float | None) -> Iterator[CapturedFrame]:
    truth, (pictures, rate) = mot_truth(folder / "gt" / "gt.txt"), _sequence(folder)
    sampler = Sampler(fps)
    for number, image in _pictures(folder, pictures):
        offset = (number - 1) * 1000 / rate
        if seconds is not None and offset >= 1000 * seconds:
            return
        if sampler.wants(offset):
            yield CapturedFrame(image(), start_ms + round(offset), number, truth.get(number, ()))


def mot_truth(path: Path) -> dict[int, tuple[TruePerson, ...]]:
    """Frame number, from 1, -> its pedestrians.

    Rows are ``frame,id,left,top,width,height,consider,class,visible``; those that are not to be considered,
    or of another class, are left out. Raises `ConfigError` for any other row.
    """
    found: defaultdict[int, list[TruePerson]] = defaultdict(list)
    for line, row in enumerate(path.read_text().splitlines(), 1):
        if not row.strip():
            continue
        try:
            values = [float(value) for value in row.split(",")]
            frame, person, left, top, width, height = values[:6]
        except ValueError as error:
            raise ConfigError(f"{path}, line {line}: not frame,id,left,top,width,height,…") from error
        considered = len(values) < 7 or values[6] != 0
        # Classes came with MOT16; before, the column holds a coordinate, or -1.
        pedestrian = len(values) < 9 or values[7] in (_PEDESTRIAN, -1)
        if considered and pedestrian and width > 0 and height > 0:
            visible = values[8] if len(values) == 9 and values[8] >= 0 else 1.0
            found[int(frame)].append(TruePerson(int(person), (left, top, width, height), visible))
    return {frame: tuple(persons) for frame, persons in found.items()}


def _sequence(folder: Path) -> tuple[str, float]:
    """Where the pictures are, and frames a second."""
    parser = configparser.ConfigParser()
    parser.read(folder / "seqinfo.ini")
    section = parser["Sequence"] if parser.has_section("Sequence") else {}
    return section.get("imDir", "img1"), float(section.get("frameRate", _MOT_FPS))


def _pictures(folder: Path, pictures: str) -> Iterator[tuple[int, Callable[[], Image]]]:
    """Frame numbers from 1; a picture is decoded only when it is asked for, before the next."""
    paths = sorted(p for p in (folder / pictures).glob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    for place, path in enumerate(paths, 1):
        yield int(path.stem) if path.stem.isdigit() else place, partial(_read, path)
    if paths:
        return
    videos = sorted(p for p in folder.glob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    if len(videos) != 1:
        raise ConfigError(f"{folder}: no pictures in {pictures}/, and not one video beside gt/")
    capture = cv2.VideoCapture(str(videos[0]))
    try:
        number = 0
        while capture.grab():
            number += 1
            yield number, partial(_retrieved, capture)
    finally:
        capture.release()


def _retrieved(capture: cv2.VideoCapture) -> Image:
    return np.asarray(capture.retrieve()[1], np.uint8)


def _read(path: Path) -> Image:
    image = cv2.imread(str(path))
    if image is None:
        raise ConfigError(f"{path}: not a picture; remove it or copy it again")
    return np.asarray(image, np.uint8)
