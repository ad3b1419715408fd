"""What a good embedding is, as numbers to make small."""

import torch
from torch import Tensor
from torch.nn import functional

#: With ten crops a person, certainty is learning by heart.
SMOOTHING = 0.1


def identity(
    whole: Tensor, parts: list[Tensor], labels: Tensor, people: int, part_weight: float = 0.5
) -> Tensor:
    """Cross-entropy of the whole plus that of the parts (their mean × ``part_weight``), labels smoothed.

    ``labels``: (n,) person + ``people`` × recolouring. The same person recoloured otherwise is no answer
    to be told from: someone in grey is grey in every order of channels.
    """
    classes = torch.arange(whole.shape[1])
    twins = (classes[None] % people == labels[:, None] % people) & (classes[None] != labels[:, None])
    each = torch.stack([_cross_entropy(part, labels, twins) for part in parts])
    return _cross_entropy(whole, labels, twins) + part_weight * each.mean()


def _cross_entropy(logits: Tensor, labels: Tensor, left_out: Tensor) -> Tensor:
    likely = functional.log_softmax(logits.masked_fill(left_out, -torch.inf), dim=1)
    others = likely.masked_fill(left_out, 0).sum(dim=1) / (~left_out).sum(dim=1)
    right = likely.gather(1, labels[:, None]).squeeze(1)
    return -((1 - SMOOTHING) * right + SMOOTHING * others).mean()


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
