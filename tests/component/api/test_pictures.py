"""Crops, live pictures, and persons by how they look, through the API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import create_app
from api.pictures import STALE_S, Board
from reid.contracts.codec import encode
from reid.contracts.events import Agreement, PersonAppearanceChanged
from reid.contracts.pictures import Picture, PictureBox
from reid.errors import Malformed
from reid.runtime.crops.select import open_crops
from reid.runtime.settings import Settings
from tests.component.api.client import TestClient
from tests.component.api.world import World, share_routes
from tests.unit.projections.story import SITE, START, forgotten, merged, seen, track, walk


def picture(camera: str = "room2", at: int = START, **more: Any) -> Picture:
    boxes = (PictureBox("0", (1.0, 2.0, 3.0, 4.0)), PictureBox("99", (5.0, 6.0, 7.0, 8.0)))
    fields: dict[str, Any] = {
        "site_id": SITE,
        "camera_id": camera,
        "session": "s1",
        "captured_at": at,
        "width": 640,
        "height": 480,
        "boxes": boxes,
        "jpeg": b"jpeg",
    }
    return Picture(**fields | more)


class Shown:
    """`api.pictures.Pictures` of a board with a clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.board = Board(SITE, lambda: self.seconds)
        self.closed = False

    def latest(self, camera_id: str) -> Picture | None:
        return self.board.latest(camera_id)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def world(api_settings: Settings, shown: Shown) -> World:
    """As in other tests, with pictures: ``a``, track ``0``, stands before room2."""
    made = World(api_settings)
    made.app = create_app(
        api_settings, made.reader, made.commands, made.log, lambda: made.now, pictures=shown
    )
    share_routes(made.app)
    made.happens(*walk("a", 0, "Visitor-Ä", "room1", "room2"), *walk("b", 1, "Visitor-B", "room3"))
    return made


@pytest.fixture
def client(world: World, shown: Shown) -> Iterator[TestClient]:
    with world.client() as made:
        yield made
    assert shown.closed


def looks(person: str, **attributes: str) -> list[PersonAppearanceChanged]:
    evidence = Agreement(4, START, ("room1",))
    return [
        PersonAppearanceChanged(
            site_id=SITE, at=START, person_id=person, label="x", attribute=name, before="", after=value,
            evidence=evidence,
        )
        for name, value in attributes.items()
    ]  # fmt: skip


def test_crops_of_a_person_and_the_pictures_themselves(
    world: World, client: TestClient, api_settings: Settings
) -> None:
    name = open_crops(api_settings).put(SITE, b"a picture")
    world.happens(seen("a", "Visitor-A", track("room2", "0"), START, crop=name, crop_quality=0.8))
    shown = {"sha256": name, "url": f"/crops/{name}.jpg", "camera_id": "room2", "at": START, "quality": 0.8}
    assert client.get("/persons/a/crops").json() == {
        "crops": [shown | {"track": "room2/s1/0", "person_id": "a"}]
    }
    answer = client.get(f"/crops/{name}.jpg")
    assert (answer.status_code, answer.content) == (200, b"a picture")
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/persons/b/crops").json() == {"crops": []}
    assert client.get("/persons/nobody/crops").status_code == 404


def test_crops_say_as_whom_they_were_taken_before_a_merge(world: World, client: TestClient) -> None:
    """The question about a merge shows both faces; whoever was merged has no crops of its own any more."""
    for id_, camera in (("a", "room2"), ("b", "room1")):
        world.happens(seen(id_, f"Visitor-{id_}", track(camera, id_), START, crop=id_ * 64, crop_quality=0.8))
    world.happens(merged("a", "b", "Visitor-a"))
    crops = client.get("/persons/a/crops").json()["crops"]
    assert {crop["camera_id"]: crop["person_id"] for crop in crops} == {"room2": "a", "room1": "b"}
    assert client.get("/persons/b/crops").status_code == 404


def test_who_is_forgotten_is_not_shown_although_the_file_is_still_there(
    world: World, client: TestClient, api_settings: Settings
) -> None:
    name = open_crops(api_settings).put(SITE, b"another picture")
    assert client.get(f"/crops/{name}.jpg").status_code == 404
    world.happens(seen("a", "Visitor-A", track("room2", "0"), START, crop=name, crop_quality=0.8))
    assert client.get(f"/crops/{name}.jpg").status_code == 200
    world.happens(forgotten("a"))
    assert client.get(f"/crops/{name}.jpg").status_code == 404


