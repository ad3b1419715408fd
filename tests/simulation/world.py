"""One simulated run: a site, agents that replace each other, projectors, servers that fail; and the oracle.

The oracle knows nothing of any fault: all inputs decided in order from zero by a writer that nothing
disturbs must give the log, and the log projected from its first record must give the views.
"""

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest import mock

from projections.changes import Change
from projections.follower import Follower
from projections.records import Record as ViewRecord
from projections.store import MemoryViewStore
from projections.views import CamerasView, PersonsView, View, formed
from reid.contracts.cloudevents import envelope_from
from reid.contracts.topics import CAMERAS, EVENTS
from reid.domain.policy import Policies, Policy
from reid.domain.snapshot import dump
from reid.errors import FencedOut, StaleView, Unavailable
from streams.decider import IdentityDecider
from streams.lane import Lane
from streams.partition import DirtyState, PartitionWriter
from streams.ports import Record
from streams.telemetry import Telemetry
from tests.simulation.faults import Crash, Faults
from tests.simulation.script import BROKEN_REPORT, Site
from tests.simulation.servers import (
    SimulatedCommits,
    SimulatedConsumer,
    SimulatedLetters,
    SimulatedLog,
    SimulatedStore,
    home,
)
from tests.unit.streams.memory import PARTITION, PARTITIONS, MemoryLog, MemoryPartition

_TTL_DAYS: Final = 90
_PATIENCE: Final = 400
_POLICIES: Final = Policies(Policy(min_samples=2, max_samples=4, ttl=900_000, visit_gap=60_000))


@dataclass
class Parts:
    """What a run is built of. Tests put broken parts in, to see that the oracle tells."""

    log: type[SimulatedLog] = SimulatedLog
    writer: type[PartitionWriter[Any]] = PartitionWriter
    lane: type[Lane] = Lane
    store: type[MemoryViewStore] = MemoryViewStore
    follower: type[Follower] = Follower


class Agent:
    """A worker's lane, driven by hand, and what is delivered to it: late, twice, or not at all."""

    def __init__(self, world: "World", snapshot_events: int) -> None:
        self._world = world
        self.alive = True
        writer = world.parts.writer(
            world.parts.log(world.held, world.faults),
            IdentityDecider(_POLICIES),
            PARTITION,
            PARTITIONS,
            Telemetry(),
            snapshot_events,
            commits=SimulatedCommits(random.Random(world.seed + 3)),
        )
        self._lane = world.parts.lane(PARTITION, writer, lambda _: None, lambda *_: None)
        self._next = {t: world.dice.randint(0, end) for t, end in world.held.ends.items()}

    def turn(self) -> None:
        if not self.alive:
            return
        self._deliver()
        try:
            self._lane.turn(0.0)
        except (Unavailable, DirtyState):
            return
        except (FencedOut, Crash):
            self.alive = False

    def _deliver(self) -> None:
        dice = self._world.dice
        for topic, inputs in self._world.held.inputs.items():
            if dice.random() < 0.1:
                self._next[topic] = dice.randint(0, len(inputs))
            count = dice.choice((0, 1, 1, 3, 10))
            for record in inputs[self._next[topic] :][:count]:
                self._lane.offer(record)
            self._next[topic] = min(self._next[topic] + count, len(inputs))


class Projector:
    """The follower, driven by hand as its `run` drives it."""

    def __init__(self, world: "World") -> None:
        self.alive = True
        self._resumed = False
        logs = {EVENTS.name: world.held.events, CAMERAS.name: world.reports}
        self._follower = world.parts.follower(
            SimulatedConsumer(logs, world.faults),  # type: ignore[arg-type]
            SimulatedStore(world.views, world.faults),
            views(),
            SimulatedLetters(world.letters, world.faults),
            mock.Mock(),
        )

    def turn(self) -> None:
        if not self.alive:
            return
        try:
            if self._resumed:
                self._follower.turn()
            else:
                self._follower._resume()
                self._resumed = True
        except (StaleView, Unavailable):
            self._resumed = False
        except Crash:
            self.alive = False


def views() -> list[View]:
    return [PersonsView(_TTL_DAYS), CamerasView()]


