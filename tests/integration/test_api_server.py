"""The API process on real Kafka and Redis, by HTTP and WebSocket, as a Redis user who may not write."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest
import redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from api.reader import ACL
from api.server import listen, server_of, url_of
from reid.contracts.codec import decode_command
from reid.contracts.topics import COMMANDS
from reid.runtime.admin import create_topics, delete_topics
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog, projector, until
from tests.integration.processes import process, start
from tests.unit.projections.story import (
    START,
    forgotten,
    left,
    merged,
    registered,
    rejected,
    renamed,
    reset,
    seen,
    status,
    track,
    walk,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def views(topics: str, clean_redis: str) -> Iterator[None]:
    """A projector at work."""
    with projector(topics, clean_redis):
        yield


@pytest.fixture
def reading(settings: Settings, clean_redis: str) -> Iterator[Settings]:
    """Settings with a Redis user who may only do what the API declares to need."""
    admin = redis.Redis.from_url(clean_redis)
    admin.execute_command("ACL", "SETUSER", "api-test", "reset", "on", ">only-reads", *ACL)
    url = clean_redis.replace("redis://", "redis://api-test:only-reads@")
    yield settings.model_copy(update={"redis_url": url})
    admin.execute_command("ACL", "DELUSER", "api-test")
    admin.close()


@pytest.fixture
def url(reading: Settings, topics: str) -> Iterator[str]:
    """The server in a thread: importing it anew for every test would take most of the time."""
    quick = reading.model_copy(update={"command_timeout": 3.0, "ready_lag": 0})
    started = threading.Event()
    server = server_of(quick, started.set)
    with closing(listen("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="api")
        thread.start()
        assert started.wait(60)
        yield url_of(listener)
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60) as made:
        yield made


@pytest.fixture
def asking() -> Iterator[ThreadPoolExecutor]:
    """For a request that waits while the test plays the rest of the world."""
    with ThreadPoolExecutor(1) as made:
        yield made


def ready(client: httpx.Client) -> bool:
    return client.get("/readyz").status_code == 200


def test_the_user_of_these_tests_may_not_write(reading: Settings) -> None:
    client = redis.Redis.from_url(reading.redis())
    client.ping()
    for write in (
        lambda: client.set("saferoom:x", "1"),
        lambda: client.delete("saferoom:x"),
        lambda: client.hset("saferoom:x", "a", "1"),
        lambda: client.publish("saferoom:labels:global", "x"),
        lambda: client.eval("return 1", 0),
        lambda: client.get("other:x"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            write()
    client.close()


def test_the_four_cases_of_the_old_system(client: httpx.Client, views: None, event_log: EventLog) -> None:
    person = "person_1762344658197_0"
    event_log.write(
        registered(person, 0, "Visitor-A", START, track=track("room2")),
        seen(person, "Visitor-A", track("room2"), START, reason="bound"),
    )
    event_log.write(left(person, "Visitor-A", track("room2"), START + 4000))
    event_log.write(seen(person, "Visitor-A", track("room3", "9"), START + 9000, reason="bound"))
    until(lambda: ready(client))
    everybody = client.get("/persons").json()
    assert everybody == {
        "camera_id": None,
        "total": 1,
        "persons": [
            {
                "person_id": person,
                "label": "Visitor-A",
                "cameras": ["room2", "room3"],
                "visit_count": 1,
                "num_embeddings": 1,
                "first_seen": "2025-11-05T12:10:58.197Z",
                "last_seen": "2025-11-05T12:11:07.197Z",
                "current_camera": "room3",
                "attributes": {},
            }
        ],
    }
    assert client.get("/persons?camera_id=room2").json() == everybody | {"camera_id": "room2"}
    one = {"total_persons": 1, "total_embeddings": 1, "avg_visits": 1.0}
    assert client.get("/persons/stats").json() == {"cameras": {"room2": one, "room3": one}}
    assert client.get(f"/persons/{person}").json() == everybody["persons"][0]
    assert client.get(f"/persons/{person}?camera_id=room9").status_code == 404
    assert client.get("/config").json()["person_reid"]["total_persons"] == 1
    pages = client.get("/persons?camera_id=room3&limit=5").json()
    assert (pages["total"], pages["next_cursor"]) == (1, None)


def test_cameras_that_report_are_counted(client: httpx.Client, views: None, event_log: EventLog) -> None:
    now = time.time_ns() // 1_000_000
    for report in (
        status("room1", at=now),
        status("room2", at=now - 60_000),
        status("room3", "ended", at=now),
    ):
        event_log.report(report)
    until(lambda: len(client.get("/cameras").json()["cameras"]) == 3)
    assert client.get("/config").json()["person_reid"]["per_camera_trackers"] == 1


def test_commands_are_answered_once_visible(
    client: httpx.Client, views: None, event_log: EventLog, asking: ThreadPoolExecutor
) -> None:
    event_log.write(
        *walk("a", 0, "Visitor-A", "room1"), *walk("b", 1, "Visitor-B", "room2"), *walk("c", 2, "C", "room1")
    )
    until(lambda: ready(client))
    answered: Future[httpx.Response] = asking.submit(
        client.post, "/persons/merge", json={"person_id1": "a", "person_id2": "b"}
    )
    key, raw = event_log.command()
    command: Any = decode_command(raw)
    assert (key, command.site_id, command.person_id1, command.person_id2) == (b"global", "global", "a", "b")
    time.sleep(0.2)
    assert not answered.done(), "answered before there was an outcome"
    event_log.write(merged("a", "b", "Visitor-A", command_id=command.command_id))
    answer = answered.result(30)
    assert answer.status_code == 200
    assert answer.json()["cameras"] == ["room1", "room2"]
    assert answer.json() == client.get("/persons/a").json() | {
        "status": "merged",
        "command_id": command.command_id,
    }
    assert client.get("/persons").json()["total"] == 2
    assert client.get(f"/commands/{command.command_id}").json()["status"] == "done"


@pytest.mark.parametrize(
    ("ask", "event", "status_code", "fact"),
    [
        (("POST", "/persons/a/rename", {"label": "Alice"}), renamed, 200, ("label", "Alice")),
        (("DELETE", "/persons/a", None), forgotten, 200, ("status", "forgotten")),
        (("POST", "/persons/reset", None), reset, 200, ("removed", 1)),
        (("DELETE", "/persons/a", None), "unknown_person", 404, ("detail", "because")),
        (("POST", "/persons/a/rename", {"label": "B"}), "label_taken", 409, ("detail", "because")),
    ],
)
def test_each_command_has_its_answer(
    client: httpx.Client,
    views: None,
    event_log: EventLog,
    asking: ThreadPoolExecutor,
    ask: tuple[str, str, Any],
    event: Any,
    status_code: int,
    fact: tuple[str, Any],
) -> None:
    event_log.write(*walk("a", 0, "Visitor-A", "room1"))
    until(lambda: ready(client))
    method, path, body = ask
    answered = asking.submit(client.request, method, path, json=body)
    id_ = decode_command(event_log.command()[1]).command_id
    if isinstance(event, str):
        event_log.write(rejected(id_, event))
    elif event is renamed:
        event_log.write(renamed("a", "Alice", command_id=id_))
    else:
        event_log.write(event("a", command_id=id_))
    answer = answered.result(30)
    assert (answer.status_code, answer.json()[fact[0]]) == (status_code, fact[1]), answer.text


def test_without_an_agent_202_and_later_the_outcome(
    client: httpx.Client, views: None, event_log: EventLog
) -> None:
    event_log.write(*walk("a", 0, "Visitor-A", "room1"))
    until(lambda: ready(client))
    began = time.monotonic()
    pending = client.post("/persons/reset")
    assert (pending.status_code, time.monotonic() - began > 2.9) == (202, True)
    where = pending.headers["location"]
    assert client.get(where).json()["status"] == "pending"
    event_log.write(reset("a", command_id=pending.json()["command_id"]))
    assert until(lambda: (b := client.get(where).json())["status"] == "done" and b)["person_ids"] == ["a"]
    asked_at = time.monotonic()
    asked = client.delete("/persons/a", headers={"Prefer": "respond-async"})
    assert (asked.status_code, time.monotonic() - asked_at < 2.9) == (202, True)


def test_labels_are_pushed(url: str, client: httpx.Client, views: None, event_log: EventLog) -> None:
    event_log.write(*walk("a", 0, "Visitor-A", "room1"))
    until(lambda: ready(client))
    with connect(url.replace("http", "ws") + "/ws") as one:
        assert json.loads(one.recv(30)) == {
            "type": "person_labels",
            "camera_id": "room1",
            "person_labels": {"0": "Visitor-A"},
        }
        took = []
        for n in range(10):
            time.sleep(0.02)
            event_log.write(renamed("a", f"Alice {n}"))
            written = time.perf_counter()
            assert json.loads(one.recv(30))["person_labels"] == {"0": f"Alice {n}"}
            took.append(1000 * (time.perf_counter() - written))
        print(f"event committed to WebSocket: median {sorted(took)[5]:.1f} ms, worst {max(took):.1f} ms")
        event_log.write(left("a", "Alice 9", track("room1", "0")))
        assert json.loads(one.recv(30))["person_labels"] == {}


def test_a_client_that_reads_nothing_holds_nobody_up(
    url: str, client: httpx.Client, views: None, event_log: EventLog
) -> None:
    """12 MB are pushed, more than the sockets between take: the other client and the API go on, and the
    deaf one, when it reads again, gets the last mapping without all those before it."""
    names = [f"{n}-{'x' * 200_000}" for n in range(60)]
    event_log.write(*walk("a", 0, "Visitor-A", "room1"))
    until(lambda: ready(client))
    address = url.replace("http", "ws") + "/ws"
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as deaf, connect(address, max_size=None) as other:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((host, int(port)))
        deaf.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        other.recv(30)
        for name in names:
            event_log.write(renamed("a", name))
            assert json.loads(other.recv(30))["person_labels"] == {"0": name}
        assert client.get("/persons/a").json()["label"] == names[-1]
        deaf.settimeout(30)
        got = b""
        while b'"59-' not in got:
            got += deaf.recv(1 << 20)
        assert got.count(b'"person_labels"') < len(names)


def test_ready_only_while_the_views_keep_up(
    client: httpx.Client, topics: str, clean_redis: str, event_log: EventLog
) -> None:
    event_log.write(*walk("a", 0, "Visitor-A", "room1"))
    behind = client.get("/readyz")
    assert behind.status_code == 503
    assert "records behind reid.events.v1/" in " ".join(behind.json()["reasons"])
    assert client.get("/healthz").status_code == 200
    with projector(topics, clean_redis):
        until(lambda: ready(client))


def test_kafka_away_is_503_within_the_time_out(reading: Settings) -> None:
    with (
        process(
            "api.server",
            "api",
            reading,
            KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
            SAFEROOM_COMMAND_TIMEOUT="3",
        ) as server,
        httpx.Client(base_url=server.facts["url"], timeout=60) as client,
    ):
        with ThreadPoolExecutor(1) as other:
            began = time.monotonic()
            refused = other.submit(client.post, "/persons/merge", json={"person_id1": "a", "person_id2": "b"})
            time.sleep(0.2)
            assert client.get("/persons").json()["total"] == 0, "a waiting command must not hold up readers"
            assert not refused.done()
            answer = refused.result(60)
        assert (answer.status_code, time.monotonic() - began < 10) == (503, True)
        assert "saferoom up" in answer.json()["detail"]
        assert "Kafka" in " ".join(client.get("/readyz").json()["reasons"])
        code, said = server.stop()
    assert code == 0, said
    assert "Traceback" not in said


def test_a_kafka_without_the_topics_was_said_to_be_away(
    client: httpx.Client, views: None, topics: str, event_log: EventLog
) -> None:
    """After the whole time-out; and one that makes topics by itself made that of the commands, of one
    partition."""
    delete_topics(topics, [COMMANDS.name])
    began = time.monotonic()
    answer = client.post("/persons/reset")
    assert answer.status_code == 503 and time.monotonic() - began < 2.5
    assert answer.json()["detail"] == (
        f"topic {COMMANDS.name} does not exist: make it with `saferoom topics create`"
    )
    create_topics(topics, 4, 1)
    assert client.post("/persons/reset", headers={"Prefer": "respond-async"}).status_code == 202


def test_redis_away_is_503_with_the_remedy(settings: Settings, topics: str) -> None:
    with (
        process("api.server", "api", settings, REDIS_URL="redis://127.0.0.1:1/0") as server,
        httpx.Client(base_url=server.facts["url"], timeout=60) as client,
    ):
        for answer in (client.get("/persons"), client.post("/persons/reset"), client.get("/readyz")):
            assert answer.status_code == 503
            assert "saferoom up" in answer.text
        code, said = server.stop()
    assert code == 0, said
    assert "Traceback" not in said


def test_a_stop_request_ends_it_within_seconds_with_sockets_open(reading: Settings, topics: str) -> None:
    told: list[int | None] = []
    with (
        process("api.server", "api", reading) as server,
        connect(server.facts["url"].replace("http", "ws") + "/ws") as socket_,
    ):

        def listen() -> None:
            try:
                for _ in socket_:
                    pass
            except ConnectionClosed as end:
                told.append(end.rcvd.code if end.rcvd else None)

        listener = threading.Thread(target=listen)
        listener.start()
        code, said = server.stop(5)
        listener.join(10)
    assert (code, told) == (0, [1012]), said
    assert "Traceback" not in said
    assert not (reading.home / "run" / "api.ready").exists()


def test_a_busy_port_is_one_clear_line(settings: Settings, topics: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        child = start("api.server", settings, SAFEROOM_API_PORT=str(port))
        _, said = child.communicate(timeout=90)
    assert child.returncode != 0
    (line,) = said.strip().splitlines()
    assert f"port {port} on 127.0.0.1 is taken" in line
    assert "SAFEROOM_API_PORT" in line
