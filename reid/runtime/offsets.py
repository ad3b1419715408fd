"""Where topics end, as a reader of committed records sees them, and how far a group came."""

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from reid.errors import Unavailable


def end_offsets(admin: AdminClient, topics: list[str], timeout_s: float = 5.0) -> dict[tuple[str, int], int]:
    """``(topic, partition)`` -> offset after the last stable record. Topics that do not exist are left out.

    Blocks up to ``timeout_s`` twice. Raises `Unavailable`.
    """
    try:
        known = admin.list_topics(timeout=timeout_s).topics
        asked = {
            TopicPartition(topic, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for topic in topics
            if topic in known
            for partition in known[topic].partitions
        }
        if not asked:
            return {}
        found = admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=timeout_s
        )
        return {(tp.topic, tp.partition): f.result(timeout_s).offset for tp, f in found.items()}
    except (KafkaException, TimeoutError) as error:
        raise _away(error) from error


def committed_offsets(admin: AdminClient, group: str, timeout_s: float = 5.0) -> dict[tuple[str, int], int]:
    """``(topic, partition)`` -> offset that ``group`` committed. Where it committed none, none is there.

    Blocks up to ``timeout_s``. Raises `Unavailable`.
    """
    try:
        asked = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=timeout_s
        )
        found = asked[group].result(timeout_s).topic_partitions
        return {(tp.topic, tp.partition): tp.offset for tp in found if tp.offset >= 0}
    except (KafkaException, TimeoutError) as error:
        raise _away(error) from error


def _away(error: Exception) -> Unavailable:
    return Unavailable(
        f"Kafka is away ({error}): start it with `saferoom up`, or check KAFKA_BOOTSTRAP_SERVERS"
    )
