"""How much of who is there detectors find: on the simulated site, whose truth is known, and on videos, where
a judge such as YOLOX tells it.

    python -m producers.training.detector.score --detectors headnet hog --site 5
    python -m producers.training.detector.score --detectors headnet hog --videos DIR --judge yolox_nano.onnx

A box is right that overlaps a person by half (intersection over union), one person each. Who is hardly seen,
or too small, is neither to be found nor wrong to find; neither is, in videos, whom the judge is unsure of.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from producers.detect.base import Boxes, Detector, FloatArray, overlaps
from producers.detect.onnx import OnnxDetector
from producers.detect.select import open_detector
from producers.frames import CapturedFrame
from producers.simulation.site import Site

FPS: Final = 5.0
#: Share of a person that must be seen to be owed; with less they are neither owed nor wrong.
SEEN: Final = 0.4
#: Pixels, and share of the frame's height.
LEAST: Final = (44.0, 0.11)
#: Scores of the judge: surely somebody, and perhaps.
SURE: Final = 0.5
RIGHT: Final = 0.5
FROM: Final = (0.3, 0.5, 0.6)


class Looked(NamedTuple):
    """``owed``, ``either``: (n, 4) boxes to be found, and those that may be."""

    frame: CapturedFrame
    owed: FloatArray
    either: FloatArray


def of_site(seed: int, seconds: float) -> Iterator[tuple[str, list[Looked]]]:
    site = Site(seed=seed)
    for camera in range(site.cameras):
        looks = []
        for number in range(int(seconds * FPS)):
            image, truth = site.observe(camera, number / FPS)
            boxes = np.array([one.bbox for one in truth], np.float32).reshape(-1, 4)
            owed = np.array([one.visibility >= SEEN for one in truth], bool)
            looks.append(_looked(CapturedFrame(image, round(1000 * number / FPS), number, ()), boxes, owed))
        yield f"site {seed} camera {camera + 1}", looks


def of_videos(directory: Path, judge: Detector, seconds: float) -> Iterator[tuple[str, list[Looked]]]:
    for path in sorted(directory.rglob("*.mp4")):
        capture = cv2.VideoCapture(str(path))
        every = max(1, round(capture.get(cv2.CAP_PROP_FPS) / FPS))
        looks: list[Looked] = []
        number = 0
        while len(looks) < seconds * FPS:
            more, image = capture.read()
            if not more:
                break
            if number % every == 0:
                at = round(1000 * len(looks) / FPS)
                frame = CapturedFrame(np.asarray(image, np.uint8), at, len(looks), ())
                told = judge.detect(frame)
                looks.append(_looked(frame, told.xywh, told.score >= SURE))
            number += 1
        yield f"{path.parent.name}/{path.stem}", looks


def _looked(
    frame: CapturedFrame, boxes: FloatArray, owed: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> Looked:
    least = max(LEAST[0], LEAST[1] * frame.image.shape[0])
    owed = owed & (boxes[:, 3] >= least)
    return Looked(frame, boxes[owed], boxes[~owed])


def matched(found: Boxes, look: Looked) -> tuple[int, int]:
    """How many of those owed were found, and how many boxes are of nobody."""
    right = overlaps(found.xywh, look.owed) >= RIGHT
    rows, columns = linear_sum_assignment(-right.astype(np.float32))
    hit = right[rows, columns]
    free = np.ones(len(found), bool)
    free[rows[hit]] = False
    excused = overlaps(found.xywh[free], look.either).max(axis=1, initial=0.0) >= 0.3
    return int(hit.sum()), int(free.sum() - excused.sum())


def score(detector: Detector, looks: list[Looked]) -> dict[str, float]:
    began = time.process_time()
    found = [detector.detect(look.frame) for look in looks]
    spent = time.process_time() - began
    owed = sum(len(look.owed) for look in looks)
    result: dict[str, float] = {"frames": len(looks), "owed": owed, "ms": 1000 * spent / max(len(looks), 1)}
    for least in FROM:
        pairs = [
            matched(boxes.take(boxes.score >= least), look) for boxes, look in zip(found, looks, strict=True)
        ]
        right, wrong = (sum(column) for column in zip(*pairs, strict=True))
        result[f"recall {least:g}"] = right / max(owed, 1)
        result[f"precision {least:g}"] = right / max(right + wrong, 1)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--detectors", nargs="+", required=True)
    parser.add_argument("--site", type=int, help="seed of a simulated site")
    parser.add_argument("--videos", type=Path, help="a directory with .mp4 files")
    parser.add_argument("--judge", type=Path, help="a detector that tells who is in the videos")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows = []
    scenes: list[tuple[str, list[Looked]]] = []
    if arguments.site is not None:
        scenes += of_site(arguments.site, arguments.seconds)
    if arguments.videos is not None:
        scenes += of_videos(arguments.videos, OnnxDetector.open(arguments.judge), arguments.seconds)
    for name, looks in scenes:
        for detector in arguments.detectors:
            row = {"scene": name, "detector": detector, **score(open_detector(detector), looks)}
            rows.append(row)
            told = "  ".join(f"{key} {value:.3g}" for key, value in row.items() if isinstance(value, float))
            sys.stdout.write(f"{name:28} {detector:12} {told}\n")
            sys.stdout.flush()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
