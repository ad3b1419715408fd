"""The only clock of the alert agent: on a silent site, a `Tick` when something falls due.

It goes through the log as every command, so a replay sees the time that passed. A site whose events are not
of now (a recording that is played) gets none.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from confluent_kafka import KafkaException, Producer

from reid.contracts.codec import encode
from reid.contracts.commands import Tick
from reid.contracts.topics import COMMANDS

#: Milliseconds that an event may be off its record's time for its site to count as live.
LIVE_MS: Final = 60_000


def wall_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Ticks:
    """``producer``: of `reid.runtime.kafka`. One tick for each moment that something is due."""

    def __init__(self, producer: Producer, clock: Callable[[], int] = wall_ms) -> None:
        self._producer, self._clock = producer, clock
        self._sent: dict[str, int] = {}

    def send(self, due: Mapping[str, int], skew: Mapping[str, int]) -> list[Tick]:
        """``due``: by site, when something falls due; ``skew``: how far its events are off the clock, ms.
        Returns what was sent. A tick that Kafka loses comes again when something else is due."""
        now, sent = self._clock(), []
        for site_id, at in due.items():
            live = skew.get(site_id, LIVE_MS + 1) <= LIVE_MS
            if at > now or not live or self._sent.get(site_id) == at:
                continue
            self._sent[site_id] = at
            tick = Tick(site_id=site_id, command_id=f"tick-{now}", issued_at=now, issued_by="alerts")
            with suppress(BufferError, KafkaException):  # lost, as one that Kafka does not take
                self._producer.produce(COMMANDS.name, encode(tick), site_id.encode())
            sent.append(tick)
        self._producer.poll(0)
        return sent
