"""Measures how an encoder separates persons, and the knots that calibrate its cosine.

    python -m benchmarks.calibrate appearance-512
    python -m benchmarks.calibrate path/to/model.onnx --train DIR --val DIR --max-people 400

Directories are named as Market-1501 names its files: ``{person}_c{camera}s1_{index}_00.jpg``. Pairs are
across cameras. The agent compares means of a track's crops, so the knots are those of means of up to four
crops; single crops are shown beside. The knots: similarity 0 at the median stranger, 0.6 where 1 % of
strangers lie above, 1.0 at the best per cent of true pairs, straight between (see `reid.contracts`).
"""

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from producers.embed.base import Embedder, normalised
from producers.embed.select import open_embedder

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "images"
CROPS_A_TRACK = 4
Vectors = npt.NDArray[np.float32]
People = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gallery:
    """``vectors``: (n, dim) unit rows; ``people``, ``cameras``: (n,)."""

    vectors: Vectors
    people: People
    cameras: People

    def of_camera(self, camera: int) -> "Gallery":
        mask = self.cameras == camera
        return Gallery(self.vectors[mask], self.people[mask], self.cameras[mask])

    def track_means(self) -> "Gallery":
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, key in enumerate(zip(self.people.tolist(), self.cameras.tolist(), strict=True)):
            groups[key].append(index)
        means = [self.vectors[rows[:CROPS_A_TRACK]].mean(axis=0) for rows in groups.values()]
        people, cameras = (np.array(column) for column in zip(*groups, strict=True))
        return Gallery(normalised(np.stack(means)), people, cameras)


def load(directory: Path, embedder: Embedder, max_people: int) -> tuple[Gallery, float]:
    """All crops of the first ``max_people`` persons, embedded; and milliseconds a crop."""
    paths = [p for p in sorted(directory.glob("*.jpg")) if int(p.name.split("_")[0]) >= 0]
    people = np.array([int(p.name.split("_")[0]) for p in paths])
    keep = np.isin(people, np.unique(people)[:max_people])
    paths = [p for p, wanted in zip(paths, keep, strict=True) if wanted]
    cameras = np.array([int(p.name.split("_c")[1].split("s")[0]) for p in paths])
    parts, spent = [], 0.0
    for start in range(0, len(paths), 8):
        crops = [np.asarray(cv2.imread(str(p)), np.uint8) for p in paths[start : start + 8]]
        began = time.perf_counter()
        parts.append(embedder.embed(crops))
        spent += time.perf_counter() - began
    return Gallery(np.concatenate(parts), people[keep], cameras), 1000 * spent / len(paths)


def cross_camera(gallery: Gallery) -> tuple[Vectors, Vectors]:
    """Cosines of true pairs and of strangers, one of camera 1 and one of camera 2 each."""
    one, two = gallery.of_camera(1), gallery.of_camera(2)
    cosines = one.vectors @ two.vectors.T
    same = one.people[:, None] == two.people[None]
    return cosines[same], cosines[~same]


def rank1(gallery: Gallery) -> float:
    """Share of probes whose nearest crop of the other camera is the same person, both directions."""
    hits = []
    for probe, other in ((1, 2), (2, 1)):
        a, b = gallery.of_camera(probe), gallery.of_camera(other)
        known = np.isin(a.people, b.people)
        nearest = b.people[(a.vectors @ b.vectors.T).argmax(axis=1)]
        hits.append((nearest == a.people)[known])
    return float(np.concatenate(hits).mean())


def equal_error(genuine: Vectors, impostor: Vectors) -> tuple[float, float]:
    """Equal error rate and its cosine."""
    thresholds = np.quantile(impostor, np.linspace(0, 1, 4001))
    accepted = 1 - np.searchsorted(np.sort(impostor), thresholds) / len(impostor)
    missed = np.searchsorted(np.sort(genuine), thresholds) / len(genuine)
    at = int(np.abs(accepted - missed).argmin())
    return float((accepted[at] + missed[at]) / 2), float(thresholds[at])


def knots(genuine: Vectors, impostor: Vectors) -> list[tuple[float, float]]:
    """See the module's docstring."""
    zero, operating = np.quantile(impostor, [0.5, 0.99])
    one = max(float(np.quantile(genuine, 0.99)), float(operating) + 0.01)
    return [(round(float(zero), 4), 0.0), (round(float(operating), 4), 0.6), (round(one, 4), 1.0)]


def describe(name: str, gallery: Gallery) -> None:
    genuine, impostor = cross_camera(gallery)
    error, at = equal_error(genuine, impostor)
    limit = float(np.quantile(impostor, 0.99))
    print(
        f"{name:24s} rank-1 {100 * rank1(gallery):5.1f} %   EER {100 * error:4.1f} % at {at:.3f}   "
        f"true pairs found at 1 % false {100 * float((genuine > limit).mean()):5.1f} % at {limit:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("embedder", help="appearance-512, or the path of a model")
    parser.add_argument("--train", type=Path, default=DATA / "cuhk03_train", help="knots are measured here")
    parser.add_argument("--val", type=Path, default=DATA / "cuhk03_val", help="rank-1 and EER are shown here")
    parser.add_argument("--max-people", type=int, default=1000)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    embedder = open_embedder(arguments.embedder)
    for directory in (arguments.train, arguments.val):
        if not directory.is_dir():
            raise SystemExit(f"no directory {directory}: give one with --train and --val")
    train, cost = load(arguments.train, embedder, arguments.max_people)
    val, _ = load(arguments.val, embedder, arguments.max_people)
    print(f"{embedder.name}@{embedder.version}: {embedder.dim}-d, {cost:.1f} ms a crop")
    for name, gallery in ((arguments.train.name, train), (arguments.val.name, val)):
        describe(f"{name}, crops", gallery)
        describe(f"{name}, means of {CROPS_A_TRACK}", gallery.track_means())
    people = len(np.unique(train.people))
    print(json.dumps({"measured_on": f"{arguments.train.name}, {people} people, means of {CROPS_A_TRACK}",
                      "knots": knots(*cross_camera(train.track_means()))}))  # fmt: skip


if __name__ == "__main__":
    main()
