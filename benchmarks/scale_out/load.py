"""Frames of many sites: all at once, or at a rate while something else happens."""

import threading
import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, Message, Producer

from benchmarks.chaos.crowd import Crowd
from reid.contracts.topics import DETECTIONS
from reid.errors import Unavailable
from reid.runtime.kafka import producer

#: Key, value, time of its frames (milliseconds since the epoch).
Sent = tuple[str, bytes, int]


def messages(sites: Sequence[str], each: int, frames: int, rate: float, start_ms: int) -> list[Sent]:
    """``each`` messages of every site, site by site in turn; ``rate``: messages a second of a site."""
    crowds = {site: Crowd(site, 1, start_ms, rate * frames, frames) for site in sites}
    return [(s, c.message(n), c.time(n)) for n in range(each) for s, c in crowds.items()]


class Load:
    """Sends records in order. Raises `Unavailable` when Kafka did not take all of them."""

    def __init__(self, bootstrap: str) -> None:
        self._client: Producer = producer(bootstrap, **{"queue.buffering.max.kbytes": 256 * 1024})
        self._failed: list[str] = []
        self.sent = 0

    def burst(self, records: Sequence[Sent]) -> None:
        """As fast as Kafka takes them."""
        for record in records:
            self._send(*record)
        self._settle()

    def paced(self, records: Sequence[Sent], per_second: float, stopping: threading.Event) -> None:
        """``per_second``: records, of all sites together."""
        begun = time.monotonic()
        for number, record in enumerate(records):
            self._send(*record)
            while not stopping.is_set() and (ahead := number / per_second - time.monotonic() + begun) > 0:
                self._client.poll(min(ahead, 0.05))
            if stopping.is_set():
                break
        self._settle()

    def _send(self, site: str, value: bytes, at: int) -> None:
        self._client.produce(DETECTIONS.name, value, site, on_delivery=self._told, timestamp=at)
        self._client.poll(0)
        self.sent += 1

    def _told(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed.append(error.str())

    def _settle(self) -> None:
        left = self._client.flush(60)
        if left or self._failed:
            raise Unavailable(f"Kafka took not all records: {left} left, {self._failed[:1]}")
