import asyncio
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from api.labels import Client
from api.server import serving
from reid.runtime.settings import Settings
from tests.component.api.client import TestClient
from tests.component.api.world import World
from tests.unit.projections.logs import report
from tests.unit.projections.story import left, renamed, seen, status, track


def message(camera: str, **labels: str) -> dict[str, Any]:
    return {
        "type": "person_labels",
        "camera_id": camera,
        "person_labels": {tracker.removeprefix("t"): label for tracker, label in labels.items()},
    }


SNAPSHOT = [message("room1"), message("room2", t0="Visitor-A"), message("room3", t1="Visitor-B")]


def receive(socket: Any, count: int) -> list[Any]:
    return sorted((socket.receive_json() for _ in range(count)), key=lambda m: str(m["camera_id"]))


def test_a_snapshot_of_every_camera_then_every_change(world: World, client: TestClient) -> None:
    report(world.store, [status("room9")])
    with client.websocket_connect("/ws") as socket:
        assert receive(socket, 4) == [*SNAPSHOT, message("room9")]
        world.happens(seen("a", "Visitor-A", track("room2", "0"), world.now))  # same labels: no message
        world.happens(renamed("a", "Alice"))
        assert socket.receive_json() == message("room2", t0="Alice")
        world.happens(left("a", "Alice", track("room2", "0")))
        assert socket.receive_json() == message("room2")


def test_every_client_hears_every_change(world: World, client: TestClient) -> None:
    with client.websocket_connect("/ws") as one, client.websocket_connect("/ws") as two:
        assert receive(one, 3) == receive(two, 3) == SNAPSHOT
        world.happens(renamed("b", "Bob"))
        assert one.receive_json() == two.receive_json() == message("room3", t1="Bob")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is asked again without a long wait."""
    monkeypatch.setattr("api.labels.FIRST_BACKOFF_S", 0.01)


@pytest.mark.usefixtures("soon")
def test_when_redis_comes_back_all_get_a_snapshot(world: World, client: TestClient) -> None:
    with client.websocket_connect("/ws") as socket:
        assert receive(socket, 3) == SNAPSHOT
        world.reader.away = True
        world.happens(renamed("b", "Bob"))
        while client.get("/readyz").json()["ready"]:
            pass
        world.reader.away = False
        assert receive(socket, 3) == [*SNAPSHOT[:2], message("room3", t1="Bob")]


@pytest.mark.usefixtures("soon")
def test_who_comes_while_redis_is_away_waits_for_the_snapshot(api_settings: Settings) -> None:
    world = World(api_settings)
    world.reader.away = True
    with world.client() as client, client.websocket_connect("/ws") as socket:
        report(world.store, [status("room1")])
        world.reader.away = False
        assert socket.receive_json() == message("room1")


def test_what_the_client_says_is_ignored(world: World, client: TestClient) -> None:
    with client.websocket_connect("/ws") as socket:
        socket.send_text("hello")
        socket.send_bytes(b"\x00")
        assert receive(socket, 3) == SNAPSHOT


def test_a_page_of_another_origin_is_turned_away(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/ws", headers={"Origin": "http://evil.example"}),
    ):
        pass


async def test_a_slow_client_gets_the_latest_of_each_camera_only() -> None:
    client = Client()
    for n in range(1000):
        client.offer("room1", {"1": f"Visitor-{n}"})
        client.offer("room2", {"2": f"Visitor-{n}"})
    assert await client.next() == ("room1", {"1": "Visitor-999"})
    client.offer("room1", {})
    assert await client.next() == ("room2", {"2": "Visitor-999"})
    assert await client.next() == ("room1", {})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.next(), 0.01)


async def test_a_snapshot_never_replaces_a_change_that_came_meanwhile() -> None:
    client = Client()
    client.offer("room1", {"1": "new"})
    client.offer_snapshot({"room1": {"1": "old"}, "room2": {"2": "quiet"}})
    assert await client.next() == ("room1", {"1": "new"})
    assert await client.next() == ("room2", {"2": "quiet"})
    sent = Client()
    sent.offer("room1", {"1": "new"})
    assert await sent.next() == ("room1", {"1": "new"})
    sent.offer_snapshot({"room1": {"1": "old"}})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sent.next(), 0.01)


def test_a_client_made_the_server_hold_sixteen_megabytes_that_nobody_reads() -> None:
    """Each WebSocket could: what clients say there is ignored."""
    assert serving(None, lambda: None).config.ws_max_size <= 4096
