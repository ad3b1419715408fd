"""`step` of this tree beside that of another checkout, in turn, on the same inputs: what a change buys.

`python -m benchmarks.beside_tree OTHER --decision 10000`: frames in which one new track, then five, have
their third crop; `--month 30000`: moments of a site that knows so many persons; `--walking 60`: those of the
`agent` bench's messages, after so many seconds of them. A process for each tree; both are asked in turn, by
the processor time of their one thread. Events that differ are told.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

import msgspec
import numpy as np

_TREE: Final = Path(__file__).parents[1]
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("other", type=Path, help="a checkout, the one before")
    what = options.add_mutually_exclusive_group(required=True)
    what.add_argument("--decision", type=int, metavar="TEMPLATES")
    what.add_argument("--month", type=int, metavar="PERSONS")
    what.add_argument("--walking", type=int, metavar="SECONDS")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--each", type=int, default=20, help="frames, or moments, in each round")
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    named = next(name for name in _ASKED if getattr(chosen, name) is not None)
    size = getattr(chosen, named)
    if chosen.serve:
        serve(_ASKED[named](size))
        return
    given = [f"--{named}", str(size)]
    trees = {"before": chosen.other.resolve(), "after": _TREE}
    sides = {name: _started(tree, given) for name, tree in trees.items()}
    for kind in ("one", "five") if named == "decision" else ("moment",):
        times: dict[str, list[list[float]]] = {name: [] for name in sides}
        for number in range(chosen.rounds + 1):
            told = set()
            for name in list(sides) if number % 2 else list(reversed(sides)):
                found, digest = _asked(sides[name], kind, chosen.each)
                told.add(digest)
                if number:
                    times[name].append(found)
            if len(told) > 1:
                print(f"round {number}: other events")
        _tell(kind, times)
    for side in sides.values():
        side.communicate()


def _started(tree: Path, given: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), str(tree), *given, "--serve"],
        cwd=tree,
        env={**os.environ, **_ONE_THREAD, "PYTHONPATH": str(tree)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _asked(side: "subprocess.Popen[str]", kind: str, each: int) -> tuple[list[float], str]:
    assert side.stdin is not None and side.stdout is not None
    side.stdin.write(json.dumps([kind, each]) + "\n")
    side.stdin.flush()
    times, digest = json.loads(side.stdout.readline())
    return times, digest


def _tell(kind: str, times: dict[str, list[list[float]]]) -> None:
    for name, rounds in times.items():
        every = [one for found in rounds for one in found]
        print(
            f"{kind:>6} {name:>6}: median of rounds {median(map(median, rounds)):.2f} ms, "
            f"mean {mean(every):.2f}, p99 {np.percentile(every, 99):.2f}"
        )
    for name, of in {"median": median, "mean": mean}.items():
        ratios = [of(after) / of(before) for before, after in zip(*times.values(), strict=True)]
        print(
            f"{kind:>6} {name} after / before: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def serve(ask: Callable[[str, int], tuple[list[float], str]]) -> None:
    """Times and a digest of all events, for each question on stdin."""
    for line in sys.stdin:
        print(json.dumps(ask(*json.loads(line))), flush=True)


def decisions(templates: int) -> Callable[[str, int], tuple[list[float], str]]:
    decision: Any = importlib.import_module("benchmarks.bench.decision")
    told, real = sha256(), decision.step

    def step(*given: Any) -> Any:
        events = real(*given)
        made.append(events)
        return events

    made: list[Any] = []
    decision.step = step
    site = decision._Size(templates, 1, 1)

    def ask(kind: str, each: int) -> tuple[list[float], str]:
        times = [site._decided({"one": 1, "five": 5}[kind]) for _ in range(each)]
        told.update(msgspec.msgpack.encode(made))
        made.clear()
        return times, told.hexdigest()

    return ask


def moments(persons: int) -> Callable[[str, int], tuple[list[float], str]]:
    from benchmarks.bench import month

    site = month._Site(persons)
    return _timed(site.state, site._moments)


def walking(seconds: int) -> Callable[[str, int], tuple[list[float], str]]:
    from benchmarks.bench import agent
    from reid.domain.state import PartitionState

    people = agent.looks(agent.PEOPLE, 3)
    cameras, each = agent.CAMERAS, agent.EACH
    made = agent.walking(people, cameras=cameras, each=each, fps=agent.FPS, stay=agent.STAY)
    ask = _timed(PartitionState(), map(agent.message, made))
    ask("", seconds * agent.FPS)
    return ask


def _timed(state: Any, messages: Iterator[Any]) -> Callable[[str, int], tuple[list[float], str]]:
    from reid.domain.policy import Policies
    from reid.domain.step import step

    told, policies = sha256(), Policies()

    def ask(_: str, each: int) -> tuple[list[float], str]:
        times = []
        for message in list(islice(messages, each)):
            begun = time.thread_time()
            events = step(state, message, policies)
            times.append((time.thread_time() - begun) * 1e3)
            told.update(msgspec.msgpack.encode(events))
        return times, told.hexdigest()

    return ask


_ASKED: Final = {"decision": decisions, "month": moments, "walking": walking}


if __name__ == "__main__":
    if "--serve" in sys.argv:
        # Of the tree that is measured, not of the one that this file is in.
        sys.path.remove(str(Path(__file__).resolve().parent))
    main()
