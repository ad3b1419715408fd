"""Videos of one's own, without truth: how many ids they are given, and by which cameras."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2

from deploy.evaluate.footage import Camera, Footage, camera_ids
from deploy.evaluate.page import Picture, Sheet
from deploy.evaluate.video_run import VideoRun
from deploy.evaluate.video_score import ids_of
from deploy.evaluate.watch import Watched
from deploy.identities import Identities
from deploy.inputs import video_files
from deploy.score import tracks_of
from producers.frames import CapturedFrame
from producers.sources.base import SourceStats
from producers.sources.file import VideoReader
from reid.contracts.events import TrackRef
from reid.errors import ConfigError

COLUMNS: Final = {
    "people": "people, as you say",
    "ids": "ids given",
    "count_error": "count error",
    "ids_on_several_cameras": "ids seen by several cameras",
    "tracks": "tracks",
    "tracks_without_id": "tracks without an id",
    "boxes": "boxes",
    "labelled_boxes": "boxes with an id",
    "frames": "frames",
}
NOTES: Final = (
    "Frames go through the detector, tracker, encoder and decision rule of a live site, in memory. Nobody "
    "told who is in them: whether an id is one person, and a person one id, is for you to see below. A box "
    "before its track's first decision has no id yet.",
)
#: Ids shown, and tracks of each.
SHOWN: Final = 48
TRACKS: Final = 8


def own_videos(
    paths: Sequence[Path], fps: float, start_ms: int, gap: float | None, seconds: float | None
) -> Footage:
    """Each file a camera, called as the file is. They begin together, or, with ``gap``, each so many seconds
    after the one before it ended. Takes ``fps`` frames a second, of the first ``seconds``.

    Raises `ConfigError` for what cannot be read, two files of one name, and a file that does not say how
    long it is, where that is needed.
    """
    files = video_files(paths)
    cameras, begins = [], start_ms
    for file, camera_id in zip(files, camera_ids([file.stem for file in files], files), strict=True):
        cameras.append(Camera(camera_id, partial(_frames, file, fps, begins, seconds)))
        if gap is not None:
            begins += round(1000 * (min(_length(file), seconds or float("inf")) + gap))
    told = "together" if gap is None else f"one after another, {gap:g} s between"
    return Footage(f"{len(files)} videos, {told}" if len(files) > 1 else files[0].stem, tuple(cameras))


def _frames(file: Path, fps: float, begins: int, seconds: float | None) -> Iterator[CapturedFrame]:
    reader = VideoReader(file, fps=fps, realtime=False, start_ms=begins)
    for frame in reader.frames(threading.Event(), SourceStats()):
        if seconds is not None and frame.captured_at - begins >= 1000 * seconds:
            return
        yield frame


def _length(file: Path) -> float:
    """Seconds."""
    capture = cv2.VideoCapture(str(file))
    try:
        frames, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    if frames <= 0 or rate <= 0:
        raise ConfigError(
            f"video {file}: does not say how long it is, which --gap needs; convert it to an H.264 .mp4"
        )
    return float(frames / rate)


def own_score(watched: Watched, identities: Identities, people: int | None) -> dict[str, Any]:
    """What can be counted without truth, merges followed; ``people``: how many there are, where known."""
    cameras: defaultdict[str, Counter[str]] = defaultdict(Counter)
    tracks: dict[TrackRef, bool] = {}
    for track, person_id in _boxes(watched, identities):
        tracks[track] = tracks.get(track, False) or person_id is not None
        if person_id is not None:
            cameras[person_id][track.camera_id] += 1
    return {
        "people": people,
        "ids": len(cameras),
        "count_error": None if people is None else len(cameras) - people,
        "ids_on_several_cameras": sum(len(seen) > 1 for seen in cameras.values()),
        "tracks": len(tracks),
        "tracks_without_id": sum(not named for named in tracks.values()),
        "boxes": sum(len(look.frame.persons) for look in watched.looks if look.frame is not None),
        "labelled_boxes": sum(seen.total() for seen in cameras.values()),
        "frames": len(watched.looks),
    }


def _boxes(watched: Watched, identities: Identities) -> Iterator[tuple[TrackRef, str | None]]:
    """Of each box its track, and the id that it had then."""
    for look in watched.looks:
        if look.frame is not None:
            yield from zip(tracks_of(look.frame), ids_of(look, identities), strict=True)


def everybody(found: VideoRun) -> list[Sheet]:
    """Each id with the best crop of its tracks, the largest first."""
    identities, shots = found.identities[0], found.watched[0].shots
    tracks: defaultdict[str, Counter[TrackRef]] = defaultdict(Counter)
    for track, person_id in _boxes(found.watched[0], identities):
        if person_id is not None:
            tracks[person_id][track] += 1
    largest = sorted(tracks.items(), key=lambda item: (-item[1].total(), item[0]))[:SHOWN]
    return (
        [
            Sheet(
                f"{found.variant.name}: who was given which id",
                [(identities.label(name), _pictures(found, seen)) for name, seen in largest],
            )
        ]
        if shots
        else []
    )


def _pictures(found: VideoRun, seen: Counter[TrackRef]) -> list[Picture]:
    longest = sorted(seen, key=lambda track: (-seen[track], track))[:TRACKS]
    return [Picture(found.watched[0].shots[track][1], track.camera_id) for track in longest]
