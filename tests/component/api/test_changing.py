from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from starlette.websockets import WebSocketDisconnect

from api.commands import command_id, issued_at
from projections.changes import SetOutcome
from reid.contracts.commands import ForgetPerson, MergePersons, RenamePerson, ResetGallery
from reid.contracts.names import RULE
from reid.contracts.topics import outcome_key
from reid.domain.labels import MAX_LABEL
from reid.runtime.settings import Settings
from tests.component.api.client import TestClient
from tests.component.api.world import World, refuse
from tests.unit.projections.story import START, forgotten, walk


@pytest.fixture
def ask(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., tuple[World, TestClient]]]:
    """Makes a world whose agent answers as given; all of them are closed at the end."""
    opened = []

    def make(answer: Any, timeout: float = 0.1) -> tuple[World, TestClient]:
        world = World(make_settings(command_timeout=timeout), answer)
        world.happens(*walk("a", 0, "Visitor-A", "room1"), *walk("b", 1, "Visitor-B", "room2"))
        context = world.client()
        opened.append(context)
        return world, context.__enter__()

    yield make
    for context in opened:
        context.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/persons/merge", {"person_id1": "a", "person_id2": "no body"}),
        ("/persons/merge", {"person_id1": "x" * 129, "person_id2": "b"}),
        ("/persons/a%20b/rename", {"label": "Night nurse"}),
    ],
)
def test_an_id_that_cannot_be_was_a_dead_letter_and_pending_for_ever(
    world: World, client: TestClient, path: str, body: dict[str, str]
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, world.commands.sent) == (404, [])
    assert RULE in answer.json()["detail"]


def test_a_merge_answers_with_the_merged_person(world: World, client: TestClient) -> None:
    answer = client.post("/persons/merge", json={"person_id1": "a", "person_id2": "b"})
    assert answer.status_code == 200
    body = answer.json()
    sent = world.commands.sent[0]
    assert isinstance(sent, MergePersons)
    assert (sent.site_id, sent.person_id1, sent.person_id2, sent.issued_at, sent.issued_by) == (
        "global",
        "a",
        "b",
        world.now,
        "api",
    )
    assert body.pop("status") == "merged"
    assert body.pop("command_id") == sent.command_id
    assert body == client.get("/persons/a").json()
    assert client.get("/persons/b").status_code == 404
    assert client.get(f"/commands/{sent.command_id}").json() == {
        "status": "done",
        "command_id": sent.command_id,
        "outcome": f"/commands/{sent.command_id}",
        "event_type": "reid.persons.merged.v1",
        "person_id": "a",
        "person_ids": [],
        "code": None,
        "message": None,
    }


def test_outcomes_of_another_sites_commands_were_told_to_this_ones_callers(
    world: World, client: TestClient
) -> None:
    """Both stand in one Redis, and the id of a command is no secret: it is in answers, logs and the audit."""
    mine, theirs = (command_id(world.now + n) for n in (0, 1))
    world.happens(forgotten("a", command_id=mine))
    world.happens(msgspec.structs.replace(forgotten("x", command_id=theirs), site_id="annex"))
    assert client.get(f"/commands/{mine}").json()["person_id"] == "a"
    other = client.get(f"/commands/{theirs}").json()
    # As any id that nothing is known of.
    assert (other["status"], other["event_type"], other["person_id"]) == ("pending", None, None)


def test_an_outcome_that_an_older_projector_wrote_is_told(world: World, client: TestClient) -> None:
    id_ = command_id(world.now)
    told = {"command_id": id_, "event_type": "reid.person.renamed.v1", "person_id": "a"}
    world.store._execute(SetOutcome(outcome_key(id_), msgspec.json.encode(told)))
    assert client.get(f"/commands/{id_}").json()["person_id"] == "a"


def test_a_merge_as_the_old_systems_clients_may_ask_for_it(world: World, client: TestClient) -> None:
    answer = client.post("/persons/merge?person_id1=a&person_id2=b")
    assert (answer.status_code, answer.json()["person_id"]) == (200, "a")
    assert client.post("/persons/merge?person_id1=a").status_code == 422
    assert client.post("/persons/merge").status_code == 422
    assert len(world.commands.sent) == 1


