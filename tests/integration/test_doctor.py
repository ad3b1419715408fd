"""`saferoom doctor` against real servers."""

import os
import time
from pathlib import Path

import msgspec
import pytest

from deploy.camera_runs import check_cameras
from deploy.clocks import check_clocks
from deploy.doctor import info_of
from deploy.progress import check_progress
from projections.changes import Change, HashSet
from projections.redis_store import RedisViewStore
from reid.contracts.codec import encode
from reid.contracts.commands import ResetGallery
from reid.contracts.detections import CameraStatus
from reid.contracts.topics import CAMERAS, COMMANDS, EVENTS, PERSONS_VIEW, clocks_key
from reid.journeys.arrivals import HOUR, Arrival
from reid.runtime.admin import create_topics, delete_topics
from reid.runtime.doctor import Check, check_redis, run_checks
from reid.runtime.servers import resp
from reid.runtime.servers.child import Child
from reid.runtime.servers.redis import find_program
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog, until
from tests.integration.identity_worker import send
from tests.unit.projections.story import registered

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


@pytest.mark.parametrize(
    ("unfit", "fit", "told"),
    [
        (["REPLICAOF", "127.0.0.1", "9"], ["REPLICAOF", "NO", "ONE"], "read-only replica of 127.0.0.1:9"),
        (["CONFIG", "SET", "maxmemory", "1000"], ["CONFIG", "SET", "maxmemory", "0"], "takes no writes"),
    ],
)
def test_all_was_well_with_a_redis_that_takes_no_writes(
    settings: Settings, unfit: list[str], fit: list[str], told: str
) -> None:
    url = settings.redis()
    resp.ask(url, unfit)
    try:
        check = _checks(settings)["Redis"]
    finally:
        resp.ask(url, fit)
    assert not check.ok and told in check.detail and check.remedy
    assert _checks(settings)["Redis"].ok


def test_a_redis_on_a_unix_socket_was_said_to_be_no_redis(tmp_path: Path, settings: Settings) -> None:
    """All else speaks to it, and to one by TLS; what the doctor says of one that is away names it so."""
    path = tmp_path / "redis.sock"
    by_socket = settings.model_copy(update={"redis_url": f"unix://{path}"})
    assert "is away" in check_redis(by_socket, info_of).detail
    server = Child(
        [str(find_program()), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)],
        tmp_path / "redis.log",
        dict(os.environ),
    )
    server.start()
    try:
        until(path.exists)
        check = check_redis(by_socket, info_of)
    finally:
        server.stop(5.0)
    assert check.ok and str(path) in check.detail
    by_tls = settings.model_copy(update={"redis_url": "rediss://127.0.0.1:9/0"})
    assert "is away" in check_redis(by_tls, info_of).detail


def test_all_was_well_while_neither_worker_nor_projector_ran(
    settings: Settings, topics: str, clean_redis: str, event_log: EventLog
) -> None:
    impatient = settings.model_copy(update={"ready_lag": 2})
    found = {check.name: check for check in run_checks(impatient)}
    decisions, views = check_progress(impatient, found["Topics"], found["Redis"])
    assert decisions.ok and views.ok
    event_log.write(*(registered(f"p{n}", n, f"Visitor-{n}") for n in range(3)))
    reset = encode(ResetGallery(site_id="global", command_id="c", issued_at=1))
    send(topics, [(COMMANDS.name, "global", reset)] * 3)
    decisions, views = check_progress(impatient, found["Topics"], found["Redis"])
    assert not decisions.ok and "3 inputs wait" in decisions.detail and "saferoom worker" in decisions.remedy
    assert not views.ok and "records behind" in views.detail and "saferoom projector" in views.remedy


def test_all_was_well_with_a_redis_of_another_log(settings: Settings, topics: str, clean_redis: str) -> None:
    """The projector refuses it, and the API says that it is not ready."""
    store = RedisViewStore(clean_redis)
    store.commit(Change(PERSONS_VIEW, {}, {0: 99}, []))
    store.close()
    found = _checks(settings)
    _, views = check_progress(settings, found["Topics"], found["Redis"])
    assert not views.ok and "another log" in views.detail and "FLUSHDB" in views.remedy


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


def test_two_processes_sent_as_one_camera_and_the_doctor_said_that_all_is_well(
    settings: Settings, topics: str
) -> None:
    now = round(time.time() * 1000)
    well = Check("Topics", True, "")
    assert check_cameras(settings, well, now).detail == "none reported in the last minute"
    reports = [
        CameraStatus(
            site_id="global", camera_id="room1", session=session, reported_at=now - n, state="streaming"
        )
        for n, session in enumerate("abab")
    ]
    told = [b"{", *map(encode, reports)]
    send(topics, [(CAMERAS.name, "global/room1", value) for value in told])
    check = check_cameras(settings, well, now)
    assert not check.ok and "room1 of global" in check.detail
    assert "not checked" in check_cameras(settings, Check("Topics", False, ""), now).detail


def test_a_redis_database_that_is_not_there_was_called_sound(settings: Settings) -> None:
    server, _, _ = settings.redis().rpartition("/")
    check = check_redis(settings.model_copy(update={"redis_url": f"{server}/99"}), info_of)
    assert not check.ok and "no database 99" in check.detail
    assert "end REDIS_URL in /0" in check.remedy
