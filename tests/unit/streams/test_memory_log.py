"""The in-memory log keeps the contract that the Kafka log keeps: what is tested on it holds there."""

from itertools import count

import pytest

from streams.ports import Input
from tests.unit.streams.memory import MemoryLog, MemoryPartition
from tests.unit.streams.partition_log_contract import PartitionLogContract, Site


class TestMemoryLog(PartitionLogContract):
    @pytest.fixture
    def site(self) -> Site:
        partition, clock = MemoryPartition(), count()

        def put(topic: str, value: bytes) -> Input:
            return partition.put(value, topic=topic, timestamp=next(clock))

        return Site(lambda: MemoryLog(partition), put, lambda: partition.dead_letters)
