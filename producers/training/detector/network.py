"""The built-in person detector: where heads are, and from each to the four sides of its person.

Plain 3×3 convolutions, as in `producers.training.network` and for the same reason. Down to a 32nd of the
picture, so that a person who fills it is seen whole, and up again (Lin et al., FPN, CVPR 2017) to a quarter,
so that neighbours keep peaks of their own: people who walk side by side or before each other share a centre,
seldom a head (cf. Zhou et al., Objects as Points, 2019).
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from producers.detect.headnet import STRIDE
from producers.training.network import Block

#: The head lies so far below a box's upper edge, in its heights.
HEAD: Final = 0.12
#: Blue, green, red, and the difference from the background.
CHANNELS: Final = 4


class Up(nn.Module):  # type: ignore[misc]
    """Twice the size, plus what the way down had there."""

    def __init__(self, below: int, beside: int, out: int) -> None:
        super().__init__()
        self.below = nn.Conv2d(below, out, 1, bias=False)
        self.beside = nn.Conv2d(beside, out, 1, bias=False)
        self.norm = nn.BatchNorm2d(out)
        self.mix = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.mix_norm = nn.BatchNorm2d(out)

    def forward(self, x: Tensor, side: Tensor) -> Tensor:
        x = functional.interpolate(self.below(x), scale_factor=2.0, mode="nearest")
        x = functional.relu(self.norm(x + self.beside(side)))
        return functional.relu(self.mix_norm(self.mix(x)))


class Detector(nn.Module):  # type: ignore[misc]
    """(n, 4, height, width) within 0..255 -> (n, 5, height / 4, width / 4): logit of a head, and the logs of
    the distances from the cell's middle to the left, upper, right and lower side, in cells."""

    def __init__(self, widths: tuple[int, int, int, int] = (16, 32, 64, 128), up: int = 32) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.stem = nn.Conv2d(CHANNELS, first, 6, STRIDE, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(first)
        self.quarter = Block(first, first)
        self.eighth = nn.Sequential(Block(first, second, 2), Block(second, second))
        self.sixteenth = nn.Sequential(Block(second, third, 2), Block(third, third))
        self.last = nn.Sequential(Block(third, fourth, 2), Block(fourth, fourth))
        self.up3 = Up(fourth, third, up)
        self.up2 = Up(up, second, up)
        self.up1 = Up(up, first, 24)
        self.out = nn.Conv2d(24, 5, 1)
        # Few cells are heads: the first steps would be lost on learning that (Lin et al., RetinaNet, 2017).
        nn.init.constant_(self.out.bias[:1], -4.0)
        nn.init.constant_(self.out.bias[1:], 1.5)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - 114.0) / 64.0
        a = self.quarter(functional.relu(self.stem_norm(self.stem(x))))
        b = self.eighth(a)
        c = self.sixteenth(b)
        y = self.up3(self.last(c), c)
        out: Tensor = self.out(self.up1(self.up2(y, b), a))
        return out


def boxes_at(distances: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(k, 4) logs of distances at cells -> (k, 4) left, top, right, bottom in pixels."""
    reach = distances.clamp(-4, 6).exp() * STRIDE
    x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
    return torch.stack([x - reach[:, 0], y - reach[:, 1], x + reach[:, 2], y + reach[:, 3]], dim=1)
