"""The log as groups: the events of one input, with what their headers say checked."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from deploy.verify.findings import Check, Findings
from deploy.verify.records import Record
from reid.contracts.cloudevents import Causation, Envelope, envelope_from, event_id
from reid.errors import Malformed

#: Ids remembered to tell an event that is there twice from one in the wrong place.
_RECENT: Final = 100_000


@dataclass(slots=True)
class Group:
    """Events with one causation that stand together. ``decided``: next offset of the other input topics."""

    causation: Causation
    decided: dict[str, int]
    records: list[Record] = field(default_factory=list)


class Groups:
    """``groups``: those in an order that can be; the others are told of and left out.

    Uniqueness of ids needs no memory of them all: each is a function of causation, type and place, the
    causations of a topic rise, and the places in a group count up. ``ids``, ``order``: under which checks
    this is told.
    """

    def __init__(
        self,
        partition: int,
        findings: Findings,
        ids: Check = Check.IDS,
        order: Check = Check.CAUSATION,
    ) -> None:
        self._ids, self._order_of = ids, order
        self._partition = partition
        self._findings = findings
        self._after: dict[str, int] = {}
        self._recent: set[str] = set()
        self._order: deque[str] = deque()

    def groups(self, log: Iterable[Record]) -> Iterator[Group]:
        group: Group | None = None
        for record in log:
            for check in {self._ids, self._order_of}:
                self._findings.look(check)
            try:
                envelope = envelope_from(record.headers)
            except Malformed as error:
                self._findings.differ(self._order_of, f"{record.place} is no event of ours: {error}")
                continue
            if group is not None and envelope.causation != group.causation:
                yield group
                group = None
            if group is None:
                if not self._in_order(record, envelope):
                    continue
                group = Group(envelope.causation, envelope.decided)
            self._check_id(record, envelope, len(group.records))
            group.records.append(record)
        if group is not None:
            yield group

    def _in_order(self, record: Record, envelope: Envelope) -> bool:
        """The same input twice, or an earlier one, is no group of its own."""
        causation = envelope.causation
        if causation.partition != self._partition:
            self._findings.differ(
                self._order_of, f"{record.place} was caused in another partition: {causation}"
            )
            return False
        if causation.offset < self._after.get(causation.topic, 0):
            if envelope.id in self._recent:
                self._findings.differ(
                    self._ids, f"{record.place}: event {envelope.id} is there a second time"
                )
            self._findings.differ(
                self._order_of, f"{record.place}, caused by {causation}, comes after events of later inputs"
            )
            return False
        self._after[causation.topic] = causation.offset + 1
        return True

    def _check_id(self, record: Record, envelope: Envelope, ordinal: int) -> None:
        if envelope.id in self._recent:
            self._findings.differ(self._ids, f"{record.place}: event {envelope.id} is there a second time")
        elif envelope.id != event_id(envelope.causation, envelope.type, ordinal):
            self._findings.differ(
                self._ids,
                f"{record.place}: {envelope.id} is not the id of event {ordinal} of {envelope.causation}",
            )
        self._recent.add(envelope.id)
        self._order.append(envelope.id)
        if len(self._order) > _RECENT:
            self._recent.discard(self._order.popleft())
