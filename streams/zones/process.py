"""The zones process: carries what zones decide to their site, and what a site asks back to its zones.

A log is the only source, and each letter follows from one event of it: whoever lost one before Kafka had it
sends it again, and who gets it twice passes it over (a report tells the offsets of its events, a command has
its event's id). So plain delivery, at least once and in order, is enough for deciding each once.
"""

import logging
import threading
import time
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from reid.contracts.cloudevents import envelope_from
from reid.contracts.codec import decode_event, encode
from reid.contracts.topics import DETECTIONS, EVENTS, ZONES_GROUP
from reid.errors import Unavailable
from reid.runtime import kafka
from reid.runtime.admin import required
from reid.runtime.ending import asked_by_signals
from reid.runtime.outage import Outage
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.settings import Settings
from streams.kafka_log import headers_in
from streams.zones.letters import Posted, letters

NAME: Final = "zones"
BATCH: Final = 500
_POLL_S: Final = 0.1
_FLUSH_S: Final = 20.0
_BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0)

logger = logging.getLogger(__name__)


def run(settings: Settings, stopping: threading.Event | None = None) -> None:
    """Blocks until SIGTERM, SIGINT or ``stopping``. Kafka may be away and come back meanwhile.

    Raises `ConfigError`: topics missing; `ContractError`: an event that this version can't read.
    """
    stopping, outage = stopping or threading.Event(), Outage()
    failures, named = 0, True
    with asked_by_signals(stopping):
        try:
            while not stopping.is_set():
                post = Post(settings, outage, named)
                try:
                    post.serve(stopping)
                except Unavailable as error:
                    logger.log(logging.WARNING if failures == 0 else logging.DEBUG, "%s: trying again", error)
                    failures = 0 if post.delivered else failures + 1
                    stopping.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                finally:
                    post.close()
                    named = named and not post.taken_for_gone
        finally:
            clear_ready(settings, NAME)


class Post:
    """One consumer and one producer, from the offsets committed last to the first failure. Several processes
    share the partitions; a partition's letters are sent in the order of its log."""

    def __init__(self, settings: Settings, outage: Outage, named: bool = True) -> None:
        """``named``: the group's member of this worker's name, else one of none."""
        self._settings, self._outage = settings, outage
        self._failed: KafkaError | None = None
        self.delivered = 0
        """Letters that Kafka has."""
        self.taken_for_gone = False
        """Another member has the name: who took it again would end that one, which would take it again."""
        name = {"group.instance.id": settings.worker_id} if named else {}
        bootstrap = settings.kafka()
        self._consumer: Consumer = kafka.reader(
            bootstrap,
            **{
                "group.id": ZONES_GROUP,
                **name,
                # What was read last is what is committed.
                "enable.auto.offset.store": True,
                "session.timeout.ms": 6000,
                "enable.partition.eof": False,
                "fetch.wait.max.ms": 20,
                "error_cb": outage.on_error,
            },
        )
        # Gapless: of a zone's reports a later one is never there without an earlier one.
        self._producer: Producer = kafka.producer(
            bootstrap, **{"enable.gapless.guarantee": True, "error_cb": outage.on_error}
        )

    def serve(self, stopping: threading.Event) -> None:
        """Raises `Unavailable`, after which only `close` may be called."""
        required(self._settings.kafka(), (EVENTS, DETECTIONS), timeout_s=2.0)
        self._consumer.subscribe([EVENTS.name], on_assign=self._assigned)
        while not stopping.is_set():
            self.turn()

    def turn(self) -> None:
        """What is at hand: read, delivered, and only then said to be."""
        try:
            first = self._consumer.poll(_POLL_S)
            messages = [] if first is None else [first, *self._consumer.consume(BATCH - 1, timeout=0)]
            found = self._posted(messages)
            for posted in found.values():
                self._deliver(posted)
            if found:
                self._settle()
                self._consumer.commit(asynchronous=False)
                self._outage.on_contact()
        except KafkaException as error:
            self.taken_for_gone = error.args[0].code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID)
            raise Unavailable(f"the post between zones: {error.args[0].str()}") from error

    def close(self) -> None:
        """What Kafka has not taken is sent by the next: its offsets are not committed."""
        self._producer.purge()
        self._consumer.close()

    def _assigned(self, _: Consumer, places: list[TopicPartition]) -> None:
        self._outage.on_contact()
        logger.info("ready: %d partitions", len(places))
        mark_ready(self._settings, NAME, partitions=len(places))

    def _posted(self, messages: list[Message]) -> dict[int, list[Posted]]:
        found: dict[int, list[Posted]] = {}
        for message in messages:
            error, place, offset = message.error(), message.partition(), message.offset()
            if error is not None:
                if error.code() not in (KafkaError._PARTITION_EOF, KafkaError._TRANSPORT):
                    raise KafkaException(error)
                continue
            value = message.value()
            assert place is not None and offset is not None and isinstance(value, bytes)
            event_id = envelope_from(headers_in(message)).id
            found.setdefault(place, []).append(Posted(offset, event_id, value, decode_event(value)))
        return found

    def _deliver(self, posted: list[Posted]) -> None:
        for letter in letters(posted):
            value, deadline = encode(letter.message), time.monotonic() + _FLUSH_S
            while True:
                try:
                    self._producer.produce(
                        letter.topic, value, letter.site_id, on_delivery=self._told, timestamp=letter.at
                    )
                    break
                except BufferError as error:
                    if time.monotonic() > deadline:
                        raise Unavailable(f"Kafka takes no records since {_FLUSH_S:.0f} s") from error
                    self._producer.poll(0.1)

    def _told(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.delivered += 1
        elif self._failed is None:
            self._failed = error

    def _settle(self) -> None:
        left = self._producer.flush(_FLUSH_S)
        if left or self._failed is not None:
            why = self._failed.str() if self._failed is not None else f"{left} letters are not taken"
            raise Unavailable(f"the post between zones: {why}")
