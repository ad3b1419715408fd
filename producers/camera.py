"""One camera's pipeline: a captured frame in, the contract's frame out."""

import logging
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from producers.crops.track_crops import Kept
from producers.detect.base import Boxes, Detector, FloatArray
from producers.embed.base import Embedder, directed, model_of
from producers.frames import CapturedFrame
from producers.looks import Look, Looks
from producers.quality import crop, qualities
from producers.track import UNCONFIRMED, Ids, Tracker
from producers.tracklet import Tracklets
from reid.contracts.detections import Frame, Person
from reid.contracts.embedding import encode_wire

#: An empty scene still tells the time to the identity agent this often, ms.
HEARTBEAT_MS: Final = 1000
#: Tracks unseen for so long are forgotten here, ms.
FORGET_MS: Final = 60_000
_UNKNOWN: Final = Look({}, Kept())

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class StageTimes:
    """Milliseconds spent so far, by stage, and the frames that took them."""

    frames: int = 0
    detect: float = 0.0
    track: float = 0.0
    embed: float = 0.0
    crops: int = 0

    @property
    def total(self) -> float:
        return self.detect + self.track + self.embed


@dataclass(slots=True)
class _Appearance:
    """When a track was last embedded and seen, ms, and the best crop quality it had."""

    embedded_at: int
    seen_at: int
    best: float


class CameraPipeline:
    """Detect → track → embed. Not thread-safe: one thread a camera.

    ``embed_interval``: seconds between two embeddings of one track. A crop much worse than the track's
    best waits for a better one, for at most another interval; one that mostly shows others is none. Where
    the tracker may have changed persons, crops are embedded at once, to tell which track they go on with.
    """

    def __init__(
        self,
        camera_id: str,
        session: str,
        detector: Detector,
        tracker: Tracker,
        embedder: Embedder,
        *,
        embed_interval: float,
        min_quality: float = 0.0,
        looks: Looks | None = None,
    ) -> None:
        self.times = StageTimes()
        self.tracks_now = 0
        self.tracks_ever = 0
        self.detected: FloatArray = np.zeros((0, 4), np.float32)
        """Boxes of all who were detected in the last frame, tracks or not: whoever shows it hides them."""
        self._camera_id = camera_id
        self._session = session
        self._detector = detector
        self._tracker = tracker
        self._embedder = embedder
        self._model = model_of(embedder)
        self._tracklets = Tracklets(embedder.calibration)
        self._interval_ms = embed_interval * 1000
        self._min_quality = min_quality
        self._looks = looks or Looks()
        self._tracks: dict[int, _Appearance] = {}
        self._published_at: int | None = None
        self._had_persons = False
        self._speechless = False  # it was told that the encoder said nothing of a crop

    def process(self, frame: CapturedFrame) -> Frame | None:
        """The frame to publish; None where an empty scene has nothing new to say.

        A frame is published when it has persons, when the one before had (they have gone), and about once
        a second otherwise, because the agent's clock is the time of its inputs.
        """
        started = time.perf_counter()
        boxes = self._detector.detect(frame)
        self.detected = boxes.xywh
        detected = time.perf_counter()
        ids = self._tracker.update(boxes, frame.captured_at)
        confirmed = ids != UNCONFIRMED
        tracked = time.perf_counter()
        persons = self._persons(frame, boxes.take(confirmed), ids[confirmed])
        ended = time.perf_counter()
        self._count(detected - started, tracked - detected, ended - tracked, len(persons))
        return self._frame(frame, persons)

    def _persons(self, frame: CapturedFrame, boxes: Boxes, ids: Ids) -> tuple[Person, ...]:
        quality = qualities(frame.image, boxes)
        doubtful = self._tracklets.see(ids.tolist(), boxes, frame.captured_at)
        due = self._due(ids, quality, frame.captured_at)
        wanted = sorted({*doubtful, *due})
        vectors: dict[int, FloatArray] = {}
        if wanted:
            vectors = self._vectors(frame, boxes, wanted)
        public, odd = self._tracklets.tell(vectors)
        evidence = vectors.keys() & set(due) - odd
        looks = self._looks.told(frame, boxes, quality, evidence, public, self.detected)
        return tuple(
            Person(
                tracker_id=public[i],
                bbox=_rounded(boxes.xywh[i]),
                confidence=round(float(boxes.score[i]), 3),
                quality=round(float(quality[i]), 3),
                embedding=encode_wire(vectors[i]) if i in evidence else None,
                attributes=looks.get(i, _UNKNOWN).attributes,
                crop=looks.get(i, _UNKNOWN).kept.sha256,
                crop_quality=looks.get(i, _UNKNOWN).kept.quality,
                since=self._tracklets.since(public[i]) if i in evidence else 0,
            )
            for i in range(len(boxes))
        )

    def _vectors(self, frame: CapturedFrame, boxes: Boxes, wanted: list[int]) -> dict[int, FloatArray]:
        """Of these places; a crop that the encoder has nothing to say of (NaN, zeros) is no evidence."""
        crops = [crop(frame.image, boxes.xywh[i]) for i in wanted]
        found = dict(zip(wanted, self._embedder.embed(crops), strict=True))
        self.times.crops += len(wanted)
        told = {place: vector for place, vector in found.items() if directed(vector)}
        if len(told) < len(found) and not self._speechless:
            self._speechless = True
            logger.warning(
                "camera %s: encoder %s gives no direction (zeros, or numbers that are not finite) for some "
                "crops, which are left out: take another --embedder",
                self._camera_id,
                self._model.name,
            )
        return told

    def _due(self, ids: Ids, quality: FloatArray, now: int) -> list[int]:
        """Places of the boxes whose turn it is to be embedded."""
        due = []
        for place, (track, grade) in enumerate(zip(ids.tolist(), quality.tolist(), strict=True)):
            known = self._tracks.get(track)
            if known is None:
                self.tracks_ever += 1
                known = self._tracks[track] = _Appearance(now - 2 * int(self._interval_ms), now, 0.0)
            known.seen_at = now
            known.best = max(known.best * 0.98, grade)
            # A clock that was set back: nobody waits until it has caught up.
            waited = now - known.embedded_at if now >= known.embedded_at else 2 * self._interval_ms
            good = grade >= 0.7 * known.best or waited >= 2 * self._interval_ms
            shown = grade >= self._min_quality and self._tracklets.shows(place)
            if waited >= self._interval_ms and good and shown:
                known.embedded_at = now
                due.append(place)
        if len(self._tracks) > 64:
            self._tracks = {t: a for t, a in self._tracks.items() if now - a.seen_at < FORGET_MS}
        return due

    def _frame(self, frame: CapturedFrame, persons: tuple[Person, ...]) -> Frame | None:
        silent_for = frame.captured_at - (self._published_at or 0)
        if not persons and not self._had_persons and 0 <= silent_for < HEARTBEAT_MS:
            return None
        self._had_persons = bool(persons)
        self._published_at = frame.captured_at
        height, width = frame.image.shape[:2]
        return Frame(
            camera_id=self._camera_id,
            captured_at=frame.captured_at,
            width=width,
            height=height,
            session=self._session,
            model=self._model if any(p.embedding for p in persons) else None,
            persons=persons,
        )

    def _count(self, detect: float, track: float, embed: float, tracks: int) -> None:
        times = self.times
        times.frames += 1
        times.detect += detect * 1000
        times.track += track * 1000
        times.embed += embed * 1000
        self.tracks_now = tracks


def _rounded(box: FloatArray) -> tuple[float, float, float, float]:
    x, y, w, h = (round(float(v), 1) for v in box)
    return x, y, w, h
