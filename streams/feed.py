"""A partition's detections, read on a thread of their own: what comes in masses does not pass through Faust.

Faust and its client take some 35 microseconds for a frame, in Python, on two threads that share the
interpreter with the one that decides; librdkafka takes three, beside it.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from confluent_kafka import TopicPartition

from reid.contracts.topics import DETECTIONS
from reid.runtime.kafka import reader
from reid.runtime.outage import Outage
from streams.kafka_log import at_hand, input_of
from streams.ports import Input
from streams.route import IDENTITY

#: Kilobytes that are fetched ahead.
_AHEAD_KB: Final = 16_384

Take = Callable[[Sequence[Input]], bool]


class Feed(Protocol):
    def start(self, offset: int, take: Take) -> None:
        """Brings everything from ``offset`` on, in order, until ``take`` says that it is enough."""


class KafkaFeed:
    """While Kafka is away it waits, and goes on where it was. One that brings nothing more is found by the
    watchdog, as all that does not get on."""

    def __init__(self, bootstrap: str, partition: int, outage: Outage) -> None:
        self._bootstrap = bootstrap
        self._partition = partition
        self._outage = outage

    def start(self, offset: int, take: Take) -> None:
        name = f"feed-{self._partition}"
        threading.Thread(target=self._run, args=(offset, take), name=name, daemon=True).start()

    def _run(self, offset: int, take: Take) -> None:
        consumer = reader(
            self._bootstrap,
            **{
                "group.id": IDENTITY.group,
                "isolation.level": IDENTITY.isolation,
                "enable.partition.eof": False,
                # What comes ends a fetch; an idle partition asks twice a second.
                "fetch.wait.max.ms": 500,
                "queued.max.messages.kbytes": _AHEAD_KB,
                "error_cb": self._outage.on_error,
            },
        )
        try:
            consumer.assign([TopicPartition(DETECTIONS.name, self._partition, offset)])
            going = True
            while going:
                found = at_hand(consumer)
                for error in filter(None, (message.error() for message in found)):
                    self._outage.on_error(error)
                going = take([input_of(message) for message in found if message.error() is None])
        finally:
            consumer.close()
