"""Carries the alert log to one receiver, in order, at least once.

1. Its position is the committed offset of a consumer group of its own: a slow or dead receiver holds up
   nobody else, and a restart goes on where it stood. A receiver that is new begins at the end of the log.
2. An attempt that fails is made again, each time after twice the wait, with the same id.
3. After the last attempt the alert goes to ``reid.alerts.undelivered.v1``, and the next one's turn comes.
4. Only then the position moves.
"""

import logging
import threading
from typing import Any, Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from reid.contracts.codec import decode_alert
from reid.contracts.topics import ALERTS, UNDELIVERED, delivery_group
from reid.errors import ContractError, Unavailable
from reid.runtime import kafka
from reid.runtime.alerts.receivers import Receiver
from streams.delivery.message import Outgoing, outgoing, wanted
from streams.kafka_log import headers_in

#: Seconds between two attempts at most.
LAST_BACKOFF_S: Final = 60.0
_POLL_S: Final = 0.2
_TIMEOUT_S: Final = 10.0
_AGAIN_S: Final = 2.0
#: A receiver may take its time: the group must not take that for a dead member.
_PATIENCE_MS: Final = 24 * 3600 * 1000

logger = logging.getLogger(__name__)


class Sender(Protocol):
    def send(self, message: Outgoing) -> None:
        """One attempt. Raises `Unavailable`; anything else is a fault, and a failed attempt, too."""

    def close(self) -> None: ...


class Carrier:
    """``producer``: of `reid.runtime.kafka`, for what can't be delivered; ``worker_id``: of this process. One
    thread runs it."""

    def __init__(
        self,
        bootstrap: str,
        receiver: Receiver,
        sender: Sender,
        producer: Producer,
        stopping: threading.Event,
        worker_id: str,
    ) -> None:
        self.receiver, self._sender = receiver, sender
        self._producer, self._stopping = producer, stopping
        self._bootstrap = bootstrap
        # Static membership: a restart gets its partitions back at once.
        self._consumer = self._member({"group.instance.id": worker_id})

    def stand(self, partitions: int) -> None:
        """A receiver that is new begins here: at the log's present end. Raises `Unavailable`."""
        places = [TopicPartition(ALERTS.name, p) for p in range(partitions)]
        try:
            new = [p for p in self._consumer.committed(places, timeout=_TIMEOUT_S) if p.offset < 0]
            for place in new:
                place.offset = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1]
            if new:
                self._consumer.commit(offsets=new, asynchronous=False)
        except KafkaException as error:
            raise Unavailable(f"receiver {self.receiver.name}: {error.args[0].str()}") from error

    def run(self) -> None:
        """Until ``stopping``."""
        self._consumer.subscribe([ALERTS.name])
        try:
            while not self._stopping.is_set():
                try:
                    self._turn()
                except KafkaException as error:
                    failed: KafkaError = error.args[0]
                    logger.warning("receiver %s: Kafka: %s; again", self.receiver.name, failed.str())
                    self._stopping.wait(_AGAIN_S)
        finally:
            self._sender.close()
            self._consumer.close()

    def _turn(self) -> None:
        message = self._consumer.poll(_POLL_S)
        error = message.error() if message is not None else None
        if error is not None and error.code() == KafkaError._FATAL:
            # As in `streams.alerting.agent`: the group goes on without this member, which had a name.
            logger.warning("receiver %s: %s: joining anew, without the name", self.receiver.name, error.str())
            self._consumer.close()
            self._consumer = self._member({})
            self._consumer.subscribe([ALERTS.name])
        elif message is not None and error is None:
            self._carry(message)

    def _member(self, name: dict[str, str]) -> Consumer:
        return kafka.reader(
            self._bootstrap,
            **{
                "group.id": delivery_group(self.receiver.name),
                **name,
                "enable.partition.eof": False,
                "max.poll.interval.ms": _PATIENCE_MS,
                "session.timeout.ms": 10_000,
                "error_cb": lambda _: None,
            },
        )

    def _carry(self, message: Message) -> None:
        found = self._read(message)
        if found is not None and wanted(self.receiver, found):
            failure = self._attempt(found)
            if self._stopping.is_set() and failure:
                return  # Not given up: the next start tries again.
            if failure and not self._give_up(message, failure):
                return
        self._consumer.commit(message=message, asynchronous=False)

    def _read(self, message: Message) -> Outgoing | None:
        headers = dict(headers_in(message))
        value: Any = message.value()
        try:
            return outgoing(headers.get("ce_id", b"").decode(), decode_alert(value or b""))
        except (ContractError, UnicodeDecodeError) as error:
            place = f"{message.topic()}/{message.partition()}/{message.offset()}"
            logger.error("receiver %s leaves out %s: %s", self.receiver.name, place, error)
            return None

    def _attempt(self, message: Outgoing) -> str:
        """Why it was not delivered; empty: it was."""
        receiver, wait_s, why = self.receiver, self.receiver.backoff_s, ""
        for attempt in range(1, receiver.attempts + 1):
            try:
                self._sender.send(message)
            except Exception as error:
                # A sender's own fault must not end the thread: the process would go on, telling nobody.
                foreseen = isinstance(error, Unavailable)
                why = str(error) if foreseen else f"{type(error).__name__}: {error}"
                level = logging.WARNING if attempt in (1, receiver.attempts) else logging.DEBUG
                told = (receiver.name, message.id, attempt, receiver.attempts, why)
                text = "receiver %s: alert event %s, attempt %d of %d: %s"
                logger.log(level, text, *told, exc_info=None if foreseen else error)
            else:
                return ""
            if attempt < receiver.attempts and self._stopping.wait(min(wait_s, LAST_BACKOFF_S)):
                break
            wait_s *= 2
        return why

    def _give_up(self, message: Message, why: str) -> bool:
        """Keeps the alert for people to see. Whether Kafka has it."""
        headers: list[Any] = [
            *headers_in(message),
            ("dlq_reason", b"undelivered"),
            ("dlq_error", f"{self.receiver.name}: {why}"[:2000].encode()),
            ("dlq_receiver", self.receiver.name.encode()),
            ("dlq_topic", ALERTS.name.encode()),
            ("dlq_partition", str(message.partition()).encode()),
            ("dlq_offset", str(message.offset()).encode()),
        ]
        failed: list[KafkaError] = []
        value: Any = message.value()
        key: Any = message.key()
        self._producer.produce(
            UNDELIVERED.name,
            value,
            key,
            headers=headers,
            on_delivery=lambda error, _: failed.append(error) if error is not None else None,
        )
        if self._producer.flush(_TIMEOUT_S) or failed:
            logger.error("receiver %s: what it did not take can't be kept: again", self.receiver.name)
            self._consumer.seek(TopicPartition(ALERTS.name, message.partition() or 0, message.offset() or 0))
            return False
        return True
