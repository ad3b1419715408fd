"""The shipped weights: they fit the package, run, and do what training was for."""

from importlib.resources import as_file, files

import cv2
import numpy as np
import pytest

from producers.embed.deep import DeepEmbedder
from producers.frames import Image
from producers.subnormal import without_subnormals

NAME = "stripenet-512.onnx"


@pytest.fixture(scope="module")
def embedder() -> DeepEmbedder:
    with as_file(files("producers.embed") / "weights" / NAME) as path:
        return DeepEmbedder.open(path)


def body(seed: int) -> Image:
    """Two blocks of cloth before a wall; no real person's picture is kept in the project."""
    generator = np.random.default_rng(seed)
    crop = np.full((160, 64, 3), 150.0)
    crop[30:90, 16:48] = generator.integers(20, 230, 3)
    crop[90:155, 20:44] = generator.integers(20, 230, 3)
    crop += generator.normal(0, 6, crop.shape)
    return np.asarray(cv2.GaussianBlur(crop.clip(0, 255).astype(np.uint8), (3, 3), 0), np.uint8)


def test_the_file_is_small_and_has_no_subnormal_weight() -> None:
    model = (files("producers.embed") / "weights" / NAME).read_bytes()
    assert len(model) <= 4 * 2**20
    assert without_subnormals(model)[1] == 0


def test_it_states_its_calibration_and_version(embedder: DeepEmbedder) -> None:
    assert embedder.dim == 512
    assert (embedder.name, len(embedder.version)) == ("stripenet-512", 8)
    assert [similarity for _, similarity in embedder.calibration] == [0.0, 0.6, 1.0]


def test_a_batch_gives_what_single_crops_give(embedder: DeepEmbedder) -> None:
    crops = [body(seed) for seed in range(5)]
    together = embedder.embed(crops)
    alone = np.concatenate([embedder.embed([crop]) for crop in crops])
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    assert together == pytest.approx(alone, abs=1e-4)


def test_other_light_changes_a_person_less_than_another_person_does(embedder: DeepEmbedder) -> None:
    crops = [body(seed) for seed in range(8)]
    dimmed = [np.asarray(crop * np.array([0.7, 0.62, 0.66]), np.uint8) for crop in crops]
    cosine = embedder.embed(crops) @ embedder.embed(dimmed).T
    assert (cosine.argmax(axis=1) == np.arange(8)).all()
