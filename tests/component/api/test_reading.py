import msgspec
import pytest

from api import models
from api.access.gate import NOTICE
from api.deciding import Standstill
from projections.changes import Change, HashSet
from reid.contracts import topics
from reid.journeys.arrivals import Arrival
from tests.component.api.client import TestClient
from tests.component.api.world import World
from tests.unit.projections.logs import report
from tests.unit.projections.story import SITE, START, renamed, status, walk

A = {
    "person_id": "a",
    "label": "Visitor-A",
    "cameras": ["room1", "room2"],
    "visit_count": 1,
    "num_embeddings": 1,
    "first_seen": "2025-11-05T12:10:58.197Z",
    "last_seen": "2025-11-05T12:10:59.197Z",
    "current_camera": "room2",
    "attributes": {},
}


def test_all_persons_in_the_order_of_registration(client: TestClient) -> None:
    answer = client.get("/persons")
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["camera_id", "total", "persons"]
    assert (body["camera_id"], body["total"]) == (None, 2)
    assert body["persons"][0] == A
    assert [p["person_id"] for p in body["persons"]] == ["a", "b"]


def test_the_filter_still_shows_all_cameras(client: TestClient) -> None:
    assert client.get("/persons?camera_id=room2").json() == {
        "camera_id": "room2",
        "total": 1,
        "persons": [A],
    }
    assert client.get("/persons?camera_id=nowhere").json() == {
        "camera_id": "nowhere",
        "total": 0,
        "persons": [],
    }


def test_pages(world: World, client: TestClient) -> None:
    for n in range(2, 7):
        world.happens(*walk(f"p{n}", n, f"Visitor-{n}", "room9" if n % 2 else "room1"))
    for query, expected in (
        ("", ["a", "b", "p2", "p3", "p4", "p5", "p6"]),
        ("&camera_id=room9", ["p3", "p5"]),
    ):
        found, cursor, pages = [], "", 0
        while cursor is not None:
            body = client.get(f"/persons?limit=2{query}{cursor and f'&cursor={cursor}'}").json()
            assert body["total"] == len(expected)
            found += [person["person_id"] for person in body["persons"]]
            cursor, pages = body["next_cursor"], pages + 1
        assert (found, pages) == (expected, (len(expected) + 1) // 2)


def test_a_document_that_expired_is_not_listed(world: World, client: TestClient) -> None:
    for key in (topics.person_key(SITE, "a"), topics.shown_person_key(SITE, "a")):
        world.store._drop(key)
    body = client.get("/persons").json()
    assert (body["total"], [p["person_id"] for p in body["persons"]]) == (1, ["b"])


def test_documents_of_an_older_projector_are_shown_all_the_same(world: World, client: TestClient) -> None:
    world.store._drop(topics.shown_person_key(SITE, "a"))
    assert client.get("/persons/a").json() == A
    body = client.get("/persons?limit=1").json()
    assert body == {"camera_id": None, "total": 2, "persons": [A], "next_cursor": "0"}


def test_an_answer_sent_as_it_stands_is_what_the_description_says(client: TestClient) -> None:
    for path, model in (("/persons", models.Persons), ("/persons/a", models.Person)):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/json"
        found = model.model_validate_json(answer.content, strict=True)
        assert found.model_dump(exclude_unset=True) == answer.json(), "every field is one of the model's"


def test_statistics_by_camera(client: TestClient) -> None:
    one = {"total_persons": 1, "total_embeddings": 1, "avg_visits": 1.0}
    assert client.get("/persons/stats").json() == {"cameras": {"room1": one, "room2": one, "room3": one}}


def test_one_person(client: TestClient) -> None:
    assert client.get("/persons/a").json() == A
    assert client.get("/persons/a?camera_id=room1").json() == A
    unknown = client.get("/persons/x")
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "no person x in the gallery"})
    elsewhere = client.get("/persons/a?camera_id=room3")
    assert (elsewhere.status_code, elsewhere.json()) == (404, {"detail": "a was never seen by camera room3"})


def test_config_counts_the_cameras_that_report(world: World, client: TestClient) -> None:
    now = world.now
    report(
        world.store,
        [
            status("room1", at=now - 10_000),
            status("room2", at=now - 10_001),
            status("room3", "ended", at=now),
            status("room4", "failed", at=now),
            status("room5", "reconnecting", at=now),
        ],
    )
    assert client.get("/config").json() == {
        "person_reid": {
            "enabled": True,
            "available": True,
            "similarity_threshold": 0.6,
            "cloud_storage": "local",
            "ttl_days": 90,
            "instance_type": "global_cross_camera",
            "total_persons": 2,
            "per_camera_trackers": 2,
        },
        "access": {"auth": "off", "notice": NOTICE},
    }


def test_cameras_with_their_live_labels(world: World, client: TestClient) -> None:
    report(world.store, [status("room2", at=world.now, captured_at=START, detail="fine")])
    body = client.get("/cameras").json()
    assert body["site_id"] == "global"
    found = {camera["camera_id"]: camera for camera in body["cameras"]}
    assert list(found) == ["room1", "room2", "room3"]
    assert found["room2"]["state"] == "streaming"
    assert found["room2"]["reporting"] is True
    assert found["room2"]["person_labels"] == {"0": "Visitor-A"}
    assert found["room2"]["captured_at"] == "2025-11-05T12:10:58.197Z"
    assert (found["room3"]["state"], found["room3"]["reporting"]) == ("unknown", False)
    assert found["room3"]["person_labels"] == {"1": "Visitor-B"}
    assert {camera["clock_ahead_ms"] for camera in found.values()} == {None}
    late = {"room1": 120, "room2": -4_900, "room3": 100}
    key = topics.clocks_key("global")
    ops = [HashSet(key, name, msgspec.json.encode(Arrival(1, n))) for name, n in late.items()]
    world.store.commit(Change("persons", {}, {}, ops))
    body = client.get("/cameras").json()
    told = {camera["camera_id"]: camera["clock_ahead_ms"] for camera in body["cameras"]}
    assert told == {"room1": -20, "room2": 5_000, "room3": 0}


