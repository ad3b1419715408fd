"""``make bench``, or ``python -m benchmarks.bench [--quick] [--only NAME …]``.

Each bench runs in a process of its own. What was measured goes to docs/results/bench.json (with ``--quick``
to out/bench-quick.json), a plot beside it; benches left out keep what they had there.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.bench.registry import BENCHES, bench
from benchmarks.bench.results import Measured, load, save, table

_ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_FULL: Final = Path("docs/results/bench.json")
_QUICK: Final = Path("out/bench-quick.json")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three rounds, smaller; all within 8 minutes")
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--in-process", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    names = asked.only or list(BENCHES)
    if asked.in_process:
        asked.in_process.write_bytes(msgspec.json.encode(_measured(names[0], asked.quick)))
        return 0
    path = asked.json or (_QUICK if asked.quick else _FULL)
    found, failed = load(path), []
    for name in names:
        measured = _apart(name, asked.quick)
        if measured is None:
            failed.append(name)
            continue
        found[name] = measured
        print(table([measured]), f"{name}: {measured.seconds:.0f} s", "", sep="\n", flush=True)
        save(path, [found[each] for each in BENCHES if each in found])
    print(table([found[name] for name in BENCHES if name in found]))
    print(f"\n{path}, {path.with_suffix('.svg')}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _apart(name: str, quick: bool) -> Measured | None:
    """In a process of its own: its memory is its own, and BLAS has one thread from the start."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "measured.json"
        command = [sys.executable, "-m", "benchmarks.bench", "--only", name, "--in-process", str(out)]
        done = subprocess.run(
            command + ["--quick"] * quick, env=os.environ | _ONE_THREAD, check=False
        ).returncode
        return msgspec.json.decode(out.read_bytes(), type=Measured) if done == 0 else None


def _measured(name: str, quick: bool) -> Measured:
    before, begun = os.getloadavg()[0], time.monotonic()
    rows = bench(name)(quick)
    return Measured(
        name=name,
        command=f"python -m benchmarks.bench --only {name}" + " --quick" * quick,
        machine=f"{_cpu()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        load=(round(before, 1), round(os.getloadavg()[0], 1)),
        seconds=round(time.monotonic() - begun, 1),
        quick=quick,
        rows=rows,
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    sys.exit(main())
