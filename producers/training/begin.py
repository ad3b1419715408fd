"""A run that begins with the weights of an exported file instead of random ones.

The file has its batch normalisation folded into the convolutions. Training needs it back: each norm gets the
mean and spread that the file's network shows on training crops, and the weights that undo them, so that the
network begins as the function that the file is. Of the channels that lose each crop's own mean and spread the
weights are those of the file, as the spread of all crops does not matter behind. The classifiers begin as the
people's mean embeddings.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx  # type: ignore[import-not-found,unused-ignore]
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from producers.training.augment import ORDERS
from producers.training.data import Crops, IntArray
from producers.training.network import HEIGHT, WIDTH, Block, Classifiers, Encoder, Output, Steadied
from reid.errors import ConfigError

BATCH: Final = 64
Values = npt.NDArray[Any]

#: Crops of training people from which the norms take mean and spread.
SAMPLE: Final = 768


def begin(encoder: Encoder, classifiers: Classifiers, path: Path, crops: Crops) -> None:
    """Raises `ConfigError` when the file is not of this network."""
    graph = onnx.load(str(path)).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    stored |= {
        node.output[0]: stored[node.input[0]]
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in stored
    }
    gains, shifts = (_of_channels(graph, stored, kind) for kind in ("Mul", "Sub"))
    filled = Encoder(steady=bool(gains))
    try:
        _fill(filled, graph, stored)
        steadied = [block for block in filled.blocks if isinstance(block.first_norm, Steadied)]
        for block, gain, shift in zip(steadied, gains, shifts, strict=True):
            _steady(block, gain.ravel(), shift.ravel())
    except ValueError as error:
        raise ConfigError(f"{path}: not an export of this network: {error}") from error
    sample = np.random.default_rng(0).permutation(len(crops))[:SAMPLE]
    _unfold(filled.eval(), _pictures(crops, sample, 0))
    encoder.load_state_dict(filled.state_dict())
    for order in range(len(ORDERS)):
        _meet(filled, classifiers, crops, order)


def _of_channels(graph: Any, stored: dict[str, Values], kind: str) -> list[Values]:
    """The file's constants of shape (1, n, 1, 1) that nodes of this kind take."""
    first = [node.input[0] for node in graph.node if node.op_type == kind]
    return [stored[name] for name in first if name in stored and stored[name].shape[2:] == (1, 1)]


def _fill(encoder: Encoder, graph: Any, stored: dict[str, Values]) -> None:
    """The file's convolutions and neck; the norms between pass what they get, plus its offsets."""
    kernels = [node.input for node in graph.node if node.op_type == "Conv"]
    modules = [m for m in encoder.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d)]
    neck = next(node.input for node in graph.node if node.op_type == "BatchNormalization")
    for module, names in zip(convolutions, kernels, strict=True):
        _put(module.weight, stored[names[1]])
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    offsets = [stored[names[2]] for names in kernels if len(names) > 2]
    for norm, offset in zip(norms, offsets, strict=True):
        _put(norm.bias, offset)
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.data.fill_(1)
    own = encoder.neck
    for target, name in zip((own.weight, own.bias, own.running_mean, own.running_var), neck[1:], strict=True):
        _put(target, stored[name])


def _steady(block: Block, gain: Values, shift: Values) -> None:
    """The file's weights of the channels that are steadied. They multiply twice, before and behind: where one
    is below 0 the convolution has to be the other way round."""
    norm, half = block.first_norm, len(gain)
    _put(norm.weight[:half], gain)
    _put(norm.bias[:half], shift)
    with torch.no_grad():
        block.first.weight[:half] *= torch.from_numpy(np.where(gain < 0, -1, 1)).view(-1, 1, 1, 1)


def _put(target: Tensor, values: Values) -> None:
    if tuple(target.shape) != values.shape:
        raise ValueError(f"{values.shape} where {tuple(target.shape)} belongs")
    with torch.no_grad():
        target.copy_(torch.from_numpy(values.astype(np.float32)))


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
def _unfold(encoder: Encoder, pictures: Tensor) -> None:
    """Sets each norm's running mean and variance to its input's, and undoes them in weight and bias."""
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def note(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
        seen[norm] = mean, variance

    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    encoder(pictures)
    for norm, hook in zip(norms, hooks, strict=True):
        hook.remove()
        mean, variance = seen[norm]
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        own = norm.num_features // 2 if isinstance(norm, Steadied) else 0
        norm.weight[own:] = (variance[own:] + norm.eps).sqrt()
        norm.bias[own:] += mean[own:]


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
def _meet(encoder: Encoder, classifiers: Classifiers, crops: Crops, order: int) -> None:
    """The people's classes of one order of channels: means of one crop of each of their cameras."""
    keys = np.stack([crops.labels(), crops.cameras], axis=1)
    rows = np.unique(keys, axis=0, return_index=True)[1]
    outputs = [encoder(_pictures(crops, rows[at : at + BATCH], order)) for at in range(0, len(rows), BATCH)]
    output = Output(*(torch.cat([getattr(one, name) for one in outputs]) for name in ("raw", "embedding")))
    classifiers.introduce(output, torch.from_numpy(crops.labels()[rows]), order)


def _pictures(crops: Crops, rows: IntArray, order: int) -> Tensor:
    pixels = torch.from_numpy(crops.pixels[rows][..., ORDERS[order]]).permute(0, 3, 1, 2)
    return functional.interpolate(
        pixels.float().div_(255.0), (HEIGHT, WIDTH), mode="bilinear", antialias=True
    )
