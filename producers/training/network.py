"""The learned encoder: a small residual net with a whole-body branch and four stripes.

Plain 3×3 convolutions, because on a CPU they train and run at several times the rate, a multiplication,
of the depthwise ones that mobile nets are made of.

- Input: the crop as it is beside the crop with its own mean and spread removed, channel by channel. The
  second copy loses the camera's gain and offset, the first keeps that the coat was black.
- The first three blocks lose each crop's own mean and spread again, on half of their channels: what is left
  of the camera's style goes there, the other half keeps what a coat looks like (IBN-a, Pan et al., ECCV
  2018).
- Head: 256 numbers of the whole body and 64 of each of four stripes from head to foot (Sun et al., PCB,
  ECCV 2018), concatenated, batch-normalised (BNNeck, Luo et al., CVPRW 2019), of unit length.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

HEIGHT: Final = 128
WIDTH: Final = 64
DIM: Final = 512
BODY: Final = 256
STRIPES: Final = 4


@dataclass(frozen=True)
class Output:
    """``raw``: (n, 512) before the batch normalisation; ``embedding``: (n, 512) of unit length."""

    raw: Tensor
    embedding: Tensor


class Steadied(nn.BatchNorm2d):  # type: ignore[misc]
    """Batch normalisation; then the first half of the channels loses each crop's own mean and spread too.

    As scale and offset of all channels, not as two halves joined: nothing large is copied, and in the
    exported file the batch normalisation folds into the convolution before it.
    """

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        half = self.num_features // 2
        styled, weight = x[:, :half].float(), self.weight[:half].view(1, -1, 1, 1)
        mean = styled.mean((2, 3), keepdim=True)
        gain = weight * torch.rsqrt((styled - mean).square().mean((2, 3), keepdim=True) + 1e-5)
        scale = torch.cat([gain, torch.ones_like(gain)], dim=1)
        shift = self.bias[:half].view(1, -1, 1, 1) - mean * gain
        offset = torch.cat([shift, torch.zeros_like(shift)], dim=1)
        return x * scale.to(x.dtype) + offset.to(x.dtype)


class Block(nn.Module):  # type: ignore[misc]
    """Two 3×3 convolutions and a shortcut; ``steady``: with `Steadied` after the first of them."""

    def __init__(self, channels: int, out: int, stride: int = 1, *, steady: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.first_norm = Steadied(out) if steady else nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(out)
        # A block starts as its shortcut: short training gains most from it (Goyal et al., 2017).
        nn.init.zeros_(self.second_norm.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            pool = nn.AvgPool2d(stride) if stride != 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class Encoder(nn.Module):  # type: ignore[misc]
    """(n, 3, height, width) RGB within 0..1 -> `Output`; the shipped size is 128×64."""

    def __init__(self, widths: tuple[int, int, int] = (64, 128, 256), *, steady: bool = True) -> None:
        super().__init__()
        low, middle, high = widths
        self.contrast = nn.InstanceNorm2d(3, affine=False, eps=1e-3)
        self.stem = nn.Conv2d(6, low, 6, 4, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(low)
        self.blocks = nn.Sequential(
            Block(low, low, steady=steady),
            Block(low, middle, 2, steady=steady),
            Block(middle, middle, steady=steady),
            Block(middle, high, 2),
        )
        self.body = nn.Conv2d(high, BODY, 1, bias=False)
        self.stripes = nn.ModuleList(
            nn.Conv2d(high, (DIM - BODY) // STRIPES, 1, bias=False) for _ in range(STRIPES)
        )
        self.neck = nn.BatchNorm1d(DIM)
        self.neck.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> Output:
        return self.head(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """(n, channels, height / 16, width / 16)."""
        x = torch.cat([(x - 0.45) * 4, self.contrast(x)], dim=1)
        features: Tensor = self.blocks(functional.relu(self.stem_norm(self.stem(x))))
        return features

    def head(self, x: Tensor) -> Output:
        whole, bands = _pooled(x, (1, 1)), _pooled(x, (STRIPES, 1))
        parts = [self.body(whole)]
        parts += [project(bands[:, :, i : i + 1]) for i, project in enumerate(self.stripes)]
        raw = torch.cat(parts, dim=1).flatten(1)
        return Output(raw, functional.normalize(self.neck(raw), dim=1))


def _pooled(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Mean plus maximum: what covers a region, and what stands out in it."""
    return functional.adaptive_avg_pool2d(x, size) + functional.adaptive_max_pool2d(x, size)


class Classifiers(nn.Module):  # type: ignore[misc]
    """Which of ``classes`` it is, told by the whole embedding and by each part alone.

    Only training uses them. The whole is judged by cosine, as it will be compared; a part by a plain
    linear layer.
    """

    def __init__(self, classes: int, scale: float = 20.0) -> None:
        super().__init__()
        self.scale = scale
        self.whole = nn.Linear(DIM, classes, bias=False)
        width = (DIM - BODY) // STRIPES
        self.sizes = [BODY] + [width] * STRIPES
        self.necks = nn.ModuleList(nn.BatchNorm1d(size) for size in self.sizes)
        self.parts = nn.ModuleList(nn.Linear(size, classes) for size in self.sizes)

    def forward(self, output: Output) -> tuple[Tensor, list[Tensor]]:
        """Logits (n, classes) of the whole, and of each part."""
        whole = functional.linear(output.embedding, functional.normalize(self.whole.weight, dim=1))
        pieces = output.raw.split(self.sizes, dim=1)
        parts = [
            judge(neck(piece)) for judge, neck, piece in zip(self.parts, self.necks, pieces, strict=True)
        ]
        return self.scale * whole, parts

    @torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
    def introduce(self, output: Output, labels: Tensor, order: int) -> None:
        """Begins with the mean of ``output`` for each person as the class of people in this order."""
        people = int(labels.max()) + 1
        rows = slice(order * people, (order + 1) * people)
        chosen = functional.one_hot(labels, people).T.float()
        chosen /= chosen.sum(dim=1, keepdim=True)
        self.whole.weight[rows] = chosen @ output.embedding
        pieces = output.raw.split(self.sizes, dim=1)
        for judge, neck, piece in zip(self.parts, self.necks, pieces, strict=True):
            if order == 0:
                neck.running_mean.copy_(piece.mean(dim=0))
                neck.running_var.copy_(piece.var(dim=0))
            steady = (piece - neck.running_mean) / (neck.running_var + neck.eps).sqrt()
            # A piece has length √size after its norm: the product is a cosine × scale.
            means = functional.normalize(chosen @ steady, dim=1)
            judge.weight[rows] = self.scale * means / piece.shape[1] ** 0.5
            judge.bias[rows] = 0
