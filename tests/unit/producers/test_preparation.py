"""What goes into an encoder: families recognised by name, sidecars checked, pictures stretched, batches."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from producers.embed.base import FloatArray, model_of, normalised
from producers.embed.deep import LARGEST, DeepEmbedder
from producers.embed.preparation import FAMILIES, Preparation, preparation_of
from producers.frames import Image
from producers.network import Shape, Tensor, open_network
from producers.subnormal import ir_without_subnormals
from reid.contracts.detections import Detections, Frame
from reid.domain.validate import check
from reid.errors import ConfigError
from tests.unit.producers.onnx_file import linear_model
from tests.unit.producers.test_embed import WEIGHTS

START = 1_762_344_658_197

PLAIN = Preparation(width=16, height=32, channels="BGR", scale=1.0, mean=(0, 0, 0), std=(1, 1, 1))


class Network:
    """Only what its file would say."""

    output_shapes: tuple[Shape, ...] = ((None, 512),)

    def __init__(self, *names: str, shape: Shape = (None, 3, 256, 128)) -> None:
        self.names = names
        self.input_shape = shape

    def run(self, batch: Tensor) -> list[Tensor]:
        raise AssertionError(f"not to be run, here with {batch.shape}")


def prepared(directory: Path, network: Network, name: str = "net.onnx", sidecar: str = "") -> Preparation:
    path = directory / name
    path.write_bytes(b"weights")
    path.with_suffix(".bin").write_bytes(b"weights")
    if sidecar:
        path.with_name(path.stem + ".saferoom.yaml").write_text(sidecar)
    return preparation_of(path, network)


class TestFamilies:
    @pytest.mark.parametrize(
        ("file", "names", "family"),
        [
            ("osnet_ain_x1_0.onnx", (), "torchreid"),
            ("OSNet.onnx", ("main_graph", "input", "output"), "torchreid"),
            ("body.onnx", ("main_graph", "batched_inputs.1", "924"), "fastreid"),
            ("market_bot_R50-ibn.onnx", (), "fastreid"),
            ("mgn_R50-ibn_dyn.onnx", (), "fastreid"),
            ("fast-reid_mobilenetv2.onnx", (), "fastreid"),
            ("body.xml", ("torch-jit-export", "data", "reid_embedding"), "openvino-retail"),
            ("person-reidentification-retail-0286.xml", (), "openvino-retail"),
        ],
    )
    def test_are_recognised_by_the_names_of_their_tools(
        self, tmp_path: Path, file: str, names: tuple[str, ...], family: str
    ) -> None:
        found = prepared(tmp_path, Network(*names), file)
        known = FAMILIES[family]
        assert (found.channels, found.scale, found.mean) == (known.channels, known.scale, known.mean)
        assert (found.family, found.width, found.height) == (family, 128, 256)

    @pytest.mark.parametrize("file", ["robot_r50.onnx", "cosnet.onnx", "net.onnx"])
    def test_other_names_are_not_guessed(self, tmp_path: Path, file: str) -> None:
        """A wrong guess would give vectors that are nearly right: the worst kind of wrong."""
        with pytest.raises(ConfigError, match=r"saferoom\.yaml.*width: 128, height: 256") as caught:
            prepared(tmp_path, Network("main_graph", "input", "output"), file)
        assert str(tmp_path / file) in str(caught.value)

    def test_the_size_is_the_network_s(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, Network("osnet", shape=(1, 3, 160, 64)))
        assert (found.width, found.height) == (64, 160)

    def test_a_network_of_something_else_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="no encoder of crops"):
            prepared(tmp_path, Network("osnet", shape=(1, 1, 32)))


class TestSidecar:
    def test_says_only_what_differs_from_the_family(self, tmp_path: Path) -> None:
        text = "family: fastreid\nname: body\nversion: '3'\nflip: true\ncalibration: [[0.2, 0], [0.5, 0.6]]\n"
        assert prepared(tmp_path, Network(), sidecar=text).agreement is None
        found = prepared(tmp_path, Network(), sidecar=f"{text}agreement: 0.87\n")
        assert found.agreement == 0.87
        assert (found.name, found.version, found.flip, found.scale) == ("body", "3", True, 1.0)
        assert found.calibration == ((0.2, 0.0), (0.5, 0.6))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            # Told in the words of the decoder: "Expected `object`, got `null`", 'in "<byte string>"'.
            ("width: [", "net.saferoom.yaml: is no YAML: while parsing a flow node did not find"),
            ("- 1", "net.saferoom.yaml: holds no fields, one a line such as `family: torchreid`"),
            ("# nothing", "net.saferoom.yaml: holds no fields, one a line such as `family: torchreid`"),
            # Anything was taken, and stood in every event of that camera.
            ('version: "3\\n4"', "field version: '3\\n4': 128 printable characters at most"),
            (f"version: {'x' * 129}", "128 printable characters at most"),
            ("widht: 16", "`widht`"),
            ("width: 16.5", "field width: "),
            ("channels: GRB", "field channels: "),
            ("std: [1, 0, 1]", "field std[1]: "),
            ("mean: [1, 1]", "field mean: "),
            ("scale: 0", "field scale: "),
            ("family: resnet", "field family: "),
            ("width: 64", "field width: 64, but the network takes 128 only"),
            ("calibration: [[0.5, 0], [0.4, 1]]", "calibration must rise"),
            ("agreement: 1.5", "agreement must be a number in [0, 1], or left out: 1.5"),
            ("agreement: .nan", "agreement must be a number in [0, 1], or left out: nan"),
            ("agreement: much", "field agreement: "),
        ],
    )
    def test_what_is_wrong_is_named_by_file_and_field(self, tmp_path: Path, text: str, words: str) -> None:
        with pytest.raises(ConfigError, match=r"net\.saferoom\.yaml") as caught:
            prepared(tmp_path, Network(), sidecar=text)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("text", ["family:", "version: '3'", "name: body", "flip: true"])
    def test_one_that_says_nothing_of_the_input_made_a_guess_of_it(self, tmp_path: Path, text: str) -> None:
        """An unknown network was fed as a torchreid is, without a word."""
        with pytest.raises(ConfigError, match=r"of no known family .* declare its input"):
            prepared(tmp_path, Network(), sidecar=text)
        prepared(tmp_path, Network(), "osnet.onnx", sidecar=text)

    def test_two_sidecars_are_one_too_many(self, tmp_path: Path) -> None:
        (tmp_path / "net.onnx.json").write_text("{}")
        with pytest.raises(ConfigError, match=r"net\.saferoom\.yaml and net\.onnx\.json: keep one"):
            prepared(tmp_path, Network(), sidecar="width: 128")

    def test_a_free_size_must_be_stated(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="field width: missing"):
            prepared(tmp_path, Network(shape=(None, 3, None, None)), sidecar="channels: BGR")

    def test_without_calibration_it_warns_loudly(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            assert prepared(tmp_path, Network("osnet")).calibration == ()
        assert "NO CALIBRATION" in caplog.text and "saferoom calibrate" in caplog.text


def embedder(directory: Path, batch: int = 1, **changes: object) -> DeepEmbedder:
    path = directory / f"batch{batch}.onnx"
    path.write_bytes(linear_model(WEIGHTS, (32, 16), batch=batch))
    fields = {"width": 16, "height": 32, "channels": "BGR", "scale": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}
    path.with_name(path.stem + ".saferoom.json").write_text(json.dumps({**fields, **changes}))
    return DeepEmbedder.open(path)


def coloured(count: int) -> list[Image]:
    generator = np.random.default_rng(2)
    return [generator.integers(0, 256, (50, 30, 3), dtype=np.uint8) for _ in range(count)]


class TestEmbedding:
    @pytest.mark.parametrize("count", [1, 3, 4, 9])
    def test_a_network_of_a_fixed_batch_takes_any_number(self, tmp_path: Path, count: int) -> None:
        crops = coloured(count)
        one, four = embedder(tmp_path).embed(crops), embedder(tmp_path, batch=4).embed(crops)
        assert four.shape == (count, 4)
        assert four == pytest.approx(one, abs=1e-6)

    def test_another_dimension_than_declared_is_refused(self, tmp_path: Path) -> None:
        assert embedder(tmp_path, dim=4).dim == 4
        with pytest.raises(ConfigError, match="field dim: 512, but it gives 4"):
            embedder(tmp_path, dim=512)

    @pytest.mark.parametrize("element", [2, 10], ids=["uint8", "float16"])
    def test_a_network_of_another_input_type_is_given_it(self, tmp_path: Path, element: int) -> None:
        crops, expected = coloured(3), embedder(tmp_path).embed(coloured(3))
        path = tmp_path / "batch1.onnx"
        path.write_bytes(linear_model(WEIGHTS, (32, 16), element=element))
        vectors = DeepEmbedder.open(path).embed(crops)
        assert vectors.dtype == np.float32
        assert vectors == pytest.approx(expected, abs=1e-3)

    def test_a_network_of_something_else_than_a_picture_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "words.onnx"
        path.write_bytes(linear_model(WEIGHTS, (32, 16), element=7, image="tokens"))
        with pytest.raises(ConfigError, match=r"words\.onnx: takes tokens: tensor\(int64\)"):
            open_network(path)

    def test_a_large_crop_is_averaged_not_sampled(self) -> None:
        """Stripes of one pixel, black and white, are grey from afar; sampled they would be either."""
        seen: list[FloatArray] = []

        class Recorder(Network):
            def run(self, batch: Tensor) -> list[Tensor]:
                seen.append(batch)
                return [batch.mean((2, 3))]

        stripes = np.zeros((320, 160, 3), np.uint8)
        stripes[::2] = 255
        DeepEmbedder(Recorder(shape=(None, 3, 32, 16)), PLAIN).embed([stripes])
        assert np.abs(seen[-1] - 127.5).max() <= 1

    def test_flip_is_the_mean_with_the_mirrored_crop(self, tmp_path: Path) -> None:
        class Left(Network):
            """Sees the two columns at the left only."""

            def run(self, batch: Tensor) -> list[Tensor]:
                return [batch[:, :, :, :2].reshape(len(batch), -1)]

        shape: Shape = (None, 3, 32, 16)
        both = Preparation(**{**{f: getattr(PLAIN, f) for f in PLAIN.__struct_fields__}, "flip": True})
        crop = coloured(1)[0]
        mirrored = np.ascontiguousarray(crop[:, ::-1])
        single, double = DeepEmbedder(Left(shape=shape), PLAIN), DeepEmbedder(Left(shape=shape), both)
        assert double.embed([crop]) == pytest.approx(double.embed([mirrored]), abs=1e-6)
        assert not np.allclose(single.embed([crop]), single.embed([mirrored]), atol=0.01)


class Giving(Network):
    """Gives what a function makes of the batch."""

    def __init__(self, output: Callable[[Tensor], Tensor], batch: int | None = None) -> None:
        super().__init__(shape=(batch, 3, 32, 16))
        self.run = lambda batch: [output(batch)]  # type: ignore[method-assign]


IR = """<?xml version="1.0"?>
<net name="tiny" version="11">
  <layers>
    <layer id="0" name="data" type="Parameter" version="opset1">
      <data shape="1,3,4,2" element_type="f32"/>
      <output><port id="0" precision="FP32" names="data">
        <dim>1</dim><dim>3</dim><dim>4</dim><dim>2</dim></port></output>
    </layer>
    <layer id="1" name="axes" type="Const" version="opset1">
      <data element_type="i64" shape="2" offset="0" size="16"/>
      <output><port id="0" precision="I64"><dim>2</dim></port></output>
    </layer>
    <layer id="2" name="mean" type="ReduceMean" version="opset1">
      <data keep_dims="false"/>
      <input><port id="0"><dim>1</dim><dim>3</dim><dim>4</dim><dim>2</dim></port>
        <port id="1"><dim>2</dim></port></input>
      <output><port id="2" precision="FP32"><dim>1</dim><dim>3</dim></port></output>
    </layer>
    <layer id="3" name="weights" type="Const" version="opset1">
      <data element_type="f32" shape="3,4" offset="16" size="48"/>
      <output><port id="0" precision="FP32"><dim>3</dim><dim>4</dim></port></output>
    </layer>
    <layer id="4" name="product" type="MatMul" version="opset1">
      <data transpose_a="false" transpose_b="false"/>
      <input><port id="0"><dim>1</dim><dim>3</dim></port><port id="1"><dim>3</dim><dim>4</dim></port></input>
      <output><port id="2" precision="FP32" names="reid_embedding"><dim>1</dim><dim>4</dim></port></output>
    </layer>
    <layer id="5" name="result" type="Result" version="opset1">
      <input><port id="0"><dim>1</dim><dim>4</dim></port></input>
    </layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
    <edge from-layer="2" from-port="2" to-layer="4" to-port="0"/>
    <edge from-layer="3" from-port="0" to-layer="4" to-port="1"/>
    <edge from-layer="4" from-port="2" to-layer="5" to-port="0"/>
  </edges>
