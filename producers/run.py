"""The camera process: one thread a camera, one publisher, a report about each camera every second."""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2

from producers.camera import CameraPipeline
from producers.crops.track_crops import TrackCrops
from producers.crops.writer import CropWriter
from producers.describe.describer import Describer
from producers.detect.select import detector_for, open_detector
from producers.embed.base import Embedder, model_of
from producers.embed.select import open_embedder
from producers.looks import Looks
from producers.pictures import LivePictures
from producers.publish import Publisher
from producers.sources.base import Playback, Source
from producers.sources.spec import open_source
from producers.track import ByteTrack
from producers.worker import CameraWorker
from reid.errors import ConfigError
from reid.runtime.crops.select import open_crops
from reid.runtime.ending import asked_by_signals
from reid.runtime.kafka_refusal import refuse
from reid.runtime.settings import Settings

log = logging.getLogger(__name__)

REPORT_EVERY_S: Final = 1.0
#: Within the 5 s that a process has to end: cameras, then Kafka.
JOIN_S: Final = 2.0
FLUSH_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One camera. ``source``: see `producers.sources.spec`; ``loop`` and ``realtime``: of recordings alone;
    ``start_ms``: epoch milliseconds of a recording's first frame (None: now)."""

    camera_id: str
    source: str
    loop: bool = False
    realtime: bool = True
    start_ms: int | None = None


def run(
    cameras: list[CameraSpec],
    settings: Settings,
    *,
    stop: threading.Event | None = None,
    name: str = "cameras",
) -> None:
    """Blocks until SIGTERM or SIGINT (then returns within 5 s), ``stop``, or the end of every recording.

    One camera's death leaves the others at work; its `CameraStatus` says why. ``name``: of the readiness
    file. Raises `ConfigError` when no camera at all can be started, or Kafka does not let us in.
    """
    cv2.setNumThreads(1)
    stop = stop or threading.Event()
    refuse(settings.kafka())
    embedder = open_embedder(settings.embedder)
    for detector in {detector_for(settings.detector, spec.source) for spec in cameras}:
        open_detector(detector)
    publisher = Publisher(
        settings.kafka(),
        site_id=settings.site_id,
        producer_id=f"{socket.gethostname()}-{os.getpid()}",
        linger_ms=settings.linger_ms,
        zones=settings.zones,
    )
    crops = CropWriter(open_crops(settings), settings.site_id) if settings.crops == "on" else None
    workers = [_worker(spec, settings, embedder, publisher, crops) for spec in _distinct(cameras)]
    with asked_by_signals(stop), _ready(settings, name, cameras):
        for worker in workers:
            worker.start()
        try:
            _report_until(stop, workers, publisher)
        finally:
            _stop(workers, publisher)
            if crops is not None:
                crops.close()
    if workers and all(worker.status().state == "failed" for worker in workers):
        raise ConfigError("no camera works: " + "; ".join(worker.status().detail for worker in workers))


def _distinct(cameras: list[CameraSpec]) -> list[CameraSpec]:
    names = [spec.camera_id for spec in cameras]
    if len(set(names)) < len(names) or not names:
        raise ConfigError(f"cameras {names}: give each camera of a process an id of its own, at least one")
    return cameras


def _worker(
    spec: CameraSpec, settings: Settings, embedder: Embedder, publisher: Publisher, crops: CropWriter | None
) -> CameraWorker:
    session = f"{time.time_ns() // 1_000_000:x}"
    detector = detector_for(settings.detector, spec.source)

    def make_source() -> Source:
        playback = Playback(settings.camera_fps, spec.realtime, spec.loop, spec.start_ms)
        return open_source(spec.source, playback)

    def make_pipeline() -> CameraPipeline:
        return CameraPipeline(
            spec.camera_id,
            session,
            open_detector(detector),
            ByteTrack(settings.camera_fps),
            embedder,
            embed_interval=settings.embed_interval,
            looks=Looks(
                Describer() if settings.attributes else None,
                TrackCrops(crops, settings.crops_blur) if crops is not None else None,
            ),
        )

    pictures = None
    if settings.live_pictures:
        pictures = LivePictures(
            settings.site_id, spec.camera_id, session, settings.live_pictures_fps, settings.crops_blur
        )

    return CameraWorker(
        spec.camera_id,
        session,
        make_source,
        make_pipeline,
        publisher,
        site_id=settings.site_id,
        detector=detector,
        model=model_of(embedder),
        pictures=pictures,
    )


def _report_until(stop: threading.Event, workers: list[CameraWorker], publisher: Publisher) -> None:
    while True:
        stop.wait(REPORT_EVERY_S)
        for worker in workers:
            publisher.report(worker.status())
        if stop.is_set() or not any(worker.is_alive() for worker in workers):
            return


def _stop(workers: list[CameraWorker], publisher: Publisher) -> None:
    for worker in workers:
        worker.stop()
    deadline = time.monotonic() + JOIN_S
    for worker in workers:
        worker.join(max(deadline - time.monotonic(), 0))
    for worker in workers:
        publisher.report(worker.status())
    publisher.close(FLUSH_S)
    for worker in workers:
        log.info("%s", worker.summary())


@contextlib.contextmanager
def _ready(settings: Settings, name: str, cameras: list[CameraSpec]) -> Iterator[None]:
    from reid.runtime.ready import clear_ready, mark_ready

    mark_ready(settings, name, cameras=[spec.camera_id for spec in cameras])
    try:
        yield
    finally:
        clear_ready(settings, name)
