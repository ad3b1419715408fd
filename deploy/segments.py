"""Parts of the log as they were read last: a slider that goes to and fro reads them once."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import Consumer

from deploy.past import Place
from projections.reading import batches
from projections.records import Record

#: Bytes held, about.
HELD_BYTES: Final = 48 * 1024 * 1024
#: Beside the value of a record: its headers, offsets and the objects around them.
_RECORD_BYTES: Final = 1_500


@dataclass(slots=True)
class _Segment:
    """``end``: offset before which its records were read."""

    end: int
    records: list[Record] = field(default_factory=list)


class Segments:
    """Reads with ``consumer``, and remembers: the log does not change."""

    def __init__(self, consumer: Consumer, held_bytes: int = HELD_BYTES) -> None:
        self._consumer, self._most = consumer, held_bytes
        self._held: OrderedDict[tuple[Place, int], _Segment] = OrderedDict()
        self.bytes = 0

    def between(self, place: Place, start: int, end: int) -> list[Record]:
        """Records from offset ``start`` on, up to ``end`` at least. Raises `Unavailable`."""
        found = self._held.setdefault((place, start), _Segment(start))
        self._held.move_to_end((place, start))
        if found.end < end:
            topic, partition = place
            read = list(batches(self._consumer, topic, {partition: found.end or None}, {partition: end}))
            more = [record for batch in read for record in batch.records]
            found.records += more
            found.end = end
            self.bytes += _size(more)
        while self.bytes > self._most and len(self._held) > 1:
            self.bytes -= _size(self._held.popitem(last=False)[1].records)
        return found.records


def _size(records: list[Record]) -> int:
    return sum(len(record.value or b"") + _RECORD_BYTES for record in records)
