"""The projector on a real log and a real Redis: every event once, whatever goes away and comes back."""

import json
import logging
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from confluent_kafka.admin import AdminClient

from projections.dead_letters import KafkaDeadLetters
from projections.follower import Follower
from projections.projector import READER
from projections.redis_store import RedisViewStore
from projections.status import lags
from projections.store import MemoryViewStore
from projections.views import PersonsView
from reid.contracts.topics import ALL_TOPICS, person_key, position_key
from reid.errors import ConfigError
from reid.runtime import kafka
from reid.runtime.admin import admin_client, create_topics, delete_topics
from reid.runtime.servers import resp
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.servers.redis import EmbeddedRedis
from tests.integration.event_log import EventLog, projector, until
from tests.unit.projections.logs import project
from tests.unit.projections.story import SITE, START, registered, seen, status, track, walk
from tests.unit.projections.view_store_contract import STORY

pytestmark = pytest.mark.integration
VIEW_KEYS = ("saferoom:persons", "saferoom:index", "saferoom:by-camera", "saferoom:stats", "saferoom:live",
             "saferoom:person-cameras", "saferoom:tallies", "saferoom:outcome")  # fmt: skip


def view(store: RedisViewStore | MemoryViewStore) -> dict[str, object]:
    return {k: v for k, v in store.dump("saferoom:").items() if k.startswith(VIEW_KEYS)}


def expected(events: list[object]) -> dict[str, object]:
    memory = MemoryViewStore()
    project(memory, events)
    return view(memory)


def caught_up(bootstrap: str, store: RedisViewStore) -> Callable[[], bool]:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    return lambda: all(lag.lag == 0 for lag in lags(admin, store))


