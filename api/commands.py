"""The only things the API writes: commands to ``reid.commands.v1``, searches to ``reid.audit.v1``."""

import asyncio
import threading
import time
import uuid
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Message

from reid.contracts.audit import SearchMade
from reid.contracts.codec import encode
from reid.contracts.commands import AnyCommand
from reid.contracts.topics import AUDIT, COMMANDS
from reid.errors import Unavailable
from reid.runtime import kafka


def command_id(now_ms: int) -> str:
    """UUIDv7 (RFC 9562): its first 48 bits are the time in milliseconds, so any API process can tell a
    command that may still be under way from one that can't be."""
    random = uuid.uuid4().int & (1 << 74) - 1
    value = (now_ms & (1 << 48) - 1) << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def issued_at(id_: str) -> int | None:
    """Milliseconds since the epoch that a command id tells; None for one that is not ours."""
    try:
        value = uuid.UUID(id_)
    except ValueError:
        return None
    return value.int >> 80 if value.version == 7 else None


class Commands(Protocol):
    """Where commands go, and the audit of searches."""

    async def publish(self, command: AnyCommand) -> None:
        """Returns once the command is safe in the log. Raises `Unavailable` within the time-out."""
        ...

    async def record(self, search: SearchMade) -> None:
        """Returns once the audit holds it. Raises `Unavailable` within the time-out."""
        ...

    async def close(self) -> None: ...


class KafkaCommands:
    """One idempotent producer; a thread of its own serves its callbacks, so that no request ever blocks
    the event loop. ``timeout_s``: how long a delivery may take."""

    POLL_S: Final = 0.05

    def __init__(self, bootstrap: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._known: set[str] = set()
        self._producer = kafka.producer(
            bootstrap,
            error_cb=lambda _: None,
            **{
                "linger.ms": 0,
                "message.timeout.ms": max(1, round(timeout_s * 1000)),
                # After an outage a command should not fail for a client that still sleeps.
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            },
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="commands", daemon=True)
        self._thread.start()

    async def publish(self, command: AnyCommand) -> None:
        await self._send(COMMANDS.name, command.site_id, encode(command))

    async def record(self, search: SearchMade) -> None:
        await self._send(AUDIT.name, search.site_id, encode(search))

    async def _send(self, topic: str, site_id: str, value: bytes) -> None:
        await self._must_be_there(topic)
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[None] = loop.create_future()

        def settle(error: KafkaError | None) -> None:
            if delivered.done():
                return
            if error is None:
                delivered.set_result(None)
            else:
                delivered.set_exception(_away(error.str(), self._timeout_s))

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            loop.call_soon_threadsafe(settle, error)

        try:
            self._producer.produce(topic, value, site_id.encode(), on_delivery=on_delivery)
        except (BufferError, KafkaException) as error:
            raise _away(str(error), self._timeout_s) from error
        try:
            # librdkafka looks for timed-out messages once a second: its own report may come later.
            await asyncio.wait_for(delivered, self._timeout_s)
        except TimeoutError as error:
            raise _away("no answer", self._timeout_s) from error

    async def _must_be_there(self, topic: str) -> None:
        """Else a broker that makes topics by itself makes it, of one partition; and one that does not would
        not be heard of within the time-out."""
        if topic in self._known:
            return
        try:
            found = await asyncio.to_thread(self._producer.list_topics, timeout=self._timeout_s)
        except KafkaException as error:
            raise _away(error.args[0].str(), self._timeout_s) from error
        self._known = set(found.topics)
        if topic not in self._known:
            raise Unavailable(f"topic {topic} does not exist: make it with `saferoom topics create`")

    async def close(self) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join, 2.0)

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(self.POLL_S)
        self._producer.purge()
        self._producer.flush(1.0)


def _away(reason: str, timeout_s: float) -> Unavailable:
    return Unavailable(
        f"Kafka did not take it within {timeout_s:g} s ({reason}): start it with `saferoom up`, "
        "or check KAFKA_BOOTSTRAP_SERVERS; then ask again"
    )


def now_ms() -> int:
    """The API's clock: milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
