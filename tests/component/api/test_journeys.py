"""Journeys, analytics and groups as the API tells them."""

from typing import Any

import pytest

from reid.contracts import topics
from tests.component.api.client import TestClient
from tests.component.api.world import World
from tests.unit.projections.story import START, forgotten, merged, registered, renamed, track
from tests.unit.projections.test_journeys import present

HOUR = 3_600_000


def at(seconds: float) -> int:
    return START + round(1000 * seconds)


def leg(camera: str, first: float, last: float, tracks: int = 1) -> dict[str, Any]:
    dwell = round(1000 * (last - first))
    return {
        "camera_id": camera,
        "entered_at": at(first),
        "left_at": at(last),
        "dwell_ms": dwell,
        "tracks": tracks,
    }


@pytest.fixture
def site(world: World) -> World:
    """``a`` stands in room2 since second 1; then ``c`` and ``d`` walk."""
    world.happens(
        registered("c", 2, "Visitor-c", at(10), track=track("room1", "c1")),
        *present("c", "room1", 10, 20, "c1"),
        *present("c", "room3", 30, 40, "c2"),
        registered("d", 3, "Visitor-d", at(4000), track=track("room1", "d1")),
        *present("d", "room1", 4000, 4010, "d1"),
    )
    return world


def test_the_trajectory_of_a_person(site: World, client: TestClient) -> None:
    assert client.get("/persons/c/trajectory").json() == {
        "person_id": "c",
        "label": "Visitor-c",
        "legs": [leg("room1", 10, 20), leg("room3", 30, 40)],
        "visits": 1,
    }
    assert client.get("/persons/c/trajectory?limit=1").json()["legs"] == [leg("room3", 30, 40)]
    assert client.get("/persons/nobody/trajectory").status_code == 404


def test_who_is_there_now_has_not_left(site: World, client: TestClient) -> None:
    one, now = client.get("/persons/a/trajectory").json()["legs"]
    assert one == leg("room1", 0, 0)
    assert now == leg("room2", 1, 1) | {"left_at": None}


def test_a_merged_person_has_walked_both_ways(site: World, client: TestClient) -> None:
    site.happens(merged("c", "b", "Visitor-c"), renamed("c", "Carol"))
    body = client.get("/persons/c/trajectory").json()
    assert body["label"] == "Carol"
    assert [(one["camera_id"], one["left_at"] is None) for one in body["legs"]] == [
        ("room3", True),
        ("room1", False),
        ("room3", False),
    ]
    assert client.get("/persons/b/trajectory").status_code == 404


def test_journeys_newest_first(site: World, client: TestClient) -> None:
    body = client.get("/journeys").json()
    assert [(j["person_id"], j["visit"]) for j in body["journeys"]] == [
        ("d", 1),
        ("c", 1),
        ("b", 1),
        ("a", 1),
    ]
    assert body["next"] is None
    newest, here = body["journeys"][0], body["journeys"][3]
    assert newest == {
        "person_id": "d",
        "label": "Visitor-d",
        "visit": 1,
        "started_at": at(4000),
        "ended_at": at(4010),
        "legs": [leg("room1", 4000, 4010)],
    }
    assert here["ended_at"] is None


@pytest.mark.parametrize(
    ("query", "persons"),
    [
        ({"since": at(41)}, ["d"]),
        ({"since": at(40)}, ["d", "c"]),
        ({"until": at(9)}, ["b", "a"]),
        ({"since": at(5), "until": at(3999)}, ["c"]),
        ({"camera_id": "room3"}, ["c", "b"]),
        ({"camera_id": "nowhere"}, []),
        ({"person_id": "c"}, ["c"]),
        ({"person_id": "c", "until": at(9)}, []),
        ({"person_id": "nobody"}, []),
    ],
)
def test_journeys_of_some(site: World, client: TestClient, query: dict[str, Any], persons: list[str]) -> None:
    body = client.get("/journeys", params=query).json()
    assert [journey["person_id"] for journey in body["journeys"]] == persons


