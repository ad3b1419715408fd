import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.embed.appearance import BLOCKS, Appearance, measured, stored
from producers.embed.base import model_of
from producers.embed.calibration import calibration_of, checked, checked_agreement
from producers.embed.light import HEIGHT, WIDTH
from producers.embed.select import open_embedder
from producers.frames import Image
from producers.subnormal import without_subnormals
from reid.contracts.embedding import decode_wire, encode_wire, to_fixed
from reid.errors import ConfigError
from tests.unit.producers.onnx_file import linear_model

APPEARANCE = Appearance()


def person(shirt: tuple[int, int, int], trousers: tuple[int, int, int], seed: int = 0) -> Image:
    """A rough figure before a noisy wall, BGR."""
    rng = np.random.default_rng(seed)
    image = rng.integers(100, 140, (160, 64, 3), dtype=np.uint8)
    cv2.circle(image, (32, 16), 11, (120, 150, 200), cv2.FILLED)
    cv2.rectangle(image, (15, 28), (49, 88), shirt, cv2.FILLED)
    cv2.rectangle(image, (19, 88), (45, 156), trousers, cv2.FILLED)
    noise = rng.normal(0, 6, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


RED_BLUE = person((30, 30, 190), (120, 50, 30))
GREEN_GREY = person((40, 160, 50), (90, 90, 90))


class TestAppearance:
    def test_the_blocks_are_those_promised(self) -> None:
        assert BLOCKS == {"colour": 48, "spatial": 128, "texture": 128, "shape": 208}
        assert APPEARANCE.dim == 512
        pixels = np.stack([cv2.resize(c, (WIDTH, HEIGHT)) for c in (RED_BLUE, GREEN_GREY)]).astype(np.uint8)
        blocks, projections = measured(pixels), stored()
        assert {name: block.shape[1] for name, block in blocks.items()} == {
            "colour": 600,
            "spatial": 600,
            "texture": 240,
            "shape": 208,
        }
        for name, block in blocks.items():
            assert np.linalg.norm(block, axis=1) == pytest.approx([1, 1], abs=1e-5)
            assert projections[name].of(block).shape == (2, BLOCKS[name])

    def test_each_block_has_its_weight_and_its_place(self) -> None:
        (whole,) = APPEARANCE.embed([RED_BLUE])
        starts = np.cumsum([0, *BLOCKS.values()])
        lengths = [float(np.linalg.norm(whole[a:b])) for a, b in pairwise(starts.tolist())]
        assert lengths == pytest.approx(np.array([1, 1, 0.5, 0.3]) / np.sqrt(1 + 1 + 0.25 + 0.09), abs=1e-4)

    def test_a_mirrored_person_is_nearly_the_same_in_all_but_shape(self) -> None:
        pixels = np.stack([cv2.resize(RED_BLUE, (WIDTH, HEIGHT))]).astype(np.uint8)
        mirrored = np.ascontiguousarray(pixels[:, :, ::-1])
        for name, block in measured(pixels).items():
            cosine = float(block[0] @ measured(mirrored)[name][0])
            assert (cosine > 0.999) == (name != "shape"), name

    @pytest.mark.parametrize(
        "crop",
        [
            np.zeros((1, 1, 3), np.uint8),
            np.zeros((200, 80, 3), np.uint8),
            np.full((90, 40, 3), 255, np.uint8),
            np.full((300, 1, 3), 7, np.uint8),
            np.full((2, 500, 3), (0, 0, 255), np.uint8),
        ],
        ids=["one pixel", "black", "white", "one column", "two rows"],
    )
    def test_degenerate_crops_give_vectors_that_the_agent_accepts(self, crop: Image) -> None:
        (vector,) = APPEARANCE.embed([crop])
        assert np.isfinite(vector).all()
        assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)
        to_fixed(decode_wire(encode_wire(vector), 512))

    @given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
    def test_any_crop_gives_a_unit_vector(self, height: int, width: int, seed: int) -> None:
        crop = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        assert float(np.linalg.norm(APPEARANCE.embed([crop])[0])) == pytest.approx(1, abs=1e-5)

    def test_a_batch_gives_what_single_crops_give(self) -> None:
        together = APPEARANCE.embed([RED_BLUE, GREEN_GREY])
        alone = np.concatenate([APPEARANCE.embed([RED_BLUE]), APPEARANCE.embed([GREEN_GREY])])
        assert np.allclose(together, alone, atol=1e-6)
        assert APPEARANCE.embed([]).shape == (0, 512)

    def test_the_same_clothes_are_nearer_than_others_in_another_light(self) -> None:
        bluish = np.clip(person((30, 30, 190), (120, 50, 30), 1) * np.array([1.25, 0.95, 0.75]), 0, 255)
        probe, same, other = APPEARANCE.embed([RED_BLUE, bluish.astype(np.uint8), GREEN_GREY])
        assert probe @ same > 0.6
        assert probe @ same > probe @ other + 0.3

    def test_where_the_colours_are_counts(self) -> None:
        probe, swapped = APPEARANCE.embed([RED_BLUE, person((120, 50, 30), (30, 30, 190))])
        again = APPEARANCE.embed([person((30, 30, 190), (120, 50, 30), 5)])[0]
        assert probe @ again > probe @ swapped + 0.2


