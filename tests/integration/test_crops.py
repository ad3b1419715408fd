"""Crops, words and live pictures from a camera to the views, another encoder, and the erasure: real parts."""

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from api.pictures import KafkaPictures
from deploy import reembed
from producers.run import CameraSpec
from producers.run import run as run_cameras
from projections.projector import run as run_projector
from reid.contracts.codec import encode
from reid.contracts.commands import ForgetPerson
from reid.contracts.topics import COMMANDS, crops_key, person_key, persons_index_key
from reid.runtime.crops.select import open_crops
from reid.runtime.kafka import producer
from reid.runtime.settings import Settings
from tests.integration.identity_worker import until, worker

pytestmark = pytest.mark.integration

SITE = "global"
CAMERA = "sim://?people=6&seed=0&camera=1&realtime=0&until=45"


@contextmanager
def running(target: Callable[..., None], *arguments: Any) -> Iterator[threading.Event]:
    """``target(*arguments, stop=…)`` in a thread, stopped at the end."""
    stop = threading.Event()
    thread = threading.Thread(target=target, args=arguments, kwargs={"stop": stop})
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def documents(url: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(url) as client:
        ids = client.zrange(persons_index_key(SITE), 0, -1)
        found = [client.get(person_key(SITE, id_.decode())) for id_ in ids]
    return [json.loads(raw) for raw in found if raw is not None]


def named(url: str) -> dict[str, str]:
    """SHA-256 -> person id, as the view says."""
    with redis.Redis.from_url(url) as client:
        return {k.decode(): v.decode() for k, v in client.hgetall(crops_key(SITE)).items()}


def test_from_the_camera_to_the_view_and_to_the_erasure(
    topics: str, clean_redis: str, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(
        kafka_bootstrap_servers=topics,
        redis_url=clean_redis,
        detector="truth",
        embedder="appearance-512",
        crops="on",
    )
    store, pictures = open_crops(settings), KafkaPictures(topics, SITE)
    cameras = [CameraSpec("room1", CAMERA, start_ms=time.time_ns() // 1_000_000)]
    with worker(settings), running(run_projector, settings):
        with running(run_cameras, cameras, settings):
            until(lambda: pictures.latest("room1") is not None, "a live picture", 60)
            until(lambda: any(d["attributes"] and d["crops"] for d in documents(clean_redis)), "a look", 60)
        asyncio.run(pictures.close())
        seen = pictures.latest("room1")
        assert seen is not None
        assert seen.jpeg.startswith(b"\xff\xd8") and len(seen.jpeg) < 100_000

        until(
            lambda: len(named(clean_redis)) == sum(len(d["crops"]) for d in documents(clean_redis)), "crops"
        )
        for sha256 in named(clean_redis):
            jpeg = store.get(SITE, sha256)
            assert jpeg is not None and jpeg.startswith(b"\xff\xd8")

        newer = settings.model_copy(update={"embedder": "stripenet-512"})
        # A dry run told of nothing that it would do.
        dry = reembed.run(newer, dry_run=True)
        assert dry.outcomes == {"added": dry.persons - len(dry.without)} and dry.templates == dry.crops
        report = reembed.run(newer)
        with_crops = [d for d in documents(clean_redis) if d["crops"]]
        assert report.outcomes == {"added": len(with_crops)}
        assert report.templates == report.crops == len(named(clean_redis))
        assert sum(d["num_embeddings"] for d in with_crops) > report.templates
        assert reembed.run(newer).outcomes == {"answered_before": len(with_crops)}

        who = with_crops[0]["person_id"]
        mine = {sha256 for sha256, holder in named(clean_redis).items() if holder == who}
        forget(topics, who)
        until(lambda: not any(store.get(SITE, sha256) for sha256 in mine), "the files are deleted", 30)
        assert not mine & named(clean_redis).keys()
        assert all(store.get(SITE, sha256) for sha256 in named(clean_redis))


def forget(bootstrap: str, person_id: str) -> None:
    command = ForgetPerson(
        site_id=SITE,
        command_id=str(uuid.uuid4()),
        issued_at=time.time_ns() // 1_000_000,
        person_id=person_id,
    )
    client = producer(bootstrap)
    client.produce(COMMANDS.name, encode(command), SITE.encode())
    assert client.flush(10) == 0


def test_switched_off_nothing_is_kept_and_nothing_is_shown(
    topics: str, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(
        kafka_bootstrap_servers=topics, detector="truth", attributes=False, live_pictures=False
    )
    pictures = KafkaPictures(topics, SITE)
    run_cameras([CameraSpec("room1", CAMERA.replace("until=45", "until=20"))], settings)
    time.sleep(1)
    assert pictures.latest("room1") is None
    asyncio.run(pictures.close())
    assert not (settings.home / "crops").exists()
