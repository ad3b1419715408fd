"""A new track against all templates of a site: `step` alone, no Kafka, beside the products that it needs."""

import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench.galleries import CAMERAS, HELD_OUT, Fixed, calibrate, crowd, known
from benchmarks.bench.row import Row, compared
from benchmarks.bench.scene import DIM, MODEL, SITE, START, frame, message, person
from reid.contracts.detections import Detections
from reid.contracts.embedding import encode_wire
from reid.contracts.events import PersonSeen, Template
from reid.domain.policy import Policies
from reid.domain.step import step

#: Milliseconds between two probes: the tracks of the one before have ended, at every camera.
_APART: Final = 40_000
_TOP: Final = 10
#: A graph index takes minutes to build beyond this many templates.
_GRAPH_UP_TO: Final = 10_000
_FIRST_TRACK: Final = 1_000_000

Floats = NDArray[np.float32]


def run(quick: bool) -> list[Row]:
    sizes = [1_000, 10_000, 100_000] if quick else [1_000, 10_000, 100_000, 1_000_000]
    rounds, each = (3, 16) if quick else (7, 40)
    rows: list[Row] = []
    tails: dict[int, list[float]] = {}
    for size in sizes:
        # Of a million templates one probe reads gigabytes.
        made = _Size(size, min(rounds, 5), 8) if size > 100_000 else _Size(size, rounds, each)
        rows += made.rows()
        tails[size] = made.tail
    largest = sizes[-1]
    # Fewer rounds were made of the largest.
    nearby = tails[10_000][: len(tails[largest])]
    rows.append(
        compared(
            f"p99 of a decision at {largest:,} templates", "ms", tails[largest],
            "p99 at 10,000", nearby,
            floor=3 if largest == 1_000_000 else None, lower=True,
        )
    )  # fmt: skip
    return rows


