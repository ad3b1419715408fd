"""MOTChallenge folders as cameras whose truth is known."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from deploy.evaluate.footage import Camera, Footage, camera_ids
from deploy.evaluate.mot_text import RATES, Truth, mot_info, mot_truth
from deploy.inputs import VIDEO_SUFFIXES, video_files
from producers.frames import CapturedFrame, Image
from producers.sources.file import IMAGE_SUFFIXES
from producers.sources.pace import Sampler
from reid.errors import ConfigError

#: Frames a second where neither seqinfo.ini nor a video says.
_RATE: Final = 30.0
_PICTURES: Final = "img1"
Numbered = tuple[tuple[int, Path], ...]


@dataclass(frozen=True)
class Sequence:
    """One camera. ``pictures`` with their frame numbers, rising, or else ``video``. ``rate``: per second."""

    truth: Truth
    rate: float
    pictures: Numbered
    video: Path | None


def mot_folders(directory: Path, fps: float, start_ms: int, seconds: float | None = None) -> Footage:
    """Each folder with ``gt/gt.txt`` is a camera, called as the folder is; ids hold for all of them. Takes
    ``fps`` frames a second.

    Raises `ConfigError` when there is none, one has neither pictures nor a video, a file cannot be read, or
    the truth is of nobody: with nobody to find, whoever finds nobody is perfect.
    """
    folders = sorted(path.parent.parent for path in directory.glob("**/gt/gt.txt") if path.is_file())
    if not folders:
        what = "no folder with gt/gt.txt in it (MOTChallenge), one a camera"
        raise ConfigError(f"{directory}: {what if directory.is_dir() else 'no such directory'}")
    ids = camera_ids([_name(folder) for folder in folders], folders)
    found = [sequence(folder) for folder in folders]
    if not any(each.truth for each in found):
        raise ConfigError(
            f"{directory}: nobody is left of gt/gt.txt without rows not to be considered (0) and classes "
            "but 1; give another set, or the videos with --videos, which needs no truth"
        )
    cameras = tuple(
        Camera(camera_id, partial(_frames, each, fps, start_ms, seconds))
        for camera_id, each in zip(ids, found, strict=True)
    )
    return Footage(f"{directory.resolve().name}: {len(folders)} cameras", cameras)


def _name(folder: Path) -> str:
    """Of ``.`` and ``..`` it is not in the path."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name


def sequence(folder: Path) -> Sequence:
    """Everything that its files say, but the pictures themselves. Raises `ConfigError`."""
    truth, info = mot_truth(folder / "gt" / "gt.txt"), mot_info(folder / "seqinfo.ini")
    pictures = info.pictures or _PICTURES
    numbered = _numbered(p for p in (folder / pictures).glob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if numbered:
        return Sequence(truth, info.rate or _RATE, _of_truth(numbered, truth, folder), None)
    if 0 in truth:  # a video's frames have no numbers of their own: they are counted as the truth does
        truth = {number + 1: persons for number, persons in truth.items()}
    videos = sorted(p for p in folder.glob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    if len(videos) != 1:
        raise ConfigError(f"{folder}: no pictures in {pictures}/, and not one video beside gt/")
    (video,) = video_files(videos)
    return Sequence(truth, info.rate or _rate(video), (), video)


def _numbered(paths: Iterator[Path]) -> Numbered:
    """By the last number in each name; where no name has one, from 1 in the order of names.

    As text, ``frame10`` comes before ``frame2``. Raises `ConfigError` where that does not number them.
    """
    found = [(re.findall(r"\d+", path.stem), path) for path in sorted(paths)]
    if not any(numbers for numbers, _ in found):
        return tuple((place, path) for place, (_, path) in enumerate(found, 1))
    known: dict[int, Path] = {}
    for numbers, path in found:
        if not numbers:
            raise ConfigError(
                f"{path}: no frame number in its name, as the others have; remove it or number it"
            )
        other = known.setdefault(int(numbers[-1]), path)
        if other is not path:
            raise ConfigError(
                f"{other} and {path}: both are frame {int(numbers[-1])}, the last number in their names; "
                "name pictures by their frames, as 000001.jpg"
            )
    return tuple(sorted(known.items()))


def _of_truth(numbered: Numbered, truth: Truth, folder: Path) -> Numbered:
    """Counted from 1 where only the truth is, and from 0 where only the truth is. Raises `ConfigError` where
    no picture is a frame of it: their names then hold a time, or something else."""
    first, last = numbered[0][0], numbered[-1][0]
    if first == 0 and 0 not in truth and last + 1 in truth:
        return tuple((number + 1, path) for number, path in numbered)
    if first == 1 and 0 in truth and last not in truth:
        return tuple((number - 1, path) for number, path in numbered)
    if truth and not any(number in truth for number, _ in numbered):
        raise ConfigError(
            f"{folder}: pictures are frames {first} to {last} by their names, gt/gt.txt has {min(truth)} to "
            f"{max(truth)}; name pictures by their frames, as 000001.jpg"
        )
    return numbered


def _rate(video: Path) -> float:
    capture = cv2.VideoCapture(str(video))
    try:
        rate = float(capture.get(cv2.CAP_PROP_FPS))
    finally:
        capture.release()
    return rate if RATES[0] <= rate <= RATES[1] else _RATE


def _frames(each: Sequence, fps: float, start_ms: int, seconds: float | None) -> Iterator[CapturedFrame]:
    sampler = Sampler(fps)
    for number, image in _opened(each):
        offset = (number - 1) * 1000 / each.rate
        if seconds is not None and offset >= 1000 * seconds:
            return
        if sampler.wants(offset):
            yield CapturedFrame(image(), start_ms + round(offset), number, each.truth.get(number, ()))


def _opened(each: Sequence) -> Iterator[tuple[int, Callable[[], Image]]]:
    """Frame numbers; a picture is decoded only when it is asked for, before the next."""
    if each.video is None:
        for number, path in each.pictures:
            yield number, partial(_read, path)
        return
    capture = cv2.VideoCapture(str(each.video))
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
