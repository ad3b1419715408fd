"""What must be right before SafeRoom works, each checked by itself and with what to do about it."""

import http.client
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from reid.contracts.topics import ALL_TOPICS
from reid.errors import ConfigError, ReidError, Unavailable
from reid.runtime.admin import admin_client, describe, differences
from reid.runtime.alerts.file import load
from reid.runtime.kafka_access import access_of
from reid.runtime.kafka_refusal import away
from reid.runtime.servers import resp
from reid.runtime.servers.claim import usable_directory
from reid.runtime.settings import Settings

OLDEST_PYTHON: Final = (3, 11)
BUILTIN_DETECTORS: Final = ("auto", "headnet", "hog", "truth")
BUILTIN_EMBEDDERS: Final = ("stripenet-512", "appearance-512")
_TIMEOUT_S: Final = 4.0

#: Fields of INFO of the Redis at an address.
RedisInfo = Callable[[str], Mapping[str, str]]
#: Camera id, and what tries its source: returns a detail ("1280x720 at 25 frames/s"), raises `ReidError`.
CameraProbe = tuple[str, Callable[[], str]]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``remedy`` is empty when ``ok``, but for a ``warning``: all works, and yet somebody
    should look."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    @property
    def warning(self) -> bool:
        return self.ok and bool(self.remedy)


def redis_info(url: str) -> dict[str, str]:
    """Fields of INFO of a ``redis://`` address that answers PING. Raises `Unavailable`, `ConfigError`."""
    resp.ask(url, ["PING"], _TIMEOUT_S)
    return resp.parse_info(resp.ask(url, ["INFO"], _TIMEOUT_S))


def run_checks(
    settings: Settings, cameras: Iterable[CameraProbe] = (), info_of: RedisInfo = redis_info
) -> list[Check]:
    """Every check, in the order in which one would put things right. Never raises for what it checks."""
    checks = [check_python(), check_home(settings.home)]
    kafka = check_kafka(settings)
    checks += [kafka, check_topics(settings, kafka), check_redis(settings, info_of)]
    checks += [
        check_model("detector", settings.detector, BUILTIN_DETECTORS),
        check_model("embedder", settings.embedder, BUILTIN_EMBEDDERS),
        check_api_port(settings.api_host, settings.api_port),
        check_alerts(settings.alerts),
    ]
    return checks + [check_camera(name, probe) for name, probe in cameras]


def check_python() -> Check:
    version = platform.python_version()
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Check("Python", True, version)
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return Check("Python", False, version, f"run SafeRoom with Python {wanted} or newer")


def check_home(home: Path) -> Check:
    """Writes and removes a file there: permissions alone do not tell of read-only file systems."""
    name = "State directory"
    try:
        usable_directory(home)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"x")
            os.fsync(file.fileno())
        free = shutil.disk_usage(home).free
    except ConfigError as error:
        return refused(name, error)
    except OSError as error:
        return Check(name, False, f"{home}: {error.strerror or error}", "fix it, or set SAFEROOM_HOME")
    return Check(name, True, f"{home}, {free / 1e9:.1f} GB free")


def check_kafka(settings: Settings) -> Check:
    """Asks for the cluster's metadata."""
    try:
        bootstrap = settings.kafka()
        metadata = admin_client(bootstrap).list_topics(timeout=_TIMEOUT_S)
    except ConfigError as error:
        return refused("Kafka", error)
    except KafkaException as error:
        return refused("Kafka", away(bootstrap, error))
    brokers = len(metadata.brokers)
    if brokers < settings.replication_factor:
        return Check(
            "Kafka",
            False,
            f"{bootstrap} has {brokers} broker(s) for {settings.replication_factor} replicas",
            "add brokers, or lower SAFEROOM_REPLICATION_FACTOR",
        )
    plural = "s" * (brokers != 1)
    how = "" if access_of(bootstrap).protocol == "PLAINTEXT" else f", {access_of(bootstrap).protocol}"
    return Check("Kafka", True, f"{bootstrap}{how}, cluster {metadata.cluster_id}, {brokers} broker{plural}")


def check_topics(settings: Settings, kafka: Check) -> Check:
    """Each topic there, with the partitions and configs of `reid.contracts.topics`."""
    if not kafka.ok:
        return Check("Topics", False, "not checked: no Kafka", "put Kafka right first")
    try:
        existing = describe(settings.kafka(), ALL_TOPICS)
    except ReidError as error:
        return refused("Topics", error)
    problems = differences(ALL_TOPICS, existing, settings.partitions)
    if problems:
        return refused("Topics", ConfigError("; ".join(problems)))
    missing = [topic.name for topic in ALL_TOPICS if topic.name not in existing]
    if missing:
        return Check("Topics", False, f"missing: {', '.join(missing)}", "run `saferoom topics create`")
    return Check("Topics", True, f"{len(existing)}, identities on {settings.partitions} partitions")


