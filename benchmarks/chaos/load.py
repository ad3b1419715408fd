"""One producer process of the chaos test: ``python -m benchmarks.chaos.load``.

Killed at any moment, it goes on behind the last message that Kafka acknowledged.
"""

import argparse
import os
import time
from functools import partial
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, Message

from benchmarks.chaos.acknowledged import Acknowledged, Journal, print_of, read
from benchmarks.chaos.crowd import Crowd
from reid.contracts.topics import DETECTIONS
from reid.runtime.kafka import producer

_EXIT_FATAL: Final = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--bootstrap", "--sites", "--journal"):
        parser.add_argument(name, required=True)
    for name in ("--seed", "--start-ms", "--messages", "--frames"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="messages a second of each site")
    run(parser.parse_args())


def run(args: argparse.Namespace) -> None:
    """Ends when all messages of all its sites are acknowledged."""
    path = Path(args.journal)
    done: dict[str, int] = {}
    for entry in read(path):
        done[entry.site_id] = max(done.get(entry.site_id, -1), entry.number)
    journal, client = Journal(path), producer(args.bootstrap, **_config())
    sites = args.sites.split(",")
    crowds = {s: Crowd(s, args.seed, args.start_ms, args.rate * args.frames, args.frames) for s in sites}
    begun, first = time.monotonic(), min(done.get(site, -1) + 1 for site in sites)

    def acknowledged(site: str, number: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            return  # never promised; a restart sends it again, or nobody does
        value, offset, partition = message.value(), message.offset(), message.partition()
        assert isinstance(value, bytes) and offset is not None and partition is not None
        journal.add(Acknowledged(site, number, DETECTIONS.name, partition, offset, print_of(value)))

    def send(site: str, value: bytes, number: int, at: int) -> None:
        while True:
            try:
                # The time of the frames: after an outage they are later than they say.
                told = partial(acknowledged, site, number)
                client.produce(DETECTIONS.name, value, site, on_delivery=told, timestamp=at)
                return
            except BufferError:
                client.poll(0.1)

    for number in range(first, args.messages):
        for site, crowd in crowds.items():
            if number > done.get(site, -1):
                poison = crowd.poison(number)
                if poison is not None:
                    send(site, poison, -1, crowd.time(number))
                send(site, crowd.message(number), number, crowd.time(number))
            client.poll(0)
        while (ahead := (number - first + 1) / args.rate - (time.monotonic() - begun)) > 0:
            client.poll(min(ahead, 0.1))
    while client.flush(1.0):
        pass
    journal.close()


def _config() -> dict[str, object]:
    def on_error(error: KafkaError) -> None:
        if error.fatal():
            os._exit(_EXIT_FATAL)  # only a new producer can go on

    return {
        "error_cb": on_error,
        "delivery.timeout.ms": 600_000,
        "queue.buffering.max.kbytes": 16 * 1024,
        "reconnect.backoff.max.ms": 500,
    }


if __name__ == "__main__":
    main()
