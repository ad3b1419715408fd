"""A long log that the real domain decided, written once and kept in a folder, so that what is measured on it
can be measured again without deciding it again (1,000,000 events take ten minutes)."""

import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from benchmarks.site_log import at_sites, events
from reid.contracts.cloudevents import headers_of
from reid.contracts.codec import encode
from reid.contracts.topics import EVENTS, transactional_id
from reid.errors import ConfigError
from reid.runtime import kafka
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka

PARTITIONS: Final = 4
#: Events of one transaction: the agent's, while it is behind.
TRANSACTION: Final = 200
_TIMEOUT_S: Final = 30


class Written(msgspec.Struct, frozen=True):
    """What a folder holds. ``bytes``: values of the events, without headers; ``seconds``: to decide and
    write them; ``sites``: that have the events, each its part of them."""

    events: int
    people: int
    bytes: int
    seconds: float
    sites: int = 1


@contextmanager
def decided_log(home: Path, count: int, people: int, sites: int = 1) -> Iterator[tuple[str, Written]]:
    """A broker on ``home`` with ``count`` events of ``people`` in it: its address, and what it holds.
    ``sites``: so many have the very same events, decided once; each is its own key, gallery and documents.

    Writes them on the first use. Raises `ConfigError` for a folder with another log, or half of one.
    """
    mark = home / "decided.json"
    held = msgspec.json.decode(mark.read_bytes(), type=Written) if mark.exists() else None
    if held is not None and (held.events, held.people, held.sites) != (count, people, sites):
        raise ConfigError(
            f"{home} holds {held.events} events of {held.people} people at {held.sites} sites: "
            "give another folder"
        )
    if held is None and (home / "kafka" / "data").exists():
        raise ConfigError(f"{home} holds a log that was not written to its end: remove it")
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    with EmbeddedKafka(home, jars=jars) as broker:
        if held is None:
            create_topics(broker.bootstrap, PARTITIONS, 1)
            held = _write(broker.bootstrap, count, people, sites)
            mark.write_bytes(msgspec.json.encode(held))
            print(f"{count} events decided and written in {held.seconds:.0f} s", file=sys.stderr)
        yield broker.bootstrap, held


def _write(bootstrap: str, count: int, people: int, sites: int) -> Written:
    began, size = time.monotonic(), 0
    source = itertools.islice(at_sites(events(people), sites), count)
    producer = kafka.transactional_producer(bootstrap, transactional_id(0))
    producer.init_transactions(_TIMEOUT_S)
    while batch := list(itertools.islice(source, TRANSACTION)):
        producer.begin_transaction()
        for cause, ordinal, event in batch:
            raw = encode(event)
            size += len(raw)
            key = event.site_id.encode()
            producer.produce(EVENTS.name, raw, key, headers=list(headers_of(event, cause, ordinal)))
        producer.commit_transaction(_TIMEOUT_S)
    return Written(count, people, size, round(time.monotonic() - began, 1), sites)
