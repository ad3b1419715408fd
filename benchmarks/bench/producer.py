"""A camera process on real video: all it does with a frame, beside its detector alone on the same frames."""

import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

import cv2

from benchmarks.bench.row import Row, compared, interleaved
from producers.camera import CameraPipeline
from producers.detect.select import open_detector
from producers.embed.select import open_embedder
from producers.frames import CapturedFrame
from producers.sources.base import SourceStats
from producers.sources.file import VideoReader
from producers.track import ByteTrack
from reid.contracts.codec import encode
from reid.contracts.detections import Detections
from reid.runtime.settings import Settings

DATA: Final = Path("../shared/data")
#: Two or three people who walk past each other; one who walks through a hall in HD.
VIDEOS: Final = ("vut/s3_m_front_multi.mp4", "hall_handoff/cam1.mp4")
_WHAT: Final = "camera process on {video}, {detector}: detect, track, embed, encode; one core"


def run(quick: bool) -> list[Row]:
    cv2.setNumThreads(1)
    settings = Settings()
    rounds, most = (3, 40) if quick else (5, 120)
    model = DATA / "models" / "yolox_nano.onnx"
    detectors = ["headnet", "hog"] + [str(model)] * model.exists()
    return [
        _row(video, detector, settings, rounds, most)
        for video in VIDEOS[: 1 if quick else 2]
        for detector in detectors
    ]


def _row(video: str, detector: str, settings: Settings, rounds: int, most: int) -> Row:
    path = DATA / "video" / video
    what = _WHAT.format(video=video, detector=Path(detector).stem)
    if not path.exists():
        return Row(what=what, unit="frames/s", beside="the detector alone", skipped=f"{path} is not there")
    frames = _frames(path, settings.camera_fps, most)
    stages: list[str] = []
    found = interleaved(
        rounds,
        {
            "ours": lambda: _rate(frames, _whole(detector, settings, stages)),
            "bare": lambda: _rate(frames, open_detector(detector).detect),
        },
    )
    return compared(
        what, "frames/s", found["ours"], "the detector alone", found["bare"], floor=0.6, aim=0.85,
        note=f"{len(frames)} frames at {settings.camera_fps:g} a second, {settings.embedder}",
        more={"last round": stages[-1]},
    )  # fmt: skip


def _frames(path: Path, fps: float, most: int) -> list[CapturedFrame]:
    reader = VideoReader(path, fps=fps, realtime=False, start_ms=1_762_344_658_197)
    return list(islice(reader.frames(threading.Event(), SourceStats()), most))


def _whole(detector: str, settings: Settings, stages: list[str]) -> Callable[[CapturedFrame], object]:
    """The pipeline of one camera, new: what it learnt of earlier frames is not to help it."""
    pipeline = CameraPipeline(
        "room1", "s1", open_detector(detector), ByteTrack(settings.camera_fps),
        open_embedder(settings.embedder), embed_interval=settings.embed_interval,
    )  # fmt: skip
    stages.append("")

    def process(frame: CapturedFrame) -> object:
        made = pipeline.process(frame)
        times = pipeline.times
        stages[-1] = (
            f"detect {times.detect / times.frames:.1f}, track {times.track / times.frames:.1f}, "
            f"embed {times.embed / times.frames:.1f} ms a frame; {times.crops} crops"
        )
        return None if made is None else encode(Detections("global", "bench", (made,)))

    return process


def _rate(frames: list[CapturedFrame], process: Callable[[CapturedFrame], object]) -> float:
    """Frames a second of processor time of this process, which has one thread."""
    began = time.process_time()
    for frame in frames:
        process(frame)
    return len(frames) / (time.process_time() - began)
