"""A rebuild on real servers: whole views only, nothing lost or applied twice, the same bytes each way."""

import itertools
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from confluent_kafka.admin import AdminClient

from benchmarks.site_log import events as site_events
from deploy.explain_command import steps_of
from deploy.rebuild_command import rebuild as rebuild_command
from deploy.replay_command import answer
from projections import filling, persons
from projections.canonical import canonical, sha256
from projections.databases import MARK, Databases, url_of
from projections.rebuild import Rebuilt, rebuild, settled
from projections.redis_store import RedisViewStore
from projections.status import lags
from projections.store import MemoryViewStore, PersonRef
from projections.views import CamerasView, PersonsView
from reid.contracts.events import PersonRenamed
from reid.contracts.topics import GENERATION_KEY, labels_channel, person_key, persons_index_key
from reid.errors import ConfigError, PoisonInput, Unavailable
from reid.runtime import kafka
from reid.runtime.servers.redis import EmbeddedRedis
from reid.runtime.settings import Settings
from tests.integration.event_log import TTL_DAYS, EventLog, projector, until
from tests.unit.projections.logs import project
from tests.unit.projections.story import (
    SITE,
    START,
    merged,
    registered,
    renamed,
    sampled,
    seen,
    split,
    state,
    status,
    track,
    walk,
)

pytestmark = pytest.mark.integration
TOLD = [
    *walk("a", 0, "Visitor-A", "room1", "room2"),
    sampled(track("room2", "1")),
    *walk("b", 1, "Visitor-B", "room2", "room1"),
    merged("a", "b", "Visitor-A", command_id="c1", asked_by="desk"),
    split("merge_undone", state("a", 0, "Visitor-A"), state("b", 1, "Visitor-B"), track("room1", "1")),
    renamed("b", "Bob"),
]


@pytest.fixture(scope="module")
def decided() -> list[Any]:
    """By the real domain."""
    return [event for _, _, event in itertools.islice(site_events(60), 3_000)]


@contextmanager
def databases(url: str) -> Iterator[Databases]:
    made = Databases(url)
    try:
        yield made
    finally:
        made.close()


def anew(bootstrap: str, url: str, leave_out: tuple[str, ...] = (), **more: Any) -> Rebuilt:
    consumer = kafka.reader(bootstrap)
    try:
        with databases(url) as both:
            return rebuild(consumer, both, [PersonsView(TTL_DAYS), CamerasView()], leave_out, **more)
    finally:
        consumer.close()


def caught_up(bootstrap: str, store: RedisViewStore) -> Callable[[], bool]:
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def look() -> bool:
        try:
            return all(lag.lag == 0 for lag in lags(admin, store))
        except Unavailable:
            return False

    return look


def folded(events: list[Any]) -> str:
    """SHA-256 of the fold in memory; offsets and headers as the log under test has them, or it differs."""
    memory = MemoryViewStore()
    project(memory, events)
    found = {k: v for k, v in memory.dump("saferoom:").items() if not k.startswith("saferoom:history")}
    return sha256(found)


def without_histories(store: RedisViewStore) -> str:
    found = {k: v for k, v in store.dump("saferoom:").items() if not k.startswith("saferoom:history")}
    return sha256({k: v for k, v in found.items() if not k.startswith("saferoom:samples")})


