"""``python -m tests.simulation.run --seeds 1000``: as many random runs, or ``--seed N``: that one again."""

import argparse
import logging
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from tests.simulation.faults import Faults
from tests.simulation.world import World

RATES = (0.0, 0.01, 0.03, 0.08)


class Run(NamedTuple):
    seed: int
    differences: list[str]
    events: int
    faults: list[str]


def run(seed: int) -> Run:
    """One random run: the same for the same seed, on any machine."""
    logging.disable(logging.CRITICAL)
    world = World(seed, Faults(dice=random.Random(seed + 1), rate=RATES[seed % len(RATES)]))
    return Run(seed, world.run(), len(world.held.events), world.faults.happened)


def main() -> int:
    """Prints every seed that differs from the oracle. 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="only this one, its faults told in order")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    if asked.seed is not None:
        one = run(asked.seed)
        print(*one.faults, *one.differences or ["no difference"], sep="\n")
        return bool(one.differences)
    begun, failed, events, faults = time.monotonic(), list[int](), 0, Counter[str]()
    seeds = range(asked.first, asked.first + asked.seeds)
    with ProcessPoolExecutor(asked.processes) as pool:
        for one in pool.map(run, seeds, chunksize=10):
            events += one.events
            faults.update(one.faults)
            if one.differences:
                failed.append(one.seed)
                print(f"seed {one.seed}: {'; '.join(one.differences[:3])}; again: --seed {one.seed}")
    print(
        f"seeds {seeds[0]} to {seeds[-1]}: {len(failed)} differ {failed}; {events} events, "
        f"{faults.total()} faults of {len(faults)} kinds, {time.monotonic() - begun:.1f} s"
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