</net>
"""
AXES = np.array([2, 3], "<i8").tobytes()


class TestOpenVino:
    def test_negligible_weights_become_zero_and_indices_stay(self) -> None:
        weights = WEIGHTS.copy()
        weights[0, 1], weights[1, 3], weights[2, 0] = 1e-40, -1e-33, 1e-20
        expected = weights.copy()
        expected[0, 1] = expected[1, 3] = 0
        cleaned, count = ir_without_subnormals(IR.encode(), AXES + weights.astype("<f4").tobytes())
        assert (cleaned, count) == (AXES + expected.astype("<f4").tobytes(), 2)

    @pytest.mark.parametrize(
        ("description", "weights"), [("<net>", b"x" * 64), ("no xml", b""), (IR, AXES + b"short")]
    )
    def test_what_does_not_belong_together_is_refused(self, description: str, weights: bytes) -> None:
        with pytest.raises(ConfigError, match=r"\.xml and \.bin are not of one model"):
            ir_without_subnormals(description.encode(), weights)

    def test_a_representation_embeds(self, tmp_path: Path) -> None:
        pytest.importorskip("openvino", reason="needs the extra openvino")
        path = tmp_path / "tiny.xml"
        path.write_text(IR)
        path.with_suffix(".bin").write_bytes(AXES + WEIGHTS.astype("<f4").tobytes())
        network = open_network(path)
        assert network.input_shape == (1, 3, 4, 2) and network.output_shapes == ((1, 4),)
        vectors = DeepEmbedder.open(path).embed([np.full((9, 9, 3), (10, 0, 0), np.uint8)] * 3)
        assert vectors == pytest.approx(np.tile([5**-0.5, 0, 0, 2 * 5**-0.5], (3, 1)), abs=0.01)
        path.with_suffix(".bin").write_bytes(b"")
        with pytest.raises(ConfigError, match="openvino cannot load it"):
            open_network(path)


def scripted(directory: Path, output: str, kind: str = "float32") -> Path:
    """A TorchScript module of one line."""
    torch = pytest.importorskip("torch", reason="needs the extra torch")

    class Module(torch.jit.ScriptModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.eye(3, dtype=getattr(torch, kind)))

    module = Module()
    second = ", y" if "y" in output else ""
    module.define(f"def forward(self, x{second}):\n    return {output}\n")
    module.save(str(directory / "net.ts"))
    return directory / "net.ts"


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
class TestTorchScript:
    def test_a_module_embeds_once_its_input_is_declared(self, tmp_path: Path) -> None:
        torch = pytest.importorskip("torch", reason="needs the extra torch")

        class Colour(torch.nn.Module):  # type: ignore[misc,name-defined]
            def __init__(self) -> None:
                super().__init__()
                weights = WEIGHTS.copy()
                weights[0, 1] = 1e-40
                self.weights = torch.nn.Parameter(torch.from_numpy(weights))

            def forward(self, crops):  # type: ignore[no-untyped-def]
                return crops.mean(dim=(2, 3)) @ self.weights

        path = tmp_path / "colour.ts"
        torch.jit.trace(Colour(), torch.zeros(2, 3, 32, 16)).save(str(path))
        with pytest.raises(ConfigError, match=r"declare its input in colour\.saferoom\.yaml"):
            DeepEmbedder.open(path)
        text = "{width: 16, height: 32, channels: BGR, scale: 1, mean: [0, 0, 0], std: [1, 1, 1]}"
        path.with_name("colour.saferoom.yaml").write_text(text)
        found = DeepEmbedder.open(path)
        vectors = found.embed([np.full((9, 9, 3), (10, 0, 0), np.uint8)] * 3)
        assert vectors == pytest.approx(np.tile([5**-0.5, 0, 0, 2 * 5**-0.5], (3, 1)), abs=1e-5)
        assert vectors[0, 1] == 0, "the subnormal weight is gone"

    @pytest.mark.parametrize(
        ("output", "says"),
        [
            ("{'features': x.mean((2, 3))}", "returns dict; an encoder or detector returns tensors"),
            ("x.mean((2, 3)).reshape(1, 3)", r"torch cannot run it on \(2, 3, 32, 16\)"),
            ("x.mean((2, 3)) + y", r"torch cannot run it on \(2, 3, 32, 16\)"),
        ],
    )
    def test_a_module_of_something_else_ended_in_a_stack_trace(
        self, tmp_path: Path, output: str, says: str
    ) -> None:
        with pytest.raises(ConfigError, match=says):
            DeepEmbedder(open_network(scripted(tmp_path, output)), PLAIN)

    @pytest.mark.parametrize("kind", ["float16", "bfloat16"])
    def test_a_module_of_half_precision_is_given_it(self, tmp_path: Path, kind: str) -> None:
        path = scripted(tmp_path, "x.mean((2, 3)) @ self.weight", kind)
        vectors = DeepEmbedder(open_network(path), PLAIN).embed([np.full((9, 9, 3), (0, 30, 40), np.uint8)])
        assert vectors == pytest.approx(np.array([[0, 0.6, 0.8]]), abs=0.01)

    def test_what_is_no_module_is_named(self, tmp_path: Path) -> None:
        pytest.importorskip("torch", reason="needs the extra torch")
        (tmp_path / "net.ts").write_bytes(b"no module")
        with pytest.raises(ConfigError, match=r"net\.ts: not a TorchScript module"):
            open_network(tmp_path / "net.ts")


class TestWhatTheAgentWouldRefuse:
    """Each was opened, and all that the camera told went to the dead letters, or everybody was one person."""

    def told(self, embedder: DeepEmbedder) -> None:
        """Raises `PoisonInput` where the agent would."""
        check(Detections("global", "p", (Frame("room1", START, 640, 480, model=model_of(embedder)),)))

    def test_name_of_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "osnet x0.25: a/b (1).onnx".replace("/", "-")
        path.write_bytes(linear_model(WEIGHTS, (32, 16)))
        found = DeepEmbedder.open(path)
        assert found.name == "osnet-x0.25-a-b-(1)"
        self.told(found)

    @pytest.mark.parametrize("name", ["our encoder", "", "a/b", "x" * 129])
    def test_name_in_the_sidecar(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match=r"field name '.*no space, colon or slash; give it one such as"):
            embedder(tmp_path, name=name)

    def test_calibration_of_one_pair(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="calibration must have two pairs"):
            embedder(tmp_path, calibration=[[0.5, 0.6]])
        self.told(embedder(tmp_path, calibration=[]))
        self.told(embedder(tmp_path, calibration=[[0.5, 0.6], [1, 1]]))

    @pytest.mark.parametrize("dim", [1, LARGEST + 1])
    def test_vectors_of_one_value_or_too_many(self, tmp_path: Path, dim: int) -> None:
        path = tmp_path / "osnet.onnx"
        path.write_bytes(linear_model(np.ones((3, dim), np.float32), (32, 16)))
        with pytest.raises(ConfigError, match="not one vector of 2 to 8192 values"):
            DeepEmbedder.open(path)

    @pytest.mark.parametrize("of_one", [lambda n: [1.0] * n, lambda n: [[[1.0] * 8] * 4] * n, lambda n: 1.0])
    def test_what_is_no_vector_a_crop(self, of_one: Callable[[int], object]) -> None:
        """The map of a network that was cut too late, the mean of all crops: either was an encoder."""
        with pytest.raises(ConfigError, match="not one vector of 2 to 8192 values each"):
            DeepEmbedder(Giving(lambda batch: np.array(of_one(len(batch)))), PLAIN)

    def test_a_map_that_is_yet_to_be_pooled(self) -> None:
        """Its thousand places were taken for a vector, of which cosines are nearly right."""
        with pytest.raises(ConfigError, match=r"gives \(2, 3, 32, 16\) for two crops"):
            DeepEmbedder(Giving(lambda batch: batch), PLAIN)
        pooled = DeepEmbedder(Giving(lambda batch: batch.mean((2, 3), keepdims=True)), PLAIN)
        assert pooled.dim == 3

    def test_a_batch_of_one_deep_inside_failed_with_the_second_person(self) -> None:
        def one(batch: Tensor) -> Tensor:
            if len(batch) > 1:
                raise ConfigError("cannot run it on two")
            return batch.mean((2, 3))

        with pytest.raises(ConfigError, match="cannot run it on two"):
            DeepEmbedder(Giving(one), PLAIN)
        assert DeepEmbedder(Giving(one, batch=1), PLAIN).embed(coloured(3)).shape == (3, 3)

    def test_the_same_vector_for_everybody(self) -> None:
        """All people were one."""
        with pytest.raises(ConfigError, match="gives the same vector whatever the crop"):
            DeepEmbedder(Giving(lambda batch: np.ones((len(batch), 4), np.float32)), PLAIN)

    def test_vectors_longer_than_float32_can_tell_had_no_length(self) -> None:
        assert normalised(np.array([[1e30, 2e30]], np.float32)) == pytest.approx(0.5**0.5)

    def test_weights_in_another_file(self, tmp_path: Path) -> None:
        """They were read from where the process stood, or not at all; their version was the graph's."""
        graph_of_one_tensor = b"\x3a\x06\x2a\x04\x10\x01\x70\x01"
        (tmp_path / "net.onnx").write_bytes(graph_of_one_tensor)
        with pytest.raises(ConfigError, match=r"net\.onnx: .*its weights lie in another file; make it one"):
            open_network(tmp_path / "net.onnx")

    @pytest.mark.parametrize(
        ("weight", "says"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "zeros")], ids=str
    )
    def test_vectors_without_direction(self, tmp_path: Path, weight: float, says: str) -> None:
        path = tmp_path / "osnet.onnx"
        path.write_bytes(linear_model(np.full((3, 4), weight, np.float32), (32, 16)))
        with pytest.raises(ConfigError, match=f"osnet: gives .*{says} whatever the crop"):
            DeepEmbedder.open(path)
