"""The worker process: Faust app, lanes, telemetry and watchdog, from readiness to a clean end."""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from confluent_kafka import KafkaException

from reid.contracts.codec import encode
from reid.contracts.commands import Tick
from reid.contracts.topics import COMMANDS, EVENTS, INPUT_TOPICS
from reid.errors import ConfigError, ReidError, Unavailable
from reid.runtime.admin import identities, required
from reid.runtime.ending import EXIT_ASKED, Ending, leave
from reid.runtime.kafka import producer
from reid.runtime.outage import Outage
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.servers.claim import unusable
from reid.runtime.settings import Settings
from streams.app import REVOKE_TIMEOUT_S, create_app
from streams.changed_topics import LOOK_S, ChangedTopics
from streams.commits import Beside
from streams.decider import IdentityDecider
from streams.feed import KafkaFeed
from streams.kafka_log import COMMIT_LIMIT_S, KafkaPartitionLog
from streams.lanes import Lanes
from streams.outage import quieten
from streams.partition import PartitionWriter
from streams.policies import policies_of
from streams.telemetry import Telemetry
from streams.watchdog import KafkaLagProbe, Watchdog, end_process

NAME: Final = "worker"
#: The Kafka consumer ended for good: a new process makes a new one.
EXIT_CONSUMER_DIED: Final = 69
#: It broke, as the log tells, and then did not end by itself.
EXIT_BROKEN: Final = 1
#: After it was asked to end. Longer than the courtesies below together; shorter than the 5 s promised.
_END_S: Final = 4.0
_STOP_S: Final = 1.5
_LEFT_S: Final = 0.3
_POLL_S: Final = 0.1
#: A tick that waits for Kafka longer is lost: when Kafka is back, the cameras' frames may come first, which
#: were not silent.
_TICK_MS: Final = 2000
_NEEDED: Final = (*INPUT_TOPICS, EVENTS)

logger = logging.getLogger(__name__)


def run(settings: Settings) -> NoReturn:
    """Until SIGTERM or SIGINT: then it ends the process, with exit code 0 and within 5 s.

    Raises `ConfigError` (topics missing or of unequal partition counts, no Kafka address),
    `ContractError` (an event in the log that this version can't read), ``SystemExit(69)`` when the
    consumer died. A stalled worker ends the process with exit code 70.
    """
    worker = _Worker(settings)
    worker.ending.start()
    try:
        _run_until_complete(worker.main())
    finally:
        clear_ready(settings, NAME)
    leave(EXIT_ASKED)


