"""All unit tests, a share of them in each of a few processes.

    python -m tests.unit          # `make test-unit`; options of pytest may follow

Each process imports and collects its own share alone. pytest-xdist has all of it collected by every process,
and by one more that tells them what to do.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

MOST: Final = 4
#: Seconds of CPU of all processes, imports too: twenty seconds of two cores.
LIMIT_S: Final = 40.0
#: Characters that take as long to run as a module to be imported and collected, about.
MODULE: Final = 2_000
#: `NO_TESTS_COLLECTED`: of a share in which an option such as ``-k`` leaves none over.
_FINE: Final = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def files_in(path: Path) -> list[Path]:
    return sorted(path.rglob("test_*.py")) if path.is_dir() else [path]


def size(path: Path) -> int:
    """What there is to read tells how long it runs."""
    return sum(file.stat().st_size + MODULE for file in files_in(path))


def shares(root: Path, count: int) -> list[list[Path]]:
    """What stands in ``root``, in groups about as large."""
    sizes = {path: size(path) for path in root.iterdir() if path.is_dir() or path.match("test_*.py")}
    made: list[list[Path]] = [[] for _ in range(count)]
    for path in sorted(filter(sizes.__getitem__, sizes), key=lambda one: (-sizes[one], one)):
        min(made, key=lambda group: sum(sizes[one] for one in group)).append(path)
    return [group for group in made if group]


def main(options: list[str]) -> int:
    began = time.monotonic()
    with ExitStack() as stack:
        running = []
        for group in shares(Path(__file__).parent, min(os.cpu_count() or 1, MOST)):
            told = stack.enter_context(tempfile.TemporaryFile("w+"))
            asked = [sys.executable, "-m", "pytest", "-q", *map(str, group), *options]
            running.append((subprocess.Popen(asked, stdout=told, stderr=subprocess.STDOUT), told))
        codes = []
        for process, told in running:
            codes.append(process.wait())
            told.seek(0)
            sys.stdout.write(told.read())
    taken = os.times().children_user + os.times().children_system
    print(f"{time.monotonic() - began:.0f} s; {taken:.0f} s of CPU, of {LIMIT_S:.0f} s allowed")
    if any(code not in _FINE for code in codes):
        return 1
    return int(taken > LIMIT_S and not options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
