"""What a timeline knows beside the views: how much happened when, and what the cameras reported."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from deploy.past import Place, moment_of
from projections.records import Record

BUCKETS: Final = 240
#: Of one camera: a report each five seconds for half a day, or whenever its state changed.
REPORTS: Final = 10_000
REPORT_MS: Final = 5_000


class Span(NamedTuple):
    """Ms since the epoch, None while there is no event. ``counts``: start of a bucket -> events in it."""

    first_at: int | None
    last_at: int | None
    events: int
    bucket_ms: int
    counts: dict[int, int]


class Activity:
    """How many events when, in at most `BUCKETS` buckets, which grow with the span."""

    def __init__(self) -> None:
        self.bucket_ms = 1_000
        self.first_at: int | None = None
        self.last_at: int | None = None
        self.events = 0
        self._counts: dict[int, int] = {}

    def add(self, records: Sequence[Record]) -> None:
        for record in records:
            self.events += 1
            at = moment_of(record)
            if at is None:
                continue
            self.first_at = at if self.first_at is None else min(self.first_at, at)
            self.last_at = at if self.last_at is None else max(self.last_at, at)
            self._count(at - at % self.bucket_ms, 1)
            while (self.last_at - self.first_at) // self.bucket_ms >= BUCKETS:
                self._widen()

    def span(self) -> Span:
        return Span(
            self.first_at, self.last_at, self.events, self.bucket_ms, dict(sorted(self._counts.items()))
        )

    def _count(self, bucket: int, more: int) -> None:
        self._counts[bucket] = self._counts.get(bucket, 0) + more

    def _widen(self) -> None:
        before, self._counts = self._counts, {}
        self.bucket_ms *= 2
        for bucket, count in before.items():
            self._count(bucket - bucket % self.bucket_ms, count)


class _Report(NamedTuple):
    at: int
    state: str
    place: Place
    record: Record


class _State(msgspec.Struct):
    state: str = ""


_state = msgspec.json.Decoder(_State)


class Reports:
    """Reports of cameras, fewer than they made: all but the last are compacted away in the log as well."""

    def __init__(self) -> None:
        self._of: dict[bytes, deque[_Report]] = {}

    def add(self, place: Place, records: Sequence[Record]) -> None:
        for record in records:
            found = self._of.setdefault(record.key or b"", deque(maxlen=REPORTS))
            before = found[-1] if found else None
            # A camera that was taken off the site (a tombstone) is gone from its last report on.
            at = moment_of(record) or (before.at + 1 if before else 0)
            try:
                state = _state.decode(record.value or b"{}").state
            except msgspec.DecodeError:
                continue
            if before is None or state != before.state or at - before.at >= REPORT_MS:
                found.append(_Report(at, state, place, record))

    def at(self, moment: int) -> dict[Place, list[Record]]:
        """The last report of each camera until then, in the order of the log."""
        chosen: dict[Place, list[Record]] = {}
        for reports in self._of.values():
            index = bisect_right(reports, moment, key=lambda one: one.at)
            if index:
                chosen.setdefault(reports[index - 1].place, []).append(reports[index - 1].record)
        return {place: sorted(found, key=lambda one: one.offset) for place, found in chosen.items()}