def test_a_cursor_alone_goes_on_with_pages_of_the_largest_size(client: TestClient) -> None:
    body = client.get("/persons?cursor=0").json()
    assert ([person["person_id"] for person in body["persons"]], body["next_cursor"]) == (["b"], None)


def test_bad_questions_get_the_standard_form(client: TestClient) -> None:
    for path, place in (
        ("/persons?limit=0", ["query", "limit"]),
        ("/persons?limit=2&cursor=DROP", ["query", "cursor"]),
        ("/persons?camera_id=", ["query", "camera_id"]),
        (f"/persons/{'x' * 201}", ["path", "person_id"]),
    ):
        answer = client.get(path)
        assert answer.status_code == 422, path
        assert answer.json()["detail"][0]["loc"] == place


def test_without_redis_every_reader_says_what_to_do(world: World, client: TestClient) -> None:
    world.reader.away = True
    for path in ("/persons", "/persons/stats", "/persons/a", "/config", "/cameras", "/commands/x"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert "saferoom up" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "2"
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readiness_gives_reasons(world: World, client: TestClient) -> None:
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (200, [])
    assert {(v["view"], v["lag"]) for v in ready.json()["views"]} == {
        ("persons", 0),
        ("cameras", 0),
        ("alerts", 0),
    }
    for break_, reason in (
        (lambda: setattr(world.log, "behind", 1001), "1001 records behind reid.events.v1/0"),
        (lambda: setattr(world.log, "behind", -1), "another log"),
        (lambda: setattr(world.log, "stands", [Standstill(2, 40, 16.4)]), "none was decided for 16 s"),
        (lambda: setattr(world.log, "away", True), "Kafka is away"),
        (lambda: setattr(world.reader, "away", True), "Redis is away"),
    ):
        break_()
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert any(reason in found for found in answer.json()["reasons"]), answer.json()


def test_the_description_has_an_example_for_every_answer(described: TestClient) -> None:
    description = described.get("/openapi.json").json()
    schemas = description["components"]["schemas"]
    assert set(description["paths"]) == {
        "/persons",
        "/persons/stats",
        "/persons/{person_id}",
        "/persons/{person_id}/crops",
        "/crops/{sha256}.jpg",
        "/cameras/{camera_id}/frame.jpg",
        "/cameras/{camera_id}/frame.json",
        "/persons/merge",
        "/persons/reset",
        "/persons/split",
        "/persons/{person_id}/reject",
        "/persons/{person_id}/history",
        "/persons/{person_id}/rename",
        "/persons/{person_id}/trajectory",
        "/journeys",
        "/analytics/transitions",
        "/analytics/occupancy",
        "/analytics/flows",
        "/groups",
        "/review",
        "/review/{item_id}",
        "/commands/{command_id}",
        "/alerts",
        "/alerts/{alert_id}/acknowledge",
        "/config",
        "/cameras",
        "/timeline",
        "/healthz",
        "/readyz",
        "/whoami",
        "/session",
        "/search",
        "/persons/{person_id}/similar",
    }
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            if "204" in route["responses"]:
                continue
            content = route["responses"]["200"]["content"]
            if "image/jpeg" in content:
                continue
            schema = content["application/json"]["schema"]
            name = schema["$ref"].rsplit("/", 1)[1]
            assert schemas[name].get("examples"), f"{method} {path} answers {name}, which has no example"


def test_a_list_that_is_kept_is_never_older_than_the_view(world: World, client: TestClient) -> None:
    assert client.get("/persons").json()["total"] == 2
    read = []
    ranked = world.reader.ranked

    async def counted(index: str, within: str | None = None) -> list[tuple[str, int]]:
        read.append(index)
        return await ranked(index, within)

    world.reader.ranked = counted  # type: ignore[method-assign]
    client.get("/persons")
    assert read == [], "nothing changed"
    world.happens(renamed("a", "Alice"))
    assert client.get("/persons").json()["persons"][0]["label"] == "Alice"
    world.store.flush()
    assert client.get("/persons").json()["total"] == 0, "an emptied store is another version"


def test_the_short_way_and_the_route_give_the_same_answer(world: World, client: TestClient) -> None:
    """A query that changes nothing takes the long way."""
    for path in ("/persons", "/persons/a"):
        short, long = client.get(path), client.get(f"{path}?unknown=1")
        assert (short.status_code, short.content) == (200, long.content)
        assert dict(short.headers) == dict(long.headers)
    for path in ("/persons/stats", "/persons/x", "/persons/", "/persons/a/history"):
        assert client.get(path).status_code in (200, 404, 307), path


def test_a_head_was_refused_where_a_get_is_not(client: TestClient) -> None:
    for path in ("/persons", "/persons/a", "/persons/x", "/persons?at=soon", "/cameras", "/", "/healthz"):
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers == got.headers, path
    answer = client.head("/persons/merge")
    assert answer.status_code == client.get("/persons/merge").status_code
    assert client.head("/search").status_code == 405


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/persons", "GET, HEAD"),
        ("PUT", "/persons/a", "DELETE, GET, HEAD"),
        ("GET", "/search", "POST"),
        ("PUT", "/session", "DELETE, POST"),
    ],
)
def test_a_method_that_is_not_there_was_told_some_of_those_that_are(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json() == {"detail": "Method Not Allowed"}
