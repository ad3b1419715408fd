"""`saferoom verify` on real servers: clean on what worker and projector made, and not on anything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from deploy.verify.command import run
from deploy.verify.findings import Check
from deploy.verify.records import Record, records
from deploy.verify.run import verify
from reid.contracts.cloudevents import Causation, envelope_from, headers_of
from reid.contracts.codec import decode_event, encode
from reid.contracts.commands import MergePersons, RenamePerson, Tick
from reid.contracts.events import PersonForgotten
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import (
    COMMANDS,
    DETECTIONS,
    EVENTS,
    EVENTS_DLQ,
    PERSONS_VIEW,
    camera_stats_key,
    person_key,
    persons_index_key,
)
from reid.runtime.admin import create_topics, delete_topics, list_topics
from reid.runtime.kafka import producer, transactional_producer
from reid.runtime.settings import Settings
from tests.integration.event_log import projector, until
from tests.integration.identity_worker import START, Walk, decided, send, worker

pytestmark = pytest.mark.integration

SITES = ("global", "annex")
GLOBAL = partition_of(b"global", 4)
Edit = Callable[[list[Record]], list[Record]]


def inputs() -> list[tuple[str, str, bytes]]:
    walks = {site: Walk(site, seed=n) for n, site in enumerate(SITES)}
    found = [(DETECTIONS.name, SITES[n % 2], walks[SITES[n % 2]].message(2)) for n in range(160)]
    who = {"site_id": "global", "issued_at": START + 9_000}
    merge = MergePersons(command_id="c1", person_id1="person_1_0", person_id2="person_1_1", **who)
    rename = RenamePerson(command_id="c2", person_id="person_1_0", label="Ada", **who)
    asked = [merge, rename, rename, Tick(command_id="c3", **who)]
    found[100:100] = [(COMMANDS.name, "global", encode(command)) for command in asked]
    found[50:50] = [(DETECTIONS.name, "annex", b"not json"), (DETECTIONS.name, "annex", b'{"type":"x"}')]
    return found


def log_of(bootstrap: str, partition: int) -> list[Record]:
    return list(records(bootstrap, EVENTS.name, partition, 0, 1 << 62))


def rewrite(bootstrap: str, settings: Settings, logs: dict[int, list[Record]]) -> None:
    """The events topic anew, with these records."""
    delete_topics(bootstrap, {EVENTS.name})
    until(lambda: EVENTS.name not in list_topics(bootstrap))
    create_topics(bootstrap, settings.partitions, settings.replication_factor)
    client = producer(bootstrap)
    for partition, entries in logs.items():
        for r in entries:
            client.produce(EVENTS.name, r.value, r.key, partition, headers=r.headers)  # type: ignore[arg-type]
    assert client.flush(20) == 0


def wait_for_views(settings: Settings, bootstrap: str) -> None:
    def there() -> bool:
        from projections.redis_store import RedisViewStore

        positions = RedisViewStore(settings.redis()).positions(PERSONS_VIEW)
        return all(
            (log := log_of(bootstrap, p)) == [] or positions.get(p, 0) > log[-1].offset
            for p in range(settings.partitions)
        )

    until(there)


def test_clean_and_every_forgery_is_told(
    topics: str, settings: Settings, clean_redis: str, tmp_path: Path
) -> None:
    sent = inputs()
    with projector(topics, clean_redis), worker(settings):
        send(topics, sent)
        until(lambda: sum(decided(topics, settings.partitions).values()) == len(sent), 90)
        wait_for_views(settings, topics)
    assert run(settings, 5, True, tmp_path / "clean.json") == 0
    said = msgspec.json.decode((tmp_path / "clean.json").read_bytes())
    assert said["clean"] and said["frames"] == 320 and said["inputs"] == len(sent)
    assert said["checks"]["letters"]["examined"] == 2
    assert said["checks"]["views"]["examined"] > 8
    _views_changed_by_hand(settings, clean_redis)

    logs = {p: log_of(topics, p) for p in range(settings.partitions)}
    whole = logs[GLOBAL]
    middle = len(whole) // 2
    person = next(e for r in whole if hasattr(e := decode_event(r.value or b""), "person_id"))
    cause = Causation(COMMANDS.name, GLOBAL, 4)
    forged = PersonForgotten(site_id="global", at=START, person_id=person.person_id, command_id="nobody's")
    foreign = whole[0]._replace(value=encode(forged), headers=headers_of(forged, cause, 0))
    altered = (whole[middle].value or b"").replace(b'"at":', b'"at":1', 1)
    answer = next(n for n, r in enumerate(whole) if b'"command_id":"c1"' in (r.value or b""))
    forgeries: dict[str, tuple[list[Record], Check, str]] = {
        "lost": (whole[:middle] + whole[middle + 1 :], Check.DECISIONS, "is not in the log"),
        "twice": ([*whole, whole[middle]], Check.IDS, "is there a second time"),
        "altered": (
            [*whole[:middle], whole[middle]._replace(value=altered), *whole[middle + 1 :]],
            Check.DECISIONS,
            "the value of",
        ),
        "foreign": ([*whole, foreign], Check.CAUSATION, "which nobody decided"),
        "unanswered": (whole[:answer] + whole[answer + 1 :], Check.COMMANDS, "c1"),
    }
    for name, (log, check, says) in forgeries.items():
        rewrite(topics, settings, {**logs, GLOBAL: log})
        findings, _ = verify(settings, 5, with_views=False)
        assert findings.exit_code == 1, name
        assert any(says in what for what in findings.kept[check]), f"{name}: {findings.kept}"
    rewrite(topics, settings, logs)
    assert verify(settings, 5, with_views=False)[0].exit_code == 0
    ids = {envelope_from(r.headers).id for r in whole}
    assert len(ids) == len(whole)


def _views_changed_by_hand(settings: Settings, redis_url: str) -> None:
    """Each change is told by the key that it was made in; put right again, all is clean."""
    client: Any = redis.Redis.from_url(redis_url)
    person = person_key("global", client.zrange(persons_index_key("global"), 0, -1)[0].decode())
    nobody = person_key("global", "nobody")
    document, sums = client.get(person), camera_stats_key("global", "room1")
    other = document.replace(b'"visit_count":1', b'"visit_count":7')
    assert other != document
    changes: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
        (person, lambda: client.set(person, other), lambda: client.set(person, document)),
        (person, lambda: client.delete(person), lambda: client.set(person, document)),
        (
            sums,
            lambda: client.hincrby(sums, "persons", 1),
            lambda: client.hincrby(sums, "persons", -1),
        ),
        (nobody, lambda: client.set(nobody, document), lambda: client.delete(nobody)),
    ]
    for key, change, undo in changes:
        change()
        findings, _ = verify(settings, 5)
        assert findings.differences[Check.VIEWS] == 1, findings.kept
        assert findings.kept[Check.VIEWS][0].startswith(key)
        undo()
    client.close()
    assert verify(settings, 5)[0].exit_code == 0
    letters = producer(settings.kafka())
    letters.produce(EVENTS_DLQ.name, b"left out", b"global")
    letters.flush(20)
    assert "could not apply" in verify(settings, 5)[0].kept[Check.VIEWS][0]


def test_without_a_worker_it_says_what_it_could_not_check(
    topics: str, settings: Settings, clean_redis: str
) -> None:
    send(topics, inputs()[:10])
    findings, _ = verify(settings, 0)
    assert findings.exit_code == 2
    assert findings.unchecked[0].startswith("10 inputs are not decided yet")


def test_the_end_of_a_transaction_was_an_input_that_nobody_decides(
    topics: str, settings: Settings, clean_redis: str
) -> None:
    """After `saferoom dlq replay` on a silent site: "1 inputs are not decided yet: start a worker", and exit
    code 2, with a worker running."""
    sender = transactional_producer(topics, "replay")
    sender.init_transactions(20)
    with worker(settings):
        sender.begin_transaction()
        sender.produce(DETECTIONS.name, Walk("global").message(2), b"global", GLOBAL)
        sender.commit_transaction(20)
        until(lambda: decided(topics, 4)[DETECTIONS.name, GLOBAL] >= 1)
    findings, totals = verify(settings, 0, with_views=False)
    assert (findings.unchecked, findings.exit_code, totals.inputs) == ([], 0, 1)
    send(topics, inputs()[:1])
    assert verify(settings, 0, with_views=False)[0].unchecked[0].startswith("1 inputs are not decided yet")
