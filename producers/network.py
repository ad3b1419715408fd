"""Neural networks by path: ONNX by onnxruntime, OpenVINO IR by openvino, TorchScript by torch.

openvino and torch are imported only when such a model is asked for: the product installs without them.
"""

import importlib
import logging
import threading
import warnings
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_state

from producers.subnormal import NEGLIGIBLE, ir_without_subnormals, without_subnormals
from reid.errors import ConfigError

log = logging.getLogger(__name__)

Tensor = npt.NDArray[np.float32]
Shape = tuple[int | None, ...]
"""None: an axis of any size."""
#: What a network may take; pixels are converted to it.
_ONNX_TYPES: Final[dict[str, type[np.generic]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_ONNX_ERRORS: Final[tuple[type[Exception], ...]] = (
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
    """One input, one or more outputs. Thread-safe.

    ``names``: what the tool of origin called the graph, its input and its outputs.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

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
    raise ConfigError(f"model {path}: of unknown kind {suffix!r}; give an .onnx, .xml or .ts file")


class OnnxNetwork:
    """One inference thread: with a camera a thread, more of them only get in each other's way."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            model, zeroed = without_subnormals(path.read_bytes())
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except _ONNX_ERRORS as error:
            raise ConfigError(f"model {path}: onnxruntime cannot load it: {error}") from error
        _log_zeroed(path, zeroed)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._path, self._input = path, inputs[0]
        if len(inputs) != 1 or self._input.type not in _ONNX_TYPES:
            given = ", ".join(f"{each.name}: {each.type}" for each in inputs)
            raise ConfigError(f"model {path}: takes {given}; an encoder or detector takes one picture")
        graph = self._session.get_modelmeta().graph_name
        self.names = (graph, self._input.name, *(output.name for output in outputs))
        self.input_shape = _shape(self._input.shape)
        self.output_shapes = tuple(_shape(output.shape) for output in outputs)

    def run(self, batch: Tensor) -> list[Tensor]:
        given = {self._input.name: batch.astype(_ONNX_TYPES[self._input.type], copy=False)}
        try:
            return [np.asarray(output, np.float32) for output in self._session.run(None, given)]
        except _ONNX_ERRORS as error:
            raise _cannot_run(self._path, "onnxruntime", batch, error) from error


class OpenVinoNetwork:
    """Intermediate representation (.xml beside .bin). OpenCV's own wheels cannot read it.

    Where the processor has bfloat16, openvino computes in it: half the time, and vectors whose cosine
    with the float32 ones was above 0.999 for the encoders of the catalogue.
    """

    def __init__(self, path: Path) -> None:
        openvino = _optional("openvino", path)
        try:
            description = path.read_bytes()
            weights, zeroed = ir_without_subnormals(description, path.with_suffix(".bin").read_bytes())
            core = openvino.Core()
            # The weights are passed as a tensor that this object keeps: openvino does not copy them.
            self._weights = openvino.Tensor(np.frombuffer(weights, np.uint8))
            source = core.read_model(description, self._weights)
            model = core.compile_model(source, "CPU", {"INFERENCE_NUM_THREADS": 1})
        except (RuntimeError, OSError, ConfigError) as error:
            raise ConfigError(f"model {path}: openvino cannot load it: {error}") from error
        _log_zeroed(path, zeroed)
        self._path, self._model, self._thread = path, model, threading.local()
        ports = [model.input(0), *model.outputs]
        self.names = (source.friendly_name, *(name for port in ports for name in sorted(port.get_names())))
        self.input_shape, *outputs = (_openvino_shape(port) for port in ports)
        self.output_shapes: tuple[Shape, ...] = tuple(outputs)

    def run(self, batch: Tensor) -> list[Tensor]:
        # A request for each thread: requests are not thread-safe, compiled models are.
        if not hasattr(self._thread, "request"):
            self._thread.request = self._model.create_infer_request()
        try:
            found = self._thread.request.infer({0: batch})
        except RuntimeError as error:
            raise _cannot_run(self._path, "openvino", batch, error) from error
        return [np.array(found[output], np.float32) for output in self._model.outputs]


def _openvino_shape(port: Any) -> Shape:
    return tuple(axis.get_length() if axis.is_static else None for axis in port.get_partial_shape())


class TorchNetwork:
    """A TorchScript module on the CPU. The file does not state its shapes, nor its input's type: that of its
    weights is taken."""

    names: tuple[str, ...] = ()
    input_shape: Shape = ()
    output_shapes: tuple[Shape, ...] = ()

    def __init__(self, path: Path) -> None:
        self._path, self._torch = path, _optional("torch", path)
        try:
            with warnings.catch_warnings():
                # torch deprecates the format for its own sake; who has such a file needs it read.
                warnings.simplefilter("ignore", FutureWarning)
                self._module = self._torch.jit.load(str(path), map_location="cpu").eval()
        except (RuntimeError, ValueError) as error:
            raise ConfigError(
                f"model {path}: not a TorchScript module; save it with torch.jit.trace(…).save(…): {error}"
            ) from error
        with self._torch.no_grad():
            tensors = [*self._module.parameters(), *self._module.buffers()]
            floating = [tensor for tensor in tensors if tensor.is_floating_point()]
            _log_zeroed(path, sum(self._zero(tensor) for tensor in floating))
        self._type = floating[0].dtype if floating else self._torch.float32

    def _zero(self, weights: Any) -> int:
        tiny = (weights != 0) & (weights.abs() < NEGLIGIBLE)
        weights[tiny] = 0.0
        return int(tiny.sum())

    def run(self, batch: Tensor) -> list[Tensor]:
        try:
            with self._torch.inference_mode():
                found = self._module(self._torch.from_numpy(batch).to(self._type))
        except (RuntimeError, self._torch.jit.Error) as error:
            raise _cannot_run(self._path, "torch", batch, error) from error
        found = found if isinstance(found, tuple | list) else [found]
        if not all(isinstance(output, self._torch.Tensor) for output in found):
            kinds = ", ".join(type(output).__name__ for output in found)
            raise ConfigError(f"model {self._path}: returns {kinds}; an encoder or detector returns tensors")
        return [output.float().numpy() for output in found]


def _cannot_run(path: Path, runtime: str, batch: Tensor, error: Exception) -> ConfigError:
    return ConfigError(
        f"model {path}: {runtime} cannot run it on {batch.shape}: {error}; "
        "do the declared width and height fit, and does it take as many pictures at a time?"
    )


def _log_zeroed(path: Path, count: int) -> None:
    if count:
        log.info("model %s: %d subnormal weights set to zero", path.name, count)


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
