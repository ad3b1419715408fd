"""Every labelled I/O boundary, every kind of fault, at several moments: the oracle finds no difference."""

import pytest

from tests.simulation.faults import AGENT, KINDS, PROJECTOR, Faults
from tests.simulation.world import World

#: How often a boundary was passed before the fault. 0 is the start of a process, the others its work.
MOMENTS = (0, 2)
#: One whose short run passes every boundary often enough.
SEED = 10


@pytest.mark.parametrize("label", [*AGENT, *PROJECTOR])
def test_no_fault_at_this_boundary_leaves_a_trace(label: str) -> None:
    for kind in KINDS:
        for moment in MOMENTS:
            faults = Faults({(label, moment): kind})
            world = World(SEED, faults, snapshot_events=4)
            assert world.run(rounds=16, restarts=4) == [], f"{kind} at {label}, moment {moment}"
            assert faults.happened == [f"{label} {kind}"], f"{label} was passed {faults.reached[label]} times"


def test_the_run_reaches_every_boundary_there_is() -> None:
    """A boundary that is renamed or left out would be tested no more, and nobody would notice."""
    world = World(SEED, Faults(), snapshot_events=4)
    assert world.run(rounds=16, restarts=4) == []
    assert set(world.faults.reached) == {*AGENT, *PROJECTOR}
    assert len(world.held.events) > 10
    assert world.held.dead_letters
    assert world.held.snapshots
    assert world.letters
