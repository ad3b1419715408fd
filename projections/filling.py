"""One view on its way from the log into the second database.

It is folded in memory and written when the log is read: a person seen a million times is written once. What
grows with the log (steps of persons, outcomes) goes out every `SPILL` records, and all of it when more than
`HELD` documents are in memory: that, not the length of the log, bounds the memory.
"""

import gc
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from projections.changes import Append, Change, Op
from projections.databases import Databases
from projections.records import Record
from projections.views import Defect, Fold, Rejected, View, formed
from reid.errors import PoisonInput

#: Records between two writes of what grows.
SPILL: Final = 50_000
#: Documents in memory: with ten templates each some 300 MB.
HELD: Final = 20_000
#: Operations of one pipeline: bounds its memory, here and there, and how long it holds Redis for others.
OPS: Final = 1_000
#: Seconds between two renewals of the claim on the second database.
RENEW_S: Final = 5.0


class Filling:
    """``leave_out``: ``topic/partition/offset`` of records that may not be applicable; ``held``: documents in
    memory at most; ``fresh``: the database has nothing yet of what is folded. Raises `PoisonInput`,
    `ConfigError`, `Unavailable`."""

    def __init__(
        self,
        databases: Databases,
        view: View,
        leave_out: Collection[str],
        held: int | None = None,
        fresh: bool = False,
    ) -> None:
        self._databases, self._view, self._leave_out, self._held = databases, view, leave_out, held or HELD
        self._store = databases.scratch
        self._fold: Fold = view.fold(self._store, fresh)
        self._positions: dict[int, int] = {}
        self._spilt, self._renewed = 0, time.monotonic()

    def take(self, records: Sequence[Record], positions: Mapping[int, int]) -> None:
        if self._leave_out and any(name(record) in self._leave_out for record in records):
            # A record that breaks a handler leaves no fold behind to go on with.
            self._flush()
            made = self._view.project(records, self._store)
            self._judge(made.rejected)
            self._write(iter(made.ops))
        else:
            try:
                self._judge(self._fold.apply(records))
            except Defect as defect:
                self._judge([defect.rejected()])
        self._positions.update(positions)
        self._spilt += len(records)
        if len(self._fold) > self._held:
            self._flush()
        elif self._spilt >= SPILL:
            self._write(self._fold.grown())
            self._spilt = 0
        self._renew()

    def end(self) -> None:
        """Writes what is held, and then the positions: no messages, for nobody shows this view yet."""
        self._flush()
        self._store.commit(Change(self._view.name, {}, self._positions, [formed(self._view)]))

    def _flush(self) -> None:
        self._write(self._fold.ops())
        self._fold = self._view.fold(self._store)
        self._spilt = 0

    def _write(self, ops: Iterator[Op]) -> None:
        some: list[Op] = []
        weight = 0
        for op in ops:
            some.append(op)
            weight += len(op.entries) if isinstance(op, Append) else 1
            if weight >= OPS:
                self._pour(some)
                some, weight = [], 0
        if some:
            self._pour(some)

    def _pour(self, ops: Sequence[Op]) -> None:
        self._store.pour(ops)
        self._renew()

    def _judge(self, rejected: Sequence[Rejected]) -> None:
        for record, error in rejected:
            if name(record) not in self._leave_out:
                raise PoisonInput(
                    f"view {self._view.name} can't apply {name(record)}: {error}. The live view left it out "
                    "and has it among the dead letters; to do so here too, add "
                    f"--leave-out {name(record)}"
                )

    def _renew(self) -> None:
        if time.monotonic() - self._renewed > RENEW_S:
            self._databases.keep_claim()
            self._renewed = time.monotonic()


def name(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's cycle collector, which took a fifth of a fold's time: a fold makes no cycles, and what
    it drops is freed by its count."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
