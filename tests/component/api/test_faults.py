"""Requests that can't be read as what they should be."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.faults import MOST
from api.search.pictures import MOST_BYTES
from tests.component.api.access import guarded
from tests.component.api.client import TestClient
from tests.component.api.world import World

JSON = {"Content-Type": "application/json"}


def test_the_fault_of_a_large_body_does_not_send_the_body_back(client: TestClient) -> None:
    """A picture of 5 MB with ``purpose`` forgotten was answered with 73 MB: it stood there for each kind of
    search, and again for each field of it."""
    answer = client.post("/search", json={"image": "A" * 5_000_000})
    assert answer.status_code == 422 and len(answer.content) < 5_000
    faults = answer.json()["detail"]
    assert ["body", "SearchByImage", "purpose"] in [fault["loc"] for fault in faults]
    assert all(set(fault) <= {"type", "loc", "msg", "ctx"} for fault in faults)


@pytest.mark.parametrize("path", ["/persons/reset", "/persons/split"])
def test_eighty_thousand_unknown_names_kept_everybody_waiting(client: TestClient, path: str) -> None:
    """A second for each such body of 1 MiB: a fault for each name, and for each kind of body."""
    answer = client.post(path, json={f"{number:05}": 0 for number in range(80_000)})
    assert answer.status_code == 422
    assert {fault["msg"] for fault in answer.json()["detail"]} == {"A body has at most 1000 fields"}


@pytest.mark.parametrize("path", ["/search", "/persons/reset"])
def test_a_thousand_faults_are_not_a_thousand_answers(client: TestClient, path: str) -> None:
    answer = client.post(path, json={f"{number}{'x' * 1000}": 0 for number in range(1000)})
    assert answer.status_code == 422 and len(answer.content) < 10_000
    faults = answer.json()["detail"]
    if path == "/search":
        assert [fault["msg"] for fault in faults] == ["A search has at most 20 fields"]
    else:
        assert len(faults) == MOST + 1
        assert faults[-1] == {"type": "more", "loc": ["body"], "msg": f"and {1000 - MOST} more faults"}


BAD = ("NaN", "Infinity", "-Infinity", "1e400", '"\\ud800"', '["\\udfff"]', '{"\\ud800": NaN}')
BODIES = (
    ("/persons/merge", '{"person_id1": %s, "person_id2": "b"}'),
    ("/persons/a/rename", '{"label": %s}'),
    ("/persons/reset", '{"camera_id": %s}'),
    ("/persons/reset", '{"\\ud800": %s}'),
    ("/persons/a/reject", '{"track": %s}'),
    ("/persons/a/reject", '{"track": {"camera_id": "room1", "session": %s, "tracker_id": "7"}}'),
    ("/persons/split", '{"person_id": "a", "tracks": [%s]}'),
    ("/persons/split", '{"person_id": "a", "absorbed_id": %s}'),
    ("/review/0a", '{"answer": %s}'),
    ("/search", '{"person_id": %s, "purpose": "why"}'),
    ("/search", '{"person_id": "a", "purpose": %s}'),
    ("/search", '{"person_id": "a", "purpose": "why", "limit": %s}'),
    ("/search", '{"person_id": "a", "purpose": "why", "since": %s}'),
    ("/search", '{"person_id": "a", "purpose": "why", "cameras": [%s]}'),
    ("/search", '{"attributes": %s, "purpose": "why"}'),
    ("/search", '{"embedding": %s, "model": "m@1", "purpose": "why"}'),
    ("/search", '{"embedding": "AAAA", "model": %s, "purpose": "why"}'),
    ("/search", '{"image": %s, "purpose": "why"}'),
    ("/search", "%s"),
)


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_what_json_can_not_hold_was_a_500(world: World, client: TestClient, path: str, body: str) -> None:
    """The answer named what stood there, and could not be encoded."""
    for bad in BAD:
        answer = client.post(path, content=body % bad, headers=JSON)
        assert answer.status_code == 422, (bad, answer.text)
        faults: list[dict[str, Any]] = answer.json()["detail"]
        assert all(fault["msg"] and fault["loc"][0] == "body" for fault in faults), (bad, faults)
    assert world.commands.sent == [] and world.commands.searches == []


def chunks(first: bytes, mib: int) -> Iterator[bytes]:
    """A body without a length."""
    yield first
    yield from [b"A" * 2**20] * mib


@pytest.mark.parametrize(("path", "most"), [("/search", 12), ("/persons/merge", 1), ("/persons/a/rename", 1)])
def test_a_body_of_any_size_was_held_and_read(world: World, client: TestClient, path: str, most: int) -> None:
    """150 MB kept the API busy for a minute, in which nobody else was answered."""
    for body in (b'{"x": "' + b"A" * (most * 2**20), chunks(b'{"x": "', most)):
        answer = client.post(path, content=body, headers=JSON)
        assert answer.status_code == 413
        assert f"more than {most} MiB" in answer.json()["detail"], answer.json()
    assert world.commands.sent == []


def test_the_largest_picture_passes(world: World, client: TestClient) -> None:
    picture = base64.b64encode(b"\xff\xd8\xff" + bytes(MOST_BYTES - 3))
    body = b'{"purpose": "why", "image": "%b"}' % picture
    assert client.post("/search", content=body, headers=JSON).status_code == 422
    assert client.post("/search", content=iter([body]), headers=JSON).status_code == 422
    assert [len(asked) for asked in world.pictures.asked] == [MOST_BYTES] * 2


def test_who_may_not_is_told_so_before_a_body_is_looked_at(tmp_path: Path) -> None:
    world, _ = guarded(tmp_path)
    with world.client() as client:
        assert client.post("/search", content=b"A" * (13 * 2**20), headers=JSON).status_code == 401
        assert client.post("/nowhere", content=b"A" * (13 * 2**20), headers=JSON).status_code == 404
