"""Trains the built-in person detector on a CPU within a given time.

    python -m producers.training.detector.train --data DIR --out DIR --minutes 60 --seed 7

``--data`` holds ``cuhk03_train``, whose people are cut out; the others, and the places, are drawn. Pictures
are made once (``--scenes``), kept in ``--out`` and gone through again and again, each time another part of
them, turned over, in other light, with or without a background that is known. Written to ``--out``:
``checkpoint.pt`` (a run that is started again goes on from it).
"""

import argparse
import copy
import logging
import math
import time
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from producers.training.data import named
from producers.training.detector.loss import loss, target
from producers.training.detector.network import Detector
from producers.training.detector.people import drawn, photographed
from producers.training.detector.places import places
from producers.training.detector.scenes import HEIGHT, MOST, WIDTH, Scenes

log = logging.getLogger("training")

CHECKPOINT: Final = "checkpoint.pt"
PICTURES: Final = "pictures.npy"
PEOPLE: Final = "people.npy"
BATCH: Final = 16
RATE: Final = 2.5e-3
DECAY: Final = 0.02
#: Share of pictures whose background is not known: the detector must do without it, too.
UNKNOWN: Final = 0.35
#: Weight of boxes beside heads.
BOXES: Final = 2.0

#: Height and width of the part of a picture that a step looks at: cheaper, and each time another.
PART: Final = (192, 256)

Pictures = npt.NDArray[np.uint8]
People = npt.NDArray[np.float32]


def make(data: Path, out: Path, count: int, seed: int, figures: int) -> None:
    """Writes ``count`` pictures to ``out`` unless they are there. ``figures``: of people drawn, and half of
    those tried to cut out."""
    if (out / PEOPLE).exists():
        return
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, 1])
    people = list(drawn(figures, rng))
    real = list(photographed(data / "cuhk03_train", 2 * figures, rng))
    crops = [crop.read() for crop in list(named(data / "cuhk03_train"))[::12]]
    grounds = list(places(400, 400, crops, rng))
    log.info("%d drawn people, %d photographed, %d places", len(people), len(real), len(grounds))
    scenes = Scenes(real, people, grounds, rng)
    shape = (count, HEIGHT, WIDTH, 4)
    pictures = np.lib.format.open_memmap(out / PICTURES, mode="w+", dtype=np.uint8, shape=shape)
    boxes = np.zeros((count, MOST, 5), np.float32)
    for number in range(count):
        scene = scenes.next()
        pictures[number] = scene.image
        boxes[number, : len(scene.people)] = scene.people
    pictures.flush()
    np.save(out / PEOPLE, boxes)


