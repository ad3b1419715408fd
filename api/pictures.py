"""The newest live picture of each camera, in memory: read from the topic that producers write them to."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from reid.contracts.codec import decode_picture
from reid.contracts.pictures import Picture
from reid.contracts.topics import PICTURES
from reid.errors import ContractError
from reid.runtime import kafka

log = logging.getLogger(__name__)

#: Seconds after which a camera's last picture shows nothing live any more.
STALE_S: Final = 10.0
METADATA_S: Final = 2.0
#: Cameras remembered: bounds memory against whoever writes to the topic.
MAX_CAMERAS: Final = 1_000


class Pictures(Protocol):
    """What the cameras see now."""

    def latest(self, camera_id: str) -> Picture | None:
        """None when there is none of the last seconds."""
        ...

    async def close(self) -> None: ...


class NoPictures:
    """Switched off."""

    def latest(self, camera_id: str) -> Picture | None:
        return None

    async def close(self) -> None:
        return None


class Board:
    """The newest picture of each camera of one site. ``seconds``: a clock that never goes back."""

    def __init__(self, site_id: str, seconds: Callable[[], float] = time.monotonic) -> None:
        self._site, self._seconds = site_id, seconds
        self._latest: dict[str, tuple[float, Picture]] = {}

    def put(self, raw: bytes) -> None:
        """Raises `ContractError`."""
        picture = decode_picture(raw)
        if picture.site_id != self._site:
            return
        if picture.camera_id in self._latest or len(self._latest) < MAX_CAMERAS:
            self._latest[picture.camera_id] = self._seconds(), picture

    def latest(self, camera_id: str) -> Picture | None:
        heard, picture = self._latest.get(camera_id, (0.0, None))
        return picture if picture is not None and self._seconds() - heard <= STALE_S else None


class KafkaPictures:
    """Follows the end of the topic in a thread of its own; Kafka may be away and come back."""

    POLL_S: Final = 0.2

    def __init__(self, bootstrap: str, site_id: str) -> None:
        self._board = Board(site_id)
        self._consumer: Consumer = kafka.reader(bootstrap, error_cb=lambda _: None, log_level=0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="pictures", daemon=True)
        self._thread.start()

    def latest(self, camera_id: str) -> Picture | None:
        return self._board.latest(camera_id)

    async def close(self) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join, 2.0)

    def _follow(self) -> None:
        while not self._stop.is_set() and not self._assigned():
            self._stop.wait(1.0)
        while not self._stop.is_set():
            for message in self._consumer.consume(50, timeout=self.POLL_S):
                value = message.value()
                if message.error() is not None or value is None:
                    continue  # the end of the partition, or an outage that the client mends itself
                try:
                    self._board.put(value)
                except ContractError as error:
                    log.warning("%s offset %s is no picture: %s", PICTURES.name, message.offset(), error)
        self._consumer.close()

    def _assigned(self) -> bool:
        try:
            found = self._consumer.list_topics(PICTURES.name, timeout=METADATA_S).topics[PICTURES.name]
        except KafkaException as error:
            log.debug("live pictures: %s", error)
            return False
        # Pictures that were taken before we came are not live.
        self._consumer.assign([TopicPartition(PICTURES.name, p, OFFSET_END) for p in found.partitions])
        return bool(found.partitions)
