"""The embedded servers themselves: restarts, kills, a second owner, a dead parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from reid.contracts.topics import ALL_TOPICS, EVENTS
from reid.errors import ConfigError, Unavailable
from reid.runtime.admin import create_topics, list_topics
from reid.runtime.kafka import producer, reader
from reid.runtime.servers import resp
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.servers.redis import EmbeddedRedis

pytestmark = pytest.mark.integration

_NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def broker(home: Path, kafka_jars: Path) -> Iterator[EmbeddedKafka]:
    """One for all tests here, which run in the order in which they stand."""
    server = EmbeddedKafka(home, jars=kafka_jars)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path)
    server.start()
    yield server
    server.stop()


def _ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: _ended(pid))


def _wait_until(condition, timeout_s: float = 60.0) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _append(bootstrap: str, count: int) -> None:
    writer = producer(bootstrap)
    for _ in range(count):
        writer.produce(EVENTS.name, os.urandom(2000), partition=0)
        writer.poll(0)
    assert writer.flush(30) == 0


def _end(bootstrap: str) -> int:
    """A broker that was killed leads its partitions again a moment after it answers."""
    consumer, deadline = reader(bootstrap), time.monotonic() + 30
    try:
        while True:
            try:
                return int(consumer.get_watermark_offsets(TopicPartition(EVENTS.name, 0), timeout=10)[1])
            except KafkaException as error:
                # `retriable` is said of transactions alone.
                if error.args[0].code() not in _NO_LEADER or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    finally:
        consumer.close()


def _listening(pid: int | None) -> set[str]:
    return {c.laddr.ip for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN}


def test_kafka_keeps_its_log_and_its_port_through_a_stop_and_a_kill(broker: EmbeddedKafka) -> None:
    address = broker.bootstrap
    create_topics(address, 4, 1)
    _append(address, 2000)

    assert broker.stop(), "it must end by itself on SIGTERM"
    assert broker.pid is None
    assert broker.start() == address
    assert list_topics(address) == {t.name: 4 if t.partitioned else 1 for t in ALL_TOPICS}
    assert _end(address) == 2000

    _append(address, 500)
    _kill(broker.pid)
    _wait_until(lambda: not broker.alive)
    broker.stop()
    assert broker.start() == address
    assert _end(address) == 2500


def test_kafka_is_small_on_loopback_and_out_of_reach_of_ctrl_c(broker: EmbeddedKafka) -> None:
    _append(broker.bootstrap, 30_000)
    assert broker.pid is not None
    assert _listening(broker.pid) <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert _listening(broker.pid)
    assert os.getsid(broker.pid) != os.getsid(0)
    assert psutil.Process(broker.pid).memory_info().rss < 450 * 1024 * 1024


def test_kafka_makes_no_topic_that_was_not_declared(broker: EmbeddedKafka) -> None:
    writer = producer(broker.bootstrap, **{"message.timeout.ms": 2000})
    failed: list[object] = []
    writer.produce("a-typing-error", b"x", on_delivery=lambda error, _: failed.append(error))
    writer.flush(5)
    assert failed and failed[0] is not None
    assert "a-typing-error" not in list_topics(broker.bootstrap)


def test_a_second_kafka_on_one_home_is_refused_and_harms_nothing(
    broker: EmbeddedKafka, home: Path, kafka_jars: Path
) -> None:
    second = EmbeddedKafka(home, jars=kafka_jars)
    with pytest.raises(ConfigError, match=rf"in use by process {os.getpid()}.*SAFEROOM_HOME"):
        second.start()
    second.stop()
    assert broker.alive
    assert _end(broker.bootstrap) > 0


def test_a_broken_kafka_says_why(tmp_path: Path, kafka_jars: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "meta.properties").write_text(
        "version=1\ncluster.id=somebody-elses\nnode.id=7\n"
    )
    server = EmbeddedKafka(tmp_path, jars=kafka_jars)
    with pytest.raises(
        Unavailable, match=r"(?s)ended while starting; last lines of .*kafka\.log:.*Stored node id 7"
    ):
        server.start()
    assert server.pid is None


def test_redis_keeps_its_data_and_its_port_through_a_stop_and_a_kill(redis: EmbeddedRedis) -> None:
    address = redis.url
    assert resp.ask(address, ["SET", "a", "1"]) == "OK"
    assert redis.stop()
    assert redis.start() == address
    assert resp.ask(address, ["GET", "a"]) == "1"

    resp.ask(address, ["SET", "a", "2"])
    _kill(redis.pid)
    redis.stop()
    assert redis.start() == address
    assert resp.ask(address, ["GET", "a"]) == "2"


def test_a_redis_that_still_loads_its_file_has_not_started(redis: EmbeddedRedis) -> None:
    """It names itself while it loads, and refuses all else: who came first was told that Redis is away."""
    fill = "for i = 1, 400000 do redis.call('SET', i, string.rep('x', 50)) end"
    resp.ask(redis.url, ["EVAL", fill, "0"], timeout_s=60)
    redis.stop()
    assert resp.ask(redis.start(), ["DBSIZE"]) == "400000"


def test_redis_is_durable_on_loopback_and_never_evicts(redis: EmbeddedRedis) -> None:
    assert _listening(redis.pid) == {"127.0.0.1"}
    assert redis.pid is not None
    assert os.getsid(redis.pid) != os.getsid(0)
    assert resp.parse_info(resp.ask(redis.url, ["INFO", "persistence"]))["aof_enabled"] == "1"
    memory = resp.parse_info(resp.ask(redis.url, ["INFO", "memory"]))
    assert (memory["maxmemory"], memory["maxmemory_policy"]) == ("0", "noeviction")


def test_a_taken_port_is_exchanged_for_a_free_one(redis: EmbeddedRedis) -> None:
    import socket

    address = redis.url
    redis.stop()
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2].removesuffix("/0")))):
        assert redis.start() != address
        assert redis.alive


def test_a_second_redis_on_one_home_is_refused(redis: EmbeddedRedis, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"in use by process {os.getpid()}"):
        EmbeddedRedis(tmp_path).start()
    assert resp.ask(redis.url, ["PING"]) == "PONG"


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_server_dies_with_its_killed_parent_and_the_home_is_free_again(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from threading import Thread\n"
        "from reid.runtime.servers.redis import EmbeddedRedis\n"
        "server = EmbeddedRedis(Path(sys.argv[1]))\n"
        # Started in a thread that ends: the death signal must not be bound to it.
        "thread = Thread(target=server.start); thread.start(); thread.join(); time.sleep(0.3)\n"
        "sys.stdout.write(f'{server.pid}\\n'); sys.stdout.flush(); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert psutil.Process(server).is_running()
        parent.kill()
        _wait_until(lambda: not psutil.pid_exists(server))
    with EmbeddedRedis(tmp_path) as again:
        assert resp.ask(again.url, ["PING"]) == "PONG"


def test_an_unusable_home_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for server in (EmbeddedKafka(tmp_path / "file"), EmbeddedRedis(tmp_path / "file")):
        with pytest.raises(ConfigError, match=r"state directory .* can't be used.*SAFEROOM_HOME") as refused:
            server.start()
        assert "\n" not in str(refused.value)
        assert not isinstance(refused.value, KafkaException)
