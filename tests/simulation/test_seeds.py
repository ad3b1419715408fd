"""Random runs. More of them: ``python -m tests.simulation.run --seeds 1000``."""

import random

import pytest

from tests.simulation.faults import Faults
from tests.simulation.world import World


@pytest.mark.parametrize("seed", range(12))
def test_random_run_leaves_no_difference(seed: int) -> None:
    assert World(seed, Faults(dice=random.Random(seed + 1), rate=(0.01, 0.03, 0.08)[seed % 3])).run(30) == []


def test_a_seed_is_the_same_run_again() -> None:
    runs = []
    for _ in range(2):
        world = World(5, Faults(dice=random.Random(6), rate=0.05))
        assert world.run(30) == []
        runs.append((world.faults.happened, world.held.events, world.letters))
    assert runs[0] == runs[1]
    assert runs[0][0]
