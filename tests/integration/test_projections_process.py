"""The projector as a process of its own."""

import time

import pytest

from projections.redis_store import RedisViewStore
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog, until
from tests.integration.processes import process, start
from tests.unit.projections.story import walk

pytestmark = pytest.mark.integration


def test_it_gets_ready_follows_and_ends_on_request(settings: Settings, topics: str, clean_redis: str) -> None:
    store = RedisViewStore(clean_redis)
    with process("projections.projector", "projector", settings) as projector:
        EventLog(topics).write(*walk("a", 0, "Visitor-A", "room1"))
        until(lambda: store.dump("saferoom:persons"))
        code, said = projector.stop(5)
    assert code == 0, said
    assert "Traceback" not in said
    assert not (settings.home / "run" / "projector.ready").exists()
    store.close()


def test_it_ends_on_request_while_both_servers_are_away(settings: Settings, kafka: str) -> None:
    child = start(
        "projections.projector",
        settings,
        KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
        REDIS_URL="redis://127.0.0.1:1/0",
    )
    assert child.stderr is not None
    first = child.stderr.readline()
    time.sleep(1)
    child.terminate()
    _, rest = child.communicate(timeout=7)
    assert child.returncode == 0, rest
    assert "Redis is away" in first
    assert "Redis is away" not in rest
