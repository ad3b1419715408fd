"""The conformance suite of view stores on a real Redis, and what only a server can do wrong."""

import threading
import time
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import redis

from projections.changes import Change, KeepUntil, Op, SetAdd, SetOutcome, SetPerson
from projections.redis_store import RedisViewStore
from projections.scratch_store import ScratchStore
from projections.store import MemoryViewStore
from reid.contracts.topics import DAY_MS, EXPIRY_GRACE_MS, position_key
from reid.errors import ConfigError, StaleView, Unavailable
from tests.unit.projections.logs import project
from tests.unit.projections.story import START, forgotten, sampled, seen, track, walk
from tests.unit.projections.view_store_contract import STORY, ViewStoreContract, commit

pytestmark = pytest.mark.integration


@pytest.fixture
def client(clean_redis: str) -> Iterator[redis.Redis]:
    made = redis.Redis.from_url(clean_redis)
    yield made
    made.close()


class TestRedis(ViewStoreContract):
    @pytest.fixture
    def heard(self, clean_redis: str) -> Iterator[list[tuple[str, Any]]]:
        """Fills with what is published, from another connection."""
        heard: list[tuple[str, Any]] = []
        listener = redis.Redis.from_url(clean_redis)
        with listener.pubsub(ignore_subscribe_messages=True) as subscription:
            subscription.psubscribe("*")
            subscription.get_message(timeout=1)
            stop = threading.Event()

            def listen() -> None:
                while not stop.is_set():
                    message = subscription.get_message(timeout=0.02)
                    if message is not None:
                        heard.append((message["channel"].decode(), message["data"]))

            thread = threading.Thread(target=listen)
            thread.start()
            yield heard
            stop.set()
            thread.join()
        listener.close()

    @staticmethod
    def wait(heard: list[tuple[str, Any]], count: int) -> list[tuple[str, Any]]:
        deadline = time.monotonic() + 2
        while len(heard) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.05)  # room for a message too many
        assert len(heard) == count
        return heard


def test_memory_and_redis_hold_the_same(store: RedisViewStore) -> None:
    memory = MemoryViewStore(clock=lambda: START)
    project(memory, STORY, 2)
    project(store, STORY, 5)
    assert store.dump("saferoom:") == memory.dump("saferoom:")


def test_keys_expire_by_the_servers_clock(store: RedisViewStore, client: redis.Redis) -> None:
    now = time.time() * 1000
    commit(store, SetPerson("saferoom:p", b"{}", int(now) + 5 * DAY_MS), SetOutcome("saferoom:o", b"{}"))
    assert client.pttl("saferoom:p") == pytest.approx(5 * DAY_MS + EXPIRY_GRACE_MS, abs=5_000)
    assert client.ttl("saferoom:o") == pytest.approx(3600, abs=5)
    commit(store, SetPerson("saferoom:p", b"{}", 12345))
    assert client.pttl("saferoom:p") == pytest.approx(EXPIRY_GRACE_MS, abs=5_000)


def test_a_lost_script_is_loaded_again(store: RedisViewStore, client: redis.Redis) -> None:
    commit(store, SetAdd("saferoom:s", "a"))
    client.script_flush()
    commit(store, SetAdd("saferoom:s", "b"))
    assert store.dump("saferoom:s") == {"saferoom:s": ["a", "b"]}


def test_full_memory_refuses_the_whole_batch(store: RedisViewStore, client: redis.Redis) -> None:
    commit(store)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(Unavailable, match="refuses"):
            store.commit(Change("v", {0: 1}, {0: 2}, [SetAdd("saferoom:s", "a")]))
    finally:
        client.config_set("maxmemory", "0")
    assert (store.positions("v"), store.dump("saferoom:s")) == ({0: 1}, {})


def test_two_writers_of_one_view_never_apply_a_batch_twice(clean_redis: str) -> None:
    """Each adds 1 to the camera's sums at every position; all additions past a position are refused."""
    refused = []

    def write() -> None:
        store = RedisViewStore(clean_redis)
        while (position := store.positions("persons").get(0, 0)) < 200:
            change = Change("persons", {0: position or None}, {0: position + 1}, [SetAdd("n", f"{position}")])
            try:
                store.commit(change)
            except StaleView:
                refused.append(position)
        store.close()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    client = redis.Redis.from_url(clean_redis)
    assert client.scard("n") == 200
    assert refused, "the writers never met: the test proves nothing"
    client.close()


def test_redis_away_is_transient_and_a_bad_address_is_not() -> None:
    store = RedisViewStore("redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable, match="saferoom up"):
        store.positions("v")
    with pytest.raises(ConfigError, match="REDIS_URL"):
        RedisViewStore("kafka://nowhere")


def test_a_wrong_password_is_an_error_of_the_settings(clean_redis: str) -> None:
    store = RedisViewStore(clean_redis.replace("redis://", "redis://somebody:wrong@"))
    with pytest.raises(ConfigError, match="login"):
        store.positions("v")


def test_poured_operations_do_what_commits_do(clean_redis: str, client: redis.Redis) -> None:
    """Every kind of operation, cut in the middle of a batch, on a store that holds an older view."""
    memory, store = MemoryViewStore(clock=lambda: START), ScratchStore(clean_redis)
    ops: list[Op] = []
    shown = seen("d", "Visitor-D", track("room1", "3"), crop="0" * 64, crop_quality=0.5)
    came, went = [*walk("d", 3, "Visitor-D", "room1"), shown], [forgotten("d"), sampled(track("room2", "9"))]
    for told in (STORY, came, went):
        ops += [op for made in project(memory, told, 2) for op in made.ops]
    assert {type(op) for op in ops} == set(get_args(Op)), "some operation is not tried"
    for first in range(0, len(ops), 7):
        store.pour(ops[first : first + 7])
    found = memory.dump("saferoom:")
    found.pop(position_key("persons"))
    assert store.dump("saferoom:") == found
    now = time.time() * 1000
    store.pour([SetPerson("saferoom:p", b"{}", int(now) + 5 * DAY_MS), SetOutcome("saferoom:o", b"first")])
    store.pour([SetOutcome("saferoom:o", b"second"), KeepUntil("saferoom:p", 12345)])
    assert client.get("saferoom:o") == b"first"
    assert client.ttl("saferoom:o") == pytest.approx(3600, abs=5)
    assert client.pttl("saferoom:p") == pytest.approx(EXPIRY_GRACE_MS, abs=5_000)
    store.close()


def test_pouring_into_a_full_redis_is_transient(clean_redis: str, client: redis.Redis) -> None:
    store = ScratchStore(clean_redis)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(Unavailable, match="refuses"):
            store.pour([SetAdd("saferoom:s", "a")])
    finally:
        client.config_set("maxmemory", "0")
        store.close()