def check_redis(settings: Settings, info_of: RedisInfo = redis_info) -> Check:
    """PING, then whether it may lose or evict what it was told."""
    try:
        url = settings.redis()
        info = info_of(url)
    except ConfigError as error:
        return refused("Redis", error)
    except Unavailable as error:
        return Check("Redis", False, str(error), "start it with `saferoom up`, or correct REDIS_URL")
    version = info.get("valkey_version") or info.get("redis_version", "0")
    server = "Valkey" if "valkey_version" in info else "Redis"
    where = f"{server} {version} at {resp.masked(url)}"
    if int(version.split(".")[0]) < 7:
        return Check("Redis", False, where, "use Redis 7 or newer, or Valkey")
    wrong = _unfit(info)
    if wrong is not None:
        return Check("Redis", False, f"{where} {wrong[0]}", wrong[1])
    # Without an AOF nothing is wrong, only slower: a view that lost its data is replayed from the log.
    aof = (
        "append-only file on" if info.get("aof_enabled") == "1" else "no append-only file: views are rebuilt"
    )
    return Check("Redis", True, f"{where}, {aof}")


def _unfit(info: Mapping[str, str]) -> tuple[str, str] | None:
    """What a Redis that answers does, so that the views are not kept or not kept current; and the remedy."""
    if info.get("role") == "slave" and info.get("slave_read_only") == "1":
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        return f"is a read-only replica of {primary}", "point REDIS_URL at a server that takes writes"
    most, policy = int(info.get("maxmemory", "0")), info.get("maxmemory_policy")
    if most and policy != "noeviction":
        return f"evicts keys ({policy})", "set its maxmemory-policy to noeviction"
    if most and int(info.get("used_memory", "0")) >= most:
        return f"takes no writes: its maxmemory of {most / 1e6:.0f} MB is used up", "raise its maxmemory"
    if info.get("aof_enabled") == "1" and info.get("aof_last_write_status", "ok") != "ok":
        return "takes no writes: it can't write its append-only file", "free its disk"
    return None


def check_model(name: str, value: str, builtin: Sequence[str]) -> Check:
    title = name.capitalize()
    if value in builtin:
        return Check(title, True, f"{value}, built in")
    path = Path(value).expanduser()
    if path.is_file() and os.access(path, os.R_OK):
        return Check(title, True, f"{path}, {path.stat().st_size / 1e6:.1f} MB")
    remedy = f"set SAFEROOM_{name.upper()} to {' or '.join(builtin)}, or to the path of a model"
    return Check(title, False, f"{path}: no readable file", remedy)


def check_api_port(host: str, port: int) -> Check:
    """Free, or answered by a SafeRoom."""
    name = "API port"
    if port == 0:
        return Check(name, True, "a free one will be taken")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if _is_saferoom("127.0.0.1" if host in ("0.0.0.0", "::") else host, port):
            return Check(name, True, f"{port}: SafeRoom is running there")
        detail = f"{port} on {host}: {error.strerror or error}"
        return Check(name, False, detail, "end what uses it, or set SAFEROOM_API_PORT (0 takes a free one)")
    return Check(name, True, f"{port} is free")


def check_alerts(path: Path | None) -> Check:
    """Every line of the rules, and the secrets of the receivers. Nobody is called."""
    if path is None:
        return Check("Alert rules", True, "none: SAFEROOM_ALERTS names no file")
    try:
        rules, receivers = load(path)
    except ConfigError as error:
        return refused("Alert rules", error)
    told = ", ".join(receiver.name for receiver in receivers) or "nobody"
    return Check("Alert rules", True, f"{path}: {len(rules.rules)} rules, {rules.version}; told: {told}")


def check_camera(name: str, probe: Callable[[], str]) -> Check:
    try:
        return Check(f"Camera {name}", True, probe())
    except ReidError as error:
        return refused(f"Camera {name}", error)


def _is_saferoom(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/config")
        answer = json.loads(connection.getresponse().read(100_000))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(answer, dict) and "person_reid" in answer


def refused(name: str, error: ReidError) -> Check:
    """Our errors read "what: remedy"."""
    detail, colon, remedy = str(error).rpartition(": ")
    return Check(name, False, detail, remedy) if colon else Check(name, False, str(error), "see its log")
