"""``python -m benchmarks.scale_out``: exit 0 only when no decision was wrong and the standby was in time."""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.scale_out.scenarios import PARTITIONS, SITES, drain, rebalance, standby

PARTS: Final = ("rates", "four", "rebalance", "standby")
#: Seconds that a standby may take after a kill -9.
STANDBY_S: Final = 15.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_out", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="repeatable; default: all")
    parser.add_argument("--messages", type=int, default=60, help="of each site, 20 frames each")
    parser.add_argument("--runs", type=int, default=3, help="of each number of workers, in turn")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="results of other parts in it are kept")
    args = parser.parse_args()
    said: dict[str, Any] = {}
    if args.json is not None and args.json.exists():
        said = json.loads(args.json.read_text())
    said |= {"command": "python -m benchmarks.scale_out", "cores": os.cpu_count()}
    said |= {"python": platform.python_version(), "sites": SITES, "partitions": PARTITIONS}
    with tempfile.TemporaryDirectory(prefix="saferoom-scale-", ignore_cleanup_errors=True) as home:
        for part in args.part or PARTS:
            said[part] = _run(part, Path(home) / part, args)
            print(json.dumps({part: said[part]}, indent=2), flush=True)
            if args.json is not None:
                args.json.write_text(json.dumps(said, indent=2) + "\n")
    return 0 if all(_right(part, said[part]) for part in PARTS if part in said) else 1


def _run(part: str, home: Path, args: argparse.Namespace) -> dict[str, Any]:
    home.mkdir(parents=True)
    if part == "rates":
        return _rates(home, args.messages, args.runs)
    if part == "four":
        return drain(home, 4, args.messages, check=True)
    return rebalance(home) if part == "rebalance" else standby(home, args.kills)


def _rates(home: Path, each: int, runs: int) -> dict[str, Any]:
    """Interleaved, so that both numbers of workers meet the same moods of the machine."""
    found: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for run in range(runs):
        for workers, of_them in found.items():
            of_them.append(drain(home / f"{run}-{workers}", workers, each, check=False))

    def median(workers: int, what: str) -> float:
        return statistics.median(run[what] for run in found[workers])

    wall, cost = "frames_per_second", "worker_cpu_us_per_frame"
    return {
        "runs": [run for pair in zip(*found.values(), strict=True) for run in pair],
        wall: {str(n): median(n, wall) for n in found},
        cost: {str(n): median(n, cost) for n in found},
        "speed_up_of_two": round(median(2, wall) / median(1, wall), 2),
        "worker_cpu_of_two_over_one": round(median(2, cost) / median(1, cost), 2),
        "cores_used": {str(n): median(n, "cores_used") for n in found},
    }


def _right(part: str, said: dict[str, Any]) -> bool:
    if part == "standby" and said["worst"] > STANDBY_S:
        return False
    return part == "rates" or said["verify"]["exit_code"] == 0


if __name__ == "__main__":
    sys.exit(main())
