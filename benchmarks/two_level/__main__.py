"""``python -m benchmarks.two_level``: the persons of both forms beside each other, and beside the truth."""

import argparse
import json
import os
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.two_level.crowds import Crops, Judged, SimulatedSite, images, made_up
from benchmarks.two_level.forms import Decided, one_level, two_levels
from reid.contracts.events import PersonsMerged
from reid.evaluation.identities import contingency, pairwise, shares


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_level", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="repeatable; default: 0 and 1")
    parser.add_argument("--images", type=Path, action="append", default=[], help="set of crops; repeatable")
    parser.add_argument("--people", type=int, default=100, help="of each set")
    parser.add_argument("--made-up", type=int, default=100, help="people with made-up looks")
    parser.add_argument("--lag", type=int, default=1, help="messages of a zone that reach the site together")
    parser.add_argument("--keep", type=Path, help="folder that keeps what the cameras saw")
    parser.add_argument("--only", default="", help="crowds whose name holds this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results of other crowds in it are kept")
    args = parser.parse_args()
    said: dict[str, Any] = {}
    if args.json is not None and args.json.exists():
        said = json.loads(args.json.read_text())
    said |= {"command": "python -m benchmarks.two_level --images ../shared/data/images/cuhk03_val"}
    said |= {"lag": args.lag, "python": platform.python_version(), "cores": os.cpu_count()}
    crowds = {crowd["name"]: crowd for crowd in said.pop("crowds", [])}
    for name, opened in _crowds(args).items():
        if args.only in name:
            crowds[name] = {"name": name, **_compared(opened(), args.lag)}
            print(json.dumps(crowds[name], indent=2), flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps(said | {"crowds": list(crowds.values())}, indent=2) + "\n")


def _crowds(args: argparse.Namespace) -> dict[str, Callable[[], SimulatedSite | Crops]]:
    seeds, found = args.seed or [0, 1], dict[str, Callable[[], SimulatedSite | Crops]]()
    for detector in ("truth", "hog"):
        for seed in seeds:
            name = f"simulated site, seed {seed}, detector {detector}"
            found[name] = partial(SimulatedSite, seed, detector, args.keep)
    for directory in args.images:
        for seed in seeds:
            name = f"{directory.resolve().name}, {args.people} people, seed {seed}"
            found[name] = partial(images, directory, args.people, seed)
    for spread in (0.5, 1.2):
        name = f"made-up looks, {args.made_up} people, 4 cameras, spread {spread:g}, seed {seeds[0]}"
        found[name] = partial(made_up, args.made_up, 4, seeds[0], spread)
    return found


def _compared(crowd: SimulatedSite | Crops, lag: int) -> dict[str, Any]:
    one, two = one_level(crowd.messages()), two_levels(crowd.messages(), crowd.zone_of, lag)
    judged = crowd.judge(one.events), crowd.judge(two.events)
    return {
        "agreement": _agreement(*judged),
        "one_level": judged[0].score | _cost(one),
        "two_levels": judged[1].score | _cost(two) | {"joins": _joins(two)},
    }


def _agreement(one: Judged, two: Judged) -> dict[str, Any]:
    """Of tracks that have an id in both: 1.0 everywhere where both forms see the same persons."""
    both = [(a, b) for a, b in zip(one.ids, two.ids, strict=True) if a is not None and b is not None]
    ours, theirs = [a for a, _ in both], [b for _, b in both]
    over = shares(ours, contingency(ours, theirs))
    return {
        "tracks": len(one.ids),
        "with_an_id_in_both": len(both),
        "with_an_id_in_one_form_only": sum(
            (a is None) != (b is None) for a, b in zip(one.ids, two.ids, strict=True)
        ),
        "pairwise_f1": _rounded(pairwise(ours, theirs).f1),
        "two_level_ids_per_one_level_person": _rounded(over.ids_per_person),
        "one_level_ids_per_two_level_person": _rounded(over.persons_per_id),
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _cost(decided: Decided) -> dict[str, Any]:
    return {
        "events": len(decided.events),
        "cpu_seconds": {who: round(s, 2) for who, s in sorted(decided.seconds.items())},
    }


def _joins(decided: Decided) -> dict[str, int]:
    reasons = [e.decision.reason for e in decided.events if isinstance(e, PersonsMerged) and e.decision]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


if __name__ == "__main__":
    main()
