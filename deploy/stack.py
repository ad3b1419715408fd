"""What a running SafeRoom on one machine consists of, and in which order it is started."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from deploy.child import Child, ProcessChild
from deploy.embedded import ServerChild
from deploy.options import environment_of
from deploy.steps import Steps
from deploy.supervisor import Supervisor
from reid.runtime.ready import ready_file
from reid.runtime.settings import Settings

#: One thread a process: numpy, OpenCV and onnxruntime would each start as many as there are cores, and
#: every pool costs memory and fights the others on a small machine.
SINGLE_THREADED: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    # glibc keeps an arena for each thread; two are enough and save tens of megabytes a process.
    "MALLOC_ARENA_MAX": "2",
}


class Stack:
    """Starts the parts under ``supervisor`` and says where they serve.

    ``settings.kafka_bootstrap_servers`` and ``redis_url``, where given, are used and not started.
    """

    def __init__(self, settings: Settings, supervisor: Supervisor, steps: Steps) -> None:
        self.settings = settings
        self.supervisor = supervisor
        self.steps = steps
        self._kafka: ServerChild | None = None
        self._redis: ServerChild | None = None
        self._api: ProcessChild | None = None
        self._told: dict[str, str] = {}
        self.cameras: list[ProcessChild] = []

    @property
    def kafka(self) -> str:
        if self.settings.kafka_bootstrap_servers is not None:
            return self.settings.kafka()
        return (self._kafka and self._kafka.address) or ""

    @property
    def redis(self) -> str:
        return self.settings.redis_url or (self._redis and self._redis.address) or ""

    @property
    def api(self) -> str:
        """Base URL."""
        return str(self._api.facts().get("url", "")) if self._api is not None else ""

    def start_servers(self) -> None:
        """Kafka and Redis side by side, then the topics."""
        from reid.runtime.admin import create_topics
        from reid.runtime.servers.kafka import EmbeddedKafka
        from reid.runtime.servers.redis import EmbeddedRedis

        home, mirror = self.settings.home, self.settings.maven_repository
        starting: list[Child] = []
        if self.settings.redis_url is None:
            self._redis = ServerChild("redis", EmbeddedRedis(home))
            starting.append(self._redis)
        if self.settings.kafka_bootstrap_servers is None:
            kafka = EmbeddedKafka(home, maven_repository=mirror)
            self._kafka = ServerChild("kafka", kafka, progress=self.steps.progress)
            starting.append(self._kafka)
        with self.steps.step("Kafka and Redis") as step:
            self.supervisor.start(*starting)
            step.detail = f"{self.kafka}, {self.redis}"
        with self.steps.step("Topics") as step:
            created = create_topics(self.kafka, self.settings.partitions, self.settings.replication_factor)
            step.detail = f"{len(created)} created" if created else "as they were"

    def start_processes(self, cameras: Sequence[tuple[str, str]] = (), loop: bool = False) -> None:
        """Worker, projector, API, the past and, in one producer process, the cameras ``(id, source)``.

        Side by side: each waits by itself for what it needs, and the log keeps what cameras say meanwhile.
        """
        self._api = self._process("api", ["api"])
        parts = [self._process(name, [name]) for name in ("worker", "projector", "past", "embedder")]
        parts.append(self._api)
        if self.settings.alerts is not None:
            parts.append(self._process("alerts", ["alerts"]))
        if self.settings.zones:
            parts.append(self._process("zones", ["zones"]))
        if cameras:
            arguments = ["--loop"] * loop
            for camera_id, source in cameras:
                arguments += ["--camera-id", camera_id, "--source", source]
            self.cameras = [self._process("cameras", ["camera", *arguments], may_finish=True)]
        names = "Worker, projector, past, embedder, API"
        names += ", alerts" if self.settings.alerts is not None else ""
        names += ", zones" if self.settings.zones else ""
        names += f", {len(cameras)} cameras" if cameras else ""
        with self.steps.step(names) as step:
            self.supervisor.start(*parts, *self.cameras)
            step.detail = self.api
        # A free port, once chosen, is kept: started again, the API must be found where it was.
        port = urlsplit(self.api).port or self.settings.api_port
        self.settings = self.settings.model_copy(update={"api_port": port})
        self._write_endpoints()

    def end_cameras(self) -> None:
        """They publish what they hold, and are not started again; the rest goes on."""
        self.supervisor.end(*self.cameras)

    def pids(self) -> dict[str, int]:
        """Part -> process, this one included."""
        found = {child.name: child.pid() for child in self.supervisor.children}
        return {"saferoom": os.getpid()} | {name: pid for name, pid in found.items() if pid is not None}

    def check(self) -> None:
        """Keeps the parts alive, and the endpoints file true."""
        self.supervisor.check()
        if not self._told:
            return
        told, now = self._told, self._endpoints()
        if now != told:
            self._write_endpoints()
        if (now["kafka"], now["redis"]) != (told["kafka"], told["redis"]):
            # A server came back on another port (its old one was taken meanwhile): the others can't know.
            for child in self.supervisor.children:
                if isinstance(child, ProcessChild):
                    child.terminate()

    def close(self) -> None:
        """Nobody shall be sent to what is no longer there."""
        if self._told:
            self.settings.endpoints_file.unlink(missing_ok=True)

    def _process(self, name: str, arguments: Sequence[str], may_finish: bool = False) -> ProcessChild:
        return ProcessChild(
            name=name,
            command=[sys.executable, "-P", "-m", "deploy.cli", *arguments],
            log_file=self.settings.home / "logs" / f"{name}.log",
            ready_file=ready_file(self.settings, name),
            env=self._environment,
            may_finish=may_finish,
        )

    def _environment(self) -> Mapping[str, str]:
        addresses = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka, "REDIS_URL": self.redis}
        return SINGLE_THREADED | environment_of(self.settings) | addresses

    def _endpoints(self) -> dict[str, str]:
        # An API that is just being started again says nothing yet: it will be where it was.
        return {"kafka": self.kafka, "redis": self.redis, "api": self.api or self._told.get("api", "")}

    def _write_endpoints(self) -> None:
        path = self.settings.endpoints_file
        half = path.with_suffix(".tmp")
        self._told = self._endpoints()
        half.write_text(json.dumps(self._told) + "\n")
        half.replace(path)
