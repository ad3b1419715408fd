"""The topics as `reid.contracts.topics` declares them: made once, checked ever after."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from reid.contracts.topics import ALL_TOPICS, MAX_MESSAGE_BYTES, Topic
from reid.errors import ConfigError, Unavailable
from reid.runtime.kafka import Config
from reid.runtime.kafka_access import client_config
from reid.runtime.kafka_refusal import away

_TIMEOUT_S: Final = 15.0
#: Of a command to the controller: how long a client looks for it, and the broker works at it; and clients.
_PATIENCE: Final = {"request_timeout": _TIMEOUT_S, "operation_timeout": 10.0}
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class TopicState:
    """An existing topic: its partition count, and those of its configs that were asked for."""

    name: str
    partitions: int
    config: dict[str, str]


class Identity(NamedTuple):
    """What of a topic changes when it is made anew, and when it is given more partitions."""

    topic_id: str
    partitions: int


def wanted_config(topic: Topic) -> dict[str, str]:
    """Topic-level configs that must hold. A compacted topic keeps keys, so time does not bound it."""
    return {
        "cleanup.policy": topic.cleanup_policy,
        "retention.ms": str(topic.retention_ms),
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        # The events are the truth: a size bound of the cluster must not silently eat them.
        "retention.bytes": "-1",
        **topic.config,
    }


def wanted_partitions(topic: Topic, partitions: int) -> int:
    return partitions if topic.partitioned else 1


def create_topics(
    bootstrap: str,
    partitions: int,
    replication_factor: int,
    topics: Iterable[Topic] = ALL_TOPICS,
) -> list[str]:
    """Create what is missing and return its names; check what is there. Idempotent, safe beside others.

    Raises `ConfigError` for an existing topic of another partition count or config (never alters it: with
    another count the same site would hash to another partition, away from its history); `Unavailable`.
    """
    topics = tuple(topics)
    existing = describe(bootstrap, topics)
    problems = differences(topics, existing, partitions)
    if problems:
        raise ConfigError("; ".join(problems))
    missing = [topic for topic in topics if topic.name not in existing]
    if not missing:
        return []
    new = [
        NewTopic(
            topic.name,
            num_partitions=wanted_partitions(topic, partitions),
            replication_factor=replication_factor,
            config=wanted_config(topic),
        )
        for topic in missing
    ]
    futures = _commanded(bootstrap, lambda client: client.create_topics(new, **_PATIENCE))
    created = [name for name, future in futures.items() if _created(bootstrap, name, future)]
    _wait_visible(admin_client(bootstrap), bootstrap, {topic.name for topic in missing})
    if len(created) < len(missing):  # another process was creating them as well: check what it made
        create_topics(bootstrap, partitions, replication_factor, topics)
    return sorted(created)


def delete_topics(bootstrap: str, names: Iterable[str]) -> None:
    """Delete, and wait until gone. For tests: it destroys the log. Unknown names are passed over."""
    names = list(names)
    if not names:
        return
    futures = _commanded(bootstrap, lambda client: client.delete_topics(names, **_PATIENCE))
    for future in futures.values():
        with _talking_to(bootstrap):
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
    _wait_gone(admin_client(bootstrap), bootstrap, set(names))


def list_topics(bootstrap: str, timeout_s: float = _TIMEOUT_S) -> dict[str, int]:
    """Partition count by topic name, Kafka's internal topics left out. Raises `Unavailable`."""
    with _talking_to(bootstrap):
        metadata = admin_client(bootstrap).list_topics(timeout=timeout_s)
    return {
        name: len(topic.partitions)
        for name, topic in sorted(metadata.topics.items())
        if not name.startswith("__")
    }


def required(bootstrap: str, topics: Iterable[Topic], timeout_s: float = _TIMEOUT_S) -> dict[str, int]:
    """As `list_topics`. Raises `ConfigError` when one of ``topics`` is missing, `Unavailable`."""
    found = list_topics(bootstrap, timeout_s)
    missing = [topic.name for topic in topics if topic.name not in found]
    if missing:
        raise ConfigError(f"Kafka has no topic {', '.join(missing)}: make them with `saferoom topics create`")
    return found


def identities(bootstrap: str, names: Iterable[str], timeout_s: float = _TIMEOUT_S) -> dict[str, Identity]:
    """Of those that exist. Raises `Unavailable`."""
    client = admin_client(bootstrap)
    with _talking_to(bootstrap):
        present = client.list_topics(timeout=timeout_s).topics
        found = [name for name in names if name in present]
        if not found:
            return {}
        futures = client.describe_topics(TopicCollection(found), request_timeout=timeout_s)
        described = {name: future.result(timeout_s) for name, future in futures.items()}
    return {name: Identity(str(one.topic_id), len(one.partitions)) for name, one in described.items()}


