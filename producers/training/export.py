"""The weights of a run as an ONNX file that needs neither torch nor its own pre-processing.

    python -m producers.training.export --run DIR --to producers/embed/weights/NAME.onnx --calibrate DIR

``DIR``: two-camera crops of people who were not trained on; the sidecar's calibration is measured there, on
means of two crops, and what two crops of a track agree in (`producers.embed.measure`), by the file as it will
be used.

Input ``crops``: (n, 3, 128, 64) float32 RGB within 0..1; output ``embedding``: (n, 512) of unit length.
Batch normalisation is folded into the convolutions. Weights are stored as float16 and cast back in the
graph: onnxruntime does that once, when it opens the file, and computes in float32 as before. Besides
halving the file this leaves no subnormal weight, which would slow inference several times.
"""

import argparse
import json
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx  # type: ignore[import-not-found,unused-ignore]
import torch
from onnx import TensorProto, helper, numpy_helper  # type: ignore[import-not-found,unused-ignore]
from torch import Tensor, nn

from producers.embed.deep import DeepEmbedder
from producers.embed.measure import CROPS_A_TRACK, Gallery, agreement
from producers.training.data import named
from producers.training.evaluate import knots
from producers.training.network import HEIGHT, WIDTH, Encoder
from producers.training.score import embedded
from producers.training.train import CHECKPOINT

OPSET: Final = 17
#: Smaller tensors (offsets, shapes) are not worth a Cast.
SMALL: Final = 1024


class _Embedding(nn.Module):  # type: ignore[misc]
    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, crops: Tensor) -> Tensor:
        output: Tensor = self.encoder(crops).embedding
        return output


def trained(run: Path, weights: str) -> Encoder:
    """Of a run's checkpoint the ``average`` (the running one) or the ``last`` weights, for inference.

    Which is better, the validation people tell: the average lags behind where steps were few.
    """
    encoder = Encoder()
    part = {"average": "average", "last": "encoder"}[weights]
    encoder.load_state_dict(torch.load(run / CHECKPOINT, weights_only=True)[part])
    encoder.eval()
    return encoder


def export(encoder: Encoder, path: Path) -> None:
    """Writes ``path`` and, beside it, the sidecar that `producers.embed.deep` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # Shapes that torch's own layers check are fixed but for the number of crops; and each crop's own mean
        # and spread are taken whether or not it trains.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", "ONNX export mode is set to TrainingMode.EVAL", UserWarning)
        torch.onnx.export(
            _Embedding(encoder).eval(),
            (torch.rand(2, 3, HEIGHT, WIDTH),),
            str(path),
            input_names=["crops"],
            output_names=["embedding"],
            dynamic_axes={"crops": {0: "n"}, "embedding": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
    halve(path)


def halve(path: Path) -> None:
    """The model in the file ``path`` as `halved` leaves it, checked."""
    model = onnx.load(str(path))
    halved(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def halved(model: Any) -> None:
    """Large float32 weights become float16 behind a Cast."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(_float16(values), f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _float16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError("a weight is beyond float16: the run diverged")
    return half


def sidecar(
    path: Path, name: str, calibration: list[tuple[float, float]], agreement: float | None = None
) -> dict[str, object]:
    """What `producers.embed.deep` needs to know of the file; its version is a hash of the weights."""
    stated: dict[str, object] = {
        "name": name,
        "version": sha256(path.read_bytes()).hexdigest()[:8],
        "width": WIDTH,
        "height": HEIGHT,
        "channels": "RGB",
        "scale": 1 / 255,
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
    }
    if calibration:
        stated["calibration"] = calibration
    if agreement is not None:
        stated["agreement"] = agreement
    path.with_name(path.name + ".json").write_text(json.dumps(stated, indent=1) + "\n")
    return stated


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="the --out of a training run")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--weights", choices=["average", "last"], default="average")
    parser.add_argument("--calibrate", type=Path, required=True, help="a directory of crops")
    arguments = parser.parse_args()
    export(trained(arguments.run, arguments.weights), arguments.to)
    sidecar(arguments.to, arguments.to.stem, [])
    vectors, _ = embedded(list(named(arguments.calibrate)), DeepEmbedder.open(arguments.to))
    crops = Gallery(vectors.rows, vectors.people, vectors.cameras)
    means = vectors.track_means(CROPS_A_TRACK)
    sidecar(arguments.to, arguments.to.stem, knots(means), agreement(crops))


if __name__ == "__main__":
    main()
