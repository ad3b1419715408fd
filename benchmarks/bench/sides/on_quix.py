"""The same decisions on Quix Streams: ``python -m benchmarks.bench.sides.on_quix BOOTSTRAP``.

Runs in an environment of its own (``make bench-peers``): Quix Streams asks for other versions of our
dependencies.
"""

import sys
from collections.abc import Iterator
from typing import Any, Final

from quixstreams import Application, message_context

from benchmarks.bench.sides.logic import Logic
from reid.contracts.topics import DETECTIONS, EVENTS

GROUP: Final = "bench-quix"
#: As `streams.partition.MAX_INPUTS` and `MAX_DECIDE_S`: of another environment than this process's.
_EVERY, _WITHIN_S = 200, 0.1


def run(bootstrap: str) -> None:
    app = Application(
        broker_address=bootstrap,
        consumer_group=GROUP,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_every=_EVERY,
        commit_interval=_WITHIN_S,
        auto_create_topics=False,
        loglevel="ERROR",
        producer_extra_config={
            "compression.type": "lz4",
            "transactional.id": "bench-quix",
            "retry.backoff.ms": 5,
            "linger.ms": 0,
        },
    )
    logic = Logic()

    def decide(value: bytes) -> Iterator[Any]:
        yield from logic.outcome(value, message_context().offset)

    source = app.topic(DETECTIONS.name, value_deserializer="bytes", key_deserializer="bytes")
    target = app.topic(EVENTS.name, value_serializer="bytes", key_serializer="bytes")
    made = app.dataframe(source).apply(decide, expand=True)
    made = made.set_headers(lambda value, *_: value[1])
    made.apply(lambda value: value[0]).to_topic(target)
    app.run()


if __name__ == "__main__":
    run(sys.argv[1])
