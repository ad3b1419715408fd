"""Measures how an encoder separates persons, and the knots that calibrate its cosine.

    python -m benchmarks.calibrate appearance-512
    python -m benchmarks.calibrate path/to/model.onnx --train DIR --val DIR --max-people 400

How the knots are defined, and how the directories' files are named: `producers.embed.measure`. Single crops
are shown beside the means. Rank-1 and the equal error rate are between the cameras 1 and 2.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from producers.embed.base import FloatArray
from producers.embed.measure import CROPS_A_TRACK, Gallery, calibrated, cross_camera, embedded
from producers.embed.select import open_embedder
from reid.errors import ConfigError

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "images"


def rank1(gallery: Gallery) -> float:
    """Share of probes whose nearest crop of the other camera is the same person, both directions."""
    hits = []
    for probe, other in ((1, 2), (2, 1)):
        a, b = gallery.of_camera(probe), gallery.of_camera(other)
        known = np.isin(a.people, b.people)
        nearest = b.people[(a.vectors @ b.vectors.T).argmax(axis=1)]
        hits.append((nearest == a.people)[known])
    return float(np.concatenate(hits).mean())


def equal_error(genuine: FloatArray, impostor: FloatArray) -> tuple[float, float]:
    """Equal error rate and its cosine."""
    thresholds = np.quantile(impostor, np.linspace(0, 1, 4001))
    accepted = 1 - np.searchsorted(np.sort(impostor), thresholds) / len(impostor)
    missed = np.searchsorted(np.sort(genuine), thresholds) / len(genuine)
    at = int(np.abs(accepted - missed).argmin())
    return float((accepted[at] + missed[at]) / 2), float(thresholds[at])


def describe(name: str, gallery: Gallery, operating: float) -> None:
    """``operating``: the cosine of similarity 0.6; what it does to strangers of *this* set is shown."""
    genuine, impostor = cross_camera(gallery)
    error, at = equal_error(genuine, impostor)
    limit = float(np.quantile(impostor, 0.99))
    print(
        f"{name:26s} rank-1 {100 * rank1(gallery):5.1f} %   EER {100 * error:4.1f} % at {at:.3f}   "
        f"true pairs found at 1 % false {100 * float((genuine > limit).mean()):5.1f} % at {limit:.3f}   "
        f"at similarity 0.6: {100 * float((genuine > operating).mean()):5.1f} % found, "
        f"{100 * float((impostor > operating).mean()):.2f} % false"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("embedder", help="appearance-512, or the path of a model")
    parser.add_argument("--train", type=Path, default=DATA / "cuhk03_train", help="knots are measured here")
    parser.add_argument("--val", type=Path, default=DATA / "cuhk03_val", help="rank-1 and EER are shown here")
    parser.add_argument("--max-people", type=int)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    embedder = open_embedder(arguments.embedder)
    for directory in (arguments.train, arguments.val):
        if not directory.is_dir():
            raise SystemExit(f"no directory {directory}: give one with --train and --val")
    try:
        train, cost = embedded(arguments.train, embedder, arguments.max_people)
        val, _ = embedded(arguments.val, embedder, arguments.max_people)
        found, agreement, measured_on = calibrated(train, arguments.train.name)
    except ConfigError as error:
        raise SystemExit(str(error)) from error
    print(f"{embedder.name}@{embedder.version}: {embedder.dim}-d, {cost:.1f} ms a crop")
    for name, gallery in ((arguments.train.name, train), (arguments.val.name, val)):
        describe(f"{name}, means of {CROPS_A_TRACK}", gallery.track_means(), found[1][0])
    describe(f"{arguments.val.name}, crops", val, found[1][0])
    print(json.dumps({"measured_on": measured_on, "knots": found, "agreement": agreement}))


if __name__ == "__main__":
    main()
