"""All benches. A new one: a module with ``run(quick: bool) -> list[Row]``, and its line here.

``run`` is called in a process of its own, BLAS kept to one thread. Without ``quick`` each ratio comes from
at least five interleaved rounds (`benchmarks.bench.row.interleaved`), with it from three, and all benches
together take less than eight minutes. What is not installed gives a row with ``skipped``, no error.
"""

import importlib
from collections.abc import Callable
from typing import Final, cast

from benchmarks.bench.row import Row

Run = Callable[[bool], list[Row]]

#: Name -> module. In the order of the table.
BENCHES: Final = {
    "bound": "benchmarks.bench.bound",
    "decision": "benchmarks.bench.decision",
    "month": "benchmarks.bench.month",
    "agent": "benchmarks.bench.agent",
    "api": "benchmarks.bench.api",
    "producer": "benchmarks.bench.producer",
    "sizes": "benchmarks.bench.sizes",
    "latency": "benchmarks.bench.latency",
    "views": "benchmarks.bench.views",
}


def bench(name: str) -> Run:
    """Raises ``KeyError`` for an unknown name."""
    return cast(Run, importlib.import_module(BENCHES[name]).run)