@pytest.mark.parametrize("query", [{}, {"camera_id": "room1"}, {"person_id": "c"}])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_journeys(site: World, client: TestClient, query: dict[str, Any], limit: int) -> None:
    site.happens(
        # Two more visits of c, and one of e that began in the very millisecond.
        *present("c", "room1", 8000, 8001, "4"),
        *present("c", "room2", 9000, 9001, "5"),
        registered("e", 4, "Visitor-e", at(9000), track=track("room1", "9")),
    )
    whole = client.get("/journeys", params=query).json()["journeys"]
    found: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        page = client.get("/journeys", params={**query, "limit": limit, **cursor}).json()
        assert len(page["journeys"]) <= limit
        found += page["journeys"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == whole
    assert len(found) == {"{}": 7}.get(str(query), len(found))


def test_who_is_forgotten_is_in_no_answer(site: World, client: TestClient) -> None:
    site.happens(forgotten("a"), forgotten("b"), forgotten("c"), forgotten("d"))
    paths = ("/journeys", "/analytics/transitions", "/analytics/occupancy", "/groups", "/analytics/flows")
    told = {name: value for path in paths for name, value in client.get(path).json().items()}
    assert [told[name] for name in ("journeys", "transitions", "hours", "groups", "cameras")] == [[]] * 5


def test_a_person_whose_document_expired_by_the_clock_is_not_told(site: World, client: TestClient) -> None:
    site.now = at(0) + 92 * topics.DAY_MS
    assert client.get("/journeys").json()["journeys"] == []
    assert client.get("/persons/c/trajectory").status_code == 404


def test_transitions_and_flows(site: World, client: TestClient) -> None:
    for number, (left_, came) in enumerate([(5010, 5012), (6010, 6030), (7010, 7020)]):
        person = f"p{number}"
        site.happens(
            registered(person, 10 + number, person, at(left_), track=track("room1", person)),
            *present(person, "room3", came, came + 1, person),
        )
    assert client.get("/analytics/transitions").json()["transitions"] == [
        {
            "from_camera": "room1",
            "to_camera": "room2",
            "count": 1,
            "median_ms": 1004,
            "p10_ms": 1004,
            "p90_ms": 1004,
        },
        {
            "from_camera": "room1",
            "to_camera": "room3",
            "count": 4,
            "median_ms": 10048,
            "p10_ms": 2008,
            "p90_ms": 20096,
        },
    ]
    assert client.get("/analytics/flows").json() == {
        "cameras": ["room1", "room2", "room3"],
        "matrix": [[0, 1, 4], [0, 0, 0], [0, 0, 0]],
    }


def test_occupancy_by_the_hour(site: World, client: TestClient) -> None:
    site.now = at(5000)
    first, second = START // HOUR * HOUR, at(4000) // HOUR * HOUR
    body = client.get("/analytics/occupancy").json()["hours"]
    assert [(row["hour"], row["camera_id"]) for row in body] == [
        (first, "room1"), (first, "room2"), (first, "room3"), (second, "room1"),
    ]  # fmt: skip
    assert body[0] == {
        "hour": first, "camera_id": "room1", "unique_visitors": 2, "entries": 2,
        "peak": 1, "dwell_ms": 10_000,
    }  # fmt: skip
    only = client.get("/analytics/occupancy", params={"since": second, "until": second + HOUR - 1}).json()
    assert only == {"since": second, "until": second + HOUR, "hours": body[3:]}
    assert client.get("/analytics/occupancy", params={"until": first - 1}).json()["hours"] == []


def test_a_span_that_ended_before_it_began_was_answered(site: World, client: TestClient) -> None:
    """With nobody, which looked like the answer to it."""
    backwards = {"since": START + 1, "until": START}
    for path in ("/analytics/occupancy", "/journeys"):
        answer = client.get(path, params=backwards)
        assert answer.status_code == 422
        assert f"since={START + 1} is after until={START}" in answer.json()["detail"]
        assert client.get(path, params={"since": START, "until": START}).status_code == 200
    body = {"attributes": "upper:red", "purpose": "why", **backwards}
    answer = client.post("/search", json=body)
    assert answer.status_code == 422 and "is after until" in answer.json()["detail"]
    assert site.commands.searches == []
    tomorrow = client.get("/analytics/occupancy", params={"since": site.now + 24 * HOUR}).json()
    assert tomorrow["since"] < tomorrow["until"] and tomorrow["hours"] == []


def test_of_too_long_a_span_the_end_is_told(site: World, client: TestClient) -> None:
    site.now = at(5000)
    whole = client.get("/analytics/occupancy", params={"since": 0}).json()
    assert (whole["until"] - whole["since"]) == 31 * 24 * HOUR
    assert whole["until"] == at(5000) // HOUR * HOUR + HOUR
    assert len(whole["hours"]) == 4


@pytest.mark.parametrize("path", ["/analytics/occupancy?since=-1", "/journeys?cursor=x", "/journeys?limit=0"])
def test_a_bad_question_is_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 422


def test_groups_are_told_with_their_labels(site: World, client: TestClient) -> None:
    rooms = ["room1", "room2", "room4", "room3", "room1", "room5"]
    for person, late in (("x", 0), ("y", 1)):
        site.happens(
            registered(person, 20 + late, f"Visitor-{person}", at(10_000), track=track("door", person))
        )
        for number, room in enumerate(rooms):
            since = 10_000 + 40 * number + late
            site.happens(*present(person, room, since, since + 12 + number, f"{person}{number}"))
    site.now = at(20_000)
    (group,) = client.get("/groups").json()["groups"]
    assert (group["person_ids"], group["labels"]) == (["x", "y"], ["Visitor-x", "Visitor-y"])
    assert group["confidence"] > 0.999
    assert group["together"]["count"] == 7
    assert group["together"]["cameras"] == ["door", *sorted(set(rooms))]
    assert (group["since"], group["last"]) == (at(10_000), at(10_218))
    # Not of the last 30 days any more.
    month = 10_000 + 31 * 86_400
    site.happens(registered("z", 30, "Visitor-z", at(month), track=track("door", "z")))
    assert client.get("/groups").json() == {"groups": []}


@pytest.mark.parametrize(
    "path", ["/journeys", "/groups", "/analytics/flows", "/persons/a/trajectory", "/review"]
)
def test_redis_away(world: World, client: TestClient, path: str) -> None:
    world.reader.away = True
    answer = client.get(path)
    assert (answer.status_code, "Redis is away" in answer.json()["detail"]) == (503, True)
