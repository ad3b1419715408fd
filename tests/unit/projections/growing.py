"""A log that grows faster than it is read: a reader that waits to be told of its end waits for ever."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError

#: Records read after which whoever reads is said to chase the end.
_CHASED = 1_000


class _Message:
    def __init__(self, topic: str, partition: int, offset: int, end: bool = False) -> None:
        self._place, self._end = (topic, partition, offset), end

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._place[2]

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self._end else None

    def key(self) -> bytes:
        return b"global"

    def value(self) -> bytes:
        return b"{}"

    def headers(self) -> list[tuple[str, bytes]]:
        return []

    def timestamp(self) -> tuple[int, int]:
        return 1, self._place[2]


class GrowingLog:
    """A consumer of one topic. ``ends``: of each partition when it is first asked for. With every look
    partition 0 has two records more; the others stay as they are."""

    def __init__(self, ends: Sequence[int]) -> None:
        self.ends = list(ends)
        self.assigned: list[int] = []
        self._at: dict[tuple[str, int], int] = {}
        self._told: set[int] = set()
        self._read = 0

    def list_topics(self, topic: str, timeout: float) -> Any:
        known = SimpleNamespace(error=None, partitions=dict.fromkeys(range(len(self.ends))))
        return SimpleNamespace(topics={topic: known})

    def get_watermark_offsets(self, place: Any, timeout: float) -> tuple[int, int]:
        return 0, self.ends[place.partition]

    def assign(self, places: Sequence[Any]) -> None:
        self._at = {(place.topic, place.partition): max(place.offset, 0) for place in places}
        self.assigned += [place.partition for place in places]
        self._told = set()

    def consume(self, count: int, timeout: float) -> list[_Message]:
        self.ends[0] += 2
        found = []
        for (topic, partition), at in list(self._at.items()):
            found += [_Message(topic, partition, n) for n in range(at, self.ends[partition])]
            if partition != 0 and partition not in self._told:
                self._told.add(partition)
                found.append(_Message(topic, partition, self.ends[partition], end=True))
            self._at[topic, partition] = self.ends[partition]
        self._read += len(found)
        assert self._read < _CHASED, "it chases the end of a log that grows"
        return found

    def close(self) -> None:
        return None
