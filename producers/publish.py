"""Frames and status reports to Kafka, without ever holding a camera up."""

import contextlib
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from reid.contracts.codec import encode
from reid.contracts.detections import CameraStatus, Detections, Frame
from reid.contracts.pictures import Picture
from reid.contracts.topics import CAMERAS, DETECTIONS, PICTURES
from reid.contracts.zones import zone_site
from reid.runtime.kafka import producer
from reid.runtime.outage import Outage

log = logging.getLogger(__name__)

_MAKE_THEM: Final = "make the topics with `saferoom topics create`"
OnDelivery = Callable[[KafkaError | None, Message], None]

#: Frames that may wait for the gathering thread. It falls behind only when the process is starved.
MAX_PENDING: Final = 2000
#: What librdkafka may hold while Kafka is away, KiB: minutes of several cameras. Then frames are dropped.
MAX_QUEUE_KIB: Final = 32 * 1024
#: Messages that wait for Kafka from which no live picture is sent any more.
MAX_WAITING: Final = 100
#: Seconds that a broker has to tell its topics, and between two looks for those that it lacks.
LOOK_S: Final = 1.0
#: A frame that could not be delivered for so long tells nobody where anybody is, ms.
DELIVERY_TIMEOUT_MS: Final = 120_000


class Publisher:
    """Gathers the frames of all cameras of a process for ``linger_ms`` into one `Detections` message
    (one for each zone, where the site has any).

    `offer` and `report` never block and never raise. While Kafka is away memory stays bounded: what does
    not fit is dropped and counted in ``failed``, by camera, as is what delivery reports call lost.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        site_id: str,
        producer_id: str,
        linger_ms: int = 50,
        zones: Mapping[str, str] | None = None,
        **overrides: object,
    ) -> None:
        """``zones``: camera -> zone of the site that it is decided in; the others in the site itself."""
        self.published: Counter[str] = Counter()
        """Frames that Kafka acknowledged, by camera."""
        self.failed: Counter[str] = Counter()
        """Frames lost between the pipeline and Kafka, by camera."""
        self._site_id, self._zones = site_id, zones or {}
        self._producer_id = producer_id
        self._linger_s = linger_ms / 1000.0
        self._pending: deque[Frame] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._full = self._losing = False
        self._refused: set[str] = set()
        self._outage = Outage()
        config: dict[str, object] = {
            "queue.buffering.max.kbytes": MAX_QUEUE_KIB,
            "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
            "error_cb": self._outage.on_error,
        }
        self._producer: Producer = producer(bootstrap, **{**config, **overrides})
        self._missing: set[str] = set()
        self._looked_at = 0.0
        self._look()
        self._thread = threading.Thread(target=self._gather, name="publish", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> None:
        """Hands a frame over for publishing."""
        with self._wake:
            if len(self._pending) >= MAX_PENDING:
                self.failed[self._pending.popleft().camera_id] += 1
            self._pending.append(frame)
            self._wake.notify()

    def report(self, status: CameraStatus) -> None:
        """A camera's own report, to the compacted cameras topic."""
        # One that is not taken is no loss: the next, a second from now, says the same.
        self._taken(CAMERAS.name, encode(status), f"{status.site_id}/{status.camera_id}")

    def picture(self, picture: Picture) -> None:
        """A live picture. One that finds no room is no loss: the next is half a second away."""
        key = f"{picture.site_id}/{picture.camera_id}"
        # Thousands may wait while Kafka is away, and pictures would take the room of the frames.
        if PICTURES.name not in self._missing and len(self._producer) < MAX_WAITING:
            with contextlib.suppress(BufferError, KafkaException):
                self._producer.produce(PICTURES.name, encode(picture), key)

    def close(self, timeout_s: float = 3.0) -> int:
        """Sends what waits. Returns the number of messages that Kafka did not take in time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        deadline = time.monotonic() + timeout_s
        self._thread.join(timeout_s)
        left = self._producer.flush(max(deadline - time.monotonic(), 0.1))
        if left:
            log.warning("%d messages were not delivered: Kafka did not take them in %.0f s", left, timeout_s)
            # Whose frames they are is counted by their delivery reports, and was told in one line.
            self._losing = True
            self._producer.purge()
            self._producer.poll(0)
        return left

    def _gather(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._pending or self._closing, timeout=0.2)
                lingers = bool(self._pending) and not self._closing
            if lingers:
                time.sleep(self._linger_s)
            with self._wake:
                frames = tuple(self._pending)
                self._pending.clear()
                closing = self._closing
            for site_id, shared in self._shared_out(frames).items():
                self._send(site_id, shared)
            self._producer.poll(0)
            if self._missing and time.monotonic() - self._looked_at > LOOK_S:
                self._look()
            if closing:
                return

    def _look(self) -> None:
        """Where a topic is missing nothing may be sent to it: a broker that makes topics by itself, as Kafka
        does unless told not to, would make it of one partition, and keep live pictures for a week."""
        self._looked_at = time.monotonic()
        # Kafka that is away is waited for by the producer itself.
        with contextlib.suppress(KafkaException):
            there = self._producer.list_topics(timeout=LOOK_S).topics
            self._missing = {topic.name for topic in (DETECTIONS, CAMERAS, PICTURES)} - there.keys()

    def _shared_out(self, frames: tuple[Frame, ...]) -> dict[str, tuple[Frame, ...]]:
        """By the site, or zone of it, that decides them."""
        found: dict[str, tuple[Frame, ...]] = {}
        for frame in frames:
            zone = self._zones.get(frame.camera_id)
            site_id = zone_site(self._site_id, zone) if zone else self._site_id
            found[site_id] = (*found.get(site_id, ()), frame)
        return found

    def _send(self, site_id: str, frames: tuple[Frame, ...]) -> None:
        ordered = tuple(sorted(frames, key=lambda frame: frame.captured_at))
        cameras = Counter(frame.camera_id for frame in frames)

        def on_delivery(error: KafkaError | None, _message: Message) -> None:
            (self.failed if error else self.published).update(cameras)
            if error is None:
                self._outage.on_contact()
            if error and not self._losing:
                log.warning("frames are lost, the first because of: %s", _told(error))
            self._losing = error is not None

        message = encode(Detections(site_id, self._producer_id, ordered))
        if self._taken(DETECTIONS.name, message, site_id, on_delivery):
            self._full = False
        else:
            self.failed.update(cameras)

    def _taken(self, topic: str, value: bytes, key: str, on_delivery: OnDelivery | None = None) -> bool:
        """Whether it waits for Kafka now. What is refused is told, once until something arrived."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self._refused.discard(topic)
            if on_delivery is not None:
                on_delivery(error, message)

        if topic in self._missing:
            self._say_refused(topic, f"it does not exist; {_MAKE_THEM}")
            return False
        try:
            self._producer.produce(topic, value, key, on_delivery=delivered)
        except BufferError:
            self._say_full()
        except KafkaException as error:
            # As of a topic that is not there, once librdkafka has waited for it for half a minute.
            self._say_refused(topic, _told(error.args[0]))
        else:
            return True
        return False

    def _say_refused(self, topic: str, why: str) -> None:
        if topic not in self._refused:
            log.warning("nothing is sent to %s: %s", topic, why)
        self._refused.add(topic)

    def _say_full(self) -> None:
        if not self._full:
            log.warning(
                "Kafka takes nothing and %d KiB wait: newer frames are dropped until it is back",
                MAX_QUEUE_KIB,
            )
        self._full = True


def _told(error: KafkaError) -> str:
    """With the way out, where it is not in the words."""
    missing = error.code() in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART)
    return f"{error.str()}; {_MAKE_THEM}" if missing else error.str()
