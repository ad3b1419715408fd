"""The review queue, and what an answer sends."""

from typing import Any

import pytest

from reid.contracts.commands import ConfirmIdentity, MergePersons, RejectTrack, UnmergePersons
from tests.unit.api.client import TestClient
from tests.unit.api.world import World, refuse
from tests.unit.projections.story import START, registered, renamed, split, state, track, walk
from tests.unit.projections.test_reviews import bound, matched, new, united

HERE = track("room2", "7")


def doubt(kind: str) -> list[Any]:
    """Events that make one question of that kind about ``a`` or ``b``."""
    return {
        "small_margin": [bound("a", matched(0.61, 0.6), HERE)],
        "automatic_merge": [united("a", "b")],
        "automatic_split": [
            split("tracks_moved", state("a", 0, "A"), state("b", 1, "B"), HERE, decision=new(0.2))
        ],
        "suggested": [registered("c", 2, "Visitor-C", START + 7, track=HERE, decision=new(0.59))],
    }[kind]


def ask(client: TestClient) -> dict[str, Any]:
    (item,) = client.get("/review").json()["items"]
    found: dict[str, Any] = item
    return found


def test_nothing_waits(client: TestClient) -> None:
    assert client.get("/review").json() == {"items": []}


def test_what_waits_is_told_newest_first(world: World, client: TestClient) -> None:
    world.happens(*doubt("small_margin"), *doubt("suggested"), renamed("b", "Bob"))
    newest, older = client.get("/review").json()["items"]
    assert newest == {
        "item_id": newest["item_id"], "kind": "suggested", "at": START + 7,
        "person_id": "c", "label": "Visitor-C", "other_id": "a", "other_label": "Visitor-a",
        "score": 0.59, "runner_up_score": None, "threshold": 0.6, "camera_id": "room2", "track": "room2/s1/7",
        "reason": "", "other_last_seen": None,
    }  # fmt: skip
    assert (older["kind"], older["label"], older["other_label"]) == ("small_margin", "Visitor-a", "Bob")
    assert (older["score"], older["runner_up_score"]) == (0.61, 0.6)


def test_the_absorbed_person_keeps_its_label_in_the_question(world: World, client: TestClient) -> None:
    world.happens(*doubt("automatic_merge"))
    item = ask(client)
    assert (item["person_id"], item["other_id"], item["other_label"]) == ("a", "b", "Visitor-?")


def test_what_cannot_be_answered_now_is_not_asked(world: World, client: TestClient) -> None:
    world.happens(registered("c", 2, "Visitor-C", track=HERE), united("b", "c"), united("a", "b"))
    assert [(i["person_id"], i["other_id"]) for i in client.get("/review").json()["items"]] == [("a", "b")]


@pytest.mark.parametrize(
    ("kind", "answer", "change", "said"),
    [
        ("small_margin", "yes", None, {"person_id": "a", "track": HERE, "other_id": None}),
        ("small_margin", "no", RejectTrack, {"person_id": "a", "track": HERE, "other_id": None}),
        ("automatic_merge", "yes", None, {"person_id": "a", "track": None, "other_id": "b"}),
        ("automatic_merge", "no", UnmergePersons, {"person_id": "a", "track": None, "other_id": "b"}),
        ("suggested", "yes", MergePersons, {"person_id": "a", "track": None, "other_id": "c"}),
        ("suggested", "no", None, {"person_id": "c", "track": None, "other_id": "a"}),
        ("automatic_split", "yes", MergePersons, {"person_id": "a", "track": None, "other_id": "b"}),
        ("automatic_split", "no", None, {"person_id": "b", "track": None, "other_id": "a"}),
    ],
)
def test_either_answer_leaves_the_queue(
    world: World, client: TestClient, kind: str, answer: str, change: Any, said: dict[str, Any]
) -> None:
    world.happens(*doubt(kind))
    item = ask(client)
    told = client.post(f"/review/{item['item_id']}", json={"answer": answer}, headers={"X-Asked-By": "desk"})
    *changed, confirmed = world.commands.sent
    assert [type(command) for command in changed] == ([] if change is None else [change])
    assert isinstance(confirmed, ConfirmIdentity)
    assert {name: getattr(confirmed, name) for name in said} == said
    assert (confirmed.answer, confirmed.score, confirmed.model) == (answer, item["score"], "m@1")
    assert {command.issued_by for command in world.commands.sent} == {"desk"}
    assert (told.status_code, told.json()) == (
        200,
        {
            "status": "answered",
            "item_id": item["item_id"],
            "answer": answer,
            "command_id": confirmed.command_id,
        },
    )
    assert client.get("/review").json() == {"items": []}
    assert client.post(f"/review/{item['item_id']}", json={"answer": answer}).status_code == 404


