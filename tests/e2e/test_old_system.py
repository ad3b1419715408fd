"""The four test cases of the system that this one replaces, and its verification commands.

Everything is real: detections in Kafka, the worker, the projector and the API as processes of their own.
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.sync.client import connect

from reid.contracts.codec import encode
from reid.contracts.detections import Frame
from reid.contracts.topics import ALL_TOPICS, DEFAULT_SITE, DETECTIONS
from reid.runtime.admin import create_topics, delete_topics, list_topics
from reid.runtime.kafka import producer
from reid.runtime.ready import read_ready
from reid.runtime.servers import resp
from reid.runtime.settings import Settings
from tests.unit.domain.story import START, message, walk

pytestmark = pytest.mark.e2e

STARTED_WITHIN_S = 90.0
SEEN_WITHIN_S = 60.0


def wait_for(what: str, found: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"no {what} within {seconds:.0f} s")


class Site:
    """The running system, seen from outside."""

    def __init__(self, url: str, bootstrap: str) -> None:
        self.url = url
        # Stories happen in 2025; a clock that is a year off would be a dead letter.
        self._later = int(time.time() * 1000) - START
        self._producer = producer(bootstrap)

    def ask(self, path: str, body: object = None, method: str = "GET") -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if data else {}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def persons(self, query: str = "") -> list[dict[str, Any]]:
        status, body = self.ask(f"/persons{query}")
        assert status == 200
        assert body["total"] == len(body["persons"])
        return list(body["persons"])

    def publish(self, *frames: Frame) -> None:
        now = [msgspec.structs.replace(f, captured_at=f.captured_at + self._later) for f in frames]
        self._producer.produce(DETECTIONS.name, encode(message(*now)), DEFAULT_SITE.encode())
        assert self._producer.flush(10) == 0

    def somebody_walks_through(self, camera: str, start: float, appearance: str, tracker: int = 1) -> None:
        self.publish(*walk(camera, start, tracker, appearance))


@pytest.fixture(scope="module")
def site(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    delete_topics(kafka, {topic.name for topic in ALL_TOPICS} & set(list_topics(kafka)))
    create_topics(kafka, 4, 1)
    resp.ask(redis_url, ["FLUSHALL"])
    home = tmp_path_factory.mktemp("old-system")
    settings = Settings.model_validate({"home": home})
    common = ["--kafka", kafka, "--home", str(home)]
    arguments = {
        "worker": common,
        "projector": [*common, "--redis", redis_url],
        "api": [*common, "--redis", redis_url, "--port", "0"],
    }
    children = {name: _start(name, extra, home / f"{name}.log") for name, extra in arguments.items()}
    try:
        for name in children:
            wait_for(f"ready {name}", lambda name=name: read_ready(settings, name), STARTED_WITHIN_S)
        facts = read_ready(settings, "api")
        assert facts is not None
        yield Site(facts["url"], kafka)
    finally:
        for child in children.values():
            child.terminate()
        codes = {name: child.wait(10) for name, child in children.items()}
    assert codes == dict.fromkeys(children, 0)


def _start(name: str, extra: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", name, *extra], stdout=output, stderr=subprocess.STDOUT
        )


@pytest.fixture(scope="module")
def visitor(site: Site) -> dict[str, Any]:
    """One person who walked past room2 and then room3."""
    site.somebody_walks_through("room2", 0, "a", tracker=7)
    site.somebody_walks_through("room3", 10, "a", tracker=3)
    return dict(
        wait_for(
            "person seen by both cameras",
            lambda: next((p for p in site.persons() if len(p["cameras"]) == 2), None),
            SEEN_WITHIN_S,
        )
    )


def test_case_1_same_person_in_two_cameras_has_one_id(site: Site, visitor: dict[str, Any]) -> None:
    assert [p["person_id"] for p in site.persons()] == [visitor["person_id"]]
    assert visitor["person_id"].startswith("person_")
    assert visitor["label"] == "Visitor-A"


def test_case_2_persons_shows_both_cameras(site: Site, visitor: dict[str, Any]) -> None:
    status, body = site.ask("/persons")
    assert status == 200
    assert (body["camera_id"], body["total"]) == (None, 1)
    person = body["persons"][0]
    assert person["cameras"] == ["room2", "room3"]
    assert (person["visit_count"], person["num_embeddings"]) == (1, 1)


def test_case_3_filter_by_camera_still_shows_all_cameras(site: Site, visitor: dict[str, Any]) -> None:
    _, body = site.ask("/persons?camera_id=room2")
    assert (body["camera_id"], body["total"]) == ("room2", 1)
    assert body["persons"][0]["cameras"] == ["room2", "room3"]
    assert site.persons("?camera_id=room9") == []
    assert site.ask(f"/persons/{visitor['person_id']}?camera_id=room3")[0] == 200
    assert site.ask(f"/persons/{visitor['person_id']}?camera_id=room9")[0] == 404
    assert site.ask("/persons/person_0_0")[0] == 404


def test_case_4_statistics_by_camera(site: Site, visitor: dict[str, Any]) -> None:
    one = {"total_persons": 1, "total_embeddings": 1, "avg_visits": 1.0}
    assert site.ask("/persons/stats") == (200, {"cameras": {"room2": one, "room3": one}})


def test_config_tells_that_the_gallery_is_global(site: Site, visitor: dict[str, Any]) -> None:
    _, body = site.ask("/config")
    assert body["person_reid"] == {
        "enabled": True,
        "available": True,
        "similarity_threshold": 0.6,
        "cloud_storage": "local",
        "ttl_days": 90,
        "instance_type": "global_cross_camera",
        "total_persons": 1,
        "per_camera_trackers": 0,
    }


def test_redis_document_stands_at_the_old_systems_key(
    site: Site, visitor: dict[str, Any], redis_url: str
) -> None:
    raw = resp.ask(redis_url, ["GET", f"saferoom:persons:global:{visitor['person_id']}"])
    document = json.loads(raw)
    assert (document["label"], document["cameras"]) == ("Visitor-A", ["room2", "room3"])
    assert len(document["embeddings"]) == document["num_embeddings"] == 1


def test_websocket_tells_labels_on_connect_and_on_every_change(site: Site, visitor: dict[str, Any]) -> None:
    with connect(site.url.replace("http", "ws") + "/ws") as socket:
        first = {}
        while set(first) < {"room2", "room3"}:
            told = json.loads(socket.recv(timeout=SEEN_WITHIN_S))
            assert set(told) == {"type", "camera_id", "person_labels"}
            assert told["type"] == "person_labels"
            first[told["camera_id"]] = told["person_labels"]
        assert first["room3"] == {"3": "Visitor-A"}
        site.somebody_walks_through("room4", 12, "a", tracker=9)
        while told["camera_id"] != "room4":
            told = json.loads(socket.recv(timeout=SEEN_WITHIN_S))
        assert told["person_labels"] == {"9": "Visitor-A"}


def test_merge_and_reset_through_the_log(site: Site, visitor: dict[str, Any]) -> None:
    site.somebody_walks_through("room1", 20, "b", tracker=5)
    second = wait_for(
        "second person",
        lambda: next((p for p in site.persons() if p["label"] == "Visitor-B"), None),
        SEEN_WITHIN_S,
    )
    both = {"person_id1": visitor["person_id"], "person_id2": second["person_id"]}
    status, merged = site.ask("/persons/merge", both, "POST")
    assert (status, merged["person_id"], merged["label"]) == (200, visitor["person_id"], "Visitor-A")
    assert merged["cameras"] == ["room2", "room3", "room4", "room1"]
    assert [p["person_id"] for p in site.persons()] == [visitor["person_id"]], "visible once answered"
    assert site.ask("/persons/merge", both, "POST")[0] == 404
    same = {"person_id1": visitor["person_id"], "person_id2": visitor["person_id"]}
    assert site.ask("/persons/merge", same, "POST")[0] == 409

    site.somebody_walks_through("room5", 30, "c", tracker=6)
    wait_for("third person", lambda: len(site.persons()) == 2, SEEN_WITHIN_S)
    status, _ = site.ask("/persons/reset", {"camera_id": "room1"}, "POST")
    assert status == 200
    assert [p["cameras"] for p in site.persons()] == [["room5"]], "a person seen in that camera goes"
    status, _ = site.ask("/persons/reset", None, "POST")
    assert (status, site.persons()) == (200, [])
    site.somebody_walks_through("room1", 400, "a", tracker=8)
    again = wait_for("person after the reset", site.persons, SEEN_WITHIN_S)
    assert again[0]["label"] == "Visitor-A", "labels start again"
    assert again[0]["person_id"] != visitor["person_id"], "ids never do"