@pytest.mark.parametrize("asked", [{"params": {"camera": "room1"}}, {"json": {"camera": "room1"}}])
def test_a_camera_under_another_name_does_not_reset_everybody(
    world: World, client: TestClient, asked: dict[str, Any]
) -> None:
    answer = client.post("/persons/reset", **asked)
    assert (answer.status_code, world.commands.sent) == (422, [])
    assert "camera" in str(answer.json()["detail"])


def test_rename(world: World, client: TestClient) -> None:
    body = client.post("/persons/a/rename", json={"label": "Alice"}).json()
    assert isinstance(world.commands.sent[0], RenamePerson)
    assert (body["status"], body["label"], body["person_id"]) == ("renamed", "Alice", "a")


def test_forget(world: World, client: TestClient) -> None:
    answer = client.delete("/persons/a")
    assert isinstance(world.commands.sent[0], ForgetPerson)
    assert answer.json() == {
        "status": "forgotten",
        "command_id": world.commands.sent[0].command_id,
        "person_id": "a",
    }
    assert client.get("/persons/a").status_code == 404


@pytest.mark.parametrize(
    ("query", "body", "camera"),
    [
        ("", None, None),
        ("", {}, None),
        ("", {"camera_id": None}, None),
        ("", {"camera_id": "room1"}, "room1"),
        ("?camera_id=room1", None, "room1"),
        ("?camera_id=room1", {"camera_id": "room2"}, "room2"),
    ],
)
def test_reset_takes_the_camera_from_body_or_query(
    world: World, client: TestClient, query: str, body: Any, camera: str | None
) -> None:
    answer = client.post(f"/persons/reset{query}", json=body) if body is not None else client.post(
        f"/persons/reset{query}"
    )  # fmt: skip
    sent = world.commands.sent[0]
    assert isinstance(sent, ResetGallery)
    assert sent.camera_id == camera
    assert answer.json() == {
        "status": "reset",
        "command_id": sent.command_id,
        "camera_id": camera,
        "removed": 2,
        "person_ids": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("unknown_person", 404),
        ("same_person", 409),
        ("seen_together", 409),
        ("label_taken", 409),
        ("bad_label", 422),
        ("something_new", 409),
    ],
)
def test_a_refusal_says_why(ask: Any, code: str, status: int) -> None:
    world, client = ask(refuse(code), timeout=1.0)
    answer = client.post("/persons/merge", json={"person_id1": "a", "person_id2": "b"})
    assert (answer.status_code, answer.json()) == (status, {"detail": f"refused: {code}"})
    outcome = client.get(f"/commands/{world.commands.sent[0].command_id}").json()
    assert (outcome["status"], outcome["code"], outcome["message"]) == ("rejected", code, f"refused: {code}")


def test_no_outcome_in_time_is_202_with_where_to_look(ask: Any) -> None:
    world, client = ask(None)
    answer = client.post("/persons/merge", json={"person_id1": "a", "person_id2": "b"})
    sent = world.commands.sent[0].command_id
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/commands/{sent}"
    assert "preference-applied" not in answer.headers
    assert (answer.json()["status"], answer.json()["outcome"]) == ("pending", f"/commands/{sent}")
    pending = client.get(answer.headers["location"])
    assert (pending.status_code, pending.json()["status"]) == (200, "pending")
    world.now += 3600 * 1000 + 1
    assert client.get(answer.headers["location"]).status_code == 404


@pytest.mark.parametrize("prefer", ["respond-async", "wait=10, Respond-Async", "respond-async; foo=1"])
def test_who_prefers_not_to_wait_gets_202_at_once(ask: Any, prefer: str) -> None:
    world, client = ask(None, timeout=30.0)
    answer = client.delete("/persons/a", headers={"Prefer": prefer})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["location"] == f"/commands/{world.commands.sent[0].command_id}"


def test_without_kafka_503_with_the_remedy(world: World, client: TestClient) -> None:
    world.commands.away = True
    answer = client.post("/persons/reset")
    assert answer.status_code == 503
    assert "saferoom up" in answer.json()["detail"]


