"""What another camera, another light and another detector do to a crop, on whole batches at once.

Every crop of a batch gets its own draw. The colour response comes first (the sensor), then geometry (the
detector's box), then resolution and blur (distance), then occlusion.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Strength:
    """Half-widths of the draws; gains and gamma in natural logarithms, geometry in shares of the box."""

    channel_gain: float = 0.12
    brightness: float = 0.30
    gamma: float = 0.25
    saturation: float = 0.35
    shift: float = 0.06
    zoom: float = 0.10
    low_resolution: float = 0.2
    occlusion: float = 0.4


def augmented(pixels: Tensor, height: int, width: int, strength: Strength) -> Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, height, width) float32 within 0..1, channels last in memory."""
    crops = pixels.permute(0, 3, 1, 2).float().div_(255.0)
    crops = _boxes(crops, height, width, strength)
    crops = _colours(crops, strength)
    crops = _low_resolution(crops, strength.low_resolution)
    return _occluded(crops, strength.occlusion).contiguous(memory_format=torch.channels_last)


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
    n = len(crops)
    gamma = torch.exp(_drawn(n, strength.gamma)).view(n, 1, 1, 1)
    gain = torch.exp((torch.rand(n, 3) * 2 - 1) * strength.channel_gain).view(n, 3, 1, 1)
    gain = gain * torch.exp(_drawn(n, strength.brightness)).view(n, 1, 1, 1)
    grey = crops.mean(dim=1, keepdim=True)
    keep = 1 + _drawn(n, strength.saturation).view(n, 1, 1, 1)
    coloured = grey + (crops - grey) * keep
    return (coloured.clamp(1e-3, 1).pow(gamma) * gain).clamp_(0, 1)


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


def _occluded(crops: Tensor, share: float) -> Tensor:
    """A rectangle of some crops is covered: by one colour, or by the same place of another crop.

    Zhong et al., Random Erasing, AAAI 2020; the patch of another person is what a crowd does.
    """
    n, _, height, width = crops.shape
    rows = torch.arange(height).view(1, height, 1)
    columns = torch.arange(width).view(1, 1, width)
    high = (torch.rand(n) * 0.35 + 0.1) * height
    wide = (torch.rand(n) * 0.55 + 0.2) * width
    top = torch.rand(n) * (height - high)
    left = torch.rand(n) * (width - wide)
    high, wide, top, left = (side.view(n, 1, 1) for side in (high, wide, top, left))
    inside = (rows >= top) & (rows < top + high) & (columns >= left) & (columns < left + wide)
    inside &= (torch.rand(n) < share).view(n, 1, 1)
    flat = torch.rand(n, 3, 1, 1).expand_as(crops)
    other = crops.roll(len(crops) // 2, dims=0)
    cover = torch.where((torch.rand(n) < 0.5).view(n, 1, 1, 1), flat, other)
    return torch.where(inside.unsqueeze(1), cover, crops)
