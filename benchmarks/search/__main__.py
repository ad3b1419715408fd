"""How long a search takes, and whether it finds whom a comparison of all with all finds.

``python -m benchmarks.search --json docs/results/search.json``: at each number of persons × 10 templates,
searches by one probe (a view of somebody known that is not among the templates) and by ten, through the
index that the API holds; recall@10 against the exact scores of every template, computed apart. At one size
the whole API is asked too, over HTTP, with Kafka (the audit), Redis and access control.
"""

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from api.search.index import Appearance, Index
from api.search.rows import Looks
from api.search.wanted import Wanted
from benchmarks.search.crowd import Shape, persons, shape_of
from benchmarks.search.served import served
from reid.contracts.embedding import SCALE

TEMPLATES: Final = 10
TOP: Final = 10
MODEL: Final = "bench@1"
#: Probes of each person that is looked for, kept out of the index.
HELD_OUT: Final = 10
Vectors = NDArray[np.int16]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--persons", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options.add_argument("--searches", type=int, default=200)
    options.add_argument("--encoder", default="stripenet-512")
    options.add_argument("--like", type=Path, default=Path("../shared/data/images/cuhk03_train"))
    options.add_argument("--served", type=int, default=10_000, help="size to ask the whole API at; 0: none")
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    shape = shape_of(chosen.encoder, chosen.like)
    found: dict[str, Any] = {
        "encoder": chosen.encoder,
        "shape_measured_on_crops": shape.measured_on,
        "templates_each": TEMPLATES,
        "searches": chosen.searches,
        "sizes": [],
    }
    for count in chosen.persons:
        found["sizes"].append(measured(shape, count, chosen.searches))
        print(json.dumps(found["sizes"][-1]), file=sys.stderr)
    if chosen.served:
        found["served"] = served(shape, chosen.served, TEMPLATES, chosen.searches)
        print(json.dumps(found["served"]), file=sys.stderr)
    found["machine"] = {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "all"),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    sizes = " ".join(map(str, chosen.persons))
    found["command"] = f"python -m benchmarks.search --persons {sizes} --searches {chosen.searches}"
    text = json.dumps(found, indent=2)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n")


def measured(shape: Shape, count: int, searches: int) -> dict[str, Any]:
    """Times in milliseconds; load: of the machine, by whoever else was at work."""
    wanted = min(searches, count)
    probes = [
        vectors[TEMPLATES:] for vectors in islice(persons(shape, wanted, TEMPLATES + HELD_OUT, 1), wanted)
    ]
    index, exact = Index(), Exact([one[0] for one in probes])
    began = time.perf_counter()
    # The first of them are those looked for, drawn again: the same templates, without what was held out.
    looked_for = (v[:TEMPLATES] for v in persons(shape, wanted, TEMPLATES + HELD_OUT, 1))
    for number, vectors in enumerate((*looked_for, *persons(shape, count - wanted, TEMPLATES, 2))):
        raw = [vector.astype("<i2").tobytes() for vector in vectors]
        name = f"p{number}"
        index.put(Appearance(name, number, embeddings=raw, models=[MODEL] * TEMPLATES))
        exact.compare(name, vectors)
    exact.end()
    filled = time.perf_counter() - began
    began = time.perf_counter()
    index.prepare()
    prepared = time.perf_counter() - began
    load = os.getloadavg()[0]
    hits = [_names(index, one[:1]) for one in probes]
    rank1 = sum(names[0] == f"p{number}" for number, names in enumerate(hits)) / len(hits)
    recall = [len(set(names) & set(best)) / len(best) for names, best in zip(hits, exact.best, strict=True)]
    return {
        "persons": count,
        "templates": index.templates,
        "index_mb": round(index.nbytes / 1e6),
        "process_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "fill_and_exact_s": round(filled, 1),
        "prepare_s": round(prepared, 2),
        "one_probe_ms": times(lambda n: _names(index, probes[n % wanted][:1]), searches),
        "ten_probes_ms": times(lambda n: _names(index, probes[n % wanted]), searches),
        "recall_at_10": round(float(np.mean(recall)), 4),
        "least_recall": min(recall),
        "rank_1": round(rank1, 3),
        "load_1min": round(load, 1),
    }


class Exact:
    """The plain comparison: every template with every probe, in whole numbers. ``best``: names of the
    `TOP` persons of each probe, after `end`."""

    def __init__(self, probes: Sequence[NDArray[np.int16]]) -> None:
        self._probes = np.stack(probes).astype(np.float64).T
        self._names: list[str] = []
        self._scores: list[NDArray[np.float64]] = []
        self.best: list[list[str]] = []

    def compare(self, name: str, vectors: Vectors) -> None:
        self._names.append(name)
        self._scores.append((vectors.astype(np.float64) @ self._probes).max(axis=0))

    def end(self) -> None:
        scores = np.round(np.stack(self._scores) / SCALE**2, 6)
        for column in scores.T:
            # As the index: the best first, of equals who was registered first.
            order = np.argsort(-column, kind="stable")[:TOP]
            self.best.append([self._names[number] for number in order])


def times(work: Callable[[int], Any], repeats: int) -> dict[str, float]:
    """Median, 99th percentile and longest of ``repeats`` calls, ms; ``cpu``: median of the processor's own
    time, which others at work on the machine do not lengthen as much."""
    work(0)
    taken, cpu = [], []
    for number in range(repeats):
        began, cpu_began = time.perf_counter(), time.process_time()
        work(number)
        cpu.append(1000 * (time.process_time() - cpu_began))
        taken.append(1000 * (time.perf_counter() - began))
    median, p99 = np.percentile(taken, [50, 99])
    return {
        "median": round(median, 2),
        "p99": round(p99, 2),
        "longest": round(max(taken), 2),
        "cpu": round(float(np.median(cpu)), 2),
    }


def _names(index: Index, probes: Vectors) -> list[str]:
    looks = Looks(probes, np.ones(len(probes)))
    return [hit.person_id for hit in index.search({MODEL: looks}, {}, Wanted(), TOP).hits]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
