"""After an upgrade that changes what a view makes of the log: the new answers come by themselves."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from projections.databases import MARK
from projections.rebuild import settled
from projections.redis_store import RedisViewStore
from projections.renewal import Job, Renewal
from projections.views import CamerasView, PersonsView
from reid.contracts.topics import FORM_KEY, journeys_key, person_key, position_key
from reid.runtime.settings import Settings
from tests.integration.event_log import TTL_DAYS, EventLog, projector, until
from tests.integration.processes import process, start
from tests.unit.projections.story import SITE, START, renamed, seen, track, walk

pytestmark = pytest.mark.integration
FORM = PersonsView.form
ANN, KEY = person_key(SITE, "a"), FORM_KEY


@pytest.fixture
def client(clean_redis: str) -> Iterator[Any]:
    made = redis.Redis.from_url(clean_redis, decode_responses=True)
    yield made
    made.close()


@pytest.fixture
def filled(topics: str, clean_redis: str, store: RedisViewStore) -> EventLog:
    """By a projector of today, whose form stands beside its positions."""
    log = EventLog(topics)
    with projector(topics, clean_redis):
        log.write(*walk("a", 0, "Ann", "room1", "room2"))
        until(lambda: store.value(ANN))
    assert store.form("persons") == FORM
    return log


def label(store: RedisViewStore) -> str:
    """Of Ann, whoever asks; there is always one."""
    found = store.value(ANN)
    assert found is not None, "half a view was shown"
    return str(found)


@pytest.mark.parametrize("form", [None, "0"])
def test_old_answers_stayed_until_somebody_rebuilt_the_views(
    form: str | None, settings: Settings, filled: EventLog, store: RedisViewStore, client: Any
) -> None:
    right, _ = settled(store)
    client.set(ANN, client.get(ANN).replace('"visit_count":1', '"visit_count":77'), keepttl=True)
    client.hdel(KEY, "persons")
    if form is not None:
        client.hset(KEY, "persons", form)
    assert '"visit_count":77' in label(store)
    with process("projections.projector", "projector", settings) as running:
        until(lambda: label(store) and store.form("persons") == FORM)
        filled.write(renamed("a", "Anna"))
        until(lambda: '"label":"Anna"' in label(store))
        code, said = running.stop(10)
    assert code == 0, said
    assert '"visit_count":1' in label(store)
    assert f"view persons stands in Redis in form 0, not {FORM}: rebuilding" in said
    assert store.dump("saferoom:tallies") == {
        key: value for key, value in right.items() if key.startswith("saferoom:tallies")
    }


@pytest.mark.parametrize("what", ["person", "visits"])
def test_older_documents_that_can_not_be_read_wait_for_the_rebuild(
    what: str, settings: Settings, filled: EventLog, store: RedisViewStore, client: Any
) -> None:
    """Of a person, of which the view knows at once, and of visits, which are read when an event needs them:
    that was taken for a defect, and a sound event for a dead letter."""
    if what == "person":
        client.set(ANN, '{"who":"of an older program"}', keepttl=True)
    else:
        key = journeys_key(SITE, "a")
        for visit in client.hkeys(key):
            client.hset(key, visit, "[]")
        filled.write(seen("a", "Ann", track("room2", "9"), START + 20_000, reason="bound"))
    client.delete(KEY)
    filled.write(renamed("a", "Anna"))
    with process("projections.projector", "projector", settings) as running:
        until(lambda: '"label":"Anna"' in label(store) and store.form("persons") == FORM)
        code, said = running.stop(10)
    assert code == 0, said
    assert "defect" not in said and "leaves out" not in said


def test_what_has_its_dead_letter_does_not_stop_the_rebuild(
    topics: str,
    clean_redis: str,
    settings: Settings,
    filled: EventLog,
    store: RedisViewStore,
    client: Any,
) -> None:
    with projector(topics, clean_redis):
        filled.write(b"{broken")
        filled.dead_letter()
    client.delete(KEY)
    with process("projections.projector", "projector", settings) as running:
        until(lambda: store.form("persons") == FORM)
        code, said = running.stop(10)
    assert code == 0, said


def test_views_of_a_newer_program_are_left_alone(
    settings: Settings, filled: EventLog, store: RedisViewStore, client: Any
) -> None:
    client.hset(KEY, "persons", FORM + 1)
    before = store.dump("saferoom:")
    child = start("projections.projector", settings)
    _, said = child.communicate(timeout=60)
    assert child.returncode != 0
    assert f"in form {FORM + 1}, and this program knows none after {FORM}" in said
    assert "saferoom rebuild" in said and "Traceback" not in said
    assert store.dump("saferoom:") == before


def test_a_rebuild_that_waits_for_another_ends_with_its_projector_and_goes_on_after_it(
    topics: str,
    clean_redis: str,
    filled: EventLog,
    store: RedisViewStore,
    client: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    client.delete(KEY)
    client.set(MARK, "somebody else")
    job = Job(topics, clean_redis, [PersonsView(TTL_DAYS), CamerasView()])
    ended = Renewal(job)
    ended.begin("a test says so")
    assert not threading.Event().wait(1.5) and ended.running
    ended.end()
    assert not ended.running
    assert "stay as they are" not in caplog.text, "told of as a failure"
    assert store.form("persons") == 0
    goes_on = Renewal(job)
    goes_on.begin("a test says so")
    client.delete(MARK)
    until(lambda: store.form("persons") == FORM)
    until(lambda: not goes_on.running)
    assert "the views are rebuilt: 4 records" in caplog.text
    goes_on.end()
    assert client.exists(position_key("persons"))
