"""`saferoom doctor` against real servers."""

import time

import msgspec
import pytest

from deploy.clocks import check_clocks
from projections.changes import Change, HashSet
from projections.redis_store import RedisViewStore
from reid.contracts.topics import EVENTS, clocks_key
from reid.journeys.arrivals import HOUR, Arrival
from reid.runtime.admin import create_topics, delete_topics
from reid.runtime.doctor import Check, run_checks
from reid.runtime.servers import resp
from reid.runtime.settings import Settings

pytestmark = pytest.mark.integration


def _checks(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in run_checks(settings)}


def test_all_is_well(settings: Settings, topics: str) -> None:
    checks = _checks(settings)
    assert [check for check in checks.values() if not check.ok] == []
    assert topics in checks["Kafka"].detail and "1 broker" in checks["Kafka"].detail
    assert "append-only file on" in checks["Redis"].detail


def test_a_missing_topic_and_a_wrong_partition_count_are_told_apart(settings: Settings, topics: str) -> None:
    delete_topics(topics, [EVENTS.name])
    missing = _checks(settings)["Topics"]
    assert not missing.ok
    assert EVENTS.name in missing.detail and missing.remedy == "run `saferoom topics create`"
    create_topics(topics, 4, 1)
    wrong = _checks(settings.model_copy(update={"partitions": 6}))["Topics"]
    assert not wrong.ok and "SAFEROOM_PARTITIONS=4" in wrong.detail + wrong.remedy


def test_too_few_brokers_for_the_replicas(settings: Settings) -> None:
    check = _checks(settings.model_copy(update={"replication_factor": 3}))["Kafka"]
    assert not check.ok and "SAFEROOM_REPLICATION_FACTOR" in check.remedy


def test_a_redis_that_evicts_is_refused(settings: Settings) -> None:
    url = settings.redis()
    resp.ask(url, ["CONFIG", "SET", "maxmemory", "1gb", "maxmemory-policy", "allkeys-lru"])
    try:
        check = _checks(settings)["Redis"]
    finally:
        resp.ask(url, ["CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction"])
    assert not check.ok and "noeviction" in check.remedy


def test_a_camera_whose_clock_is_off_is_told(settings: Settings, topics: str) -> None:
    """As the projector keeps them; each heard in two hours, now and before."""
    now, key = round(time.time() * 1000), clocks_key(settings.site_id)
    arrivals = {"room1": 150, "room2": 160, "room3": 3_000}
    view = RedisViewStore(settings.redis())
    view.commit(
        Change(
            "test", {}, {0: 1},
            [
                HashSet(key, name, msgspec.json.encode(Arrival(now // HOUR, late, late)))
                for name, late in arrivals.items()
            ],
        )
    )  # fmt: skip
    view.close()
    redis = _checks(settings)["Redis"]
    check = check_clocks(settings, redis, now)
    assert not check.ok and check.detail == "room3: its clock seems 2.8 s behind the others"
    assert "NTP" in check.remedy
    away = check_clocks(settings, Check("Redis", False, "away", "start it"), now)
    assert not away.ok and "no Redis" in away.detail
