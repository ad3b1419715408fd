"""The old store's persons come into the log by way of a real worker, once; the old store stays as it was."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from deploy import migrate, site_log
from deploy.migrate import Options
from deploy.migration_report import Report
from deploy.verify.run import verify
from reid.contracts.codec import decode_event
from reid.contracts.events import PersonRegistered, PersonsMerged
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS
from reid.errors import ConfigError, Unavailable
from reid.runtime.settings import Settings
from tests.integration.event_log import projector, until
from tests.integration.identity_worker import log_of, read_all, worker

pytestmark = pytest.mark.integration

PEOPLE, ROOMS, DIM = 12, ("room1", "room2", "room3", "room4"), 512


@pytest.fixture
def old(clean_redis: str) -> Iterator[redis.Redis]:
    """Four rooms, each with its own gallery of the same twelve people, embeddings as an old encoder made
    them: all people alike at a raw cosine of 0.8. Beside them what else may lie there."""
    random = np.random.default_rng(11)
    common = random.normal(size=DIM) * 2
    looks = [common + random.normal(size=DIM) for _ in range(PEOPLE)]
    client = redis.Redis.from_url(clean_redis)
    for room in ROOMS:
        for number in random.permutation(PEOPLE).tolist():
            letter = chr(ord("A") + client.scard(f"given:{room}"))
            client.sadd(f"given:{room}", number)
            crops = looks[number] + 0.3 * random.normal(size=(10, DIM))
            document = {
                "person_id": f"person_{letter}",
                "label": f"Visitor-{letter}",
                "embeddings": crops.round(4).tolist(),
                "visit_count": 2,
                "first_seen": 1_789_000_000.0 + number,
                "last_seen": "2026-09-20T10:00:00Z",
                "who": number,
            }
            client.set(f"saferoom:persons:{room}:person_{letter}", json.dumps(document))
    client.set("saferoom:persons:room1:broken", b"{")
    client.hset("saferoom:persons:room2:hash", "embeddings", "[]")
    client.set("saferoom:persons:global:person_1_0", json.dumps({"embeddings": [[1.0] * DIM]}))
    yield client
    client.close()


def contents(client: redis.Redis) -> dict[bytes, Any]:
    return {key: client.dump(key) for key in client.scan_iter("*")}


@pytest.fixture
def run(settings: Settings, topics: str, clean_redis: str, monkeypatch: Any) -> Callable[..., Report]:
    # The records were last seen in September 2026, whenever this runs: the worker lets such a clock pass.
    monkeypatch.setattr(migrate.time, "time_ns", lambda: 1_790_200_000_000_000_000)
    return lambda **options: migrate.run(settings, Options(clean_redis, **options))


def test_migration(old: redis.Redis, run: Callable[..., Report], settings: Settings, tmp_path: Path) -> None:
    partition = partition_of(b"global", settings.partitions)
    before = contents(old)
    forecast = run(dry_run=True)
    assert read_all(settings.kafka(), COMMANDS.name, partition) == [], "a dry run sends nothing"
    with worker(settings, SAFEROOM_MAX_CLOCK_SKEW="1e9"):
        report = run()
        assert sorted(report.outcomes) == sorted(forecast.outcomes), "the agent decides what was forecast"
        assert contents(old) == before, "the old store is left as it was"
        plain = report.as_plain()
        assert (plain["read"], plain["registered"], plain["merged"]) == (50, 12, 36)
        assert {u["key"] for u in plain["unreadable"]} == {
            "saferoom:persons:room1:broken",
            "saferoom:persons:room2:hash",
        }
        assert plain["passed_over"] == {"global": 1}
        assert plain["calibration"][1][0] > 0.7, "measured: 0.6 raw would be everybody"

        events = [decode_event(r.value) for r in log_of(settings.kafka(), partition)]
        registered = [e for e in events if isinstance(e, PersonRegistered)]
        merged = [e for e in events if isinstance(e, PersonsMerged)]
        assert (len(registered), len(merged)) == (48, 36)
        who = {e.source: json.loads(old.get(e.source) or b"{}")["who"] for e in registered}
        person = {e.person_id: who[e.source] for e in registered}
        assert all(person[e.survivor_id] == person[e.absorbed_id] for e in merged), "only true pairs"
        assert all(e.decision is not None and e.decision.score for e in merged)

        again = run()
        assert again.as_plain()["imported_before"] == 48
        assert len(log_of(settings.kafka(), partition)) == len(events), "run again, nothing happens"

        with projector(settings.kafka(), settings.redis()):
            until(lambda: old.zcard("saferoom:index:global") == 12)
            view = json.loads(old.get("saferoom:persons:global:person_A") or b"{}")
            old.delete("saferoom:persons:global:person_1_0")
            findings, _ = verify(settings, wait_s=10.0)
            assert findings.clean, str(findings.as_dict())
    assert (view["label"], view["cameras"], view["num_embeddings"]) == ("Visitor-A", list(ROOMS), 10)
    assert view["first_seen"] // 1000 - 1_789_000_000 == person["person_A"]
    assert view["last_seen"] == 1_789_898_400_000


def test_broken_off_migration_is_taken_up(
    old: redis.Redis, run: Callable[..., Report], settings: Settings, monkeypatch: Any
) -> None:
    """Without a worker nobody decides: told with the remedy. What was sent is decided later, once."""
    monkeypatch.setattr(site_log, "ANSWER_S", 1.0)
    with pytest.raises(Unavailable, match=r"48 of 48 records .* is `saferoom worker` running"):
        run()
    monkeypatch.setattr(site_log, "ANSWER_S", 30.0)
    with worker(settings, SAFEROOM_MAX_CLOCK_SKEW="1e9"):
        report = run()
        assert len(report.outcomes) == 48
    events = [
        decode_event(r.value) for r in log_of(settings.kafka(), partition_of(b"global", settings.partitions))
    ]
    registered = [e.source for e in events if isinstance(e, PersonRegistered)]
    assert len(registered) == 48 == len(set(registered))


def test_one_gallery_can_be_named(old: redis.Redis, run: Callable[..., Report]) -> None:
    report = run(dry_run=True, galleries=("room3", "global"))
    assert report.read == 13 and set(report.passed_over) == {"room1", "room2", "room4"}


def test_wrong_addresses_are_told(settings: Settings, topics: str) -> None:
    with pytest.raises(ConfigError, match="--from"):
        migrate.run(settings, Options("http://old"))
    with pytest.raises(Unavailable, match="the old Redis does not answer"):
        migrate.run(settings, Options("redis://127.0.0.1:1/0"))
