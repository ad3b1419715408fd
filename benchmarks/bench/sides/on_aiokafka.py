"""The same decisions on aiokafka alone: ``python -m benchmarks.bench.sides.on_aiokafka BOOTSTRAP``."""

import asyncio
import sys
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.bench.sides.logic import Logic
from reid.contracts.topics import DETECTIONS, EVENTS
from streams.partition import MAX_INPUTS

GROUP: Final = "bench-aiokafka"


async def run(bootstrap: str) -> None:
    place, logic = TopicPartition(DETECTIONS.name, 0), Logic()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=GROUP, enable_auto_commit=False,
        isolation_level="read_committed", max_partition_fetch_bytes=4 * 1024 * 1024,
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id="bench-aiokafka", compression_type="lz4",
        retry_backoff_ms=5,
    )  # fmt: skip
    await consumer.start()
    await producer.start()
    consumer.assign([place])
    await consumer.seek_to_beginning(place)
    while True:
        found = await consumer.getmany(place, timeout_ms=1000, max_records=MAX_INPUTS)
        records = found.get(place)
        if not records:
            continue
        async with producer.transaction():
            for record in records:
                for value, headers in logic.outcome(record.value, record.offset):
                    await producer.send(EVENTS.name, value, record.key, partition=0, headers=headers)
            await producer.send_offsets_to_transaction({place: records[-1].offset + 1}, GROUP)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
