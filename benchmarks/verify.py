"""Memory and time of `saferoom verify` on a long log: ``python -m benchmarks.verify --frames 100000``.

A real broker and Redis; inputs of a quiet site with a fixed number of people, decided by the agent's own
writer; views filled by a rebuild; then the verifier as a process of its own, whose peak is read from the
system. Two lengths tell what of it grows with the log.
"""

import argparse
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs

from benchmarks.recovery import wait_for_groups
from deploy.rebuild_command import rebuild
from reid.contracts.codec import encode
from reid.contracts.commands import RenamePerson
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.errors import Unavailable
from reid.runtime.admin import create_topics
from reid.runtime.kafka import producer
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.servers.redis import EmbeddedRedis
from reid.runtime.settings import Settings
from streams.decider import IdentityDecider
from streams.kafka_log import KafkaPartitionLog
from streams.partition import PartitionWriter
from streams.telemetry import Telemetry

SITE: Final = "global"
DIM: Final = 128
CAMERAS: Final = 4
#: Milliseconds between two frames of a camera, frames of a message, frames that somebody stays.
STEP: Final = 200
LINGER: Final = 20
STAY: Final = 100

Input = tuple[str, int, bytes]


def inputs(frames: int, people: int, start: int) -> Iterator[Input]:
    """Topic, time, value: one person in front of each camera, an embedding in every second frame; a rename
    now and then."""
    random = np.random.default_rng(7)
    looks = random.standard_normal((people, DIM))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    source = _frames(random, looks, frames, start)
    for number in range(0, frames, LINGER):
        taken = tuple(islice(source, LINGER))
        yield DETECTIONS.name, taken[-1].captured_at, encode(Detections(SITE, "bench", taken))
        if number % (50 * LINGER) == 0:
            at = taken[-1].captured_at
            asked = RenamePerson(
                site_id=SITE,
                command_id=f"c{number}",
                issued_at=at,
                person_id="person_0_0",
                label=f"N {number}",
            )
            yield COMMANDS.name, at, encode(asked)


def _frames(random: np.random.Generator, looks: Any, frames: int, start: int) -> Iterator[Frame]:
    for number in range(frames):
        turn, camera = divmod(number, CAMERAS)
        visit = turn // STAY
        who = (visit * CAMERAS + camera) % len(looks)
        embedding = None
        if turn % 2 == 0:
            noisy = looks[who] + 0.02 * random.standard_normal(DIM)
            embedding = encode_wire(noisy / np.linalg.norm(noisy))
        person = Person(visit, (100.0, 50.0, 80.0, 200.0), 0.9, 0.8, embedding)
        at = start + turn * STEP + camera
        model = Model("bench", "1", DIM)
        yield Frame(f"room{camera + 1}", at, 1280, 720, "s1", model, (person,))


def fill(bootstrap: str, frames: int, people: int) -> int:
    """Sends the inputs and decides them as the agent does. Returns the seconds that deciding took."""
    client = producer(bootstrap)
    start = int(time.time() * 1000) - frames // CAMERAS * STEP
    for topic, at, value in inputs(frames, people, start):
        client.produce(topic, value, SITE.encode(), timestamp=at)
        client.poll(0)
    if left := client.flush(60):
        raise Unavailable(f"{left} inputs were not acknowledged")
    log: Any = KafkaPartitionLog(bootstrap, 0)
    log.fence()
    wait_for_groups(log)
    writer = PartitionWriter[PartitionState](log, IdentityDecider(Policies()), 0, 1, Telemetry())
    began = time.monotonic()
    spans = writer.recover()
    writer.heal({topic: span.high for topic, span in spans.items()})
    writer.close()
    return round(time.monotonic() - began)


def measured(bootstrap: str, redis_url: str, home: Path, with_views: bool) -> dict[str, Any]:
    """Peak resident memory and seconds of one verification."""
    told = home / "verify.json"
    command = [sys.executable, "-m", "deploy.cli", "verify", "--kafka", bootstrap, "--redis", redis_url]
    command += ["--home", str(home), "--json", str(told), *([] if with_views else ["--no-views"])]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    said = json.loads(told.read_bytes())
    return {
        "exit_code": os.waitstatus_to_exitcode(status),
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "frames": said["frames"],
        "events": said["events"],
        "keys": said["checks"]["views"]["examined"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--no-views", action="store_true", help="leave the views out")
    parser.add_argument("--json", type=Path, help="write what was measured")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    runs = {}
    for frames in (asked.frames // 10, asked.frames):
        with (
            tempfile.TemporaryDirectory(prefix="saferoom-bench-") as folder,
            EmbeddedKafka(Path(folder), jars=jars) as broker,
            EmbeddedRedis(Path(folder)) as server,
        ):
            create_topics(broker.bootstrap, 1, 1)
            decided_s = fill(broker.bootstrap, frames, asked.people)
            own = {"home": folder, "kafka_bootstrap_servers": broker.bootstrap, "redis_url": server.url}
            rebuild(Settings.model_validate(own), None, [], verify=False)
            found = measured(broker.bootstrap, server.url, Path(folder), not asked.no_views)
            runs[str(frames)] = found | {"decided_s": decided_s}
            print(frames, runs[str(frames)], file=sys.stderr)
    text = json.dumps(
        {
            "command": f"python -m benchmarks.verify --frames {asked.frames} --people {asked.people}",
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
            "runs": runs,
        },
        indent=2,
    )
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n")
    return max(run["exit_code"] for run in runs.values())


if __name__ == "__main__":
    sys.exit(main())