class World:
    """``seed`` decides all that is drawn. Everything runs in this thread."""

    def __init__(
        self, seed: int, faults: Faults, parts: Parts | None = None, snapshot_events: int | None = None
    ) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.faults = faults
        self.faults.elsewhere = self._elsewhere
        self.parts = parts or Parts()
        self.held = MemoryPartition()
        self.held.put(b"{")
        self.reports: list[Record] = []
        self.letters: list[tuple[str, int]] = []
        self.views = [self.parts.store()]
        self._every = snapshot_events or self.dice.choice((1, 4, 15, 1000))
        self._site = Site(random.Random(seed + 2))
        self._agents = [Agent(self, self._every)]
        self._projectors = [Projector(self)]
        self._backup = copy.deepcopy(self.views[0])

    def run(self, rounds: int = 40, restarts: int = 0) -> list[str]:
        """Returns what differs from the oracle: nothing, if all is well. ``restarts``: after so many rounds
        each, a new agent and a new projector take over; 0 leaves it to the faults."""
        with _in_simulated_time(self.dice.choice((1, 3, 8))):
            for number in range(rounds):
                if restarts and number % restarts == restarts - 1:
                    self._agents.append(Agent(self, self._every))
                    self._projectors.append(Projector(self))
                if restarts and number % 3 == 1:
                    self.reports.append(BROKEN_REPORT)
                for _ in range(self.dice.choice((0, 1, 1, 3))):
                    self._site.happen(self.held, self.reports)
                self._disturb()
                self._turn()
            self.faults.end()
            return self._settle() or self._differences()

    def _disturb(self) -> None:
        """A rebalance while the old worker lives; a second projector; Redis rolled back."""
        if not self.faults.random:
            return
        drawn = self.dice.random()
        if drawn < 0.03:
            self._agents.append(Agent(self, self._every))
        elif drawn < 0.05:
            self._projectors.append(Projector(self))
        elif drawn < 0.08:
            self._backup = copy.deepcopy(self.views[0])
        elif drawn < 0.10:
            self.views[0] = copy.deepcopy(self._backup)
        elif drawn < 0.11:
            self.views[0] = self.parts.store()

    def _turn(self) -> None:
        for agent in list(self._agents):
            agent.turn()
        for projector in list(self._projectors):
            projector.turn()
        self._agents = [a for a in self._agents if a.alive] or [Agent(self, self._every)]
        self._projectors = [p for p in self._projectors if p.alive] or [Projector(self)]

    def _elsewhere(self, label: str) -> None:
        """Another process takes over in the midst of this boundary, and gets some way."""
        other = Agent(self, self._every) if label.startswith("agent") else Projector(self)
        for _ in range(self.dice.choice((1, 2, 4))):
            other.turn()
        if isinstance(other, Agent):
            self._agents.append(other)
        else:
            self._projectors.append(other)

    def _settle(self) -> list[str]:
        """All goes well from here on: everything must be decided and shown."""
        for _ in range(_PATIENCE):
            if self._idle():
                return []
            self._turn()
        return [
            f"does not get on: decided {self.held.decided} of {self.held.ends}, views {self._positions()}"
        ]

    def _idle(self) -> bool:
        decided = all(self.held.decided.get(t, 0) == end for t, end in self.held.ends.items())
        return decided and self._positions() == {
            "persons": {home(EVENTS.name): len(self.held.events)},
            "cameras": {home(CAMERAS.name): len(self.reports)},
        }

    def _positions(self) -> dict[str, dict[int, int]]:
        return {view.name: self.views[0].positions(view.name) for view in views()}

    def _differences(self) -> list[str]:
        return [*self._log_differences(), *self._view_differences()]

    def _log_differences(self) -> Iterator[str]:
        ids = self.held.event_ids()
        if len(ids) != len(set(ids)):
            yield f"{len(ids) - len(set(ids))} events are there twice"
        expected, state = self._decided_anew()
        if expected.events != self.held.events:
            pairs = zip(expected.events, self.held.events, strict=False)
            first = next((n for n, (a, b) in enumerate(pairs) if a != b), "the end")
            yield (
                f"the log is another: {len(self.held.events)} events, {len(expected.events)} when decided "
                f"anew, the first that differs is {first}"
            )
        if sorted(map(repr, expected.dead_letters)) != sorted(map(repr, self.held.dead_letters)):
            yield f"{len(self.held.dead_letters)} dead letters, not {len(expected.dead_letters)}"
        recovered = PartitionWriter(
            MemoryLog(self.held), IdentityDecider(_POLICIES), PARTITION, PARTITIONS, Telemetry()
        )
        recovered.recover()
        if dump(recovered.state) != state:
            yield "snapshot and tail are not the full fold"

    def _decided_anew(self) -> tuple[MemoryPartition, bytes]:
        """All inputs in the order that the log tells, from zero, by one undisturbed writer."""
        fresh = MemoryPartition(inputs=self.held.inputs, ends=self.held.ends)
        writer = PartitionWriter(
            MemoryLog(fresh), IdentityDecider(_POLICIES), PARTITION, PARTITIONS, Telemetry(), 10**9
        )
        writer.recover()
        for record in self.held.events:
            told = envelope_from(record.headers)
            writer.heal(told.decided)
            writer.heal({told.causation.topic: told.causation.offset + 1})
        writer.heal(self.held.ends)
        return fresh, dump(writer.state)

    def _view_differences(self) -> Iterator[str]:
        expected = MemoryViewStore()
        rejected: set[tuple[str, int]] = set()
        for view, log in zip(views(), (self.held.events, self.reports), strict=True):
            place = home(view.topic.name)
            records = [
                ViewRecord(view.topic.name, place, n, r.key, r.value, list(r.headers))
                for n, r in enumerate(log)
            ]
            made = view.project(records, expected)
            ops = [*made.ops, formed(view)]
            expected.commit(Change(view.name, {place: None}, {place: len(log)}, ops))
            rejected |= {(found.record.topic, found.record.offset) for found in made.rejected}
        want, found = expected.dump("saferoom:"), self.views[0].dump("saferoom:")
        for key in sorted(want.keys() | found.keys()):
            if want.get(key) != found.get(key):
                yield f"view {key} differs"
        if set(self.letters) != rejected:
            yield f"dead letters of the views: {sorted(set(self.letters) ^ rejected)}"


@contextmanager
def _in_simulated_time(batch: int) -> Iterator[None]:
    """Nothing may depend on how fast this machine is."""
    with (
        mock.patch("streams.partition.MAX_DECIDE_S", float("inf")),
        mock.patch("streams.partition.MAX_INPUTS", batch),
        mock.patch("projections.follower.CHECK_S", -1.0),
    ):
        yield
