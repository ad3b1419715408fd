"""Sends the frames of a crowd when their time has come, as camera processes would."""

import threading
import time
from typing import Final

from deploy.bench.crowd import Cameras
from producers.publish import Publisher
from reid.contracts.detections import CameraStatus

#: Cameras of one publisher: those of one camera process.
EACH: Final = 8
_REPORT_S: Final = 1.0


class Generator:
    """Runs from `start` to `close`. Frames are due at fixed times; one that is late is sent all the same,
    with the time it was due as its own, as a camera's frame that waited."""

    def __init__(self, cameras: Cameras, bootstrap: str, site_id: str, session: str) -> None:
        self._cameras, self._site_id, self._session = cameras, site_id, session
        self._publishers = [
            Publisher(bootstrap, site_id=site_id, producer_id=f"load-{number}")
            for number in range(-(-cameras.crowd.cameras // EACH))
        ]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="generate", daemon=True)
        self._error: BaseException | None = None
        self.frames = self.persons = self.embeddings = 0
        self.late_s = 0.0
        """How far behind its time the last round of frames was made."""
        self.most_late_s = 0.0

    def start(self) -> None:
        self._thread.start()

    @property
    def published(self) -> int:
        """Frames that Kafka acknowledged."""
        return sum(publisher.published.total() for publisher in self._publishers)

    @property
    def failed(self) -> int:
        return sum(publisher.failed.total() for publisher in self._publishers)

    def check(self) -> None:
        """Raises what ended the generator before its time."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Frames that wait are sent."""
        self._stop.set()
        self._thread.join()
        for publisher in self._publishers:
            publisher.close()

    def _run(self) -> None:
        try:
            self._generate()
        except BaseException as error:  # noqa: BLE001 told to whoever started it
            self._error = error

    def _generate(self) -> None:
        crowd = self._cameras.crowd
        period, number = 1.0 / crowd.fps, 0
        began, start_ms = time.monotonic(), time.time_ns() // 1_000_000
        reported = -_REPORT_S
        while not self._stop.wait(max(0.0, began + number * period - time.monotonic())):
            self.late_s = max(0.0, time.monotonic() - began - number * period)
            self.most_late_s = max(self.most_late_s, self.late_s)
            at_ms = round(1000 * number * period)
            for camera in range(crowd.cameras):
                frame = self._cameras.frame(camera, at_ms, start_ms)
                self._publishers[camera // EACH].offer(frame)
                self.frames += 1
                self.persons += len(frame.persons)
                self.embeddings += sum(person.embedding is not None for person in frame.persons)
            if number * period - reported >= _REPORT_S:
                reported = number * period
                self._report(start_ms + at_ms)
            number += 1

    def _report(self, now_ms: int) -> None:
        crowd = self._cameras.crowd
        for camera in range(crowd.cameras):
            status = CameraStatus(
                site_id=self._site_id, camera_id=f"load{camera + 1}", session=self._session,
                reported_at=now_ms, state="streaming", source="saferoom bench load", fps=crowd.fps,
                captured_at=now_ms, model=crowd.model,
            )  # fmt: skip
            self._publishers[camera // EACH].report(status)