def describe(bootstrap: str, topics: Iterable[Topic]) -> dict[str, TopicState]:
    """State of those of ``topics`` that exist, by name. Raises `Unavailable`."""
    wanted = {topic.name: topic for topic in topics}
    client = admin_client(bootstrap)
    with _talking_to(bootstrap):
        present = client.list_topics(timeout=_TIMEOUT_S).topics
        found = [name for name in wanted if name in present]
        if not found:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in found]
        futures = client.describe_configs(resources, request_timeout=_TIMEOUT_S)
        configs = {resource.name: future.result() for resource, future in futures.items()}
    return {
        name: TopicState(
            name,
            len(present[name].partitions),
            {key: str(configs[name][key].value) for key in wanted_config(wanted[name])},
        )
        for name in found
    }


def differences(topics: Iterable[Topic], existing: Mapping[str, TopicState], partitions: int) -> list[str]:
    """What of existing topics is not as declared, each with its remedy; missing ones are passed over."""
    there = [(topic, existing[topic.name]) for topic in topics if topic.name in existing]
    counts = {state.partitions for topic, state in there if topic.partitioned}
    return [problem for topic, state in there for problem in _differences(topic, state, partitions, counts)]


def _differences(topic: Topic, state: TopicState, partitions: int, counts: Set[int]) -> Iterator[str]:
    """``counts``: partitions of all that must have as many."""
    wanted = wanted_partitions(topic, partitions)
    if state.partitions != wanted:
        remedy = "use another cluster"
        if topic.partitioned and len(counts) > 1:
            # To whatever the setting is set, one of them has another number.
            remedy = "no setting mends that, for the others have another number: use another cluster"
        elif topic.partitioned:
            remedy = f"set SAFEROOM_PARTITIONS={state.partitions}, or use another cluster"
        yield f"topic {topic.name} has {state.partitions} partitions, not {wanted}: {remedy}"
    for key, value in wanted_config(topic).items():
        if state.config[key] != value:
            yield (
                f"topic {topic.name} has {key}={state.config[key]}, not {value}: alter it with "
                f"`kafka-configs.sh --alter --topic {topic.name} --add-config {key}={value}`"
            )


def admin_client(bootstrap: str) -> AdminClient:
    """Quiet: that Kafka is away is told by our exception, not by librdkafka on stderr."""
    config: Config = {
        **client_config(bootstrap),
        "client.id": "saferoom-admin",
        "log_level": 0,
        "error_cb": lambda _: None,
    }
    return AdminClient(config)


def _commanded(
    bootstrap: str, command: Callable[[AdminClient], "dict[str, Future[Any]]"]
) -> "dict[str, Future[Any]]":
    """What came of a command to the cluster's controller, which does no harm when given twice. Seen twice
    among thousands, and why was not found: a client looked for the controller until it gave up, of a broker
    that had answered others just before. So another one is asked."""
    for attempt in range(_ATTEMPTS):
        client = admin_client(bootstrap)
        with _talking_to(bootstrap):
            client.list_topics(timeout=_TIMEOUT_S)
        futures = command(client)
        wait(futures.values())
        if attempt == _ATTEMPTS - 1 or not any(map(_timed_out, futures.values())):
            break
    return futures


def _timed_out(future: "Future[Any]") -> bool:
    error = future.exception()
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError._TIMED_OUT


def _created(bootstrap: str, name: str, future: "Future[Any]") -> bool:
    with _talking_to(bootstrap):
        try:
            future.result()
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            if code == KafkaError.INVALID_REPLICATION_FACTOR:
                raise ConfigError(
                    f"topic {name}: the cluster has too few brokers for SAFEROOM_REPLICATION_FACTOR ({error})"
                ) from error
            raise
    return True


def _wait_visible(client: AdminClient, bootstrap: str, names: set[str]) -> None:
    """A created topic reaches the brokers' metadata, with a leader, a little later."""

    def visible() -> bool:
        topics = client.list_topics(timeout=_TIMEOUT_S).topics
        return all(
            name in topics and all(p.leader >= 0 for p in topics[name].partitions.values()) for name in names
        )

    _wait(bootstrap, visible, f"topics {', '.join(sorted(names))} have no leader")


def _wait_gone(client: AdminClient, bootstrap: str, names: set[str]) -> None:
    def gone() -> bool:
        return not names & set(client.list_topics(timeout=_TIMEOUT_S).topics)

    _wait(bootstrap, gone, f"topics {', '.join(sorted(names))} are still there")


def _wait(bootstrap: str, condition: Any, complaint: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    with _talking_to(bootstrap):
        while not condition():
            if time.monotonic() > deadline:
                raise Unavailable(f"Kafka at {bootstrap}: {complaint} after {_TIMEOUT_S:.0f} s")
            time.sleep(0.02)


@contextmanager
def _talking_to(bootstrap: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise away(bootstrap, error) from error
