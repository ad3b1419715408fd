"""Reading the dead letters and what became of them."""

from typing import Final, NamedTuple

import msgspec
from confluent_kafka import Message

from deploy import log
from reid.contracts.cloudevents import Causation, Headers
from reid.contracts.topics import COMMANDS, DETECTIONS, EVENTS, REPLAYS
from reid.errors import ConfigError, Malformed

SOURCES = (DETECTIONS, COMMANDS, EVENTS)
#: Offsets at the end of a topic of dead letters that `newest` reads: 30 days of them may be many.
LOOKED_AT: Final = 200
#: Header of an input that is a dead letter sent again: the place of the original.
REPLAY_OF = "dlq_replay_of"


class Letter(NamedTuple):
    """``place``: where the original stood, which names the letter. ``headers``: those of the original.
    ``at``: timestamp of the original, milliseconds since the epoch. ``cut``: length of the original where
    the letter lacks its end."""

    place: Causation
    reason: str
    error: str
    at: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    cut: int

    @property
    def replay_of(self) -> str | None:
        """Place of the letter that the original was a replay of; None where it came of itself."""
        found = (raw for name, raw in self.headers if name == REPLAY_OF)
        return next((raw.decode(errors="replace") for raw in found), None)


class Replay(msgspec.Struct, frozen=True):
    """An entry of the replays topic, key = place of the original. ``state``: ``intended | done``.
    ``partition``, ``offset``: where it was sent, or from where on it would be found."""

    state: str
    partition: int
    offset: int


def place_of(text: str) -> Causation:
    """``topic/partition/offset``. Raises `ConfigError`."""
    try:
        return Causation.parse(text)
    except Malformed as error:
        raise ConfigError(f"{text!r} is no place: give TOPIC/PARTITION/OFFSET as `dlq list` does") from error


def letters(bootstrap: str, topic: str | None = None) -> list[Letter]:
    """All letters of one source topic, or of every, in the order of their places; each place once.

    Raises `ConfigError` for a topic that has no dead letters, `Unavailable`.
    """
    sources = [source for source in SOURCES if topic in (None, source.name)]
    if not sources:
        names = ", ".join(source.name for source in SOURCES)
        raise ConfigError(f"{topic} has no dead letters: choose one of {names}")
    found: dict[Causation, Letter] = {}
    for source in sources:
        for message in log.read_all(bootstrap, source.dead_letters):
            letter = _letter(message)
            found.setdefault(letter.place, letter)
    return sorted(found.values(), key=lambda letter: letter.place)


def newest(bootstrap: str) -> tuple[list[Letter], bool]:
    """What stands among the last `LOOKED_AT` offsets of each topic of dead letters, the latest last, each
    place once; and whether there may be more before. As cheap as that for a flood of them.

    Raises `ConfigError` for a missing topic, `Unavailable`.
    """
    found: dict[Causation, Letter] = {}
    more = False
    consumer = log.log_reader(bootstrap)
    try:
        spans = {source.dead_letters: log.spans(consumer, source.dead_letters) for source in SOURCES}
    finally:
        consumer.close()
    for topic, ends in spans.items():
        start = {partition: max(low, end - LOOKED_AT) for partition, (low, end) in ends.items()}
        more = more or any(start[partition] > low for partition, (low, _) in ends.items())
        if any(start[partition] < end for partition, (_, end) in ends.items()):
            for message in log.read(bootstrap, topic, start):
                letter = _letter(message)
                found.setdefault(letter.place, letter)
    return sorted(found.values(), key=lambda letter: letter.at), more


def replays(bootstrap: str) -> dict[Causation, Replay]:
    """The newest entry of each letter that was, or was about to be, sent again."""
    found: dict[Causation, Replay] = {}
    for message in log.read_all(bootstrap, REPLAYS.name):
        key, value = message.key() or b"", message.value() or b""
        assert isinstance(key, bytes) and isinstance(value, bytes)
        found[Causation.parse(key.decode())] = msgspec.json.decode(value, type=Replay)
    return found


def _letter(message: Message) -> Letter:
    told = log.headers_of(message)
    key, value = message.key(), message.value()
    assert not isinstance(key, str) and not isinstance(value, str)
    return Letter(
        _place(message, told),
        told.get("dlq_reason", "?"),
        told.get("dlq_error", ""),
        _number(told.get("dlq_timestamp", ""), message.timestamp()[1]),
        key,
        value,
        [(name, raw or b"") for name, raw in _pairs(message) if not _ours(name)],
        _number(told.get("dlq_truncated", "0"), 1),
    )


def _place(message: Message, told: dict[str, str]) -> Causation:
    """Of the original; of the letter itself where it does not tell."""
    try:
        return Causation(told["dlq_topic"], int(told["dlq_partition"]), int(told["dlq_offset"]))
    except (KeyError, ValueError):
        return Causation(message.topic() or "", message.partition() or 0, message.offset() or 0)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdigit() else otherwise


def _ours(name: str) -> bool:
    """Of the letter, not of its original. An original that was itself a replay keeps that header."""
    return name.startswith("dlq_") and name != REPLAY_OF


def _pairs(message: Message) -> list[tuple[str, bytes | None]]:
    return message.headers() or []  # type: ignore[return-value]