def test_a_rebuilt_view_is_the_live_one(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    with projector(topics, clean_redis):
        for event in TOLD:
            event_log.write(event)
        event_log.report(status("room1"))
        until(caught_up(topics, store))
        live, _ = settled(store)
    done = anew(topics, clean_redis)
    assert done.records == len(TOLD) + 1
    assert canonical(store.dump("saferoom:")) == canonical(live)
    assert len(canonical(live)) > 10
    assert "room1" in store.dump("saferoom:cameras")["saferoom:cameras:global"]
    assert store.generation() == done.generation
    assert all(lag.lag == 0 for lag in lags(AdminClient({"bootstrap.servers": topics}), store))
    client = redis.Redis.from_url(url_of(clean_redis, 1))
    assert client.dbsize() == 0
    client.close()


def test_readers_never_see_half_a_view_and_the_projector_hands_over(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    """Persons only ever come: whoever reads fewer than before, or an index that is not the tallies', saw half
    a view. The log grows all the while, as fast as it can."""
    told = [event for n in range(60) for event in walk(f"p{n:03}", n, f"V-{n}", "room1", "room2")]
    event_log.write(*told)
    before = len(told)
    stop, looks, broken = threading.Event(), [0], list[Any]()

    def read() -> None:
        client: Any = redis.Redis.from_url(clean_redis)
        most = 60
        while not stop.is_set():
            with client.pipeline(transaction=True) as pipe:
                pipe.zcard(persons_index_key(SITE))
                pipe.hlen(f"saferoom:tallies:{SITE}")
                pipe.exists(person_key(SITE, "p000"), person_key(SITE, "p059"))
                indexed, tallied, documents = pipe.execute()
            if indexed < most or indexed != tallied or documents != 2:
                broken.append((indexed, tallied, documents))
            most, looks[0] = max(most, indexed), looks[0] + 1
        client.close()

    def grow() -> None:
        for n in range(60, 1_000_000):
            if stop.is_set():
                return
            more = walk(f"p{n:03}", n, f"V-{n}", "room3")
            event_log.write(*more)
            told.extend(more)

    with projector(topics, clean_redis):
        until(caught_up(topics, store))
        threads = [threading.Thread(target=read), threading.Thread(target=grow)]
        for thread in threads:
            thread.start()
        generations = list[str]()
        while len(generations) < 3 or (len(told) < before + 100 and len(generations) < 50):
            generations.append(anew(topics, clean_redis).generation)
        stop.set()
        for thread in threads:
            thread.join()
        event_log.write(renamed("p000", "Alice"))
        told.append(renamed("p000", "Alice"))
        until(caught_up(topics, store))
    assert broken == []
    assert len(generations) == len(set(generations))
    assert looks[0] > 100, "the reader hardly read: the test proves nothing"
    assert len(told) > before + 100, "the log hardly grew: the test proves nothing"
    assert without_histories(store) == folded(told)
    live, _ = settled(store)
    anew(topics, clean_redis)
    assert sha256(store.dump("saferoom:")) == sha256(live)


def test_a_batch_in_flight_at_the_swap_is_refused(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    """A live view that was wrong is right afterwards, though positions are the same before and after."""
    event_log.write(*TOLD)
    with projector(topics, clean_redis):
        until(caught_up(topics, store))
        client = redis.Redis.from_url(clean_redis)
        client.hset("saferoom:stats:global:room1", "visits", 77)
        anew(topics, clean_redis)
        event_log.write(seen("a", "Visitor-A", track("room1", "0"), START + 60_000, visit_count=2))
        until(caught_up(topics, store))
        assert client.hget("saferoom:stats:global:room1", "visits") == b"3"
        client.close()


def test_what_no_view_can_apply_stops_a_rebuild_and_leaves_the_live_view(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    with projector(topics, clean_redis):
        event_log.write(*TOLD, b'{"type":"reid.person.seen.v9"}', renamed("a", "Al"))
        until(caught_up(topics, store))
        live, positions = settled(store)
    with pytest.raises(PoisonInput, match="newer than v1") as stopped:
        anew(topics, clean_redis)
    assert canonical(store.dump("saferoom:")) == canonical(live)
    assert (store.generation(), store.positions("persons")) == ("", positions)
    named = str(stopped.value).split()[4].rstrip(":")
    assert named in str(stopped.value).split("--leave-out ")[1]
    anew(topics, clean_redis, (named,))
    assert sha256(store.dump("saferoom:")) == sha256(live)


def test_a_rebuild_that_may_hold_next_to_nothing_gives_the_same_view(
    topics: str,
    clean_redis: str,
    store: RedisViewStore,
    event_log: EventLog,
    decided: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Written in the middle of the log again and again, and read back: what memory is too small for."""
    for first in range(0, len(decided), 300):
        event_log.write(*decided[first : first + 300])
    anew(topics, clean_redis)
    whole = store.dump("saferoom:")
    flushed = 0

    def flush(self: filling.Filling, really: Any = filling.Filling._flush) -> None:
        nonlocal flushed
        flushed += 1
        really(self)

    monkeypatch.setattr(filling.Filling, "_flush", flush)
    for held, spill in ((5, 10**9), (10**9, 1)):
        monkeypatch.setattr("projections.rebuild.RECORDS", 50)
        monkeypatch.setattr(filling, "HELD", held)
        monkeypatch.setattr(filling, "SPILL", spill)
        anew(topics, clean_redis)
        assert canonical(store.dump("saferoom:")) == canonical(whole)
    assert flushed > 30, "it was hardly ever written: the test proves nothing"


def test_a_defect_of_ours_stops_a_rebuild_until_it_is_left_out(
    topics: str,
    clean_redis: str,
    store: RedisViewStore,
    event_log: EventLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(work: Any, event: Any) -> None:
        work.persons[PersonRef(SITE, "a")].label = "half done"
        raise KeyError(event.label)

    monkeypatch.setitem(persons._HANDLERS, PersonRenamed, fails)
    with projector(topics, clean_redis):
        event_log.write(
            *TOLD[:-1], renamed("b", "Bob"), seen("b", "Visitor-B", track("room3"), START + 9_000)
        )
        until(caught_up(topics, store))
        live, _ = settled(store)
    with pytest.raises(PoisonInput, match="defect of the projector: KeyError") as stopped:
        anew(topics, clean_redis)
    anew(topics, clean_redis, (str(stopped.value).split("--leave-out ")[1],))
    assert sha256(store.dump("saferoom:")) == sha256(live)
    assert "half done" not in json.dumps(live)


def test_keys_of_others_stay_and_a_database_of_others_is_not_touched(
    topics: str, clean_redis: str, store: RedisViewStore, event_log: EventLog
) -> None:
    event_log.write(*TOLD)
    client: Any = redis.Redis.from_url(clean_redis)
    client.set("saferoom:persons:room1:person_A", "old gallery")
    client.set("sessions:7", "a website's")
    other: Any = redis.Redis.from_url(url_of(clean_redis, 1))
    other.set("queue", "somebody else's")
    with pytest.raises(ConfigError, match="--scratch-db"):
        anew(topics, clean_redis)
    assert (other.get("queue"), store.generation()) == (b"somebody else's", "")
    other.flushdb()
    anew(topics, clean_redis)
    assert client.get("saferoom:persons:room1:person_A") == b"old gallery"
    assert client.get("sessions:7") == b"a website's"
    assert client.exists(person_key(SITE, "a"))
    client.set(MARK, "another's")
    with pytest.raises(ConfigError, match="another rebuild"):
        anew(topics, clean_redis)
    assert client.exists(GENERATION_KEY)
    client.delete(MARK)
    client.close()
    other.close()


def test_a_second_database_that_is_not_there_was_said_to_pass(clean_redis: str) -> None:
    """ "Redis refuses to work: `saferoom doctor` tells why", which found nothing."""
    with closing(Databases(clean_redis, scratch=9999)) as databases:
        for _ in range(2):  # the claim is given back
            with pytest.raises(ConfigError, match="no database 9999: give another with --scratch-db"):
                databases.claim()


def test_who_shows_labels_gets_those_of_the_new_view(
    topics: str, clean_redis: str, event_log: EventLog
) -> None:
    event_log.write(*walk("a", 0, "Visitor-A", "room1"))
    client: Any = redis.Redis.from_url(clean_redis)
    with client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(labels_channel(SITE))
        listener.get_message(timeout=1)
        anew(topics, clean_redis)
        heard = until(lambda: listener.get_message(timeout=0.1))
    assert json.loads(heard["data"]) == {"camera_id": "room1", "person_labels": {"0": "Visitor-A"}}
    client.close()


def test_every_way_to_fill_redis_gives_the_same_bytes(
    topics: str, tmp_path: Path, event_log: EventLog, decided: list[Any]
) -> None:
    """3,000 events decided by the real domain: live, rebuilt, after FLUSHALL, after `kill -9` of Redis."""
    for first in range(0, len(decided), 300):
        event_log.write(*decided[first : first + 300])
    server = EmbeddedRedis(tmp_path / "own-redis")
    url = server.start()
    store, shas = RedisViewStore(url), {}
    client = redis.Redis.from_url(url)
    try:
        with projector(topics, url):
            until(caught_up(topics, store), 60)
            shas["live"] = sha256(store.dump("saferoom:"))
            anew(topics, url)
            shas["rebuilt"] = sha256(store.dump("saferoom:"))
            client.flushall()
            until(caught_up(topics, store), 60)
            shas["flushed"] = sha256(store.dump("saferoom:"))
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            server.stop()
            assert server.start() == url
            until(caught_up(topics, store), 60)
            shas["killed"] = sha256(store.dump("saferoom:"))
        assert len(set(shas.values())) == 1, shas
        assert len(canonical(store.dump("saferoom:"))) > 100
    finally:
        client.close()
        store.close()
        server.stop()


def test_verify_finds_what_was_tampered_with(
    settings: Settings, topics: str, clean_redis: str, event_log: EventLog, capsys: pytest.CaptureFixture[str]
) -> None:
    event_log.write(*TOLD)
    anew(topics, clean_redis)
    assert rebuild_command(settings, None, [], verify=True) == 0
    live, rebuilt, last = capsys.readouterr().out.splitlines()
    assert (live.split()[1], last) == (rebuilt.split()[1], "equal")
    client: Any = redis.Redis.from_url(clean_redis)
    client.rpop("saferoom:history:global:b")
    assert rebuild_command(settings, None, [], verify=True) == 1
    assert "differs: saferoom:history:global:b" in capsys.readouterr().out
    assert rebuild_command(settings, None, [], verify=False) == 0
    assert rebuild_command(settings, None, [], verify=True) == 0
    client.close()


def test_the_past_is_answered_as_the_api_would_have(
    settings: Settings, topics: str, event_log: EventLog, capsys: pytest.CaptureFixture[str]
) -> None:
    event_log.write(*walk("a", 0, "Visitor-A", "room1", "room2"))
    event_log.write(registered("b", 1, "Visitor-B", START + 5_000))
    # A slow camera's: of before, but nobody knew it then.
    event_log.write(seen("a", "Visitor-A", track("room3"), START + 500, reason="bound"))

    def ask(at: int, *query: str) -> Any:
        code = answer(settings, str(at), query, one_line=True)
        return code, json.loads(capsys.readouterr().out)

    assert [p["person_id"] for p in ask(START + 4_999)[1]["persons"]] == ["a"]
    assert ask(START + 4_999, "person", "a")[1]["cameras"] == ["room1", "room2"]
    assert ask(START + 999, "person", "a")[1]["current_camera"] == "room1"
    assert ask(START - 1, "persons")[1]["persons"] == []
    assert ask(START + 5_000, "GET", "/persons?camera_id=room3")[1]["total"] == 1
    assert ask(START + 5_000, "stats")[1]["cameras"]["room2"]["total_persons"] == 1
    assert [s["kind"] for s in ask(START, "history", "a")[1]["steps"]] == ["registered", "bound"]
    assert ask(START, "person", "b")[0] == 1
    assert ask(START + 4_000) == ask(START + 4_000)


def test_explain_reads_the_log_also_of_the_gone(settings: Settings, topics: str, event_log: EventLog) -> None:
    event_log.write(*TOLD)
    event_log.write(merged("a", "b", "Visitor-A", asked_by="desk"))
    from tests.unit.projections.story import forgotten

    event_log.write(forgotten("a", asked_by="privacy"))
    steps = steps_of(settings, "a")
    assert (steps[-1]["kind"], steps[-1]["asked_by"]) == ("forgotten", "privacy")
    assert {step["person_id"] for step in steps if step["merged_in"]} == {"b"}
    assert all(step["causation"].startswith("reid.commands.v1/0/") and step["event_id"] for step in steps)
    assert [step["offset"] for step in steps] == sorted(step["offset"] for step in steps)
    assert steps_of(settings, "nobody") == []
