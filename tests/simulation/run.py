"""``python -m tests.simulation.run --seeds 1000``: as many random runs, or ``--seed N``: that one again."""

import argparse
import logging
import random
import sys
import time
from collections import Counter

from tests.simulation.faults import Faults
from tests.simulation.world import World


def main() -> int:
    """Prints every seed that differs from the oracle. 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="only this one, told in full")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    seeds = range(asked.first, asked.first + asked.seeds) if asked.seed is None else [asked.seed]
    begun, failed, events, faults = time.monotonic(), list[int](), 0, Counter[str]()
    for seed in seeds:
        world = World(seed, Faults(dice=random.Random(seed + 1), rate=(0.0, 0.01, 0.03, 0.08)[seed % 4]))
        differences = world.run()
        events += len(world.held.events)
        faults.update(world.faults.happened)
        if asked.seed is not None:
            print(*world.faults.happened, sep="\n")
        if differences:
            failed.append(seed)
            print(f"seed {seed}: {'; '.join(differences[:3])}; again: --seed {seed}")
    print(
        f"seeds {seeds[0]} to {seeds[-1]}: {len(failed)} differ {failed}; {events} events, "
        f"{sum(faults.values())} faults of {len(faults)} kinds, {time.monotonic() - begun:.1f} s"
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
