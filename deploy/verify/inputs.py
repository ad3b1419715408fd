"""An input record -> the message that it is, or the reason why nobody can decide on it."""

from collections.abc import Iterator

from deploy.verify.records import Record
from reid.contracts import codec
from reid.contracts.commands import AnyCommand
from reid.contracts.detections import Detections
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import DETECTIONS
from reid.contracts.zones import ZoneReport
from reid.domain.validate import check
from reid.errors import Malformed

Message = Detections | ZoneReport | AnyCommand


def read(record: Record, partitions: int) -> Message:
    """Raises `ContractError` or `PoisonInput`: this record belongs to the dead letters."""
    if record.value is None:
        raise Malformed("empty record")
    message: Message
    if record.topic == DETECTIONS.name:
        message = codec.decode_sighted(record.value)
    else:
        message = codec.decode_command(record.value)
    if record.key != message.site_id.encode():
        raise Malformed(f"key {record.key!r} is not its site {message.site_id!r}")
    if partition_of(record.key, partitions) != record.partition:
        raise Malformed(f"site {message.site_id!r} does not belong to partition {record.partition}")
    check(message)
    return message


def skew_ms(record: Record, message: Message) -> int:
    """By how much a time in the message is off the record's own, at most, in milliseconds."""
    if record.timestamp <= 0:
        return 0
    times = (
        [f.captured_at for f in message.frames] if isinstance(message, Detections) else [message.issued_at]
    )
    return max((abs(at - record.timestamp) for at in times), default=0)


class Inputs:
    """One topic's inputs of a partition, in order, taken one by one. ``next``: the offset to take next."""

    def __init__(self, records: Iterator[Record], low: int) -> None:
        self._records = records
        self._ahead: Record | None = None
        self.low = self.next = low

    def below(self, upto: int) -> Iterator[Record]:
        """Takes the inputs below offset ``upto``."""
        while (record := self._peek()) is not None and record.offset < upto:
            self._ahead = None
            self.next = record.offset + 1
            yield record
        self.next = max(self.next, upto)

    def at(self, offset: int) -> Record | None:
        """Takes the input at ``offset``, where those below were taken; None where there is none."""
        record = self._peek()
        self.next = max(self.next, offset + 1)
        if record is None or record.offset != offset:
            return None
        self._ahead = None
        return record

    def _peek(self) -> Record | None:
        if self._ahead is None:
            self._ahead = next(self._records, None)
        return self._ahead
