"""An input record -> a message to decide on, or the reason why it goes to the dead letters."""

from typing import Final

from reid.contracts import codec
from reid.contracts.cloudevents import Headers
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, DETECTIONS, INPUT_TOPICS
from reid.errors import ContractError, Malformed, PoisonInput, TooNew, UnknownType
from streams.ports import DeadLetter, Input, Message

#: Below the broker's limit for a record (8 MiB) with room for the headers: an oversized dead letter must
#: not make the transaction of its neighbours fail.
_LETTER_BYTES: Final = 7 * 1024 * 1024
_ERROR_CHARS: Final = 2000


_LETTER_BOXES: Final = {topic.name: topic.dead_letters for topic in INPUT_TOPICS}


class Misrouted(ContractError):
    """The key is not the message's site, or does not belong to this partition."""


class Undecidable(PoisonInput):
    """The decider itself failed on this message, twice, from a clean state: a defect, kept for its repair."""


_REASONS: Final[dict[type[Exception], str]] = {
    Malformed: "malformed",
    UnknownType: "unknown_type",
    TooNew: "too_new",
    Misrouted: "misrouted",
    Undecidable: "undecidable",
    PoisonInput: "poison",
}


def read(record: Input, partitions: int) -> Message:
    """Raises `ContractError`: undecodable, or on a partition that is not its site's."""
    if record.value is None:
        raise Malformed("empty record")
    message: Message
    if record.topic == DETECTIONS.name:
        message = codec.decode_detections(record.value)
    elif record.topic == COMMANDS.name:
        message = codec.decode_command(record.value)
    else:
        raise UnknownType(f"{record.topic} is no input topic")
    _check_route(record, message.site_id, partitions)
    return message


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
    value, cut = record.value, False
    if value is not None and len(value) > _LETTER_BYTES:
        value, cut = value[:_LETTER_BYTES], True
    why: dict[str, str] = {
        "dlq_reason": reason_of(error),
        "dlq_error": str(error)[:_ERROR_CHARS],
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
    }
    if cut:
        why["dlq_truncated"] = "true"
    headers: Headers = [*record.headers, *((name, text.encode()) for name, text in why.items())]
    return DeadLetter(_LETTER_BOXES[record.topic], record.key, value, headers)


def reason_of(error: Exception) -> str:
    """One word for the kind of error."""
    return next((word for kind, word in _REASONS.items() if isinstance(error, kind)), "poison")