def test_without_redis_503_and_nothing_is_sent(world: World, client: TestClient) -> None:
    world.reader.away = True
    answer = client.post("/persons/reset")
    assert answer.status_code == 503
    assert "Redis is away" in answer.json()["detail"]
    assert world.commands.sent == []


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/persons/merge", {"person_id1": "a"}, ["body", "person_id2"]),
        ("/persons/merge", {"person_id1": "", "person_id2": "b"}, ["body", "person_id1"]),
        ("/persons/merge", {"person_id1": 5, "person_id2": "b"}, ["body", "person_id1"]),
        ("/persons/merge", {"person_id1": "a" * 201, "person_id2": "b"}, ["body", "person_id1"]),
        ("/persons/reset", {"camera_id": ""}, ["body", "camera_id"]),
        ("/persons/a/rename", {"label": ""}, ["body", "label"]),
        ("/persons/a/rename", {"label": "x" * (MAX_LABEL + 1)}, ["body", "label"]),
        ("/persons/a/rename", {}, ["body", "label"]),
    ],
)
def test_bad_requests_send_nothing(
    world: World, client: TestClient, path: str, body: Any, place: list[str]
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == place
    assert world.commands.sent == []


def test_three_lengths_of_a_label_were_described(described: TestClient) -> None:
    """64, the true one, 80 and 200."""
    schemas = described.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["RenameRequest"]["properties"]["label"]["maxLength"] == MAX_LABEL
    assert f"1 to {MAX_LABEL} printable" in schemas["Invalid"]["examples"][0]["detail"]


def test_pages_of_other_origins_may_not_change_anything(world: World, client: TestClient) -> None:
    for method, path in (("POST", "/persons/reset"), ("DELETE", "/persons/a")):
        assert client.request(method, path, headers={"Origin": "http://evil.example"}).status_code == 403
    broken = client.post("/persons/reset", headers={"Origin": "http://["})
    assert broken.status_code == 403, "it was a 500"
    assert client.get("/persons", headers={"Origin": "http://evil.example"}).status_code == 200
    assert world.commands.sent == []
    own = client.post("/persons/reset", headers={"Origin": "http://localhost:8000"})
    assert own.status_code == 200


def test_a_name_that_was_made_to_lead_here_made_its_page_one_of_ours(
    world: World, client: TestClient
) -> None:
    """DNS rebinding: the page's origin and the host that it asks for are the same, and foreign."""
    evil = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}
    for method, path in (("POST", "/persons/reset"), ("GET", "/persons"), ("GET", "/")):
        refused = client.request(method, path, headers=evil)
        assert (refused.status_code, "127.0.0.1" in refused.json()["detail"]) == (403, True)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws", headers=evil):
        pass
    assert world.commands.sent == []
    for host in ("localhost:8000", "127.0.0.1", "127.8.9.1:80", "[::1]:8000", "cams.localhost"):
        assert client.get("/persons", headers={"Host": host}).status_code == 200
    for host in ("[", "", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.7"):
        assert client.get("/persons", headers={"Host": host}).status_code == 403


def test_in_a_container_a_name_that_was_made_to_lead_here_was_one_of_ours(make_settings: Any) -> None:
    """docker-compose.yml: bound to all of the container, vouched to be on loopback, asked for by any name.
    Any page that somebody looked at could read who is where, and forget everybody."""
    world = World(make_settings(api_host="0.0.0.0", auth="loopback"))
    with world.client() as client:
        for host in ("evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "[", ""):
            evil = {"Host": host, "Origin": f"http://{host}"}
            assert client.get("/persons", headers=evil).status_code == 403
            assert client.post("/persons/reset", headers=evil).status_code == 403
        assert world.commands.sent == []
        # As this machine and another container call it; no page of elsewhere can have such a name.
        for host in ("localhost:8000", "127.0.0.1:8000", "api:8000", "172.18.0.3:8000", "[fd00::7]:8000"):
            assert client.get("/persons", headers={"Host": host}).status_code == 200


def test_command_ids_tell_when() -> None:
    made = {command_id(START) for _ in range(100)}
    assert len(made) == 100
    assert {issued_at(id_) for id_ in made} == {START}
    assert issued_at("no id") is None
    assert issued_at("6f0c9b7e-53c1-4d0e-9a50-0d8e6c8f7a11") is None


def test_of_two_cameras_to_reset_the_last_alone_was(world: World, client: TestClient) -> None:
    """Nobody was told of the other: a name that is given twice is refused."""
    for path in ("/persons/reset?camera_id=room1&camera_id=room2", "/persons/reset?camera_id=a&camera_id=a"):
        answer = client.post(path)
        assert answer.status_code == 422
        assert [found["loc"] for found in answer.json()["detail"]] == [["query", "camera_id"]]
    assert client.get("/persons?camera_id=room1&camera_id=room2").status_code == 422
    assert world.commands.sent == []
