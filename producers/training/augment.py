"""What another camera, another light and another detector do to a crop, on whole batches at once.

Every crop of a batch gets its own draw, those of one person too: they are of two cameras. The box comes
first (the detector), then light and colour response (the scene, the sensor), then resolution (distance), then
what stands before and beside the person.
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

#: Orders of the colour channels; the first leaves them as they are.
ORDERS: Final = tuple(permutations(range(3)))


@dataclass(frozen=True)
class Strength:
    """Half-widths of the draws; gains, gamma and slope in natural logarithms, haze in shares of white,
    geometry in shares of the box. The last three are shares of crops."""

    channel_gain: float = 0.22
    brightness: float = 0.35
    gamma: float = 0.40
    slope: float = 0.25
    saturation: float = 0.55
    contrast: float = 0.30
    haze: float = 0.06
    shift: float = 0.07
    zoom: float = 0.13
    low_resolution: float = 0.25
    occlusion: float = 0.4
    beside: float = 0.3


def recoloured(pixels: Tensor, labels: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """New people: all crops of a ``share`` of the people of a batch get another order of channels.

    (n, h, w, 3) uint8 and (n,) -> the pixels, and which of `ORDERS` each crop has, (n,) int64. A red coat
    becomes a blue one in both cameras alike, so that colours which nobody wore are told apart too.
    """
    people, index = labels.unique(return_inverse=True)
    drawn = torch.randint(1, len(ORDERS), (len(people),)) * (torch.rand(len(people)) < share)
    order = drawn[index]
    return pixels.gather(3, torch.tensor(ORDERS)[order].view(-1, 1, 1, 3).expand(pixels.shape)), order


def augmented(pixels: Tensor, height: int, width: int, strength: Strength) -> Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, height, width) float32 within 0..1, channels last in memory."""
    crops = pixels.permute(0, 3, 1, 2).float().div_(255.0)
    crops = _boxes(crops, height, width, strength)
    crops = _colours(crops, strength)
    crops = _low_resolution(crops, strength.low_resolution)
    crops = _pasted(crops, _edges(crops, strength.beside))
    crops = _pasted(crops, _rectangles(crops, strength.occlusion))
    return crops.contiguous(memory_format=torch.channels_last)


def _drawn(n: int, half_width: float) -> Tensor:
    return (torch.rand(n) * 2 - 1) * half_width


def _boxes(crops: Tensor, height: int, width: int, strength: Strength) -> Tensor:
    """Shifted, zoomed (each axis by itself) and, every other time, mirrored."""
    n = len(crops)
    affine = torch.zeros(n, 2, 3)
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    common = _drawn(n, strength.zoom)
    affine[:, 0, 0] = mirror * torch.exp(common + _drawn(n, strength.zoom / 2))
    affine[:, 1, 1] = torch.exp(common + _drawn(n, strength.zoom / 2))
    affine[:, 0, 2] = _drawn(n, 2 * strength.shift)
    affine[:, 1, 2] = _drawn(n, 2 * strength.shift)
    grid = functional.affine_grid(affine, [n, 3, height, width], align_corners=False)
    return functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def _colours(crops: Tensor, strength: Strength) -> Tensor:
    """Saturation, contrast and gamma; then gains by channel, from head to foot, and of all; then haze."""
    n, _, height, _ = crops.shape
    gamma, keep, contrast, brightness, slope = (
        torch.exp(_drawn(n, half)).view(n, 1, 1, 1) if log else 1 + _drawn(n, half).view(n, 1, 1, 1)
        for half, log in (
            (strength.gamma, True),
            (strength.saturation, False),
            (strength.contrast, False),
            (strength.brightness, True),
            (strength.slope, True),
        )
    )
    gain = torch.exp(_drawn(3 * n, strength.channel_gain)).view(n, 3, 1, 1) * brightness
    gain = gain * slope ** torch.linspace(-1, 1, height).view(1, 1, height, 1)
    haze = (torch.rand(n) * strength.haze).view(n, 1, 1, 1)
    grey = crops.mean(dim=1, keepdim=True)
    level = grey.mean(dim=(2, 3), keepdim=True)
    coloured = level + contrast * ((grey - level) + (crops - grey) * keep)
    return (coloured.clamp_(1e-3, 1).pow_(gamma) * gain * (1 - haze) + haze).clamp_(0, 1)


def _low_resolution(crops: Tensor, share: float) -> Tensor:
    """A share of the batch is shrunk to between a third and two thirds and enlarged again."""
    chosen = torch.rand(len(crops)) < share
    if not bool(chosen.any()):
        return crops
    size = list(crops.shape[-2:])
    factor = float(torch.empty(1).uniform_(0.35, 0.7))
    small = functional.interpolate(crops[chosen], [int(side * factor) for side in size], mode="area")
    crops[chosen] = functional.interpolate(small, size, mode="bilinear", align_corners=False)
    return crops


def _rectangles(crops: Tensor, share: float) -> Tensor:
    """Where something stands before the person; (n, height, width) bool, true in ``share`` of the crops."""
    n, _, height, width = crops.shape
    rows = torch.arange(height).view(1, height, 1)
    columns = torch.arange(width).view(1, 1, width)
    high = (torch.rand(n) * 0.35 + 0.1) * height
    wide = (torch.rand(n) * 0.55 + 0.2) * width
    top = torch.rand(n) * (height - high)
    left = torch.rand(n) * (width - wide)
    high, wide, top, left = (side.view(n, 1, 1) for side in (high, wide, top, left))
    inside = (rows >= top) & (rows < top + high) & (columns >= left) & (columns < left + wide)
    return inside & (torch.rand(n) < share).view(n, 1, 1)


def _edges(crops: Tensor, share: float) -> Tensor:
    """A strip along either side, up to a fifth of the width each: other surroundings, the same person."""
    n, _, height, width = crops.shape
    columns = torch.arange(width).view(1, 1, width)
    left, right = (torch.rand(2, n, 1, 1) * 0.2 * width).unbind()
    strips = (columns < left) | (columns >= width - right)
    return (strips & (torch.rand(n) < share).view(n, 1, 1)).expand(n, height, width)


def _pasted(crops: Tensor, inside: Tensor) -> Tensor:
    """Covered by one colour, or by the same place of another person's crop.

    Zhong et al., Random Erasing, AAAI 2020; the patch of another person is what a crowd does.
    """
    n = len(crops)
    flat = torch.rand(n, 3, 1, 1).expand_as(crops)
    other = crops.roll(n // 2, dims=0)
    cover = torch.where((torch.rand(n) < 0.5).view(n, 1, 1, 1), flat, other)
    return torch.where(inside.unsqueeze(1), cover, crops)