class Run:
    """Weights, their running average, and the optimiser."""

    def __init__(self) -> None:
        self.detector = Detector().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.detector).eval()
        plain = [p for p in self.detector.parameters() if p.ndim < 2]
        full = [p for p in self.detector.parameters() if p.ndim >= 2]
        groups = [{"params": full, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=RATE)
        self.step, self.seconds = 0, 0.0

    def learn(self, pictures: Tensor, people: list[People], rate: float) -> tuple[float, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.detector.train()
        found = self.detector(pictures.contiguous(memory_format=torch.channels_last))
        of_heads, of_boxes = loss(found, [target(each, *pictures.shape[2:]) for each in people])
        self.optimiser.zero_grad()
        (of_heads + BOXES * of_boxes).backward()
        torch.nn.utils.clip_grad_norm_(self.detector.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.998, 1 - 1 / (self.step + 1))
        with torch.no_grad():
            pairs = zip(self.average.state_dict().values(), self.detector.state_dict().values(), strict=True)
            for mean, now in pairs:
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)
        return of_heads.item(), of_boxes.item()

    def save(self, path: Path) -> None:
        parts = {name: getattr(self, name).state_dict() for name in ("detector", "average", "optimiser")}
        torch.save({**parts, "step": self.step, "seconds": self.seconds}, path)

    def load(self, path: Path) -> None:
        saved = torch.load(path, weights_only=True)
        for name in ("detector", "average", "optimiser"):
            getattr(self, name).load_state_dict(saved[name])
        self.step, self.seconds = saved["step"], saved["seconds"]


def batch(
    pictures: Pictures, people: People, rows: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Tensor, list[People]]:
    """Parts of those pictures as they are seen this time: (n, 4, *`PART`) float32 within 0..255; who is in
    them."""
    parts, who = [], []
    high, wide = PART
    for row in np.sort(rows):
        y, x = int(rng.integers(0, HEIGHT - high + 1)), int(rng.integers(0, WIDTH - wide + 1))
        image = pictures[row, y : y + high, x : x + wide].astype(np.float32)
        boxes = within(people[row], x, y)
        if rng.random() < 0.5:
            image = image[:, ::-1].copy()
            boxes[:, 0] = wide - boxes[:, 0] - boxes[:, 2]
        colours = image[..., :3]
        colours *= (rng.uniform(0.75, 1.25) * rng.uniform(0.93, 1.07, 3)).astype(np.float32)
        colours += float(rng.uniform(-15, 15))
        image[..., 3] *= 0.0 if rng.random() < UNKNOWN else float(rng.uniform(0.6, 1.3))
        parts.append(image.clip(0, 255).transpose(2, 0, 1))
        who.append(boxes)
    return torch.from_numpy(np.ascontiguousarray(np.stack(parts), np.float32)), who


def within(people: People, left: int, top: int) -> People:
    """(n, 5) boxes of a picture as its part from there on shows them; of whom less is seen then."""
    boxes = people[people[:, 3] > 0].copy()
    area = boxes[:, 2] * boxes[:, 3]
    high, wide = PART
    x0, y0 = (boxes[:, 0] - left).clip(0, wide), (boxes[:, 1] - top).clip(0, high)
    x1 = (boxes[:, 0] + boxes[:, 2] - left).clip(0, wide)
    y1 = (boxes[:, 1] + boxes[:, 3] - top).clip(0, high)
    share = (x1 - x0) * (y1 - y0) / area
    return np.stack([x0, y0, x1 - x0, y1 - y0, boxes[:, 4] * share], axis=1)


def train(out: Path, minutes: float, seed: int, every: float) -> Run:
    """Through the pictures in ``out`` until the time is up; continues from a checkpoint there."""
    torch.manual_seed(seed)
    run = Run()
    if (out / CHECKPOINT).exists():
        run.load(out / CHECKPOINT)
    rng = np.random.default_rng([seed, 2, run.step])
    pictures, people = np.load(out / PICTURES, mmap_mode="r"), np.load(out / PEOPLE)
    losses: list[tuple[float, float]] = []
    due, order = run.seconds + 60 * every, np.empty(0, np.int64)
    while run.seconds < 60 * minutes:
        began = time.monotonic()
        if len(order) < BATCH:
            order = rng.permutation(len(people))
        rows, order = order[:BATCH], order[BATCH:]
        progress = run.seconds / (60 * minutes)
        # Of the clock: a run on a busy machine still ends with a rate of nothing.
        rate = RATE * min(1.0, (run.step + 1) / 150) * (0.5 + 0.5 * math.cos(math.pi * progress))
        losses.append(run.learn(*batch(pictures, people, rows, rng), rate))
        run.seconds += min(time.monotonic() - began, 20.0)
        if run.seconds >= due or run.seconds >= 60 * minutes:
            log.info(
                "%.1f min, step %d, heads %.3f, boxes %.3f",
                run.seconds / 60,
                run.step,
                *np.mean(losses, axis=0),
            )
            run.save(out / CHECKPOINT)
            losses, due = [], run.seconds + 60 * every
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="holds cuhk03_train")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--scenes", type=int, default=12_000)
    parser.add_argument("--figures", type=int, default=2750, help="people drawn, and half of those cut out")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=float, default=5.0, help="minutes between checkpoints")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    make(arguments.data, arguments.out, arguments.scenes, arguments.seed, arguments.figures)
    train(arguments.out, arguments.minutes, arguments.seed, arguments.every)


if __name__ == "__main__":
    main()