class _Size:
    """One gallery, asked by us and by others in turn."""

    def __init__(self, size: int, rounds: int, each: int) -> None:
        self.size, self.rounds, self.each = size, rounds, each
        self.state, probes = known(size)
        calibrate(self.state)
        strangers = list(crowd(200, 99, HELD_OUT))
        # In turn somebody known and somebody new.
        self.probes = [views for pair in zip(probes, strangers, strict=False) for views in pair]
        self.clock, self.tracks, self.asked, self.matched = START, _FIRST_TRACK, 0, 0
        self.times: dict[str, list[list[float]]] = {}
        self.tail: list[float] = []

    def rows(self) -> list[Row]:
        matrix = self._matrix()
        sides: dict[str, Callable[[], float]] = {
            "one": lambda: self._decided(1),
            "gemv": lambda: self._product(matrix, 1),
            "five": lambda: self._decided(5),
            "gemm": lambda: self._product(matrix, 5),
        }
        others = {"faiss flat": _faiss(matrix), "usearch (HNSW, float16)": self._usearch(matrix)}
        for name, search in others.items():
            if not isinstance(search, str):
                sides[name] = self._searched(search)
        for number in range(self.rounds + 1):
            for name in list(sides) if number % 2 else list(reversed(sides)):
                times = [sides[name]() for _ in range(self.each)]
                if number:
                    self.times.setdefault(name, []).append(times)
        self.tail = [_p99(times) for times in self.times["one"]]
        return self._told(others)

    def _told(self, others: dict[str, Any]) -> list[Row]:
        floor, aim = (2.0, 1.2) if self.size <= 100_000 else (None, None)
        middle = {n: [statistics.median(t) for t in times] for n, times in self.times.items()}
        name = f"decision, new track, {self.size:,} templates"
        probes = 50 if self.size <= 100_000 else 5
        recall = self._recall(probes)
        rows = [
            compared(
                name, "ms", middle["one"], f"numpy, ({self.size:,}, {DIM}) @ ({DIM},) float32",
                middle["gemv"], floor=floor, aim=aim, lower=True,
                more={"p99_ms": _p99([t for times in self.times["one"] for t in times]),
                      "matched": self.matched, "asked": self.asked, "recall_at_7": recall,
                      "recall_of_probes": probes},
            ),
            compared(
                f"{name}, a frame of 5 at once", "ms", middle["five"], f"numpy, … @ ({DIM}, 5)",
                middle["gemm"], floor=floor, aim=aim, lower=True,
            ),
        ]  # fmt: skip
        for other, search in others.items():
            if isinstance(search, str):
                rows.append(Row(what=name, unit="ms", beside=other, skipped=search))
            else:
                rows.append(compared(name, "ms", middle["one"], other, middle[other], lower=True))
        return rows

    def _decided(self, tracks: int) -> float:
        """Milliseconds of the frame in which so many new tracks have enough crops."""
        self.clock += _APART
        views = [self.probes[(self.asked + n) % len(self.probes)] for n in range(tracks)]
        camera = self.asked % CAMERAS
        self.asked += tracks
        self.tracks += tracks
        policies = Policies()
        for crop in range(HELD_OUT - 1):
            step(self.state, self._frame(camera, crop, views), policies)
        last = self._frame(camera, HELD_OUT - 1, views)
        begun = time.thread_time()
        events = step(self.state, last, policies)
        spent = time.thread_time() - begun
        decisions = [e.decision for e in events if isinstance(e, PersonSeen) and e.reason == "bound"]
        self.matched += sum(d is not None and d.outcome == "matched" for d in decisions)
        return spent * 1e3

    def _frame(self, camera: int, crop: int, views: Sequence[Fixed]) -> Detections:
        persons = [
            person(self.tracks + n, n, encode_wire(view[crop].astype(np.float32) / 32767))
            for n, view in enumerate(views)
        ]
        return message([frame(camera, self.clock + 400 * crop, persons)])

    def _matrix(self) -> Floats:
        persons = self.state.site(SITE).persons.values()
        rows = np.frombuffer(b"".join(t.vector for p in persons for t in p.templates), "<i2")
        return rows.reshape(-1, DIM).astype(np.float32) / np.float32(32767)

    def _product(self, matrix: Floats, columns: int) -> float:
        probes = np.ascontiguousarray(matrix[:: max(len(matrix) // columns, 1)][:columns].T)
        begun = time.thread_time()
        found = matrix @ (probes[:, 0] if columns == 1 else probes)
        spent = time.thread_time() - begun
        assert found.shape[0] == len(matrix)
        return spent * 1e3

    def _searched(self, search: Callable[[Floats], object]) -> Callable[[], float]:
        views = [views[0].astype(np.float32) / 32767 for views in self.probes]
        turn = iter(range(1 << 60))

        def timed() -> float:
            probe = views[next(turn) % len(views)]
            begun = time.thread_time()
            search(probe)
            return (time.thread_time() - begun) * 1e3

        return timed

    def _usearch(self, matrix: Floats) -> Any:
        if len(matrix) > _GRAPH_UP_TO:
            return f"its graph takes minutes to build beyond {_GRAPH_UP_TO:,}"
        try:
            index = importlib.import_module("usearch.index").Index(ndim=DIM, metric="ip", dtype="f16")
        except ImportError as error:
            return f"not installed: {error}"
        index.add(np.arange(len(matrix)), matrix, threads=1)
        return lambda probe: index.search(probe, _TOP, threads=1)

    def _recall(self, probes: int, top: int = 7) -> float:
        """Of the nearest persons that every template compared exactly finds, the share that the gallery
        finds."""
        site = self.state.site(SITE)
        centring = site.centring(MODEL.key)
        found = wanted = 0
        for number in range(probes):
            look = Template(MODEL.key, self.probes[number][0].tobytes(), f"room{1 + number % CAMERAS}", 0.8)
            probe = centring.centred(self.probes[number][0], look.camera_id)
            best = _nearest(site, probe, top)
            got = {c.person_id for c in site.gallery.search(look, (), top)}
            found, wanted = found + len(got & best), wanted + len(best)
        return round(found / wanted, 4)


def _nearest(site: Any, probe: NDArray[np.float64], top: int) -> set[str]:
    """Exactly, by another way than the gallery's: person by person through the state."""
    scores = []
    centring = site.centring(MODEL.key)
    means = {c: m.mean for c, m in centring.cameras.items() if m.mean is not None}
    for some in _chunks(list(site.persons.values()), 2_000):
        rows = np.frombuffer(b"".join(t.vector for p in some for t in p.templates), "<i2")
        less = np.stack([means[t.camera_id] for p in some for t in p.templates])
        whole = rows.reshape(-1, DIM).astype(np.float64) - less
        cosines = (whole @ probe) / np.sqrt(np.einsum("ij,ij->i", whole, whole))
        starts = np.cumsum([0, *(len(p.templates) for p in some)])[:-1]
        scores += list(zip(np.maximum.reduceat(cosines, starts).tolist(), some, strict=True))
    scores.sort(key=lambda pair: (-round(pair[0], 3), pair[1].number))
    return {p.person_id for _, p in scores[:top]}


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _faiss(matrix: Floats) -> Any:
    try:
        faiss = importlib.import_module("faiss")
    except ImportError as error:
        return f"not installed: {error}"
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(DIM)
    index.add(matrix)
    return lambda probe: index.search(probe[None], _TOP)


def _p99(times: Sequence[float]) -> float:
    return float(np.percentile(times, 99))
