"""Real servers for the whole session, clean state for each test, nothing of the developer's environment.

``kafka`` (bootstrap) and ``redis_url`` start once, on the first test that asks. A test that needs the topics
asks for ``topics``; one that needs Redis empty asks for ``clean_redis``; ``settings`` points at both.
"""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import platformdirs
import pytest

from reid.contracts.topics import ALL_TOPICS
from reid.errors import Unavailable
from reid.runtime.admin import create_topics, delete_topics, list_topics
from reid.runtime.servers import resp
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.servers.kafka import EmbeddedKafka
from reid.runtime.servers.redis import EmbeddedRedis
from reid.runtime.settings import Settings

pytest_plugins = ["tests.lanes"]

_NOT_OURS = ("KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL")

#: Examples of each property: few while somebody works, many in `make test`, which asks for
#: ``--hypothesis-profile=thorough``. A deadline would fail on a busy machine.
hypothesis.settings.register_profile("quick", max_examples=10, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=200, deadline=None)
hypothesis.settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """What was imported stays to the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test may read the developer's settings, or write to the developer's state directory."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("SAFEROOM_") or name in _NOT_OURS:
                patch.delenv(name)
        patch.setitem(Settings.model_config, "env_file", None)
        patch.setenv("SAFEROOM_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """Jars, kept between runs outside any state directory, so that they are downloaded once."""
    return Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, kafka_jars: Path) -> Iterator[str]:
    """Bootstrap servers of a real broker."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka-home"), jars=kafka_jars) as server:
        yield server.bootstrap


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real Redis (or Valkey), database 0."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis-home")) as server:
        yield server.url


@pytest.fixture
def clean_redis(redis_url: str) -> str:
    """``redis_url`` with every database emptied."""
    # A machine that others use stands still for seconds now and then; no test is about that.
    resp.ask(redis_url, ["FLUSHALL"], timeout_s=30.0)
    return redis_url


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """`Settings` of their own temporary home, with the given overrides."""

    def make(**overrides: object) -> Settings:
        return Settings.model_validate({"home": tmp_path / "home", "api_port": 0, **overrides})

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings], kafka: str, redis_url: str) -> Settings:
    """Settings that point at the session's real servers."""
    return make_settings(kafka_bootstrap_servers=kafka, redis_url=redis_url)


@pytest.fixture
def topics(kafka: str, settings: Settings) -> str:
    """The bootstrap, all of our topics made anew: empty, offsets from zero."""
    ours = {topic.name for topic in ALL_TOPICS}
    # Machines stand still for longer than a client waits (seen in whole runs): what was not answered is asked
    # again, by a client of its own. A broker that is gone fails all the same.
    for last in (False, False, True):
        try:
            delete_topics(kafka, ours & set(list_topics(kafka)))
            create_topics(kafka, settings.partitions, settings.replication_factor)
            break
        except Unavailable:
            if last:
                raise
    return kafka
