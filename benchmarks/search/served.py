"""The whole API on its servers, asked over HTTP by somebody with a key."""

import base64
import tempfile
import threading
import time
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import platformdirs
import redis

from api.access.keys import KeyFile
from api.commands import now_ms
from api.server import listen, server_of, url_of
from benchmarks.search.crowd import Shape, persons
from reid.contracts.codec import encode
from reid.contracts.detections import CameraStatus, Model
from reid.contracts.embedding import SCALE, encode_wire
from reid.contracts.topics import DEFAULT_SITE, camera_status_key, person_key, persons_index_key
from reid.contracts.views import PersonView
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.servers.redis import EmbeddedRedis
from reid.runtime.settings import Settings

MODEL: Final = "bench@1"
_CHUNK: Final = 500


def served(shape: Shape, count: int, templates: int, searches: int) -> dict[str, Any]:
    """Milliseconds as the client sees them, filters on; and how soon a started API knows everybody."""
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    with (
        tempfile.TemporaryDirectory(prefix="saferoom-bench-") as folder,
        EmbeddedKafka(Path(folder) / "kafka", jars=jars) as broker,
        EmbeddedRedis(Path(folder)) as store,
    ):
        create_topics(broker.bootstrap, 4, 1)
        _fill(store.url, shape, count, templates)
        settings = Settings(
            home=Path(folder) / "home",
            kafka_bootstrap_servers=broker.bootstrap,
            redis_url=store.url,
            rate_limit=0.0,
        )
        key = KeyFile(settings.keys_path).create("bench", "operator", ("*",), now_ms())[1]
        started = threading.Event()
        server = server_of(settings, started.set)
        with closing(listen("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            started.wait(20)
            began = time.perf_counter()
            try:
                with httpx.Client(base_url=url_of(listener), timeout=60) as client:
                    client.headers = {"Authorization": f"Bearer {key}"}
                    return _asked(client, shape, count, searches, began)
            finally:
                server.should_exit = True
                thread.join(10)


def _fill(url: str, shape: Shape, count: int, templates: int) -> None:
    """The views as the projector leaves them."""
    client = redis.Redis.from_url(url)
    every = enumerate(persons(shape, count, templates, 3))
    while some := list(islice(every, _CHUNK)):
        with client.pipeline(transaction=False) as pipe:
            for number, vectors in some:
                view = PersonView(
                    person_id=f"p{number}",
                    label=f"Visitor-{number}",
                    number=number,
                    cameras=[f"room{number % 4 + 1}"],
                    embeddings=[vector.astype("<i2").tobytes() for vector in vectors],
                    models=[MODEL] * len(vectors),
                    averaged=[1.0] * len(vectors),
                    num_embeddings=len(vectors),
                    first_seen=number,
                    last_seen=number + 1000,
                )
                pipe.set(person_key(DEFAULT_SITE, view.person_id), encode(view))
                pipe.zadd(persons_index_key(DEFAULT_SITE), {view.person_id: number})
            pipe.execute()
    name, version = MODEL.split("@")
    model = Model(name, version, len(shape.mean), ((0.0, 0.0), (0.5, 0.6), (1.0, 1.0)))
    report = CameraStatus(
        site_id=DEFAULT_SITE, camera_id="room1", session="", reported_at=0, state="ended", model=model
    )
    client.hset(camera_status_key(DEFAULT_SITE), "room1", encode(report))
    client.close()


def _asked(client: httpx.Client, shape: Shape, count: int, searches: int, began: float) -> dict[str, Any]:
    while client.post("/search", json={"purpose": "bench", "person_id": "p0"}).status_code != 200:
        time.sleep(0.05)
    filled = time.perf_counter() - began
    probes = [vectors[0].astype(np.float32) / SCALE for vectors in persons(shape, searches, 1, 4)]
    bodies = {
        "by_embedding_ms": [
            {"embedding": base64.b64encode(encode_wire(probe)).decode(), "model": MODEL} for probe in probes
        ],
        "by_embedding_with_filters_ms": [
            {
                "embedding": base64.b64encode(encode_wire(probe)).decode(),
                "model": MODEL,
                "cameras": ["room1", "room2"],
                "since": count // 4,
            }
            for probe in probes
        ],
        "by_person_ms": [{"person_id": f"p{number % count}"} for number in range(searches)],
    }
    found: dict[str, Any] = {"persons": count, "knows_everybody_after_s": round(filled, 1)}
    for name, every in bodies.items():
        taken = []
        for body in every:
            at = time.perf_counter()
            answer = client.post("/search", json={"purpose": "bench", "limit": 10, **body})
            taken.append(1000 * (time.perf_counter() - at))
            answer.raise_for_status()
        median, p99 = np.percentile(taken, [50, 99])
        found[name] = {"median": round(median, 2), "p99": round(p99, 2), "longest": round(max(taken), 2)}
    return found
