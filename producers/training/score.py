"""Scores of any encoder that the product opens, on a directory of two-camera crops. Needs no torch.

    python -m producers.training.score ENCODER DIR [--single-shot 486 --trials 20] [--styles 8]

``ENCODER``: as the setting ``embedder``, such as the path of an .onnx file. Prints one JSON object; shares
in per cent. Milliseconds are of the whole call, the resizing of the crops included. ``--styles``: also the
mean scores of that many pairs of styles of other cameras, `producers.training.styles`.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from producers.embed.base import Embedder
from producers.embed.select import open_embedder
from producers.training.data import Named, Seen, named
from producers.training.evaluate import Vectors, scores, single_shot, unit
from producers.training.styles import mean_scores, styled

BATCH = 8


def embedded(found: Sequence[Named], embedder: Embedder, seen: Seen | None = None) -> tuple[Vectors, float]:
    """What the encoder says of the crops, as ``seen`` shows them, and milliseconds a crop."""
    rows, spent = [], 0.0
    for start in range(0, len(found), BATCH):
        images = [crop.read(seen) for crop in found[start : start + BATCH]]
        began = time.perf_counter()
        rows.append(embedder.embed(images))
        spent += time.perf_counter() - began
    people = np.array([crop.person for crop in found])
    cameras = np.array([crop.camera for crop in found])
    return Vectors(unit(np.concatenate(rows)), people, cameras), 1000 * spent / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--single-shot", type=int, help="people of a trial: 486 is CUHK01's protocol")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--styles", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    embedder = open_embedder(arguments.encoder)
    found = list(named(arguments.directory))
    vectors, cost = embedded(found, embedder)
    result: dict[str, object] = {
        "encoder": f"{embedder.name}@{embedder.version}",
        "directory": arguments.directory.name,
        "people": len(np.unique(vectors.people)),
        "crops": len(vectors.rows),
        "ms_a_crop": round(cost, 2),
    }
    result |= scores(vectors).columns("crop") | scores(vectors.track_means()).columns("track")
    if arguments.single_shot:
        ranks = single_shot(vectors, arguments.single_shot, arguments.trials, arguments.seed)
        result["single_shot_rank1"] = round(100 * float(np.mean(ranks)), 2)
        result["single_shot_spread"] = round(100 * float(np.std(ranks)), 2)
    if arguments.styles:
        each = [scores(embedded(found, embedder, styled(seed))[0]) for seed in range(arguments.styles)]
        result |= mean_scores(each).columns("styled")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
