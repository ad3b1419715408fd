"""Several processes of one thread each that train one network: local SGD.

Each makes its own steps on its own batches; every few steps their weights are averaged (Stich, ICLR 2019).
On a shared machine two such processes go further than two threads of one, which would wait for each other
at every operation.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, distributed

LOOPBACK: Final = "lo"


@dataclass(frozen=True)
class Peers:
    """``rank`` of ``size``; the first one evaluates and saves."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def join(self, rendezvous: Path) -> None:
        """Waits for the others; ``rendezvous`` is a path at which no file exists yet."""
        if self.size > 1:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
            where = f"file://{rendezvous.resolve()}"
            distributed.init_process_group("gloo", init_method=where, rank=self.rank, world_size=self.size)

    def leave(self) -> None:
        if self.size > 1:
            distributed.destroy_process_group()

    def average(self, tensors: Iterable[Tensor], numbers: Sequence[float]) -> list[float]:
        """Replaces every floating-point tensor by its mean over all; the means of ``numbers``."""
        if self.size == 1:
            return list(numbers)
        chosen = [tensor for tensor in tensors if tensor.dtype.is_floating_point]
        with torch.no_grad():
            flat = torch.cat([tensor.reshape(-1) for tensor in chosen] + [torch.tensor(numbers)])
            distributed.all_reduce(flat)
            flat /= self.size
            pieces = flat.split([tensor.numel() for tensor in chosen] + [len(numbers)])
            for tensor, piece in zip(chosen, pieces, strict=False):
                tensor.copy_(piece.view(tensor.shape))
        return [float(number) for number in pieces[-1]]
