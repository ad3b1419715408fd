"""The plan of a run, and one step of it."""

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from producers.training import losses
from producers.training.augment import ORDERS, Strength
from producers.training.network import HEIGHT, WIDTH, Classifiers, Encoder
from producers.training.peers import Peers

STATEFUL: Final = ("encoder", "classifiers", "average", "optimiser")


@dataclass(frozen=True)
class Plan:
    """What a run is; ``steps`` where given, else ``minutes``, says how long it is.

    ``people`` × 2 cameras × ``views`` crops a batch. ``alone``: steps between two averagings over the
    processes; ``averaging``: share of the running average of weights that one step leaves.
    ``recoloured``: share of the people of a batch whose colour channels change places.
    ``bfloat16``: convolve in it, which processors with instructions for it do at nearly twice the rate.
    ``sizes``: share of the run from which crops are fed at this size: coarse first, at half the cost.
    """

    minutes: float
    steps: int | None = None
    people: int = 16
    views: int = 2
    alone: int = 4
    rate: float = 1.5e-3
    decay: float = 0.05
    warmup: float = 0.03
    averaging: float = 0.998
    pair_weight: float = 2.0
    recoloured: float = 0.3
    bfloat16: bool = False
    strength: Strength = field(default_factory=Strength)
    sizes: tuple[tuple[float, tuple[int, int]], ...] = ((0.0, (96, 48)), (0.5, (HEIGHT, WIDTH)))

    def rate_at(self, progress: float) -> float:
        """Linear warm-up, then a half cosine to a hundredth."""
        if progress < self.warmup:
            return self.rate * (0.05 + 0.95 * progress / self.warmup)
        share = (progress - self.warmup) / (1 - self.warmup)
        return self.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * min(share, 1.0))) / 2)

    def size_at(self, progress: float) -> tuple[int, int]:
        return [size for start, size in self.sizes if progress >= start][-1]


class Run:
    """Weights, their running average, the optimiser, and how far they have come."""

    def __init__(self, plan: Plan, people: int) -> None:
        self.plan = plan
        self.people = people
        self.encoder = Encoder().to(memory_format=torch.channels_last)
        self.classifiers = Classifiers(people * len(ORDERS))
        self.average = copy.deepcopy(self.encoder).eval().requires_grad_(False)
        groups = _groups(self.encoder, self.classifiers, plan.decay)
        self.optimiser = torch.optim.AdamW(groups, lr=plan.rate, fused=True)
        self.step = 0
        self.seconds = 0.0

    @property
    def progress(self) -> float:
        if self.plan.steps is not None:
            return self.step / self.plan.steps
        return self.seconds / (60 * self.plan.minutes)

    def learn(self, images: Tensor, labels: Tensor, cameras: Tensor) -> tuple[float, float]:
        """One step; the identity loss and the pair loss before it."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate_at(self.progress)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.bfloat16):
            features = self.encoder.features(images)
        output = self.encoder.head(features.float())
        whole, parts = self.classifiers(output)
        identity = losses.identity(whole, parts, labels, self.people)
        pairs = losses.pairs(output.embedding, labels, cameras)
        self.optimiser.zero_grad(set_to_none=True)
        (identity + self.plan.pair_weight * pairs).backward()
        self.optimiser.step()
        self.step += 1
        return identity.item(), pairs.item()

    def agree(self, peers: Peers, seconds: float) -> None:
        """One set of weights, and one clock, for all processes; then into the running average."""
        tensors = [*self.encoder.state_dict().values(), *self.classifiers.state_dict().values()]
        (passed,) = peers.average(tensors, [seconds])
        self.seconds += passed
        rounds = self.step / self.plan.alone
        keep = min(self.plan.averaging**self.plan.alone, (1 + rounds) / (10 + rounds))
        source = self.encoder.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(source[name], 1 - keep)

    def save(self, path: Path) -> None:
        parts = {name: getattr(self, name).state_dict() for name in STATEFUL}
        torch.save(parts | {"step": self.step, "seconds": self.seconds}, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        parts: dict[str, Any] = torch.load(path, weights_only=True)
        for name in STATEFUL:
            getattr(self, name).load_state_dict(parts[name])
        self.step, self.seconds = parts["step"], parts["seconds"]


def _groups(encoder: Encoder, classifiers: Classifiers, decay: float) -> list[dict[str, Any]]:
    """Weight decay for what multiplies (matrices, kernels), none for norms and offsets."""
    every = [p for module in (encoder, classifiers) for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in every if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
    ]
