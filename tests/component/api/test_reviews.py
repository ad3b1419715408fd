"""The review queue, and what an answer sends."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from reid.contracts.commands import ConfirmIdentity, MergePersons, RejectTrack, UnmergePersons
from tests.component.api.client import TestClient
from tests.component.api.world import World, refuse
from tests.unit.projections.story import START, registered, renamed, split, state, track, walk
from tests.unit.projections.test_reviews import bound, matched, new, united

HERE = track("room2", "7")
NOTHING = {"items": [], "total": 0, "aged": 0, "next": None}


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
    assert client.get("/review").json() == NOTHING


def test_what_waits_is_told_the_most_useful_first(world: World, client: TestClient) -> None:
    world.happens(*doubt("small_margin"), *doubt("suggested"), renamed("b", "Bob"))
    told = client.get("/review").json()
    assert {name: told[name] for name in ("total", "aged", "next")} == {"total": 2, "aged": 0, "next": None}
    first, second = told["items"]
    assert first == {
        "item_id": first["item_id"], "kind": "suggested", "at": START + 7,
        "person_id": "c", "label": "Visitor-C", "other_id": "a", "other_label": "Visitor-a",
        "score": 0.59, "runner_up_score": None, "threshold": 0.6, "camera_id": "room2", "track": "room2/s1/7",
        "reason": "", "other_last_seen": None, "doubt": 0.933033, "visits": 1, "behind": 0,
    }  # fmt: skip
    assert (second["kind"], second["label"], second["other_label"]) == ("small_margin", "Visitor-a", "Bob")
    assert (second["score"], second["runner_up_score"]) == (0.61, 0.6)


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
    assert client.get("/review").json() == NOTHING
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
    assert told.headers["Location"] == f"/commands/{world.commands.sent[0].command_id}"
    until(lambda: len(world.commands.sent) == 2)
    undone, confirmed = world.commands.sent
    assert isinstance(undone, UnmergePersons) and isinstance(confirmed, ConfirmIdentity)
    until(lambda: client.get("/review").json() == NOTHING)


def test_an_answer_that_was_not_waited_for_was_kept_though_its_undoing_was_refused(api_settings: Any) -> None:
    world = World(api_settings, refuse("merged_further"))
    world.happens(*walk("a", 0, "Visitor-A", "room1"), *walk("b", 1, "Visitor-B", "room3"))
    world.happens(*doubt("automatic_merge"))
    with world.client() as client:
        path = f"/review/{ask(client)['item_id']}"
        told = client.post(path, json={"answer": "no"}, headers={"Prefer": "respond-async"})
        until(lambda: client.get(told.headers["Location"]).json()["status"] == "rejected")
        time.sleep(0.1)
        assert [type(one) for one in world.commands.sent] == [UnmergePersons]
        assert f"/review/{ask(client)['item_id']}" == path, "it is asked still"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("body", [{}, {"answer": "perhaps"}, None])
def test_an_answer_is_yes_or_no(world: World, client: TestClient, body: Any) -> None:
    world.happens(*doubt("suggested"))
    assert client.post(f"/review/{ask(client)['item_id']}", json=body).status_code == 422
    assert client.post("/review/NOT-ONE", json={"answer": "yes"}).status_code == 422
    assert client.post("/review/00", json={"answer": "yes"}).status_code == 404
    assert world.commands.sent == []


DAY = 86_400_000


def asked(client: TestClient, **query: Any) -> list[tuple[str, str | None]]:
    items = client.get("/review", params=query).json()["items"]
    return [(item["person_id"], item["other_id"]) for item in items]


def test_questions_that_nobody_answered_piled_up(world: World, client: TestClient) -> None:
    """After `SAFEROOM_REVIEW_DAYS` they are not asked any more; whoever asks for them may answer them."""
    world.happens(*doubt("small_margin"), *doubt("suggested"))
    world.now = START + 3 * DAY
    assert asked(client) == [("c", "a"), ("a", "b")]
    world.now += 1
    told = client.get("/review").json()
    assert ([item["kind"] for item in told["items"]], told["total"], told["aged"]) == (["suggested"], 1, 1)
    world.now += DAY
    assert client.get("/review").json() == NOTHING | {"aged": 2}
    told = client.get("/review?aged=true").json()
    assert ([item["kind"] for item in told["items"]], told["total"]) == (["suggested", "small_margin"], 2)
    item_id = told["items"][0]["item_id"]
    assert client.post(f"/review/{item_id}", json={"answer": "no"}).status_code == 200
    assert client.get("/review").json()["aged"] == 1


def test_without_an_age_nothing_leaves_the_queue(api_settings: Any) -> None:
    world = World(api_settings.model_copy(update={"review_days": 0.0}))
    world.happens(*walk("a", 0, "Visitor-A", "room1"), *walk("b", 1, "Visitor-B", "room3"))
    world.happens(*doubt("small_margin"))
    world.now = START + 80 * DAY
    with world.client() as client:
        assert asked(client) == [("a", "b")]


def test_two_persons_were_asked_about_track_by_track(world: World, client: TestClient) -> None:
    """One question of two persons at a time: the one in most doubt."""
    tracks = [track("room2", str(number)) for number in range(3)]
    scores = (0.62, 0.6001, 0.61)
    told = [bound("a", matched(s, 0.6), t) for t, s in zip(tracks, scores, strict=True)]
    world.happens(*told, bound("b", matched(0.63, 0.625), HERE))
    first, other = client.get("/review").json()["items"]
    assert (first["person_id"], first["track"], first["behind"]) == ("a", "room2/s1/1", 2)
    assert (other["person_id"], other["behind"]) == ("b", 0)
    client.post(f"/review/{first['item_id']}", json={"answer": "yes"})
    again = client.get("/review").json()["items"]
    assert [(one["track"], one["behind"]) for one in again] == [("room2/s1/7", 0), ("room2/s1/2", 1)]


def test_a_merge_that_could_not_be_undone_was_asked_about(world: World, client: TestClient) -> None:
    """Of two merges into one person the later must be undone first: a no to the other was refused."""
    world.happens(registered("c", 2, "Visitor-C", track=HERE), united("a", "b"), united("a", "c"))
    assert asked(client) == [("a", "c")]
    world.happens(split("merge_undone", state("a", 0, "A"), state("c", 2, "C")))
    assert asked(client) == [("a", "b")]


def test_the_pages_of_the_queue_are_the_queue(world: World, client: TestClient) -> None:
    """Also where somebody answers meanwhile what stood on the page before."""
    people = [registered(f"p{n}", n, f"P{n}", track=track("door", str(n))) for n in range(2, 9)]
    world.happens(*people, *(bound(f"p{n}", matched(0.6 + n / 500), HERE, START + n) for n in range(2, 9)))
    assert [person for person, _ in asked(client)] == [f"p{n}" for n in range(2, 9)]
    found, cursor = list[str](), None
    for total in (7, 6, 5, 4):
        told = client.get("/review", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        assert told["total"] == total
        found += [item["person_id"] for item in told["items"]]
        cursor = told["next"]
        assert (
            client.post(f"/review/{told['items'][0]['item_id']}", json={"answer": "yes"}).status_code == 200
        )
    assert (found, cursor) == ([f"p{n}" for n in range(2, 9)], None)
    for bad in ("1", "x/00", "1.5/zz"):
        assert client.get("/review", params={"cursor": bad}).status_code == 422
