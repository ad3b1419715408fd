"""One camera in its thread: source → pipeline → publisher, and the report about it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from producers.camera import CameraPipeline
from producers.pictures import LivePictures
from producers.publish import Publisher
from producers.sources.base import Source, SourceStats, State
from reid.contracts.detections import CameraStatus, Model
from reid.errors import ReidError

log = logging.getLogger(__name__)

#: Frames in a row that the pipeline could not process, after which the camera has failed.
MAX_FAILURES: Final = 10


class CameraWorker(threading.Thread):
    """Runs until its source ends, `stop`, or a failure; never takes another camera down with it."""

    def __init__(
        self,
        camera_id: str,
        session: str,
        make_source: Callable[[], Source],
        make_pipeline: Callable[[], CameraPipeline],
        publisher: Publisher,
        *,
        site_id: str,
        detector: str,
        model: Model,
        pictures: LivePictures | None = None,
    ) -> None:
        super().__init__(name=f"camera {camera_id}", daemon=True)
        self.camera_id = camera_id
        self._session = session
        self._make_source = make_source
        self._make_pipeline = make_pipeline
        self._publisher = publisher
        self._site_id = site_id
        self._detector = detector
        self._model = model
        self._pictures = pictures
        self._source: Source | None = None
        self._pipeline: CameraPipeline | None = None
        self._stopping = threading.Event()
        self._failure = ""
        self._captured_at = 0
        self._began = time.monotonic()
        self._reported = (self._began, 0, 0.0)

    def run(self) -> None:
        try:
            self._pipeline = self._make_pipeline()
            self._source = self._make_source()
            if not self._stopping.is_set():
                self._work(self._source, self._pipeline)
        except ReidError as error:
            self._failure = str(error)
            log.error("camera %s failed: %s", self.camera_id, error)
        except Exception as error:
            self._failure = f"{error!r}; the log has the details"
            log.exception("camera %s failed", self.camera_id)
        finally:
            if self._source is not None:
                self._source.close()

    def _work(self, source: Source, pipeline: CameraPipeline) -> None:
        log.info("camera %s: %s", self.camera_id, source.describe())
        failures = 0
        for captured in source:
            if self._stopping.is_set():
                return
            try:
                frame = pipeline.process(captured)
            except ReidError:
                raise
            except Exception as error:
                # One odd frame must not end a camera, whatever a detector makes of it: OpenCV and numpy raise
                # errors of many kinds. Many in a row are no accident.
                failures += 1
                source.stats.corrupt += 1
                if failures >= MAX_FAILURES:
                    raise
                log.warning(
                    "camera %s: frame %d left out: %r",
                    self.camera_id,
                    captured.number,
                    error,
                    exc_info=failures == 1,
                )
                continue
            failures = 0
            self._captured_at = captured.captured_at
            if frame is not None:
                self._publisher.offer(frame)
            picture = None
            if self._pictures is not None:
                picture = self._pictures.take(captured, frame, pipeline.detected)
            if picture is not None:
                self._publisher.picture(picture)

    def stop(self) -> None:
        """Asks the thread to end; does not wait."""
        self._stopping.set()
        if self._source is not None:
            self._source.stop()

    def status(self) -> CameraStatus:
        """The report of now; rates are over the time since the previous one."""
        stats = self._source.stats if self._source is not None else SourceStats()
        fps, detect_ms = self._rates()
        return CameraStatus(
            site_id=self._site_id,
            camera_id=self.camera_id,
            session=self._session,
            reported_at=time.time_ns() // 1_000_000,
            state=self._state(stats),
            detail=self._failure or stats.detail,
            source=self._source.describe() if self._source is not None else "",
            width=stats.width,
            height=stats.height,
            fps=round(fps, 2),
            frames_captured=stats.captured,
            frames_dropped=stats.dropped,
            frames_corrupt=stats.corrupt,
            frames_published=self._publisher.published[self.camera_id],
            publish_failed=self._publisher.failed[self.camera_id],
            tracks=self._pipeline.tracks_now if self._pipeline else 0,
            captured_at=self._captured_at,
            detect_ms=round(detect_ms, 2),
            detector=self._detector,
            embedder=self._model.name,
            model=self._model,
        )

    def summary(self) -> str:
        """One line for the log at the end."""
        status = self.status()
        times = self._pipeline.times if self._pipeline else None
        spent = ""
        if times and times.frames:
            spent = (
                f"; a frame: detect {times.detect / times.frames:.1f} ms, "
                f"track {times.track / times.frames:.1f} ms, embed {times.embed / times.frames:.1f} ms"
            )
        return (
            f"camera {self.camera_id} {status.state}: {status.frames_captured} frames captured, "
            f"{status.frames_dropped} dropped, {status.frames_corrupt} corrupt, "
            f"{status.frames_published} published, {status.publish_failed} lost{spent}"
        )

    def _state(self, stats: SourceStats) -> State:
        if self._failure:
            return "failed"
        # Asked to end, it has: its reader may hang for a while yet, and the process leaves without it.
        ran = self._stopping.is_set() or (self.ident is not None and not self.is_alive())
        return "ended" if ran else stats.state

    def _rates(self) -> tuple[float, float]:
        now = time.monotonic()
        times = self._pipeline.times if self._pipeline else None
        frames, spent = (times.frames, times.total) if times else (0, 0.0)
        then, frames_then, spent_then = self._reported
        self._reported = (now, frames, spent)
        done = frames - frames_then
        return done / max(now - then, 1e-3), (spent - spent_then) / done if done else 0.0
