"""Annotated videos and a contact sheet of a run: the pictures again, with what the log says drawn in.

Frames are read or rendered a second time and matched by their capture time, which is exact: a recording's is
its start plus the time within it, and the simulated site is a function of time.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from deploy.identities import Identities
from deploy.report import Recorded
from deploy.score import tracks_of
from producers.annotate import VideoWriter, annotate, contact_sheet, save_image
from producers.frames import CapturedFrame, Image
from producers.sources.base import Playback
from producers.sources.spec import open_source
from reid.contracts.detections import Frame
from reid.contracts.events import TrackRef
from reid.errors import ConfigError

_PICTURES_EACH: Final = 4


def save(found: Recorded, sources: Sequence[str], fps: float, folder: Path) -> list[Path]:
    """Writes ``room1.mp4`` … and ``contact_sheet.jpg``. Raises `ConfigError` when that can't be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"can't make {folder} ({error.strerror}): give --save another place") from error
    written: list[Path] = []
    tiles: list[Image] = []
    for number, source in enumerate(sources, 1):
        camera_id = f"room{number}"
        frames = _longest_session(found.frames, camera_id)
        if not frames:
            continue
        path = folder / f"{camera_id}.mp4"
        chosen = set(_telling(frames, found.identities))
        with VideoWriter(path, fps) as video:
            for at, image in _drawn(source, frames, fps, found.identities):
                video.write(image)
                if at in chosen:
                    tiles.append(image)
        written.append(path)
    if tiles:
        sheet = folder / "contact_sheet.jpg"
        save_image(sheet, contact_sheet(tiles, columns=_PICTURES_EACH, width=480))
        written.append(sheet)
    return written


def _longest_session(frames: Sequence[Frame], camera_id: str) -> list[Frame]:
    mine = [frame for frame in frames if frame.camera_id == camera_id]
    if not mine:
        return []
    (session, _), *_ = Counter(frame.session for frame in mine).most_common(1)
    return sorted((f for f in mine if f.session == session), key=lambda frame: frame.captured_at)


def _telling(frames: Sequence[Frame], identities: Identities) -> list[int]:
    """Capture times of some frames with named persons, spread over the run."""
    named = [
        frame.captured_at
        for frame in frames
        if any(identities.person_at(track, frame.captured_at) for track in tracks_of(frame))
    ] or [frame.captured_at for frame in frames]
    step = max(1, len(named) // _PICTURES_EACH)
    return named[step // 2 :: step][:_PICTURES_EACH]


def _drawn(
    source: str, frames: Sequence[Frame], fps: float, identities: Identities
) -> Iterator[tuple[int, Image]]:
    published = {frame.captured_at: frame for frame in frames}
    first, last = frames[0].captured_at, frames[-1].captured_at
    # Every camera publishes its very first frame, persons or not: it tells when a recording began. The
    # simulated site has its own start in its address.
    for captured in _again(source, fps, first):
        if captured.captured_at > last:
            return
        if captured.captured_at < first:
            continue
        frame = published.get(captured.captured_at)
        if frame is None:
            yield captured.captured_at, captured.image
            continue
        yield (
            captured.captured_at,
            annotate(captured.image, frame, partial(_label, identities, frame.captured_at)),
        )


def _label(identities: Identities, at: int, camera_id: str, session: str, tracker_id: str) -> str | None:
    person = identities.person_at(TrackRef(camera_id, session, tracker_id), at)
    return None if person is None else identities.label(person)


def _again(source: str, fps: float, start_ms: int) -> Iterator[CapturedFrame]:
    camera = open_source(source, Playback(fps=fps, realtime=False, start_ms=start_ms))
    try:
        yield from camera
    finally:
        camera.close()