def test_what_each_change_names(world: World, client: TestClient) -> None:
    for kind in ("small_margin", "automatic_merge"):
        world.happens(*doubt(kind))
        client.post(f"/review/{ask(client)['item_id']}", json={"answer": "no"})
    world.happens(*doubt("suggested"))
    client.post(f"/review/{ask(client)['item_id']}", json={"answer": "yes"})
    rejected, _, unmerged, _, merged, _ = world.commands.sent
    assert isinstance(rejected, RejectTrack) and (rejected.person_id, rejected.track) == ("a", HERE)
    assert isinstance(unmerged, UnmergePersons) and (unmerged.person_id, unmerged.absorbed_id) == ("a", "b")
    assert isinstance(merged, MergePersons) and (merged.person_id1, merged.person_id2) == ("a", "c")


def test_a_refused_undoing_stays_in_the_queue(api_settings: Any) -> None:
    world = World(api_settings, refuse("merged_further"))
    world.happens(*walk("a", 0, "Visitor-A", "room1"), *walk("b", 1, "Visitor-B", "room3"), united("a", "b"))
    with world.client() as client:
        item = ask(client)
        answer = client.post(f"/review/{item['item_id']}", json={"answer": "no"})
        assert (answer.status_code, answer.json()) == (409, {"detail": "refused: merged_further"})
        assert [type(command) for command in world.commands.sent] == [UnmergePersons]
        assert ask(client) == item


def test_a_request_sent_again_under_its_key_changes_nothing_more(world: World, client: TestClient) -> None:
    world.happens(*doubt("automatic_merge"))
    path, key = f"/review/{ask(client)['item_id']}", {"Idempotency-Key": "k1"}
    assert client.post(path, json={"answer": "no"}, headers=key).status_code == 200
    undone, confirmed = world.commands.sent
    assert undone.command_id != confirmed.command_id
    # As if the answer had been lost and the view not yet there: the same two ids, which are answered once.
    world.happens(*doubt("automatic_merge"))
    assert client.post(path, json={"answer": "no"}, headers=key).status_code == 200
    assert [command.command_id for command in world.commands.sent[2:]] == [
        undone.command_id,
        confirmed.command_id,
    ]


def test_an_answer_that_is_not_waited_for(world: World, client: TestClient) -> None:
    world.happens(*doubt("automatic_merge"))
    path = f"/review/{ask(client)['item_id']}"
    told = client.post(path, json={"answer": "no"}, headers={"Prefer": "respond-async"})
    assert told.status_code == 202
    assert told.headers["Location"] == f"/commands/{world.commands.sent[1].command_id}"


@pytest.mark.parametrize("body", [{}, {"answer": "perhaps"}, None])
def test_an_answer_is_yes_or_no(world: World, client: TestClient, body: Any) -> None:
    world.happens(*doubt("suggested"))
    assert client.post(f"/review/{ask(client)['item_id']}", json=body).status_code == 422
    assert client.post("/review/NOT-ONE", json={"answer": "yes"}).status_code == 422
    assert client.post("/review/00", json={"answer": "yes"}).status_code == 404
    assert world.commands.sent == []
