"""What a detector is told of its mistakes: heads by focal loss, boxes by their overlap with the truth."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from producers.detect.headnet import STRIDE
from producers.training.detector.network import HEAD, boxes_at

#: Of whom less is seen is no person to find; from the second on one that must be found.
HIDDEN: Final = 0.15
SHOWN: Final = 0.35
#: Pixels; smaller ones are neither.
SMALL: Final = 17.0
#: Cells about a head that tell the box, too.
AROUND: Final = 1

Floats = npt.NDArray[np.float32]


class Target(NamedTuple):
    """``heat``, ``weight``: (h, w) wanted of a head, and how much a cell counts; ``cells``: (k, 2) rows and
    columns that tell a box; ``boxes``: (k, 4) left, top, right, bottom of it in pixels."""

    heat: Floats
    weight: Floats
    cells: npt.NDArray[np.int64]
    boxes: Floats


def target(people: Floats, height: int, width: int) -> Target:
    """``people``: (n, 5) as of `producers.training.detector.scenes.Scene`, nearest last, in a picture of that
    size."""
    rows, columns = height // STRIDE, width // STRIDE
    heat, weight = np.zeros((rows, columns), np.float32), np.ones((rows, columns), np.float32)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    cells: dict[tuple[int, int], Floats] = {}
    for left, top, w, h, seen in people:
        if w < 2 or h < 4 or seen < 0.02:
            continue
        cx, cy = (left + w / 2) / STRIDE - 0.5, (top + HEAD * h) / STRIDE - 0.5
        sigma_x, sigma_y = max(0.07 * min(w, 0.5 * h) / STRIDE, 0.5), max(0.05 * h / STRIDE, 0.5)
        bump = np.exp(-(((x - cx) / sigma_x) ** 2 + ((y - cy) / sigma_y) ** 2) / 2)
        if seen < SHOWN or h < SMALL:
            if seen >= HIDDEN:
                weight[(bump > 0.1) & (heat < 0.9)] = 0
            continue
        row, column = round(float(cy)), round(float(cx))
        row, column = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
        np.maximum(heat, bump, out=heat)
        heat[row, column] = 1
        weight[row, column] = 1
        box = np.array([left, top, left + w, top + h], np.float32)
        for dy in range(-AROUND, AROUND + 1):
            for dx in range(-AROUND, AROUND + 1):
                cell = (row + dy, column + dx)
                if 0 <= cell[0] < rows and 0 <= cell[1] < columns:
                    # The nearer person's where two want it, but for the other's own middle.
                    cells[cell] = box
    at = np.array(list(cells), np.int64).reshape(-1, 2)
    return Target(heat, weight, at, np.array(list(cells.values()), np.float32).reshape(-1, 4))


def loss(found: Tensor, targets: list[Target]) -> tuple[Tensor, Tensor]:
    """Of heads and of boxes. ``found``: (n, 5, h, w) of the network."""
    heat = torch.from_numpy(np.stack([t.heat for t in targets]))
    weight = torch.from_numpy(np.stack([t.weight for t in targets]))
    logit = found[:, 0]
    chance = logit.sigmoid()
    is_head = heat == 1
    positive = functional.logsigmoid(logit) * (1 - chance) ** 2
    negative = functional.logsigmoid(-logit) * chance**2 * (1 - heat) ** 4
    heads = max(int(is_head.sum()), 1)
    of_heads = -(torch.where(is_head, positive, negative) * weight).sum() / heads
    image = np.concatenate([np.full(len(t.cells), i) for i, t in enumerate(targets)]).astype(np.int64)
    at = torch.from_numpy(np.concatenate([t.cells for t in targets]))
    true = torch.from_numpy(np.concatenate([t.boxes for t in targets]))
    if len(at) == 0:
        return of_heads, of_heads * 0
    distances = found[torch.from_numpy(image), 1:, at[:, 0], at[:, 1]]
    of_boxes = (1 - _giou(boxes_at(distances, at[:, 0], at[:, 1]), true)).mean()
    return of_heads, of_boxes


def _giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised intersection over union (Rezatofighi et al., CVPR 2019) of pairs: (k,)."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    common = (high - low).clamp(min=0).prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - common
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(dim=1)
    return common / union - (hull - union) / hull
