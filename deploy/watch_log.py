"""Follows the event log and the cameras' reports from a given place, as any downstream consumer could."""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Message, TopicPartition

from deploy.identities import Identities
from deploy.log import log_reader
from deploy.snapshot import ShownTrack
from reid.contracts.codec import decode_event, decode_status, type_name
from reid.contracts.detections import CameraStatus
from reid.contracts.events import PersonSeen
from reid.contracts.topics import CAMERAS, EVENTS
from reid.errors import ContractError

_RATE_OVER_S: Final = 5.0
_LATENCIES: Final = 2000


class LogWatcher:
    """A thread of its own. ``start``: topic -> partition -> offset. Kafka may go and come back."""

    def __init__(self, bootstrap: str, site_id: str, start: Mapping[str, Mapping[int, int]]) -> None:
        self._site_id = site_id
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._identities = Identities()
        self._cameras: dict[str, CameraStatus] = {}
        self._by_type: Counter[str] = Counter()
        self._recent: deque[float] = deque()
        self._latencies: deque[int] = deque(maxlen=_LATENCIES)
        self._first_label_at: float | None = None
        self._unreadable = 0
        self._consumer = log_reader(bootstrap)
        self._consumer.assign(
            [
                TopicPartition(topic, partition, offset)
                for topic in (EVENTS.name, CAMERAS.name)
                for partition, offset in start[topic].items()
            ]
        )
        self._thread = threading.Thread(target=self._run, name="watch-log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(3.0)

    def cameras(self) -> tuple[CameraStatus, ...]:
        """The newest report of each camera, by name."""
        with self._lock:
            return tuple(self._cameras[name] for name in sorted(self._cameras, key=_natural))

    def tracks(self) -> tuple[ShownTrack, ...]:
        with self._lock:
            return tuple(
                ShownTrack(track, person_id, self._identities.label(person_id))
                for track, person_id in sorted(self._identities.present().items())
            )

    def counts(self) -> tuple[dict[str, int], float]:
        """Events by type since the start, and events a second lately."""
        now = time.monotonic()
        with self._lock:
            while self._recent and self._recent[0] < now - _RATE_OVER_S:
                self._recent.popleft()
            return dict(sorted(self._by_type.items())), len(self._recent) / _RATE_OVER_S

    def latency(self) -> tuple[float, float] | None:
        """Median and 95th percentile of capture to event log, milliseconds."""
        with self._lock:
            found = sorted(self._latencies)
        if not found:
            return None
        return float(found[len(found) // 2]), float(found[int(len(found) * 0.95)])

    @property
    def first_label_at(self) -> float | None:
        """Moment of the monotonic clock at which the first label of this run was read."""
        return self._first_label_at

    @property
    def unreadable(self) -> int:
        return self._unreadable

    def _run(self) -> None:
        while not self._stop.is_set():
            messages = [m for m in self._consumer.consume(500, timeout=0.2) if m.error() is None]
            if messages:
                with self._lock:
                    for message in messages:
                        self._take(message)
        self._consumer.close()

    def _take(self, message: Message) -> None:
        raw = message.value()
        if not isinstance(raw, bytes):
            return
        try:
            if message.topic() == CAMERAS.name:
                status = decode_status(raw)
                if status.site_id == self._site_id:
                    self._cameras[status.camera_id] = status
            else:
                self._take_event(raw, message.timestamp()[1])
        except ContractError:
            # The projector dead-letters it and says so; here it is only counted.
            self._unreadable += 1

    def _take_event(self, raw: bytes, logged_at: int) -> None:
        event = decode_event(raw)
        if event.site_id != self._site_id:
            return
        self._identities.fold(event)
        self._by_type[type_name(event)] += 1
        self._recent.append(time.monotonic())
        if isinstance(event, PersonSeen):
            self._latencies.append(logged_at - event.at)
            if self._first_label_at is None:
                self._first_label_at = time.monotonic()


def _natural(name: str) -> tuple[str, int]:
    """room2 before room10."""
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :]
    return stem, int(digits) if digits else -1
