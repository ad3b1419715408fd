"""The same stream through the real stack: an embedded Kafka of its own and the identity worker.

Nobody's own Kafka is written to. Each stream has a log of its own, in a directory that is gone afterwards.
"""

import math
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from deploy import log
from deploy.child import ProcessChild
from deploy.embedded import ServerChild
from deploy.evaluate.stream import FRAME_MS, Played, Stream, played
from deploy.evaluate.variants import Variant
from deploy.options import environment_of
from deploy.stack import SINGLE_THREADED
from deploy.supervisor import Supervisor
from deploy.verify.run import decided_offsets
from reid.contracts.codec import decode_event, encode
from reid.contracts.detections import Detections
from reid.contracts.events import AnyEvent
from reid.contracts.partitioning import partition_of
from reid.contracts.policy import Policy
from reid.contracts.topics import DECIDED_GROUP, DEFAULT_SITE, DETECTIONS, EVENTS
from reid.errors import ConfigError, Unavailable
from reid.runtime.admin import create_topics
from reid.runtime.kafka import producer
from reid.runtime.ready import ready_file
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.settings import Settings
from streams.policies import policies_of

_FLUSH_S: Final = 30.0
_STALLED_S: Final = 60.0
_DAY_MS: Final = 86_400_000
#: Of somebody's own Kafka: all settings of it but where it is.
_ACCESS: Final = frozenset(name for name in Settings.model_fields if name.startswith("kafka_")) - {
    "kafka_bootstrap_servers"
}
_SECONDS: Final = ("seen_interval", "track_timeout", "visit_gap")


class ThroughKafka:
    """Plays streams as `deploy.evaluate.stream_command.in_memory` does, by the worker process.

    ``jars``: where the broker's jars are kept; by default the state directory's.
    """

    def __init__(self, settings: Settings, jars: Path | None = None) -> None:
        self._settings = settings
        self._jars = jars or settings.home / "kafka" / f"jars-{kafka_version(locked())}"

    def __call__(self, stream: Stream, variant: Variant) -> Played:
        """Raises `ConfigError` for a policy without settings, or a stream too long for the log."""
        length = stream.times()[-1][-1] - stream.start_ms + FRAME_MS
        if length > (DETECTIONS.retention_ms or 0) - _DAY_MS:
            raise ConfigError(
                f"--through-kafka: this stream lasts {length / _DAY_MS:.1f} days, and Kafka keeps detections "
                f"for {DETECTIONS.retention_ms / _DAY_MS:.0f}: give fewer --people"
            )
        # It ends now: Kafka refuses records of the future.
        stream = replace(stream, start_ms=time.time_ns() // 1_000_000 - length)
        return self.exactly(stream, variant)

    def exactly(self, stream: Stream, variant: Variant) -> Played:
        """At the times that the stream says."""
        with tempfile.TemporaryDirectory(prefix="saferoom-evaluate-") as directory:
            settings = settings_of(self._settings, variant.policy, Path(directory))
            with self._running(settings) as running:
                total = _send(running, stream.messages())
                partition = partition_of(DEFAULT_SITE.encode(), running.partitions)
                _wait(running, partition, total)
                return played(stream, list(_events(running, partition)))

    @contextmanager
    def _running(self, settings: Settings) -> Iterator[Settings]:
        """Kafka and the worker; the settings that reach them."""
        said: list[str] = []
        run_dir, stopping = settings.endpoints_file.parent, threading.Event()
        # What it says tells of deaths alone: not that a busy machine is waited for.
        with Supervisor(run_dir, said.append, stopping, still_every_s=math.inf) as supervisor:
            repository = settings.maven_repository
            server = EmbeddedKafka(settings.home, maven_repository=repository, jars=self._jars)
            kafka = ServerChild("kafka", server)
            supervisor.start(kafka)
            assert kafka.address is not None
            create_topics(kafka.address, settings.partitions, settings.replication_factor)
            reached = settings.model_copy(update={"kafka_bootstrap_servers": kafka.address})
            supervisor.start(_worker(reached))
            yield reached
            if said:
                raise Unavailable("a part died while the stream was decided: " + "; ".join(said))


def settings_of(settings: Settings, policy: Policy, home: Path) -> Settings:
    """Settings that give the worker this very policy. Raises `ConfigError` where there are none."""
    values: dict[str, object] = {
        name: getattr(policy, name)
        for name in Policy.__struct_fields__
        if name in type(settings).model_fields and name not in _SECONDS
    }
    values |= {name: getattr(policy, name) / 1000 for name in _SECONDS}
    values |= {"similarity_threshold": policy.threshold, "ttl_days": policy.ttl // _DAY_MS}
    # The Kafka that is started for it asks nobody, whatever that of the settings does.
    values |= {name: field.default for name, field in type(settings).model_fields.items() if name in _ACCESS}
    values |= {"home": home, "site_id": DEFAULT_SITE, "site_thresholds": {}}
    made = settings.model_copy(update=values)
    reached = policies_of(made).of(DEFAULT_SITE)
    missing = [n for n in Policy.__struct_fields__ if getattr(reached, n) != getattr(policy, n)]
    if missing:
        raise ConfigError(
            f"--through-kafka: policy {', '.join(missing)} has no setting: leave one of both out"
        )
    return made


def _worker(settings: Settings) -> ProcessChild:
    return ProcessChild(
        name="worker",
        command=[sys.executable, "-P", "-m", "deploy.cli", "worker"],
        log_file=settings.home / "logs" / "worker.log",
        ready_file=ready_file(settings, "worker"),
        # Empty, not left out: the process would take them from our own environment.
        env=lambda: (
            SINGLE_THREADED | {f"SAFEROOM_{name}".upper(): "" for name in _ACCESS} | environment_of(settings)
        ),
    )


def _send(settings: Settings, messages: Iterator[Detections]) -> int:
    """Each with its own time as the record's, as for any recording. Returns how many."""
    client, total = producer(settings.kafka()), 0
    for message in messages:
        at = message.frames[-1].captured_at
        while True:
            try:
                client.produce(DETECTIONS.name, encode(message), message.site_id.encode(), timestamp=at)
                break
            except BufferError:
                client.poll(0.1)
        total += 1
    if left := client.flush(_FLUSH_S):
        raise Unavailable(f"the embedded Kafka did not take {left} messages in {_FLUSH_S:.0f} s")
    return total


def _wait(settings: Settings, partition: int, total: int) -> None:
    """Until all inputs are decided. Raises `Unavailable` when nothing is decided any more."""
    consumer = log.log_reader(settings.kafka(), **{"group.id": DECIDED_GROUP})
    try:
        done, changed = -1, time.monotonic()
        while done < total:
            now = decided_offsets(consumer, [partition])[DETECTIONS.name, partition]
            if now != done:
                done, changed = now, time.monotonic()
            elif time.monotonic() - changed > _STALLED_S:
                raise Unavailable(f"the worker stands still at message {done} of {total}")
            time.sleep(0.1)
    finally:
        consumer.close()


def _events(settings: Settings, partition: int) -> Iterator[AnyEvent]:
    for message in log.read(settings.kafka(), EVENTS.name, {partition: 0}):
        value = message.value()
        assert isinstance(value, bytes)
        yield decode_event(value)
