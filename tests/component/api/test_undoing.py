from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from reid.contracts.commands import MoveTracks, RejectTrack, UnmergePersons
from reid.contracts.events import TrackRef
from tests.component.api.client import TestClient
from tests.component.api.world import World, refuse
from tests.unit.projections.story import (
    DECISION,
    forgotten,
    merged,
    registered,
    seen,
    split,
    state,
    suggested,
    track,
)


def test_a_merge_is_undone(world: World, client: TestClient) -> None:
    world.happens(merged("a", "b", "Visitor-A"))
    body = client.post("/persons/split", json={"person_id": "a", "absorbed_id": "b"}).json()
    sent = world.commands.sent[0]
    assert isinstance(sent, UnmergePersons)
    assert (sent.person_id, sent.absorbed_id) == ("a", "b")
    assert (body["status"], body["command_id"]) == ("split", sent.command_id)
    assert [person["person_id"] for person in body["persons"]] == ["a", "b"]
    assert body["persons"] == [client.get(f"/persons/{p}").json() for p in "ab"]


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("room2/s1/7", TrackRef("room2", "s1", "7")),
        ("hall%2F1/s/2/7", TrackRef("hall/1", "s/2", "7")),
        ({"camera_id": "room2", "session": "", "tracker_id": "7"}, TrackRef("room2", "", "7")),
    ],
)
def test_tracks_are_moved(world: World, client: TestClient, named: Any, meant: TrackRef) -> None:
    world.happens(registered("c", 2, "Visitor-C", track=track("room4")))
    body = client.post("/persons/split", json={"person_id": "a", "tracks": [named], "into": "c"}).json()
    sent = world.commands.sent[0]
    assert isinstance(sent, MoveTracks)
    assert (sent.person_id, sent.tracks, sent.into) == ("a", (meant,), "c")
    assert [person["person_id"] for person in body["persons"]] == ["a", "c"]


def test_a_track_is_rejected_and_is_nobody_for_now(world: World, client: TestClient) -> None:
    body = client.post("/persons/a/reject", json={"track": "room2/s1/0"}).json()
    sent = world.commands.sent[0]
    assert isinstance(sent, RejectTrack)
    assert (sent.person_id, sent.track) == ("a", TrackRef("room2", "s1", "0"))
    assert (body["status"], [p["person_id"] for p in body["persons"]]) == ("rejected", ["a"])


@pytest.mark.parametrize(
    "body",
    [
        {"person_id": "a"},
        {"person_id": "a", "absorbed_id": "b", "tracks": ["room1/s/1"]},
        {"person_id": "a", "absorbed_id": "b", "into": "c"},
        {"person_id": "a", "tracks": []},
        {"person_id": "a", "tracks": ["room1"]},
        {"person_id": "a", "tracks": [{"camera_id": "room1"}]},
        {"absorbed_id": "b"},
    ],
)
def test_a_split_must_say_which(world: World, client: TestClient, body: Any) -> None:
    assert client.post("/persons/split", json=body).status_code == 422
    assert world.commands.sent == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("no_such_merge", 409),
        ("merged_further", 409),
        ("nothing_left", 409),
        ("no_evidence", 409),
        ("unknown_track", 404),
        ("unknown_person", 404),
    ],
)
def test_a_refusal_says_why(api_settings: Any, code: str, status: int) -> None:
    with World(api_settings, refuse(code)).client() as client:
        answer = client.post("/persons/split", json={"person_id": "a", "absorbed_id": "b"})
    assert (answer.status_code, answer.json()) == (status, {"detail": f"refused: {code}"})


def test_the_history_of_a_person(world: World, client: TestClient) -> None:
    world.happens(merged("a", "b", "Visitor-A", asked_by="desk"))
    body = client.get("/persons/a/history").json()
    assert [(s["kind"], s["person_id"], s["merged_in"]) for s in body["steps"]] == [
        ("registered", "a", False),
        ("bound", "a", False),
        ("left", "a", False),
        ("bound", "a", False),
        ("registered", "b", True),
        ("bound", "b", True),
        ("merged", "a", False),
    ]
    assert body["steps"][0]["decision"]["threshold"] == 0.6
    assert body["steps"][-1]["asked_by"] == "desk"
    assert "next_before" not in body
    newest = client.get("/persons/a/history?limit=2").json()
    assert [s["kind"] for s in newest["steps"]] == ["bound", "merged"]
    older = client.get(f"/persons/a/history?limit=2&before={newest['next_before']}").json()
    assert [s["kind"] for s in older["steps"]] == ["bound", "registered"]
    assert client.get("/persons/nobody/history").status_code == 404
    assert client.get("/persons/a/history?limit=0").status_code == 422


def test_who_was_forgotten_was_named_by_the_history_of_others(world: World, client: TestClient) -> None:
    doubt = msgspec.structs.replace(DECISION, candidate="a", runner_up="b")
    world.happens(
        registered("c", 2, "Visitor-C", track=track("room4"), decision=doubt),
        seen("c", "Visitor-C", track("room4"), together=("a", "b")),
        suggested("c", "b"),
        merged("a", "b", "Visitor-A", absorbed_label="Secret Name"),
        split("merge_undone", state("a", 0, "Visitor-A"), state("b", 1, "Secret Name")),
    )
    before = client.get("/persons/a/history").text + client.get("/persons/c/history").text
    assert "Secret Name" in before and '"b"' in before
    world.happens(forgotten("b"))
    one, other = client.get("/persons/a/history"), client.get("/persons/c/history")
    assert "Secret Name" not in one.text + other.text and '"b"' not in one.text + other.text
    assert [step["kind"] for step in one.json()["steps"]][-2:] == ["merged", "merge_undone"]
    decision = other.json()["steps"][0]["decision"]
    assert (decision["candidate"], decision.get("runner_up")) == ("a", None)


def test_a_step_without_a_candidate_was_not_as_described(world: World, client: TestClient) -> None:
    """Whoever came first was compared with nobody: candidate and runner-up are left out of the answer, but
    the description required them."""
    body = client.get("/persons/a/history").json()
    assert "candidate" not in body["steps"][0]["decision"]
    description = client.get("/openapi.json").json()
    described = {"$ref": "#/components/schemas/History", "components": description["components"]}
    Draft202012Validator(described).validate(body)
