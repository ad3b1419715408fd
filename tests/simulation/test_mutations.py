"""The oracle tells a broken part: each of these takes one safeguard away, and some seed must show it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from projections.changes import Change
from projections.follower import Follower
from projections.store import MemoryViewStore
from projections.views import View
from reid.contracts.cloudevents import envelope_from
from streams.lane import Lane
from streams.partition import PartitionWriter
from streams.ports import Input, SnapshotPart, Transaction
from streams.snapshots import MANIFEST_KEY
from tests.simulation.faults import Faults
from tests.simulation.servers import SimulatedLog
from tests.simulation.world import Parts, World


class Unfenced(SimulatedLog):
    """A log whose older writers are not refused."""

    def _refuse_fenced(self) -> None:
        self._epoch = self._held.epoch


class NotAtomic(SimulatedLog):
    """Events at once, their offsets later: an agent without transactions."""

    def _begin(self, transaction: Transaction) -> None:
        self._refuse_fenced()
        self._held.events += transaction.events
        self._held.decided_tip = self._tip = len(self._held.events) - 1
        self._staged = replace(transaction, events=[])


class Forgetful(SimulatedLog):
    """Dead letters that are written outside of the transaction."""

    def _begin(self, transaction: Transaction) -> None:
        super()._begin(transaction)
        self._held.dead_letters += transaction.dead_letters
        self._staged = replace(transaction, dead_letters=[])


class Trusting(PartitionWriter[Any]):
    """Decides what it is given, decided before or not."""

    def decide(self, inputs: Sequence[Input]) -> None:
        for record in inputs:
            self._next[record.topic] = record.offset
            super().decide([record])


class NoHealing(PartitionWriter[Any]):
    """Takes the first input that Faust brings for the next one."""

    def heal(self, upto: Any) -> None:
        if len(upto) == 1:
            self._next.update(upto)
        else:
            super().heal(upto)


class HastySnapshot(SimulatedLog):
    """A snapshot that claims to hold the events of its own batch."""

    def _begin(self, transaction: Transaction) -> None:
        if transaction.snapshot and transaction.events:
            end = len(self._held.events) + len(transaction.events) - 1
            last = envelope_from(transaction.events[-1].headers).id
            *parts, manifest = transaction.snapshot
            assert manifest.key == MANIFEST_KEY
            facts = msgspec.json.decode(manifest.value or b"") | {"tip": end, "event_id": last}
            hasty = [*parts, SnapshotPart(MANIFEST_KEY, msgspec.json.encode(facts))]
            transaction = replace(transaction, snapshot=hasty)
        super()._begin(transaction)


class Unrecovered(Lane):
    """Goes on with the state that it has when a commit failed."""

    def turn(self, wait_s: float) -> None:
        was = self._recovered
        try:
            super().turn(wait_s)
        finally:
            self._recovered = was or self._recovered


class AnyPosition(MemoryViewStore):
    """A store that takes every change, wherever its view stands."""

    def commit(self, change: Change) -> None:
        expected = {p: self.positions(change.view).get(p) for p in change.expected}
        super().commit(replace(change, expected=expected))


class NeverStale(Follower):
    """A projector that counts on what it remembers of the store."""

    def _check(self) -> None:
        return

    def _expect(self, view: View) -> None:
        return


MUTANTS = {
    "no fence": Parts(log=Unfenced),
    "no transaction": Parts(log=NotAtomic),
    "dead letters outside the transaction": Parts(log=Forgetful),
    "no skipping": Parts(writer=Trusting),
    "no healing": Parts(writer=NoHealing),
    "snapshot at another event": Parts(log=HastySnapshot),
    "no recovery after a failed commit": Parts(lane=Unrecovered),
    "positions not checked": Parts(store=AnyPosition),
    "positions not looked at before the documents": Parts(follower=NeverStale),
}


def differs(parts: Parts, seed: int) -> bool:
    """An error that the run does not survive tells as well as the oracle."""
    world = World(seed, Faults(dice=random.Random(seed + 1), rate=0.08), parts)
    try:
        return bool(world.run(30))
    except Exception:  # noqa: BLE001
        return True


@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_safeguard_is_found(name: str) -> None:
    found = next((seed for seed in range(40) if differs(MUTANTS[name], seed)), None)
    assert found is not None, f"forty seeds show nothing of: {name}"
