"""What a good embedding is, as numbers to make small."""

import torch
from torch import Tensor
from torch.nn import functional


def identity(whole: Tensor, parts: list[Tensor], labels: Tensor, part_weight: float = 0.5) -> Tensor:
    """Cross-entropy of the whole plus that of the parts (their mean × ``part_weight``).

    Labels are smoothed by 0.1: with ten crops a person, certainty is learning by heart.
    """
    loss = functional.cross_entropy(whole, labels, label_smoothing=0.1)
    each = torch.stack([functional.cross_entropy(part, labels, label_smoothing=0.1) for part in parts])
    return loss + part_weight * each.mean()


def pairs(
    embedding: Tensor, labels: Tensor, cameras: Tensor, scale: float = 16.0, margin: float = 0.1
) -> Tensor:
    """Smooth batch-hard loss: the least similar positive *of another camera* must beat the most similar
    stranger by ``margin`` (cosine).

    log(1 + Σ exp(scale (stranger + margin)) · Σ exp(−scale · positive)) / scale for every anchor: the
    unified pair loss of Sun et al., Circle Loss, CVPR 2020, which is batch-hard triplet (Hermans et al.,
    2017) as the scale grows. ``embedding`` (n, d) of unit length.
    """
    cosine = embedding @ embedding.T
    same = labels[:, None] == labels[None]
    positive = same & (cameras[:, None] != cameras[None])
    stranger = torch.logsumexp((scale * cosine).masked_fill(same, -1e4), dim=1)
    friend = torch.logsumexp((-scale * cosine).masked_fill(~positive, -1e4), dim=1)
    return functional.softplus(stranger + friend + scale * margin).mean() / scale