def _run_until_complete(main: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`, which however waits for cancelled tasks without end: Faust's never do when its
    consumer's thread died with a broker that is away."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
            # Nobody will look at its end.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_LEFT_S))
        asyncio.set_event_loop(None)
        loop.close()


def _datadir(home: Path) -> Path:
    """Where Faust keeps what it keeps. Raises `ConfigError`."""
    try:
        (made := home / "faust").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(home, error) from error
    return made


def _unless_cancelled(
    hook: Callable[[threading.ExceptHookArgs], Any],
) -> Callable[[threading.ExceptHookArgs], Any]:
    """A thread that ends by its cancellation, as Faust's consumer does while Kafka is away, is no defect."""

    def told(ended: threading.ExceptHookArgs) -> None:
        if not issubclass(ended.exc_type, asyncio.CancelledError):
            hook(ended)

    return told


class _Worker:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._exit_code = EXIT_ASKED
        self.ending = Ending(self._stopping, _END_S, lambda: self._exit_code)
        self._bootstrap = settings.kafka()
        self._telemetry = Telemetry()
        self._outage = Outage()
        self._broken: BaseException | None = None
        self._partitions = 0
        self._member = ""
        self._producer = producer(
            self._bootstrap,
            **{"delivery.timeout.ms": _TICK_MS, "error_cb": self._outage.on_error},
        )
        self._lanes = Lanes(self._open_writer, self._open_feed, self._ready, self._break, self._tick)

    async def main(self) -> None:
        self._listen()
        quieten(logging.getLogger().level)
        self._partitions = await asyncio.to_thread(self._await_topics)
        if self._stopping.is_set():
            return
        app = create_app(self._bootstrap, self._member, _datadir(self._settings.home), self._lanes)
        app.finalize()
        threads = [
            threading.Thread(
                target=self._telemetry.run, args=(self._stopping,), name="telemetry", daemon=True
            ),
            threading.Thread(target=self._watch, name="watchdog", daemon=True),
            threading.Thread(target=self._watch_topics, name="topics", daemon=True),
        ]
        for thread in threads:
            thread.start()
        starting = asyncio.create_task(app.start())
        try:
            await self._wait_for_end(app, starting)
        finally:
            if not self._stopping.is_set():
                self._exit_code = EXIT_BROKEN
            self._stopping.set()
            await self._shut_down(app, starting)
            threads[0].join(1.0)
        self._raise_what_broke(app, starting)

    def _listen(self) -> None:
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stopping.set)

    def _await_topics(self) -> int:
        """The partition count, once Kafka answers. 0 when told to stop before."""
        told = False
        while not self._stopping.is_set():
            try:
                count = self._count_partitions(required(self._bootstrap, _NEEDED, timeout_s=2.0))
                self._member = self._name_of_member()
                return count
            except Unavailable as error:
                if not told:
                    logger.warning("%s. Waiting for it", error)
                told = True
                self._stopping.wait(1.0)
        return 0

    def _name_of_member(self) -> str:
        """Of these very topics: a name gets back the partitions that it had, and one that saw the topics
        deleted had none. Started again within the session time-out it would stand by for ever."""
        commands = identities(self._bootstrap, [COMMANDS.name]).get(COMMANDS.name)
        if commands is None:
            raise Unavailable(f"topic {COMMANDS.name} is being made anew")
        return f"{self._settings.worker_id}.{commands.topic_id}"

    @staticmethod
    def _count_partitions(topics: dict[str, int]) -> int:
        needed = [topic.name for topic in _NEEDED]
        if len({topics[name] for name in needed}) > 1:
            counts = ", ".join(f"{name} has {topics[name]}" for name in needed)
            raise ConfigError(f"{counts} partitions: they must have the same number of them")
        return topics[EVENTS.name]

    def _open_writer(self, partition: int) -> PartitionWriter[Any]:
        return PartitionWriter(
            KafkaPartitionLog(self._bootstrap, partition, self._outage),
            IdentityDecider(policies_of(self._settings)),
            partition,
            self._partitions,
            self._telemetry,
            self._settings.snapshot_events,
            round(self._settings.max_clock_skew * 1000),
            Beside(f"commits-{partition}", COMMIT_LIMIT_S),
        )

    def _open_feed(self, partition: int) -> KafkaFeed:
        return KafkaFeed(self._bootstrap, partition, self._outage)

    def _tick(self, tick: Tick) -> None:
        with suppress(BufferError, KafkaException):
            self._producer.produce(COMMANDS.name, encode(tick), tick.site_id, timestamp=tick.issued_at)
        self._producer.poll(0)

    def _ready(self, partitions: list[int]) -> None:
        if not self._stopping.is_set():
            mark_ready(self._settings, NAME, partitions=partitions, worker_id=self._settings.worker_id)
            logger.info("ready: partitions %s", ", ".join(map(str, partitions)) or "none (standby)")

    def _break(self, error: BaseException) -> None:
        self._broken = error

    def _watch(self) -> None:
        watchdog = Watchdog(
            KafkaLagProbe(self._bootstrap),
            lambda: self._lanes.progress,
            self._partitions,
            self._settings.watchdog_seconds,
        )

        def end(complaint: str) -> None:
            clear_ready(self._settings, NAME)
            end_process(complaint)

        watchdog.run(self._stopping, end)

    def _watch_topics(self) -> None:
        names = [topic.name for topic in _NEEDED]
        looks = ChangedTopics(lambda: identities(self._bootstrap, names, LOOK_S))
        looks.run(self._stopping, self._break)

    async def _wait_for_end(self, app: Any, starting: "asyncio.Task[Any]") -> None:
        while not (self._stopping.is_set() or app.crashed or self._broken):
            if starting.done() and starting.exception() is not None:
                return
            await asyncio.sleep(_POLL_S)

    async def _shut_down(self, app: Any, starting: "asyncio.Task[Any]") -> None:
        clear_ready(self._settings, NAME)
        begun = time.monotonic()
        threading.excepthook = _unless_cancelled(threading.excepthook)
        # Clients that fail while all ends have nobody to tell, and nothing is lost with them.
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: logger.debug("while stopping: %s", context.get("exception"))
        )
        await asyncio.to_thread(self._lanes.revoke, REVOKE_TIMEOUT_S)
        starting.cancel()
        await asyncio.wait({starting})
        try:
            await asyncio.wait_for(app.stop(), _STOP_S)
        except TimeoutError:
            logger.warning("Faust did not stop within %.1f s: left to the end of the process", _STOP_S)
        logger.info("stopped in %.1f s", time.monotonic() - begun)

    def _raise_what_broke(self, app: Any, starting: "asyncio.Task[Any]") -> None:
        error = self._broken or app.crash_reason
        if error is None and not starting.cancelled():
            error = starting.exception()
        if error is None:
            return
        if isinstance(error, ReidError) or self._broken is not None:
            raise error
        logger.error(
            "the Kafka consumer ended (%s: %s): the worker ends (exit %d), its supervisor starts it again",
            type(error).__name__,
            error,
            EXIT_CONSUMER_DIED,
        )
        raise SystemExit(EXIT_CONSUMER_DIED)