def test_the_view_is_the_fold_of_the_committed_log(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    event_log.write(*STORY[:4])
    event_log.write(registered("ghost", 9, "Visitor-Z"), abort=True)
    with projector(topics, clean_redis):
        for event in STORY[4:]:
            event_log.write(event)
        event_log.report(status("room1"))
        until(caught_up(topics, store))
    assert view(store) == expected(STORY)
    assert json.loads(store.dump("saferoom:cameras")["saferoom:cameras:global"]["room1"])["fps"] == 5.0


def test_the_position_passes_transaction_markers_so_that_lag_ends_at_zero(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    with projector(topics, clean_redis):
        event_log.write(registered("a", 0, "Visitor-A"))
        until(caught_up(topics, store))
        event_log.write(seen("a", "Visitor-A"), abort=True)
        until(caught_up(topics, store))
    found = [lag for lag in lags(AdminClient({"bootstrap.servers": topics}), store) if lag.end]
    assert [(lag.view, lag.topic, lag.position) for lag in found] == [("persons", "reid.events.v1", 4)]


def test_a_restart_goes_on_at_the_stored_position(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    for part in (STORY[:3], STORY[3:7], STORY[7:]):
        with projector(topics, clean_redis):
            event_log.write(*part)
            until(caught_up(topics, store))
    assert view(store) == expected(STORY)


def test_a_flushed_redis_is_filled_again_while_running(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    client = redis.Redis.from_url(clean_redis)
    event_log.write(*STORY)
    with projector(topics, clean_redis):
        until(caught_up(topics, store))
        client.flushall()
        until(caught_up(topics, store))
        assert view(store) == expected(STORY)
        client.flushall()
        more = walk("d", 3, "Visitor-D", "room1")
        event_log.write(*more)
        until(caught_up(topics, store))
    assert view(store) == expected([*STORY, *more])
    client.close()


def test_a_redis_that_went_back_in_time_is_brought_forward(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    """As when the last second of its append-only file is lost."""
    client = redis.Redis.from_url(clean_redis)
    with projector(topics, clean_redis):
        event_log.write(*STORY[:5])
        until(caught_up(topics, store))
        snapshot = {key: client.dump(key) for key in client.keys("*")}
        event_log.write(*STORY[5:])
        until(caught_up(topics, store))
        with client.pipeline() as pipe:
            pipe.flushall()
            for key, raw in snapshot.items():
                pipe.restore(key, 0, raw)
            pipe.execute()
        until(caught_up(topics, store))
    assert view(store) == expected(STORY)
    client.close()


def test_two_projectors_at_once_still_apply_everything_once(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    story = [event for n in range(40) for event in walk(f"p{n:02}", n, f"Visitor-{n}", "room1", "room2")]
    with projector(topics, clean_redis), projector(topics, clean_redis):
        for first in range(0, len(story), 5):
            event_log.write(*story[first : first + 5])
        until(caught_up(topics, store))
    assert view(store) == expected(story)


def test_what_is_no_event_goes_to_the_dead_letters_and_the_rest_goes_on(
    topics: str,
    clean_redis: str,
    store: RedisViewStore,
    event_log: EventLog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    poison = b'{"type":"reid.person.seen.v9"}'
    with projector(topics, clean_redis):
        event_log.write(*STORY[:2], poison, *STORY[2:])
        until(caught_up(topics, store))
        key, value, headers = event_log.dead_letter()
    assert (key, value) == (b"global", poison)
    assert headers.pop("dlq_error").startswith("reid.person.seen.v9 is newer than v1")
    partition = headers.pop("dlq_partition")
    assert headers == {
        "ce_id": "broken",
        "dlq_reason": "too_new",
        "dlq_topic": "reid.events.v1",
        "dlq_offset": "2",
    }
    assert view(store) == expected(STORY)
    assert f"view persons leaves out reid.events.v1/{partition}/2" in caplog.text


def test_redis_killed_while_running_loses_and_doubles_nothing(
    topics: str, tmp_path: Path, event_log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = EmbeddedRedis(tmp_path / "own-redis")
    url = server.start()
    store = RedisViewStore(url)
    story = [event for n in range(20) for event in walk(f"p{n:02}", n, f"Visitor-{n}", "room1", "room2")]
    try:
        with projector(topics, url):
            event_log.write(*story[:30])
            until(caught_up(topics, store))
            server.stop()
            event_log.write(*story[30:])
            until(lambda: "Redis is away" in caplog.text)
            time.sleep(0.5)
            assert server.start() == url, "the restarted server has another port: the test needs the same"
            until(caught_up(topics, store))
        assert view(store) == expected(story)
        warned = [r for r in caplog.records if r.levelno >= logging.WARNING and "Redis is away" in r.message]
        assert len(warned) == 1
        assert "saferoom up" in warned[0].message
    finally:
        store.close()
        server.stop()


def test_a_redis_that_refuses_writes_was_told_to_be_back_again_and_again(
    topics: str,
    clean_redis: str,
    store: RedisViewStore,
    event_log: EventLog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As one out of memory does, or one that a failover made a replica: it answers all that is asked."""
    caplog.set_level(logging.INFO)
    with projector(topics, clean_redis):
        event_log.write(*STORY[:4])
        until(caught_up(topics, store))
        resp.ask(clean_redis, ["REPLICAOF", "127.0.0.1", "9"])
        try:
            event_log.write(*STORY[4:])
            until(lambda: "Redis refuses to work" in caplog.text)
            time.sleep(2)
        finally:
            resp.ask(clean_redis, ["REPLICAOF", "NO", "ONE"])
        until(caught_up(topics, store))
        until(lambda: "are back" in caplog.text.rpartition("Redis refuses to work")[2])
    assert view(store) == expected(STORY)
    _, refused = caplog.text.split("Redis refuses to work")  # told once
    assert refused.count("are back") == 1


def test_kafka_killed_while_running_loses_and_doubles_nothing(
    clean_redis: str, store: RedisViewStore, tmp_path: Path, kafka_jars: Path
) -> None:
    server = EmbeddedKafka(tmp_path / "own-kafka", jars=kafka_jars)
    bootstrap = server.start()
    try:
        create_topics(bootstrap, 4, 1)
        EventLog(bootstrap).write(*STORY[:6])
        with projector(bootstrap, clean_redis) as thread:
            until(caught_up(bootstrap, store))
            server.stop()
            time.sleep(1)
            assert thread.is_alive()
            assert server.start() == bootstrap, (
                "the restarted broker has another port: the test needs the same"
            )
            EventLog(bootstrap).write(*STORY[6:])
            until(caught_up(bootstrap, store))
        assert view(store) == expected(STORY)
    finally:
        server.stop()


def test_a_log_that_was_made_anew_under_a_projector_was_passed_over_in_silence(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    names, stop = [topic.name for topic in ALL_TOPICS], threading.Event()
    event_log.write(*STORY)
    letters = KafkaDeadLetters(kafka.producer(topics))
    follower = Follower(kafka.reader(topics, **READER), store, [PersonsView(90)], letters, stop)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(follower.run)
        try:
            until(lambda: all(one.lag == 0 for one in lags(admin_client(topics), store, ["persons"])))
            delete_topics(topics, names)
            create_topics(topics, 4, 1)
            error = running.exception(timeout=30)
        finally:
            stop.set()
    assert isinstance(error, ConfigError) and "this Redis belongs to another log" in str(error)


def test_a_view_of_another_log_stops_with_the_remedy(topics: str, clean_redis: str) -> None:
    client = redis.Redis.from_url(clean_redis)
    client.hset(position_key("persons"), "0", "1000")
    consumer, store = kafka.reader(topics), RedisViewStore(clean_redis)
    letters = KafkaDeadLetters(kafka.producer(topics))
    with pytest.raises(ConfigError, match="FLUSHDB"):
        Follower(consumer, store, [PersonsView(90)], letters, threading.Event()).run()
    consumer.close()
    store.close()
    client.close()


def test_an_event_is_visible_within_milliseconds(topics: str, clean_redis: str, event_log: EventLog) -> None:
    client = redis.Redis.from_url(clean_redis)
    took = []
    with projector(topics, clean_redis):
        event_log.write(registered("warm", 99, "Visitor-W"))
        until(lambda: client.exists(person_key(SITE, "warm")))
        for n in range(15):
            time.sleep(0.03)
            event_log.write(registered(f"p{n}", n, f"Visitor-{n}", START + n))
            written = time.perf_counter()
            until(lambda n=n: client.exists(person_key(SITE, f"p{n}")))
            took.append(1000 * (time.perf_counter() - written))
    client.close()
    print(f"event committed to visible: median {statistics.median(took):.1f} ms, worst {max(took):.1f} ms")
    assert statistics.median(took) < 100


def test_catching_up_is_batched(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    people = 200
    for n in range(people):
        if n % 50 == 0:
            event_log.write(*(registered(f"p{m}", m, f"Visitor-{m}") for m in range(n, n + 50)))
    story = [
        seen(f"p{i % people}", "V", track(f"room{i % 4}", f"{i % people}"), START + i) for i in range(20_000)
    ]
    for first in range(0, len(story), 2_000):
        event_log.write(*story[first : first + 2_000])
    began = time.perf_counter()
    with projector(topics, clean_redis):
        until(caught_up(topics, store), 60)
        took = time.perf_counter() - began
    print(f"20,200 events in {took:.2f} s: {20_200 / took:.0f} events/s, start included")
    assert took < 20
