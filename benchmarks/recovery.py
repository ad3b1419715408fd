"""Recovery of a partition with its snapshot and without: ``python -m benchmarks.recovery``.

A real broker, the log of a busy site as the real domain decides it, snapshots as the agent writes them. What
is timed is `PartitionWriter.recover`: take over, read, fold, look up where to resume. The two states must be
the same, byte for byte.
"""

import argparse
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import platformdirs

from benchmarks.site_log import Decided, at_sites, events
from reid.contracts.cloudevents import headers_of
from reid.contracts.codec import encode
from reid.domain.policy import Policies
from reid.domain.snapshot import dump
from reid.domain.state import PartitionState
from reid.errors import Unavailable
from reid.runtime import kafka
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from streams.decider import IdentityDecider
from streams.fold import Fold
from streams.kafka_log import KafkaPartitionLog
from streams.partition import SNAPSHOT_EVENTS, PartitionWriter
from streams.ports import Record, SnapshotPart, Transaction
from streams.telemetry import Telemetry

_BATCH: Final = 200
_RUNS: Final = 3


class NoSnapshots(KafkaPartitionLog):
    """As if none were ever written."""

    def snapshot(self) -> list[SnapshotPart]:
        return []


def fill(bootstrap: str, count: int, people: int, sites: int = 1) -> tuple[int, int]:
    """Writes the log in transactions, with snapshots. Returns their number and the bytes of the newest."""
    log, decider = KafkaPartitionLog(bootstrap, 0), IdentityDecider(Policies())
    log.fence()
    wait_for_groups(log)
    folded, snapshots, size = Fold(PartitionState()), 0, 0
    source = islice(at_sites(events(people), sites), count)
    while batch := list(islice(source, _BATCH)):
        made = Transaction()
        if folded.due(SNAPSHOT_EVENTS):
            made.snapshot = folded.snapshot(decider, log.tip, dict(folded.decided))
            snapshots, size = snapshots + 1, folded.snapshot_bytes
        for one in batch:
            made.events.append(_recorded(one, folded, decider))
        made.decided = dict(folded.decided)
        log.commit(made)
    log.close()
    _inputs(bootstrap, folded.decided)
    return snapshots, size


def wait_for_groups(log: KafkaPartitionLog) -> None:
    """A new broker makes its topic of group offsets when it is first asked for."""
    for _ in range(50):
        try:
            log.decided()
            return
        except Unavailable:
            time.sleep(0.2)


def _recorded(one: Decided, folded: Fold[PartitionState], decider: IdentityDecider) -> Record:
    causation, ordinal, event = one
    causation = causation._replace(partition=0)
    decider.evolve(folded.state, event)
    made = Record(event.site_id.encode(), encode(event), headers_of(event, causation, ordinal))
    folded.count(made)
    folded.decided[causation.topic] = causation.offset + 1
    return made


def _inputs(bootstrap: str, decided: Mapping[str, int]) -> None:
    """As many inputs as were decided: nobody reads them, but a log that ends before them is refused."""
    producer = kafka.producer(bootstrap)
    for topic, offset in decided.items():
        for number in range(offset):
            producer.produce(topic, b"decided", b"site", partition=0)
            if number % 1000 == 0:
                producer.poll(0)
    producer.flush(60)


def timed(bootstrap: str, log: type[KafkaPartitionLog]) -> tuple[float, int, bytes]:
    """Seconds of the best of so many runs, events folded, state."""
    best, telemetry = float("inf"), Telemetry()
    for _ in range(_RUNS):
        telemetry = Telemetry()
        writer = PartitionWriter(log(bootstrap, 0), IdentityDecider(Policies()), 0, 1, telemetry)
        begun = time.monotonic()
        writer.recover()
        best = min(best, time.monotonic() - begun)
        writer.close()
    return best, telemetry.total().folded, dump(writer.state)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--sites", type=int, default=1, help="the same events for so many sites")
    parser.add_argument("--json", type=Path, help="write what was measured")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    with tempfile.TemporaryDirectory() as home, EmbeddedKafka(Path(home), jars=jars) as broker:
        create_topics(broker.bootstrap, 1, 1)
        snapshots, size = fill(broker.bootstrap, asked.events, asked.people, asked.sites)
        with_s, tail, state = timed(broker.bootstrap, KafkaPartitionLog)
        without_s, folded, full = timed(broker.bootstrap, NoSnapshots)
    found = {
        "command": f"python -m benchmarks.recovery --events {asked.events} --people {asked.people} "
        f"--sites {asked.sites}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "events": asked.events,
        "people": asked.people,
        "sites": asked.sites,
        "snapshots_written": snapshots,
        "snapshot_bytes": size,
        "state_bytes": len(state),
        "with_snapshot": {"seconds": round(with_s, 3), "events_folded": tail},
        "without": {"seconds": round(without_s, 3), "events_folded": folded},
        "states_equal": state == full,
    }
    print(text := json.dumps(found, indent=2))
    if asked.json:
        asked.json.write_text(text + "\n")
    return int(state != full)


if __name__ == "__main__":
    sys.exit(main())