def test_a_crop_that_is_no_name_or_no_file(world: World, client: TestClient) -> None:
    assert client.get("/crops/..%2Fx.jpg").status_code in (404, 422)
    assert client.get("/crops/ABC.jpg").status_code == 422
    world.happens(seen("a", "Visitor-A", track("room2", "0"), START, crop="0" * 64, crop_quality=0.8))
    assert client.get(f"/crops/{'0' * 64}.jpg").status_code == 404


def test_a_live_picture_with_the_boxes_of_that_very_frame(client: TestClient, shown: Shown) -> None:
    shown.board.put(encode(picture(at=START)))
    shown.board.put(encode(picture(at=START + 500)))
    answer = client.get("/cameras/room2/frame.jpg")
    assert (answer.status_code, answer.content) == (200, b"jpeg")
    assert answer.headers["cache-control"] == "no-store"
    body = client.get("/cameras/room2/frame.json").json()
    assert body == json.loads(answer.headers["x-frame"])
    assert body == {
        "camera_id": "room2",
        "captured_at": START + 500,
        "width": 640,
        "height": 480,
        "boxes": [
            {"tracker_id": "0", "bbox": [1, 2, 3, 4], "label": "Visitor-Ä"},
            {"tracker_id": "99", "bbox": [5, 6, 7, 8], "label": None},
        ],
    }


def test_labels_of_another_run_of_the_tracker_are_not_put_on_the_boxes(
    client: TestClient, shown: Shown
) -> None:
    shown.board.put(encode(picture(session="s2")))
    assert client.get("/cameras/room2/frame.json").json()["boxes"][0]["label"] is None


@pytest.mark.parametrize("kind", ["jpg", "json"])
def test_no_picture_no_content_no_camera_not_found(client: TestClient, shown: Shown, kind: str) -> None:
    assert client.get(f"/cameras/room2/frame.{kind}").status_code == 204
    assert client.get(f"/cameras/nowhere/frame.{kind}").status_code == 404
    shown.board.put(encode(picture()))
    assert client.get(f"/cameras/room2/frame.{kind}").status_code == 200
    shown.seconds += STALE_S + 1
    assert client.get(f"/cameras/room2/frame.{kind}").status_code == 204


def test_the_board_is_of_one_site_and_refuses_what_is_no_picture(shown: Shown) -> None:
    shown.board.put(encode(picture(site_id="annex")))
    assert shown.latest("room2") is None
    with pytest.raises(Malformed):
        shown.board.put(b'{"type":"reid.picture.v1"}')


def test_persons_by_how_they_look(world: World, client: TestClient) -> None:
    world.happens(*looks("a", upper="red", lower="navy"), *looks("b", upper="red", lower="grey"))

    def found(text: str) -> list[str]:
        return [p["person_id"] for p in client.get("/persons", params={"attributes": text}).json()["persons"]]

    assert found("upper:red") == ["a", "b"]
    assert found("upper:red lower:dark") == ["a"]
    assert found("lower:blue,upper:red") == ["a"]
    assert found("upper:green") == []
    assert found("upper:green,red lower:dark") == ["a"], "as the same text finds in a search"
    assert client.get("/persons/a").json()["attributes"] == {"upper": "red", "lower": "navy"}
    body = client.get("/persons", params={"attributes": "upper:red", "limit": 1}).json()
    assert (body["total"], len(body["persons"])) == (2, 1)
    body = client.get(
        "/persons", params={"attributes": "upper:red", "limit": 1, "cursor": body["next_cursor"]}
    ).json()
    assert [p["person_id"] for p in body["persons"]] == ["b"]


@pytest.mark.parametrize("text", ["red", "hat:red", "upper:", " "])
def test_a_filter_that_is_none_says_how_it_is_written(client: TestClient, text: str) -> None:
    answer = client.get("/persons", params={"attributes": text})
    assert answer.status_code == 422
    assert "upper:red,blue lower:dark" in answer.json()["detail"]
