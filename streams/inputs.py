"""An input record -> a message to decide on, or the reason why it goes to the dead letters."""

from typing import Final

from reid.contracts import codec
from reid.contracts.cloudevents import Headers
from reid.contracts.detections import Detections
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, DETECTIONS, INPUT_TOPICS, MAX_MESSAGE_BYTES
from reid.errors import ContractError, Malformed, PoisonInput, TooNew, UnknownType
from streams.ports import DeadLetter, Input, Message

#: What fits an input topic uncompressed fits its dead letters, whose limit is higher. A larger record came
#: in compressed; its letter must not make the transaction of its neighbours fail.
_LETTER_BYTES: Final = MAX_MESSAGE_BYTES
_ERROR_CHARS: Final = 2000


_LETTER_BOXES: Final = {topic.name: topic.dead_letters for topic in INPUT_TOPICS}


class Misrouted(ContractError):
    """The key is not the message's site, or does not belong to this partition."""


class ClockOff(PoisonInput):
    """The sender's clock and Kafka's are too far apart: its times would end everybody's visits."""


class Undecidable(PoisonInput):
    """The decider itself failed on this message, twice, from a clean state: a defect, kept for its repair."""


_REASONS: Final[dict[type[Exception], str]] = {
    Malformed: "malformed",
    UnknownType: "unknown_type",
    TooNew: "too_new",
    Misrouted: "misrouted",
    ClockOff: "clock",
    Undecidable: "undecidable",
    PoisonInput: "poison",
}


def read(record: Input, partitions: int) -> Message:
    """Raises `ContractError`: undecodable, or on a partition that is not its site's."""
    if record.value is None:
        raise Malformed("empty record")
    message: Message
    if record.topic == DETECTIONS.name:
        message = codec.decode_sighted(record.value)
    elif record.topic == COMMANDS.name:
        message = codec.decode_command(record.value)
    else:
        raise UnknownType(f"{record.topic} is no input topic")
    _check_route(record, message.site_id, partitions)
    return message


def check_clock(record: Input, message: Message, max_skew_ms: int) -> None:
    """Raises `ClockOff` when a time in the message is more than ``max_skew_ms`` off the record's own, which
    Kafka or its producer gave it. Both are part of the input, so every reader comes to the same answer."""
    if record.timestamp <= 0:  # a producer of before Kafka 0.10: nothing to compare with
        return
    if isinstance(message, Detections):
        times = [(f"captured_at of camera {f.camera_id}", f.captured_at) for f in message.frames]
    else:
        times = [("issued_at", message.issued_at)]
    for what, at in times:
        skew = at - record.timestamp
        if abs(skew) > max_skew_ms:
            ahead = "ahead of" if skew > 0 else "behind"
            raise ClockOff(
                f"{what} is {abs(skew) / 1000:.0f} s {ahead} its record's timestamp, more than "
                f"{max_skew_ms / 1000:.0f} s: set the sender's clock; for recordings of another day send "
                "their time as the record's timestamp, or raise SAFEROOM_MAX_CLOCK_SKEW"
            )


def _check_route(record: Input, site_id: str, partitions: int) -> None:
    """A site decided by two writers would have two galleries."""
    if record.key != site_id.encode():
        raise Misrouted(f"key {record.key!r} is not the site id {site_id!r}: set the key to the site id")
    home = partition_of(record.key, partitions)
    if home != record.partition:
        raise Misrouted(
            f"site {site_id!r} belongs to partition {home}, not {record.partition}: "
            "set partitioner=murmur2_random on the producer"
        )


def dead_letter(record: Input, error: Exception) -> DeadLetter:
    """The record as it was, with headers that say why and where it stood."""
    value, cut = record.value, 0
    if value is not None and len(value) > _LETTER_BYTES:
        value, cut = value[:_LETTER_BYTES], len(value)
    why: dict[str, str] = {
        "dlq_reason": reason_of(error),
        "dlq_error": str(error)[:_ERROR_CHARS],
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_timestamp": str(record.timestamp),
    }
    if cut:
        why["dlq_truncated"] = str(cut)
    headers: Headers = [*record.headers, *((name, text.encode()) for name, text in why.items())]
    return DeadLetter(_LETTER_BOXES[record.topic], record.key, value, headers)


def reason_of(error: Exception) -> str:
    """One word for the kind of error."""
    return next((word for kind, word in _REASONS.items() if isinstance(error, kind)), "poison")
