"""The alerts process: the alert agent, and a carrier for each receiver."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from confluent_kafka import Consumer

from reid.contracts.topics import ALERT_INPUTS, ALERTS, ALERTS_GROUP
from reid.errors import ConfigError, Unavailable
from reid.runtime import kafka
from reid.runtime.admin import required
from reid.runtime.alerts.file import AlertFile, load
from reid.runtime.ending import asked_by_signals
from reid.runtime.outage import Outage
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.settings import Settings
from streams.alerting.agent import Agent
from streams.alerting.ticks import Ticks
from streams.alerting.writer import AlertWriter
from streams.delivery.carrier import Carrier
from streams.delivery.senders import sender_of
from streams.kafka_log import KafkaPartitionLog
from streams.route import ALERTING
from streams.watchdog import end_process

NAME: Final = "alerts"
_JOIN_S: Final = 2.0
_CHECKS: Final = 6

logger = logging.getLogger(__name__)


def run(settings: Settings, stopping: threading.Event | None = None) -> None:
    """Blocks until SIGTERM, SIGINT or ``stopping``. Kafka and receivers may be away and come back meanwhile.

    Raises `ConfigError` (no rules, a wrong line in them, topics missing); a process that hangs ends itself
    with exit code 70.
    """
    if settings.alerts is None:
        raise ConfigError("no alert rules: name their file by SAFEROOM_ALERTS (docs/alerts.md has one)")
    file, stopping = load(settings.alerts), stopping or threading.Event()
    with ExitStack() as cleanup:
        cleanup.callback(clear_ready, settings, NAME)
        cleanup.enter_context(asked_by_signals(stopping))
        partitions = _await_topics(settings, stopping)
        if not stopping.is_set():
            _serve(settings, file, partitions, stopping, cleanup)


def _serve(
    settings: Settings, file: AlertFile, partitions: int, stopping: threading.Event, cleanup: ExitStack
) -> None:
    bootstrap, outage = settings.kafka(), Outage()
    producer = kafka.producer(bootstrap, error_cb=outage.on_error)
    carriers = [
        Carrier(bootstrap, receiver, sender_of(receiver), producer, stopping, settings.worker_id)
        for receiver in file.receivers
    ]
    for carrier in carriers:
        # Before anything is decided: what is told from now on is theirs.
        _patiently(partial(carrier.stand, partitions), stopping)

    def open_consumer(named: bool) -> Consumer:
        name = {"group.instance.id": settings.worker_id} if named else {}
        return kafka.reader(
            bootstrap,
            **{
                "group.id": ALERTS_GROUP,
                **name,
                "session.timeout.ms": 6000,
                "enable.partition.eof": False,
                "isolation.level": ALERTING.isolation,
                "fetch.wait.max.ms": 20,
                "error_cb": outage.on_error,
                # Both inputs of a partition to one member.
                "partition.assignment.strategy": "range",
            },
        )

    def open_writer(partition: int) -> AlertWriter:
        log = KafkaPartitionLog(bootstrap, partition, outage, ALERTING)
        skew = round(settings.max_clock_skew * 1000)
        return AlertWriter(log, file.rules, partition, partitions, skew)

    def ready(assigned: list[int]) -> None:
        outage.on_contact()
        mark_ready(settings, NAME, partitions=assigned, rules=file.rules.version)

    agent = Agent(open_consumer, open_writer, Ticks(producer), ready, stopping)
    cleanup.callback(agent.close)
    threads = [
        threading.Thread(target=carrier.run, name=f"to-{carrier.receiver.name}", daemon=True)
        for carrier in carriers
    ]
    watch = threading.Thread(target=_watch, args=(agent, settings, stopping), name="watchdog", daemon=True)
    for thread in (*threads, watch):
        thread.start()
    logger.info(
        "%d rules, version %s; receivers: %s",
        len(file.rules.rules),
        file.rules.version,
        ", ".join(receiver.name for receiver in file.receivers) or "none",
    )
    try:
        agent.run()
    finally:
        stopping.set()
        deadline = time.monotonic() + _JOIN_S
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))


def _watch(agent: Agent, settings: Settings, stopping: threading.Event) -> None:
    """A loop that hangs, in librdkafka or in a rule, decides nothing while the process lives."""
    seen, since = -1, time.monotonic()
    while not stopping.wait(settings.watchdog_seconds / _CHECKS):
        if agent.progress != seen:
            seen, since = agent.progress, time.monotonic()
        elif time.monotonic() - since >= settings.watchdog_seconds:
            clear_ready(settings, NAME)
            end_process(f"the alert agent has not turned for {time.monotonic() - since:.0f} s")


def _await_topics(settings: Settings, stopping: threading.Event) -> int:
    """The partition count, once Kafka answers; 0 when told to stop before. Raises `ConfigError`."""
    found: dict[str, int] = {}
    needed = (*ALERT_INPUTS, ALERTS)
    _patiently(lambda: found.update(required(settings.kafka(), needed, timeout_s=2.0)), stopping)
    return 0 if stopping.is_set() else found[ALERTS.name]


def _patiently(work: Callable[[], object], stopping: threading.Event) -> None:
    """Until it is done, or told to stop: Kafka may be away."""
    told = False
    while not stopping.is_set():
        try:
            work()
            return
        except Unavailable as error:
            logger.log(logging.DEBUG if told else logging.WARNING, "%s. Waiting for it", error)
            told = True
            stopping.wait(1.0)
