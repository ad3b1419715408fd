"""What many tests of the real Kafka and Redis begin with."""

from collections.abc import Iterator

import pytest

from projections.redis_store import RedisViewStore
from tests.integration.event_log import EventLog


@pytest.fixture
def store(clean_redis: str) -> Iterator[RedisViewStore]:
    made = RedisViewStore(clean_redis)
    yield made
    made.close()


@pytest.fixture
def event_log(topics: str) -> EventLog:
    return EventLog(topics)
