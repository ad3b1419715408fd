"""Neural networks by path: ONNX by onnxruntime, OpenVINO IR by openvino, TorchScript by torch.

openvino and torch are imported only when such a model is asked for: the product installs without them.
"""

import importlib
import logging
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_state

from producers.subnormal import without_subnormals
from reid.errors import ConfigError

log = logging.getLogger(__name__)

Tensor = npt.NDArray[np.float32]
Shape = tuple[int | None, ...]
"""None: an axis of any size."""
_LOAD_ERRORS: Final[tuple[type[Exception], ...]] = (
    ConfigError,
    OSError,
    onnx_state.Fail,
    onnx_state.InvalidArgument,
    onnx_state.InvalidGraph,
    onnx_state.InvalidProtobuf,
    onnx_state.NotImplemented,
    onnx_state.RuntimeException,
)
TORCH_SUFFIXES: Final = frozenset({".pt", ".pth", ".torchscript", ".ts"})


class Network(Protocol):
    """One input, one or more outputs. Thread-safe."""

    @property
    def input_shape(self) -> Shape: ...

    @property
    def output_shapes(self) -> tuple[Shape, ...]: ...

    def run(self, batch: Tensor) -> list[Tensor]: ...


def open_network(path: Path) -> Network:
    """Raises `ConfigError` naming the file and the remedy."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return OnnxNetwork(path)
    if suffix == ".xml":
        return OpenVinoNetwork(path)
    if suffix in TORCH_SUFFIXES:
        return TorchNetwork(path)
    raise ConfigError(f"model {path}: of unknown kind {suffix!r}; give an .onnx, .xml or .pt file")


class OnnxNetwork:
    """One inference thread: with a camera a thread, more of them only get in each other's way."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            model, zeroed = without_subnormals(path.read_bytes())
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except _LOAD_ERRORS as error:
            raise ConfigError(f"model {path}: onnxruntime cannot load it: {error}") from error
        if zeroed:
            log.info("model %s: %d subnormal weights set to zero", path.name, zeroed)
        self._input = self._session.get_inputs()[0]
        self.input_shape = _shape(self._input.shape)
        self.output_shapes = tuple(_shape(output.shape) for output in self._session.get_outputs())

    def run(self, batch: Tensor) -> list[Tensor]:
        return [np.asarray(out) for out in self._session.run(None, {self._input.name: batch})]


class OpenVinoNetwork:
    """Intermediate representation (.xml beside .bin). OpenCV's own wheels cannot read it."""

    def __init__(self, path: Path) -> None:
        openvino = _optional("openvino", path)
        try:
            model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_NUM_THREADS": 1})
        except RuntimeError as error:
            raise ConfigError(f"model {path}: openvino cannot load it: {error}") from error
        self._model = model
        self.input_shape = tuple(int(axis) for axis in model.input(0).shape)
        self.output_shapes = tuple(tuple(int(axis) for axis in out.shape) for out in model.outputs)

    def run(self, batch: Tensor) -> list[Tensor]:
        # A request for each call: requests are not thread-safe, compiled models are.
        request = self._model.create_infer_request()
        if self.input_shape[0] == len(batch):
            return self._infer(request, batch)
        rows = [self._infer(request, row[None]) for row in batch]
        return [np.concatenate(outputs) for outputs in zip(*rows, strict=True)]

    def _infer(self, request: Any, batch: Tensor) -> list[Tensor]:
        found = request.infer({0: batch})
        return [np.array(found[output]) for output in self._model.outputs]


class TorchNetwork:
    """A TorchScript module on the CPU. Its shapes are not stated in the file."""

    input_shape: Shape = ()
    output_shapes: tuple[Shape, ...] = ()

    def __init__(self, path: Path) -> None:
        self._torch = _optional("torch", path)
        try:
            self._module = self._torch.jit.load(str(path), map_location="cpu").eval()
        except (RuntimeError, ValueError) as error:
            raise ConfigError(
                f"model {path}: not a TorchScript module; save it with torch.jit.trace(…).save(…): {error}"
            ) from error

    def run(self, batch: Tensor) -> list[Tensor]:
        with self._torch.inference_mode():
            found = self._module(self._torch.from_numpy(batch))
        found = found if isinstance(found, tuple | list) else [found]
        return [np.asarray(output.numpy(), np.float32) for output in found]


def _optional(package: str, path: Path) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"model {path}: needs the package {package}, which is not installed; "
            f"install it with `uv pip install {package}`, or give an .onnx model"
        ) from error


def _shape(axes: list[Any]) -> Shape:
    return tuple(axis if isinstance(axis, int) and axis > 0 else None for axis in axes)
