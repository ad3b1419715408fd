"""A site over two zones on real servers: worker, post and projector, letters twice, and the verifier."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
import redis
from confluent_kafka import Consumer, KafkaException, TopicPartition

from deploy.log import log_reader, spans
from deploy.verify.run import verify
from producers.publish import Publisher
from projections.redis_store import RedisViewStore
from reid.contracts.codec import decode_event, encode
from reid.contracts.commands import ForgetPerson, ResetGallery
from reid.contracts.events import CommandRejected, GalleryReset, PersonsMerged, ZoneFollowed
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import (
    COMMANDS,
    DETECTIONS,
    EVENTS,
    PERSONS_VIEW,
    ZONES_GROUP,
    person_key,
    persons_index_key,
)
from reid.contracts.zones import zone_site
from reid.runtime.settings import Settings
from streams.zones import process
from tests.integration.event_log import projector
from tests.integration.identity_worker import START, decided, log_of, send, until, worker
from tests.unit.domain.story import frame as story_frame
from tests.unit.domain.story import person

pytestmark = pytest.mark.integration

HALL, ZONES = "hall", {"room1": "west", "room2": "west", "room3": "east", "room4": "east"}


@contextmanager
def post(settings: Settings) -> Iterator[None]:
    stopping = threading.Event()
    thread = threading.Thread(target=process.run, args=(settings, stopping))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(30)
        assert not thread.is_alive()


def watch(publisher: Publisher, camera: str, second: float, tracker: int, look: str) -> None:
    """Somebody before a camera for a while: a crop each 0.4 s."""
    for number in range(4):
        one = story_frame(camera, 0, person(tracker, look))
        at = START + round(1000 * second) + 400 * number
        publisher.offer(msgspec.structs.replace(one, captured_at=at))


def events(bootstrap: str, site_id: str) -> list[object]:
    records = log_of(bootstrap, partition_of(site_id.encode(), 4))
    return [decode_event(record.value) for record in records if record.key == site_id.encode()]


def persons(url: str) -> dict[str, set[str]]:
    """Label -> cameras, as the view of the site holds them."""
    client = redis.Redis.from_url(url, decode_responses=True)
    try:
        ids = client.zrange(persons_index_key(HALL), 0, -1)
        found = [json.loads(client.get(person_key(HALL, one)) or "{}") for one in ids]  # type: ignore[union-attr,arg-type]
    finally:
        client.close()
    return {one["label"]: set(one["cameras"]) for one in found if one}


def send_again(bootstrap: str) -> None:
    """As after the loss of all offsets: every letter is sent once more."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": ZONES_GROUP})
    places = [TopicPartition(EVENTS.name, p, 0) for p in range(4)]

    def committed() -> bool:
        try:
            consumer.commit(offsets=places, asynchronous=False)
        except KafkaException:  # a static member is missed only after its session
            time.sleep(0.5)
            return False
        return True

    until(committed, "the post's offsets to be put back")
    consumer.close()


def quiet(settings: Settings, bootstrap: str) -> bool:
    """All is decided and shown."""
    consumer = log_reader(bootstrap)
    try:
        ends = {t: spans(consumer, t) for t in (DETECTIONS.name, COMMANDS.name)}
    finally:
        consumer.close()
    done = decided(bootstrap, settings.partitions)
    store = RedisViewStore(settings.redis())
    positions = store.positions(PERSONS_VIEW)
    store.close()
    shown = all(positions.get(p, 0) >= len(log_of(bootstrap, p)) for p in range(settings.partitions))
    return shown and all(done[t, p] >= high for t, found in ends.items() for p, (_, high) in found.items())


def test_one_person_over_zones_and_a_clean_verifier(
    settings: Settings, topics: str, clean_redis: str
) -> None:
    publisher = Publisher(topics, site_id=HALL, producer_id="p1", linger_ms=0, zones=ZONES)
    with worker(settings), projector(topics, clean_redis), post(settings):
        watch(publisher, "room1", 0, 1, "a")
        watch(publisher, "room2", 10, 2, "b")
        until(lambda: len(persons(clean_redis)) == 2, "both of the west")
        watch(publisher, "room3", 20, 3, "a")
        watch(publisher, "room4", 30, 4, "b")
        whole = {"Visitor-A": {"room1", "room3"}, "Visitor-B": {"room2", "room4"}}
        until(lambda: persons(clean_redis) == whole, "two persons over both zones")
        keys = redis.Redis.from_url(clean_redis).keys("saferoom:*hall/*")
        assert keys == [], "zones have no views of their own"

        gone = next(e.survivor_id for e in events(topics, HALL) if isinstance(e, PersonsMerged))
        forget = ForgetPerson(site_id=HALL, command_id="f1", issued_at=START + 40_000, person_id=gone)
        send(topics, [(COMMANDS.name, HALL, encode(forget))])
        until(lambda: len(persons(clean_redis)) == 1, "one to be forgotten")
        for zone in ("west", "east"):
            until(
                lambda zone=zone: any(  # type: ignore[misc]
                    getattr(e, "command_id", None) for e in events(topics, zone_site(HALL, zone))
                ),
                "the zone to be told",
            )
    before = {site: len(events(topics, site)) for site in (HALL, "hall/west", "hall/east")}
    send_again(topics)
    with worker(settings), projector(topics, clean_redis), post(settings):
        reset = ResetGallery(site_id=HALL, command_id="r1", issued_at=START + 50_000)
        send(topics, [(COMMANDS.name, HALL, encode(reset))])
        for zone in ("west", "east"):
            until(
                lambda zone=zone: any(  # type: ignore[misc]
                    isinstance(e, GalleryReset) for e in events(topics, zone_site(HALL, zone))
                ),
                "the zone to be reset",
            )
        until(lambda: persons(clean_redis) == {}, "an empty site")
        until(lambda: quiet(settings, topics), "all to be decided and shown")
        now = events(topics, HALL)
        # The reset, what it asks of two zones, and what the zones answer: nothing of the letters before.
        assert [type(e).__name__ for e in now[before[HALL] :]].count("PersonSeen") == 0
        assert len([e for e in now[before[HALL] :] if isinstance(e, ZoneFollowed)]) <= 2
        assert not any(isinstance(e, CommandRejected) for e in now)
        findings, totals = verify(settings, 30)
    assert findings.exit_code == 0, findings.as_dict()
    assert totals.events == sum(len(log_of(topics, p)) for p in range(4))
    assert publisher.close() == 0


def test_two_posts_of_one_name_took_it_from_each_other_for_ever(
    settings: Settings, topics: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    other = settings.model_copy(update={"home": settings.home / "other"})
    with post(settings), post(other):
        until(lambda: caplog.text.count("ready: 2 partitions") >= 2, "the two share the partitions")
