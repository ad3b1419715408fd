"""The broker is away for a while under a producer process that goes on: the product's own `Publisher`."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from confluent_kafka import TopicPartition
from rich.console import Console

from benchmarks.chaos.crowd import Crowd
from benchmarks.chaos.system import ROOT
from deploy.log import log_reader
from producers.publish import Publisher
from reid.contracts.codec import decode_detections
from reid.contracts.topics import DETECTIONS
from reid.runtime.admin import create_topics
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.settings import Settings

#: Frames a second with 512-value embeddings in every fourth: twice what four cameras bring.
FPS: Final = 40
_BEFORE_S: Final = 5.0
AFTER_S: Final = 30.0
#: The queue's bound (32 MiB), what librdkafka needs besides, and slack.
_MEMORY_MIB: Final = 96


def run(settings: Settings, seconds: float, after: float, console: Console) -> dict[str, Any]:
    """Kill the broker, wait ``seconds``, start it; ``after`` seconds later (at least 5 since frames
    arrive again) compare what the publisher says with what is there."""
    server = EmbeddedKafka(settings.home)
    bootstrap = server.start()
    create_topics(bootstrap, settings.partitions, 1)
    report = settings.home / "publisher.json"
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.chaos.away", bootstrap, str(report)], cwd=ROOT
    )
    try:
        time.sleep(_BEFORE_S)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        console.print(f"broker killed; away for {seconds:.0f} s", highlight=False)
        time.sleep(seconds)
        server.stop()
        assert server.start() == bootstrap
        back, before = time.monotonic(), _frames(bootstrap)[0]
        while _frames(bootstrap)[0] <= before and time.monotonic() - back < 60:
            time.sleep(0.2)
        recovered = time.monotonic() - back
        console.print(f"frames arrive again {recovered:.1f} s after its return", highlight=False)
        time.sleep(max(after - recovered, 5.0))
        child.send_signal(signal.SIGTERM)
        child.wait(30)
        said = json.loads(report.read_text())
        there, distinct = _frames(bootstrap)
    finally:
        child.kill()
        child.wait()
        server.stop()
    grown = said["peak_mib"] - said["before_mib"]
    return {
        "passed": recovered < 30
        and grown < _MEMORY_MIB
        and distinct >= said["published"]
        and there == distinct
        and said["published"] + said["failed"] == said["offered"],
        "scenario": "broker-away",
        "away_seconds": seconds,
        "frames_offered": said["offered"],
        "frames_acknowledged": said["published"],
        "frames_dropped_and_counted": said["failed"],
        "frames_in_the_topic": there,
        "frames_in_the_topic_distinct": distinct,
        "recovered_seconds": round(recovered, 1),
        "producer_mib_before": said["before_mib"],
        "producer_mib_peak": said["peak_mib"],
    }


def _frames(bootstrap: str) -> tuple[int, int]:
    """Frames in the topic, and how many different ones (by camera and time)."""
    consumer, found, keys = log_reader(bootstrap), 0, set()
    try:
        known = consumer.list_topics(DETECTIONS.name, timeout=10).topics[DETECTIONS.name].partitions
        consumer.assign([TopicPartition(DETECTIONS.name, p, 0) for p in known])
        ended: set[int] = set()
        while len(ended) < len(known):
            for message in consumer.consume(500, timeout=0.2):
                if message.error() is not None:
                    ended.add(message.partition() or 0)
                    continue
                for frame in decode_detections(message.value() or b"").frames:
                    found += 1
                    keys.add((frame.camera_id, frame.captured_at))
    finally:
        consumer.close()
    return found, len(keys)


def _mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def publish(bootstrap: str, report: Path) -> None:
    """The producer process: offers frames at `FPS` until SIGTERM, whatever Kafka does."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    publisher = Publisher(bootstrap, site_id="global", producer_id="away")
    crowd = Crowd("global", 1, round(time.time() * 1000), FPS, 1, dim=512)
    offered, begun, before, peak = 0, time.monotonic(), 0.0, 0.0
    while not stopping.is_set():
        publisher.offer(decode_detections(crowd.message(offered)).frames[0])
        offered += 1
        if offered == 3 * FPS:
            before = _mib()
        peak = max(peak, _mib())
        stopping.wait(max(begun + offered / FPS - time.monotonic(), 0))
    left = publisher.close(20)
    published, failed = publisher.published.total(), publisher.failed.total()
    said = {"offered": offered, "published": published, "failed": failed, "left": left}
    report.write_text(json.dumps(said | {"before_mib": before, "peak_mib": peak}))


if __name__ == "__main__":
    publish(sys.argv[1], Path(sys.argv[2]))
