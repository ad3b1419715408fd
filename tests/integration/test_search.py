"""Person search on real parts: events in Kafka, views in Redis, the embedder process, the audit."""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import redis
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from api.reader import ACL
from api.server import listen, server_of, url_of
from producers.embed.base import model_of
from producers.embed.select import open_embedder
from producers.frames import Image
from producers.sources.base import Playback
from producers.sources.spec import open_source
from reid.contracts.audit import SearchMade
from reid.contracts.codec import decode_search
from reid.contracts.embedding import fixed_to_bytes, to_fixed
from reid.contracts.events import Template
from reid.contracts.topics import AUDIT
from reid.runtime import kafka
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog, projector, until
from tests.integration.processes import ROOT, process
from tests.unit.projections.story import START, registered, seen, status, track

pytestmark = pytest.mark.integration
EMBEDDER = open_embedder("stripenet-512")  # the default, which the embedder process takes


@pytest.fixture(scope="module")
def crops() -> dict[int, list[Image]]:
    """True person -> crops from two cameras of the simulated site, at least four of each person."""
    found: dict[int, list[Image]] = {}
    for camera in (1, 2):
        source = open_source(f"sim://?people=4&camera={camera}&until=60", Playback(2.0, False, False, START))
        for frame in source:
            for person in frame.truth or ():
                x, y, width, height = (round(value) for value in person.bbox)
                if person.visibility > 0.9 and height > 60 and height > 1.8 * width:
                    found.setdefault(person.person_id, []).append(frame.image[y : y + height, x : x + width])
        source.close()
    return {person: some for person, some in found.items() if len(some) >= 4}


def events_of(person: int, crops: list[Image]) -> list[Any]:
    """A person registered with its first crop, and seen with two more; the last is kept back."""
    vectors = [to_fixed(vector.astype(np.float16)) for vector in EMBEDDER.embed(crops[:3])]
    model = model_of(EMBEDDER).key
    templates = [Template(model, fixed_to_bytes(vector), "room1", 0.9) for vector in vectors]
    name, label, where = f"p{person}", f"Visitor-{person}", track("room1", str(person))
    return [
        registered(name, person, label, template=templates[0], track=where),
        *(
            seen(name, label, where, START + slot, reason="bound", template=template, slot=slot)
            for slot, template in enumerate(templates[1:], 1)
        ),
    ]


@pytest.fixture
def url(settings: Settings, topics: str, clean_redis: str, crops: dict[int, list[Image]]) -> Iterator[str]:
    """The API as a Redis user who may only read, with everybody in its views."""
    admin = redis.Redis.from_url(clean_redis)
    admin.execute_command("ACL", "SETUSER", "api-search", "reset", "on", ">only-reads", *ACL)
    login = clean_redis.replace("redis://", "redis://api-search:only-reads@")
    log = EventLog(topics)
    with projector(topics, clean_redis):
        log.report(status("room1", model=model_of(EMBEDDER)))
        for person, some in crops.items():
            log.write(*events_of(person, some))
        started = threading.Event()
        server = server_of(settings.model_copy(update={"redis_url": login, "ready_lag": 0}), started.set)
        with closing(listen("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=server.run, args=([listener],), name="api")
            thread.start()
            assert started.wait(10)
            address = url_of(listener)
            until(lambda: httpx.get(f"{address}/persons").json()["total"] == len(crops))
            yield address
            server.should_exit = True
            thread.join(10)
        assert not thread.is_alive()
    admin.execute_command("ACL", "DELUSER", "api-search")
    admin.close()


def searched(url: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{url}/search", json={"purpose": "a test", **body}, timeout=20)


def audited(bootstrap: str) -> list[tuple[bytes | None, SearchMade]]:
    consumer = kafka.reader(bootstrap, **{"enable.partition.eof": False})
    consumer.assign([TopicPartition(AUDIT.name, 0, OFFSET_BEGINNING)])
    found = []
    while (message := consumer.poll(2.0)) is not None:
        found.append((message.key(), decode_search(message.value() or b"")))
    consumer.close()
    return found


def test_a_picture_finds_its_person(
    url: str, settings: Settings, topics: str, crops: dict[int, list[Image]]
) -> None:
    person, some = max(crops.items(), key=lambda item: len(item[1]))
    picture = base64.b64encode(cv2.imencode(".jpg", some[3])[1].tobytes()).decode()
    away = searched(url, image=picture)
    assert (away.status_code, "saferoom embedder" in away.text) == (503, True)
    assert audited(topics) == []
    with process("producers.embedder.server", "embedder", settings) as embedder:
        found = until(lambda: _whole(searched(url, image=picture), len(crops)))
        assert found["results"][0]["person_id"] == f"p{person}"
        assert found["calibrated"] is True and found["results"][0]["score"] >= 0.6
        nobody = np.full((200, 300, 3), 127, np.uint8)
        grey = base64.b64encode(cv2.imencode(".png", nobody)[1].tobytes()).decode()
        refused = searched(url, image=grey)
        assert (refused.status_code, "no person found" in refused.text) == (422, True)
        assert embedder.stop()[0] == 0
    key, told = audited(topics)[-1]
    assert key == b"global" and told.kind == "image" and told.results[0] == f"p{person}"


def _whole(answer: httpx.Response, persons: int) -> dict[str, Any] | None:
    """The answer once the index knows everybody."""
    found: dict[str, Any] = answer.json()
    return found if answer.status_code == 200 and found["searched"] == persons else None


def test_the_audit_is_read_by_the_command_line(
    url: str, settings: Settings, crops: dict[int, list[Image]]
) -> None:
    first = f"p{min(crops)}"
    assert until(lambda: _whole(searched(url, person_id=first, purpose="lost child"), len(crops) - 1))
    similar = httpx.get(f"{url}/persons/{first}/similar?limit=1").json()["similar"]
    assert len(similar) == 1

    def tail(*arguments: str) -> str:
        command = [
            sys.executable,
            "-m",
            "deploy.cli",
            "audit",
            "tail",
            "--kafka",
            settings.kafka(),
            *arguments,
        ]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
        ).stdout

    lines = tail().splitlines()
    assert any("'lost child' by person" in line for line in lines)
    assert f"-> 1 of {len(crops) - 1}: {similar[0]['person_id']}" in lines[-1]
    whole = json.loads(tail("--json", "-n", "1"))["data"]
    assert whole["kind"] == "similar" and whole["by"] == "api"
    assert "embedding" not in json.dumps(whole).replace('"by": "embedding"', "")
