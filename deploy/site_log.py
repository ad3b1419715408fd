"""A site's partition, for commands that people run: its events so far, commands to it, and their answers."""

import time
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from confluent_kafka import KafkaError, TopicPartition

from deploy import log
from reid.contracts.codec import decode_event, encode
from reid.contracts.commands import AnyCommand
from reid.contracts.events import AnyEvent
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, EVENTS
from reid.domain.evolve import evolve
from reid.domain.state import PartitionState
from reid.errors import Unavailable
from reid.runtime import kafka

#: Without any answer for so long there is nobody who decides.
ANSWER_S: Final = 30.0
_ACKNOWLEDGED_S: Final = 30.0
C = TypeVar("C", bound=AnyCommand)


class SiteLog:
    """``asked_by``: the command line that is run again when something was away."""

    def __init__(self, bootstrap: str, site_id: str, asked_by: str) -> None:
        self._bootstrap, self._site_id, self._asked_by = bootstrap, site_id, asked_by
        consumer = log.log_reader(bootstrap)
        try:
            spans = log.spans(consumer, EVENTS.name)
        finally:
            consumer.close()
        self._partition = partition_of(site_id.encode(), len(spans))
        self._first, self._next = spans[self._partition]

    def fold(self) -> PartitionState:
        """State at the end of the log. Raises `Unavailable`, `ContractError`."""
        state, self._next = PartitionState(), self._first
        for message in log.read(self._bootstrap, EVENTS.name, {self._partition: self._first}):
            evolve(state, decode_event(message.value() or b""))
            self._next = (message.offset() or 0) + 1
        return state

    def publish(self, commands: Sequence[AnyCommand]) -> None:
        """Returns when all are acknowledged. Raises `Unavailable`."""
        client = kafka.producer(self._bootstrap, error_cb=lambda _error: None)
        lost: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: object) -> None:
            if error is not None:
                lost.append(error)

        for command in commands:
            value, key = encode(command), self._site_id.encode()
            while True:
                try:
                    client.produce(COMMANDS.name, value, key, on_delivery=delivered)
                    break
                except BufferError:
                    client.poll(0.1)
        if client.flush(_ACKNOWLEDGED_S) or lost:
            why = lost[0].str() if lost else "not acknowledged in time"
            raise Unavailable(f"Kafka did not take the commands ({why}): run `{self._asked_by}` again")

    def answers(self, commands: Sequence[C]) -> Iterator[tuple[C, AnyEvent]]:
        """Each with the event that answered it, as it comes: from where the log ended when this was made, or
        `fold` ended. Raises `Unavailable` when nothing comes any more."""
        waiting = {command.command_id: command for command in commands}
        consumer = log.log_reader(self._bootstrap)
        consumer.assign([TopicPartition(EVENTS.name, self._partition, self._next)])
        heard = time.monotonic()
        try:
            while waiting:
                for message in consumer.consume(500, timeout=0.2):
                    error = message.error()
                    if error is not None:
                        if error.code() != KafkaError._PARTITION_EOF:
                            raise Unavailable(f"Kafka, topic {EVENTS.name}: {error.str()}")
                        continue
                    event = decode_event(message.value() or b"")
                    command = waiting.pop(getattr(event, "command_id", None) or "", None)
                    if command is not None:
                        heard = time.monotonic()
                        yield command, event
                if time.monotonic() - heard > ANSWER_S:
                    raise Unavailable(
                        f"{len(waiting)} of {len(commands)} records are not decided on: is `saferoom worker` "
                        f"running? They are decided once it does; then run `{self._asked_by}` again"
                    )
        finally:
            consumer.close()
