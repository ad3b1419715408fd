"""The projector process: everything is put together here."""

import threading
from contextlib import ExitStack
from functools import partial
from typing import Final

from projections.alerts import AlertsView
from projections.changes import Change
from projections.dead_letters import KafkaDeadLetters
from projections.follower import Follower
from projections.keeper import Keeper, KeeperThread, Limits
from projections.redis_store import RedisViewStore
from projections.renewal import Job, Renewal
from projections.views import CamerasView, PersonsView, View
from reid.contracts.topics import EVENTS
from reid.runtime import kafka, logs
from reid.runtime.admin import admin_client
from reid.runtime.crops.select import open_crops
from reid.runtime.ending import asked_by_signals
from reid.runtime.kafka_refusal import refuse
from reid.runtime.offsets import end_offsets
from reid.runtime.outage import Outage
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.settings import Settings

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
    outage = Outage()
    bootstrap = settings.kafka()
    refuse(bootstrap)
    consumer = kafka.reader(bootstrap, error_cb=outage.on_error, **READER)
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
        cleanup.enter_context(asked_by_signals(stop))
        letters, ready = KafkaDeadLetters(producer), partial(mark_ready, settings, NAME)
        keeper = keeper_of(settings, store)
        KeeperThread(keeper, stop).start()
        renewal = Renewal(Job(bootstrap, settings.redis(), views))
        cleanup.callback(renewal.end)

        def committed(change: Change) -> None:
            outage.on_contact()
            keeper.committed(change)

        Follower(consumer, store, views, letters, stop, ready, renewal, committed).run()


def keeper_of(settings: Settings, store: RedisViewStore) -> Keeper:
    """The keeper of the settings' crop store. It runs also where no crop is taken any more: those of
    before are still somebody's. Raises `ConfigError`."""
    admin = admin_client(settings.kafka())
    limits = Limits(settings.crops_max_mib * 1024 * 1024, settings.crops_max_days * 86_400)

    def ends() -> dict[int, int]:
        found = end_offsets(admin, [EVENTS.name])
        return {partition: offset for (_, partition), offset in found.items()}

    return Keeper(open_crops(settings), store.claims, ends, limits)