class TestCalibration:
    def test_every_entry_says_how_it_was_measured(self) -> None:
        table = json.loads(Path("producers/embed/calibration.json").read_text())["encoders"]
        assert "appearance-512" in table
        assert all("benchmarks.calibrate" in entry["measured_by"] for entry in table.values())
        assert all(any(similarity == 0.6 for _, similarity in entry["knots"]) for entry in table.values())

    def test_the_encoder_carries_its_knots(self) -> None:
        model = model_of(open_embedder("appearance-512"))
        assert (model.key, model.dim) == ("appearance-512@2", 512)
        assert (model.calibration, model.agreement) == calibration_of("appearance-512")
        assert model.calibration and model.agreement

    @pytest.mark.parametrize(
        "knots", [[(0.5, 0.0), (0.4, 1.0)], [(0.1, 0.9), (0.2, 0.5)], [(0.1, 2.0)], [1, 2], 7]
    )
    def test_knots_that_do_not_rise_are_refused(self, knots: object) -> None:
        with pytest.raises(ConfigError, match="somewhere: calibration must"):
            checked(knots, "somewhere")

    def test_who_is_not_measured_has_neither(self) -> None:
        assert calibration_of("of-nobody") == ((), None)

    @pytest.mark.parametrize("agreement", [-0.1, 1.1, float("nan"), float("inf"), "0.5", True, []])
    def test_an_agreement_that_is_none_is_refused(self, agreement: object) -> None:
        with pytest.raises(ConfigError, match="somewhere: agreement must be a number"):
            checked_agreement(agreement, "somewhere")


WEIGHTS = np.array([[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32)


class TestDeep:
    def model(self, directory: Path, name: str = "mine.onnx", **sidecar: object) -> str:
        path = directory / name
        path.write_bytes(linear_model(WEIGHTS, (32, 16)))
        if sidecar:
            path.with_name(name + ".json").write_text(json.dumps(sidecar))
        return str(path)

    def test_a_declared_model_embeds(self, tmp_path: Path) -> None:
        plain = {
            "width": 16,
            "height": 32,
            "channels": "BGR",
            "scale": 1.0,
            "mean": [0, 0, 0],
            "std": [1, 1, 1],
        }
        embedder = open_embedder(
            self.model(tmp_path, version="7", calibration=[[0.2, 0], [0.5, 0.6]], **plain)
        )
        assert (embedder.name, embedder.version, embedder.dim) == ("mine", "7", 4)
        assert embedder.calibration == ((0.2, 0.0), (0.5, 0.6))
        crops = [np.full((50, 20, 3), colour, np.uint8) for colour in ((10, 0, 0), (0, 20, 0), (0, 0, 0))]
        vectors = embedder.embed(crops)
        assert vectors.shape == (3, 4)
        assert vectors[0].tolist() == pytest.approx([5**-0.5, 0, 0, 2 * 5**-0.5])
        assert vectors[1].tolist() == pytest.approx([0, 1, 0, 0])
        assert np.linalg.norm(vectors[2]) == pytest.approx(1), "a zero output has no direction, but must pass"

    def test_other_weights_have_another_version(self, tmp_path: Path) -> None:
        first = open_embedder(self.model(tmp_path, width=16, height=32))
        (tmp_path / "other").mkdir()
        path = tmp_path / "other" / "mine.onnx"
        path.write_bytes(linear_model(WEIGHTS * 2, (32, 16)))
        path.with_name("mine.onnx.json").write_text('{"width": 16, "height": 32}')
        assert first.name == open_embedder(str(path)).name
        assert first.version != open_embedder(str(path)).version

    @pytest.mark.parametrize(
        ("name", "words"),
        [("gone.onnx", "no such file"), ("model.xyz", "unknown kind"), ("osnet.onnx", "cannot load")],
    )
    def test_what_cannot_be_loaded_is_named(self, tmp_path: Path, name: str, words: str) -> None:
        if name != "gone.onnx":
            (tmp_path / name).write_bytes(b"no model")
            (tmp_path / (name + ".json")).write_text("{}")
        with pytest.raises(ConfigError, match=words) as caught:
            open_embedder(str(tmp_path / name))
        assert name in str(caught.value)

    def test_an_undeclared_model_asks_for_its_sidecar(self, tmp_path: Path) -> None:
        with pytest.raises(
            ConfigError, match=r"declare its input in mine\.saferoom\.yaml.*width: 16, height: 32"
        ):
            open_embedder(self.model(tmp_path))

    def test_a_wrong_sidecar_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"mine\.onnx\.json.*widht"):
            open_embedder(self.model(tmp_path, widht=16))

    @pytest.mark.parametrize(("name", "package"), [("net.pt", "torch"), ("net.xml", "openvino")])
    def test_a_missing_runtime_says_how_to_get_it(
        self, tmp_path: Path, name: str, package: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, package, None)
        (tmp_path / name).write_bytes(b"weights")
        (tmp_path / "net.bin").write_bytes(b"weights")
        (tmp_path / (name + ".json")).write_text("{}")
        with pytest.raises(ConfigError, match=f"needs the package {package}.*uv pip install {package}"):
            open_embedder(str(tmp_path / name))


class TestSubnormals:
    @pytest.mark.parametrize("packed", [False, True], ids=["raw_data", "float_data"])
    def test_negligible_weights_become_zero_and_nothing_else_changes(self, packed: bool) -> None:
        weights = WEIGHTS.copy()
        weights[0, 1], weights[1, 3], weights[2, 0] = 1e-40, -1e-33, 1e-20
        expected = weights.copy()
        expected[0, 1] = expected[1, 3] = 0
        cleaned, count = without_subnormals(linear_model(weights, (8, 8), packed=packed))
        assert count == 2
        assert cleaned == linear_model(expected, (8, 8), packed=packed)

    def test_what_is_no_protobuf_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="not an ONNX file"):
            without_subnormals(b"\xff" * 40)
