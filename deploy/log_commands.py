"""``saferoom topics`` and ``saferoom events``."""

import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, Message, TopicPartition
from rich.console import Console
from rich.table import Table

from deploy import log
from reid.contracts.cloudevents import rfc3339
from reid.contracts.codec import decode_search
from reid.contracts.topics import ALL_TOPICS, AUDIT, DAY_MS, EVENTS, Topic
from reid.errors import Unavailable
from reid.runtime import admin
from reid.runtime.settings import Settings

_LAST: Final = 20
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WIDTHS: Final = (12, 25, 27, 24, 28)


def create_topics(settings: Settings) -> None:
    """Creates the missing ones and says which."""
    created = admin.create_topics(settings.kafka(), settings.partitions, settings.replication_factor)
    lines = [f"created {name}" for name in created] or ["all topics are there, as declared"]
    sys.stdout.write("\n".join(lines) + "\n")


def list_topics(settings: Settings) -> None:
    """A table: partitions, first and next offsets summed, retention. Topics of others are left out."""
    bootstrap = settings.kafka()
    existing = admin.list_topics(bootstrap)
    table = Table("topic", "partitions", "offsets", "retention", box=None, pad_edge=False)
    consumer = log.log_reader(bootstrap)
    try:
        for topic in ALL_TOPICS:
            if topic.name not in existing:
                table.add_row(topic.name, "missing", "", "")
                continue
            spans = log.spans(consumer, topic.name).values()
            offsets = f"{sum(low for low, _ in spans)}–{sum(high for _, high in spans)}"
            table.add_row(topic.name, str(existing[topic.name]), offsets, _kept(topic))
    finally:
        consumer.close()
    Console().print(table)


def _kept(topic: Topic) -> str:
    if topic.cleanup_policy == "compact":
        return "newest of each key"
    if topic.retention_ms < 0:
        return "for ever"
    days, minutes = topic.retention_ms // DAY_MS, topic.retention_ms // 60_000
    return f"{days} days" if days else f"{minutes} minutes" if minutes > 1 else "a minute"


class Tail(NamedTuple):
    """Of a topic, without ``from_beginning`` the last ``limit`` records (20); those to come, too, if
    ``follow``."""

    follow: bool = False
    from_beginning: bool = False
    limit: int | None = None
    as_json: bool = False


def tail_events(settings: Settings, wanted: Tail) -> None:
    """Prints events."""
    _tail(settings, EVENTS.name, wanted, _write_line)


def tail_searches(settings: Settings, wanted: Tail) -> None:
    """Prints what the audit keeps."""
    _tail(settings, AUDIT.name, wanted, _write_search)


def _tail(settings: Settings, topic: str, wanted: Tail, write_line: Callable[[Message], None]) -> None:
    write = _write_json if wanted.as_json else write_line
    try:
        for message in _records(settings.kafka(), topic, wanted):
            write(message)
            if wanted.follow:
                sys.stdout.flush()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.flush()
    except BrokenPipeError:
        # `saferoom events tail | head`: the reader has enough. Nothing more may be written at exit either.
        sys.stdout = None


def _records(bootstrap: str, topic: str, wanted: Tail) -> Iterator[Message]:
    follow, from_beginning, limit, _ = wanted
    consumer = log.log_reader(bootstrap)
    last = None if from_beginning else (limit or _LAST)
    try:
        places, ends = [], {}
        for partition, (low, high) in log.spans(consumer, topic).items():
            ends[partition] = high
            # Transaction markers take up offsets too, aborted ones more: look further back than needed.
            start = low if last is None else max(low, high - 4 * last - 100)
            places.append(TopicPartition(topic, partition, start))
        consumer.assign(places)
        # All of a long log would not fit: from the beginning it is passed on as it comes.
        kept: deque[Message] = deque(maxlen=last)
        ended: set[int] = set()
        given = 0
        while follow or len(ended) < len(places):
            # One look may bring the last records and the end itself: they are of the past all the same.
            past = last is not None and len(ended) < len(places)
            for message in _polled(consumer, topic, ends, ended):
                if past:
                    kept.append(message)
                    continue
                yield message
                given += 1
                if given == limit:
                    return
            if len(ended) == len(places):
                yield from sorted(kept, key=_moment)
                kept.clear()
    finally:
        consumer.close()


def _polled(consumer: Any, topic: str, ends: Mapping[int, int], ended: set[int]) -> list[Message]:
    """``ended``: partitions read to ``ends``. A busy log brings other records before it tells an end."""
    found = []
    for message in consumer.consume(200, timeout=0.5):
        error = message.error()
        if error is None:
            found.append(message)
            if message.offset() + 1 >= ends[message.partition()]:
                ended.add(message.partition())
        elif error.code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
        else:
            raise Unavailable(f"Kafka, topic {topic}: {error.str()}")
    return found


def _moment(message: Message) -> tuple[int, int, int]:
    return message.timestamp()[1], message.partition() or 0, message.offset() or 0


def _write_line(message: Message) -> None:
    headers = log.headers_of(message)
    value = json.loads(message.value() or b"{}")
    track = value.get("track") or {}
    about = " ".join(filter(None, (value.get("label"), track.get("camera_id"), value.get("reason"))))
    columns = (
        f"{message.partition()}/{message.offset()}",
        headers.get("ce_time", rfc3339(message.timestamp()[1])),
        headers.get("ce_type", "?"),
        headers.get("ce_subject", "?"),
        headers.get("ce_causation", "?"),
    )
    line = " ".join(f"{text:<{width}}" for text, width in zip(columns, _WIDTHS, strict=True))
    _write(f"{line} {about}")


def _write_search(message: Message) -> None:
    search = decode_search(message.value() or b"{}")
    with_what = search.person_id or search.picture_sha256[:12] or search.model
    filters = " ".join((*search.cameras, search.attributes))
    found = f"{len(search.results)} of {search.searched}: {' '.join(search.results)}"
    said = f"{search.by} ({search.role}): {search.purpose!r} by {search.kind} {with_what} {filters}"
    _write(f"{message.offset():<8} {rfc3339(search.at)} {said.strip()} -> {found}")


def _write(line: str) -> None:
    """Others wrote what is in it: a control character would be a command to the terminal."""
    sys.stdout.write(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line) + "\n")


def _write_json(message: Message) -> None:
    found = {
        "partition": message.partition(),
        "offset": message.offset(),
        **log.headers_of(message),
        "data": json.loads(message.value() or b"{}"),
    }
    sys.stdout.write(json.dumps(found) + "\n")
