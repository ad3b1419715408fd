"""Trains the learned default encoder on a CPU within a given time.

    python -m producers.training.train --data DIR --out DIR --minutes 90 --seed 7

``--data`` holds ``cuhk03_train`` and ``cuhk03_val``. Written to ``--out``: ``checkpoint.pt`` (a run that is
started again goes on from it) and ``scores.csv`` (the averaged weights on the validation people, as they
are and in styles of other cameras).
The learning rate follows the clock, not the steps: a run on a busy machine still ends with a rate of
nothing, which is where most of the quality comes from. ``--steps`` instead of ``--minutes`` makes a run
that a seed repeats.
"""

import argparse
import csv
import logging
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, multiprocessing

from producers.training.augment import augmented, recoloured
from producers.training.begin import begin
from producers.training.data import Crops, CrossCameraBatches, IntArray, load
from producers.training.evaluate import FloatArray, of_crops, scores
from producers.training.network import HEIGHT, WIDTH, Encoder
from producers.training.optimise import Plan, Run
from producers.training.peers import Peers
from producers.training.styles import mean_scores, styled

log = logging.getLogger("training")

#: Crops are kept this much larger than they are fed, so that moving the box shows real picture.
ROOM: Final = 1.125
CHECKPOINT: Final = "checkpoint.pt"
SCORES: Final = "scores.csv"
#: Ways of other cameras to show the validation people, `producers.training.styles`.
STYLES: Final = 3


def train(
    data: Path, out: Path, plan: Plan, seed: int, every_minutes: float, peers: Peers, start: Path | None
) -> Run:
    """Trains until the plan is fulfilled; continues from ``out/checkpoint.pt`` where there is one, else
    begins with the exported weights at ``start`` where given."""
    torch.manual_seed(seed)
    crops = load(data / "cuhk03_train", int(HEIGHT * ROOM), int(WIDTH * ROOM))
    val = load(data / "cuhk03_val", HEIGHT, WIDTH)
    elsewhere = [load(data / "cuhk03_val", HEIGHT, WIDTH, styled(style)) for style in range(STYLES)]
    run = Run(plan, len(np.unique(crops.people)))
    if (out / CHECKPOINT).exists():
        run.load(out / CHECKPOINT)
        log.info("continuing at step %d, %.1f minutes", run.step, run.seconds / 60)
    elif start is not None:
        begin(run.encoder, run.classifiers, start, crops)
        run.average.load_state_dict(run.encoder.state_dict())
    # Of the step too: else a continued run would see again the very batches that it began with.
    torch.manual_seed(1000 * seed + 10 * run.step + peers.rank)
    generator = np.random.default_rng([seed, run.step, peers.rank])
    batches = iter(CrossCameraBatches(crops, plan.people, plan.views, generator))
    feed = _Feed(crops, plan)
    seen: list[tuple[float, float]] = []
    due = run.seconds + 60 * every_minutes
    while run.progress < 1:
        began = time.monotonic()
        seen += [run.learn(*feed.batch(next(batches), run.progress)) for _ in range(plan.alone)]
        run.agree(peers, time.monotonic() - began)
        if run.progress >= 1 or run.seconds >= due:
            if peers.leads:
                _record(out / SCORES, report(run, val, elsewhere, seen))
                run.save(out / CHECKPOINT)
            seen, due = [], run.seconds + 60 * every_minutes
    return run


class _Feed:
    def __init__(self, crops: Crops, plan: Plan) -> None:
        self.plan = plan
        self.pixels = torch.from_numpy(crops.pixels)
        self.labels = torch.from_numpy(crops.labels())
        self.cameras = torch.from_numpy(crops.cameras)
        self.people = len(np.unique(crops.people))

    def batch(self, rows: IntArray, progress: float) -> tuple[Tensor, Tensor, Tensor]:
        chosen = torch.from_numpy(rows)
        labels = self.labels[chosen]
        pixels, order = recoloured(self.pixels[chosen], labels, self.plan.recoloured)
        images = augmented(pixels, *self.plan.size_at(progress), self.plan.strength)
        return images, labels + self.people * order, self.cameras[chosen]


def embed(encoder: Encoder, crops: Crops, batch: int = 64) -> FloatArray:
    """(n, 512) of unit length."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(crops), batch):
            pixels = torch.from_numpy(crops.pixels[start : start + batch]).permute(0, 3, 1, 2)
            rows.append(encoder(pixels.float().div_(255.0)).embedding.numpy())
    return np.concatenate(rows)


def report(
    run: Run, val: Crops, elsewhere: list[Crops], losses_seen: list[tuple[float, float]]
) -> dict[str, float]:
    """A row of the scores: the averaged weights, on the validation people as they are and in styles."""
    vectors = of_crops(embed(run.average, val), val)
    styles = [scores(of_crops(embed(run.average, crops), crops)) for crops in elsewhere]
    identity, pairs = np.mean(losses_seen, axis=0)
    row: dict[str, float] = {
        "minutes": round(run.seconds / 60, 1),
        "step": run.step,
        "progress": round(run.progress, 3),
        "identity": round(float(identity), 3),
        "pairs": round(float(pairs), 3),
    }
    row |= scores(vectors).columns("crop") | scores(vectors.track_means()).columns("track")
    return row | mean_scores(styles).columns("styled")


def _record(path: Path, row: dict[str, float]) -> None:
    log.info("%s", "  ".join(f"{name} {value}" for name, value in row.items()))
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def _worker(rank: int, arguments: argparse.Namespace, rendezvous: Path) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    peers = Peers(rank, arguments.processes)
    peers.join(rendezvous)
    plan = Plan(arguments.minutes, arguments.steps, rate=arguments.rate, bfloat16=arguments.bfloat16)
    train(arguments.data, arguments.out, plan, arguments.seed, arguments.every, peers, arguments.start)
    peers.leave()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="holds cuhk03_train and cuhk03_val")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--steps", type=int, help="instead of --minutes")
    parser.add_argument("--start", type=Path, help="an exported file to begin with")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="of learning, at its highest")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--bfloat16", action="store_true", help="quicker where the processor has it")
    parser.add_argument("--every", type=float, default=5.0, help="minutes between scores")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        context = (arguments, Path(scratch) / "rendezvous")
        multiprocessing.spawn(_worker, context, nprocs=arguments.processes)


if __name__ == "__main__":
    main()
