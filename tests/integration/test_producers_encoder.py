"""The shipped encoder on real crops, where they lie beside the checkout."""

from importlib.resources import as_file, files
from pathlib import Path

import pytest

from producers.embed.deep import DeepEmbedder
from producers.training.data import named
from producers.training.evaluate import scores
from producers.training.score import embedded

VAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "images" / "cuhk03_val"


@pytest.mark.skipif(not VAL.is_dir(), reason="needs ../shared/data/images/cuhk03_val")
def test_it_still_tells_people_apart_across_cameras() -> None:
    """On 25 people only, for time."""
    with as_file(files("producers.embed") / "weights" / "stripenet-512.onnx") as path:
        embedder = DeepEmbedder.open(path)
    people = sorted({crop.person for crop in named(VAL)})[:25]
    vectors, _ = embedded([crop for crop in named(VAL) if crop.person in people], embedder)
    assert scores(vectors).rank1 > 0.6
