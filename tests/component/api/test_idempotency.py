from typing import Any

import pytest

from reid.contracts.topics import outcome_key
from reid.runtime.settings import Settings
from tests.component.api.client import TestClient
from tests.component.api.world import World, agree
from tests.unit.projections.story import walk

MERGE = {"person_id1": "a", "person_id2": "b"}


def test_a_repeated_request_gets_the_first_answer(world: World, client: TestClient) -> None:
    once = client.post("/persons/a/rename", json={"label": "Alice"}, headers={"Idempotency-Key": "k1"})
    again = client.post("/persons/a/rename", json={"label": "Alice"}, headers={"Idempotency-Key": "k1"})
    assert (once.status_code, once.json()) == (again.status_code, again.json())
    # The agent is asked twice under one id, which it answers once.
    assert len({command.command_id for command in world.commands.sent}) == 1
    other = client.post("/persons/a/rename", json={"label": "Alice"}, headers={"Idempotency-Key": "k2"})
    assert other.json()["command_id"] != once.json()["command_id"]


def test_the_same_key_for_another_request_is_refused_before_it_is_sent(
    world: World, client: TestClient
) -> None:
    headers = {"Idempotency-Key": "k1"}
    client.post("/persons/a/rename", json={"label": "Alice"}, headers=headers)
    for method, path, body in (
        ("POST", "/persons/a/rename", {"label": "Bob"}),
        ("POST", "/persons/b/rename", {"label": "Alice"}),
        ("DELETE", "/persons/a", None),
    ):
        answer = client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (422, True)
    assert len(world.commands.sent) == 1


def test_another_process_finds_the_key_used_by_its_outcome(api_settings: Settings) -> None:
    world = World(api_settings)
    world.happens(*walk("a", 0, "Visitor-A", "room1"))
    headers = {"Idempotency-Key": "k1"}
    with world.client() as client:
        first = client.post("/persons/a/rename", json={"label": "Alice"}, headers=headers).json()
    other = World(api_settings, answer=None)
    other.store = other.reader._store = world.store
    with other.client() as client:
        again = client.post("/persons/a/rename", json={"label": "Alice"}, headers=headers)
        assert (again.status_code, again.json()) == (200, first)
    third = World(api_settings, answer=None)
    third.reader._store = world.store
    with third.client() as client:
        refused = client.post("/persons/a/rename", json={"label": "Bob"}, headers=headers)
        assert (refused.status_code, "take a new key" in refused.json()["detail"]) == (422, True)


def test_an_id_under_a_key_tells_its_outcome_and_its_waiting(api_settings: Settings) -> None:
    world = World(api_settings.model_copy(update={"command_timeout": 0.05}), answer=None)
    with world.client() as client:
        pending = client.post("/persons/merge", json=MERGE, headers={"Idempotency-Key": "k1"})
        assert pending.status_code == 202
        where = pending.headers["location"]
        assert client.get(where).json()["status"] == "pending"
        world.happens(*walk("a", 0, "A", "room1"), *walk("b", 1, "B", "room2"), agree(world.commands.sent[0]))
        assert client.get(where).json()["status"] == "done"
        done = client.post("/persons/merge", json=MERGE, headers={"Idempotency-Key": "k1"})
        assert (done.status_code, done.json()["status"]) == (200, "merged")


def test_who_asks_is_in_the_command(world: World, client: TestClient) -> None:
    client.post("/persons/a/rename", json={"label": "Al"}, headers={"X-Asked-By": " desk 4 "})
    client.post("/persons/a/rename", json={"label": "Bo"})
    assert [command.issued_by for command in world.commands.sent] == ["desk 4", "api"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_name_with_an_umlaut_was_kept_as_two_other_letters(
    world: World, client: TestClient, encoding: str
) -> None:
    said = {"X-Asked-By": "Jürgen Müller".encode(encoding)}
    client.post("/persons/a/rename", json={"label": "Al"}, headers=said)
    client.get("/persons/a/similar", headers=said)
    assert [command.issued_by for command in world.commands.sent] == ["Jürgen Müller"]
    assert [search.by for search in world.commands.searches] == ["Jürgen Müller"]
    longest = {"X-Asked-By": ("ü" * 200).encode(encoding)}
    assert client.post("/persons/a/rename", json={"label": "Bo"}, headers=longest).status_code == 200
    longer = {"X-Asked-By": ("ü" * 201).encode(encoding)}
    assert client.post("/persons/a/rename", json={"label": "Bo"}, headers=longer).status_code == 422


def test_only_our_ids_share_a_key() -> None:
    uuid = "6f0c9b7e-53c1-5d0e-9a50-0d8e6c8f7a11"
    assert outcome_key(f"{uuid}.abc1") == outcome_key(f"{uuid}.fff2") == outcome_key(uuid)
    assert outcome_key("job.1") != outcome_key("job.2")


def test_keys_have_bounds(world: World, client: TestClient) -> None:
    answer: Any = client.delete("/persons/a", headers={"Idempotency-Key": "k" * 201})
    assert answer.status_code == 422
    assert world.commands.sent == []
