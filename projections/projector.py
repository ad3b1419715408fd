"""The projector process: everything is put together here."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from projections.alerts import AlertsView
from projections.dead_letters import KafkaDeadLetters
from projections.follower import Follower
from projections.redis_store import RedisViewStore
from projections.views import CamerasView, PersonsView, View
from reid.runtime import kafka, logs
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.settings import Settings

log = logging.getLogger(__name__)

NAME: Final = "projector"
#: A shorter wait than the default: an event is visible some milliseconds after its transaction, and some
#: hundred milliseconds after Kafka is back from an outage.
READER: Final = {"fetch.wait.max.ms": 20, "reconnect.backoff.max.ms": 500}


def run(settings: Settings, stop: threading.Event | None = None) -> None:
    """Blocks until SIGTERM, SIGINT or ``stop``; Redis and Kafka may be away and come back meanwhile.

    Raises `ConfigError` for what no waiting will mend.
    """
    stop = stop or threading.Event()
    logs.configure(settings, NAME)
    tell = kafka.error_callback(log.warning)
    bootstrap = settings.kafka()
    consumer = kafka.reader(bootstrap, error_cb=tell, **READER)
    producer = kafka.producer(bootstrap, error_cb=lambda _: None, **{"linger.ms": 0})
    store = RedisViewStore(settings.redis())
    views: list[View] = [
        PersonsView(settings.ttl_days, settings.history_entries),
        CamerasView(),
        AlertsView(),
    ]
    with ExitStack() as cleanup:
        cleanup.callback(store.close)
        cleanup.callback(consumer.close)
        cleanup.callback(clear_ready, settings, NAME)
        cleanup.enter_context(_signals(stop))
        letters, ready = KafkaDeadLetters(producer), partial(mark_ready, settings, NAME)
        Follower(consumer, store, views, letters, stop, ready).run()


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set ``stop`` while inside. Only the main thread may ask for signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
