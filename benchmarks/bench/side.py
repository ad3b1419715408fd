"""One side of the agent's bench: a broker of its own and a process on it, asked in bursts."""

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import platformdirs
import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from reid.contracts.topics import DETECTIONS
from reid.runtime import kafka
from reid.runtime.admin import create_topics
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka

_LOOK_S: Final = 0.01
_GIVE_UP_S: Final = 120.0

logger = logging.getLogger(__name__)


class Failed(RuntimeError):
    """The process ended, or decided nothing for too long."""


class Side:
    """``command``: with the broker's address in place of ``{bootstrap}``. ``group``: whose committed offset
    tells how far it is, in the transaction of what it wrote."""

    def __init__(self, command: Sequence[str], group: str, env: Mapping[str, str] | None = None) -> None:
        self._command, self._group, self._env = command, group, dict(env or {})
        self._folder = tempfile.TemporaryDirectory()
        self.home = Path(self._folder.name)
        jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
        self._broker = EmbeddedKafka(self.home, jars=jars)
        self._sent = {DETECTIONS.name: 0}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Side":
        bootstrap = self._broker.start()
        create_topics(bootstrap, 1, 1)
        self._producer = kafka.producer(bootstrap)
        self._asking = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": self._group, "isolation.level": "read_committed"}
        )
        env = os.environ | self._env | {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "SAFEROOM_HOME": str(self.home / "saferoom"),
            "PYTHONPATH": str(Path.cwd()),
        }  # fmt: skip
        self._log = (self.home / "side.log").open("wb")
        command = [part.format(bootstrap=bootstrap) for part in self._command]
        self._process = subprocess.Popen(command, env=env, stdout=self._log, stderr=self._log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._log.close()
            self._asking.close()
        self._broker.stop()
        self._folder.cleanup()

    def burst(self, values: Sequence[tuple[bytes, int]], topic: str = DETECTIONS.name) -> tuple[float, float]:
        """Sends (value, timestamp) records of the site at once. Seconds until all are decided, and of them
        the processor seconds of the process. Raises `Failed`."""
        assert self._process is not None
        watched = psutil.Process(self._process.pid)
        cpu, begun = watched.cpu_times(), time.perf_counter()
        for value, at in values:
            while True:
                try:
                    self._producer.produce(topic, value, b"global", 0, timestamp=at)
                    break
                except BufferError:
                    self._producer.poll(0.01)
        self._sent[topic] = self._sent.get(topic, 0) + len(values)
        self._producer.flush(_GIVE_UP_S)
        self._wait(topic, begun)
        spent, now = time.perf_counter() - begun, watched.cpu_times()
        return spent, now.user + now.system - cpu.user - cpu.system

    def _wait(self, topic: str, begun: float) -> None:
        while self._decided(topic) < self._sent[topic]:
            assert self._process is not None
            late = time.perf_counter() - begun > _GIVE_UP_S
            if late or self._process.poll() is not None:
                tail = (self.home / "side.log").read_text(errors="replace")[-2000:]
                far = f"{self._decided(topic)} of {self._sent[topic]} decided"
                what = "too late" if late else "it ended"
                raise Failed(f"{' '.join(self._command)}: {what}, {far}\n{tail}")
            time.sleep(_LOOK_S)

    def _decided(self, topic: str) -> int:
        try:
            return self._asking.committed([TopicPartition(topic, 0)], timeout=5)[0].offset
        except KafkaException as error:
            # The coordinator of a new broker, or offsets of a transaction that is just ending.
            logger.debug("asked again: %s", error)
            return -1


def python(module: str, *more: str, interpreter: str = sys.executable) -> list[str]:
    """The command of a side."""
    return [interpreter, "-m", module, "{bootstrap}", *more]
