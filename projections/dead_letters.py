"""Where records go that a view can never apply, with all that is needed to judge and replay them."""

from collections.abc import Sequence
from typing import Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from projections.reading import batches, partitions
from projections.records import Record
from projections.views import Rejected
from reid.contracts.topics import EVENTS_DLQ
from reid.errors import Malformed, PoisonInput, ReidError, TooNew, Unavailable, UnknownType

#: Seconds that a batch of dead letters may take until the broker has them all.
FLUSH_S: Final = 10.0
#: Below the broker's limit for a record (8 MiB) with room for the headers: a letter that is too large
#: would hold up the view for ever.
LETTER_BYTES: Final = 7 * 1024 * 1024
ERROR_CHARS: Final = 2000
#: The words are those of the identity agent's dead letters.
REASONS: Final[dict[type[ReidError], str]] = {
    Malformed: "malformed",
    UnknownType: "unknown_type",
    TooNew: "too_new",
    PoisonInput: "poison",
}


class DeadLetters(Protocol):
    def send(self, rejected: Sequence[Rejected]) -> None:
        """Returns once all are kept. Raises `Unavailable`: then none counts as kept, and some may be
        there twice after the retry."""
        ...


class KafkaDeadLetters:
    """Original bytes and headers, plus ``dlq_*`` headers that say why and from where."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def send(self, rejected: Sequence[Rejected]) -> None:
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failed.append(error)

        try:
            for record, error in rejected:
                value, why = _letter(record, error)
                headers: list[tuple[str, str | bytes | None]] = [*record.headers, *why.items()]
                self._producer.produce(
                    EVENTS_DLQ.name, value, record.key, headers=headers, on_delivery=delivered
                )
                self._producer.poll(0)
            left = self._producer.flush(FLUSH_S)
        except (KafkaException, BufferError) as error:
            raise Unavailable(f"{EVENTS_DLQ.name} takes no dead letter: {error}") from error
        if failed or left:
            reason = failed[0].str() if failed else f"{left} not confirmed within {FLUSH_S:.0f} s"
            raise Unavailable(f"{EVENTS_DLQ.name} takes no dead letter: {reason}")


def lettered(consumer: Consumer) -> frozenset[str]:
    """``topic/partition/offset`` of the records whose letters are kept. Raises `Unavailable`."""
    topic, found = EVENTS_DLQ.name, set[str]()
    for batch in batches(consumer, topic, dict.fromkeys(partitions(consumer, topic))):
        for record in batch.records:
            told = dict(record.headers)
            place = [told.get(f"dlq_{part}") or b"" for part in ("topic", "partition", "offset")]
            found.add(b"/".join(place).decode(errors="replace"))
    return frozenset(found)


def _letter(record: Record, error: ReidError) -> tuple[bytes | None, dict[str, str]]:
    why = {
        "dlq_reason": next((word for kind, word in REASONS.items() if isinstance(error, kind)), "poison"),
        "dlq_error": str(error)[:ERROR_CHARS],
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
    }
    if record.value is None or len(record.value) <= LETTER_BYTES:
        return record.value, why
    return record.value[:LETTER_BYTES], why | {"dlq_truncated": "true"}
