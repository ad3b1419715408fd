"""The weights of a run as an ONNX file: float16, cast back in the graph, as `producers.training.export`.

python -m producers.training.detector.export --run DIR --to producers/detect/weights/headnet.onnx
"""

import argparse
from pathlib import Path

import torch

from producers.detect.headnet import MULTIPLE
from producers.training.detector.network import CHANNELS, Detector
from producers.training.detector.train import CHECKPOINT
from producers.training.export import OPSET, halve


def export(run: Path, path: Path) -> None:
    detector = Detector()
    detector.load_state_dict(torch.load(run / CHECKPOINT, weights_only=True)["average"])
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        detector.eval(),
        (torch.zeros(1, CHANNELS, 2 * MULTIPLE, 3 * MULTIPLE),),
        str(path),
        input_names=["picture"],
        output_names=["people"],
        dynamic_axes={"picture": {2: "height", 3: "width"}, "people": {2: "rows", 3: "columns"}},
        opset_version=OPSET,
        dynamo=False,
    )
    halve(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="the --out of a training run")
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    export(arguments.run, arguments.to)


if __name__ == "__main__":
    main()
