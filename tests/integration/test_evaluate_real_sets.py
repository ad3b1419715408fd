"""The yardstick on the real sets beside the checkout, by path; skipped where they are not."""

from pathlib import Path
from typing import Final

import pytest

from deploy.evaluate.crops import Encoder, open_crops
from deploy.evaluate.images import Protocol, image_score
from deploy.evaluate.stream import Stream, decided, pause_of, played, tracks_of
from deploy.evaluate.stream_score import stream_score
from reid.contracts.policy import Policy

SETS: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "images"


@pytest.mark.parametrize("name", ["cuhk01", "cuhk03_val"])
def test_a_few_people_of_a_real_set(name: str) -> None:
    if not (SETS / name).is_dir():
        pytest.skip(f"no {name} beside the checkout")
    crops = open_crops(SETS / name, limit=12, seed=0)
    encoder, policy = Encoder.open("stripenet-512"), Policy()
    vectors = encoder.vectors(crops)
    score = image_score(vectors, encoder.embedder.calibration, Protocol(other_cameras_only=True)).numbers
    # Twelve people: far from a guess, which is right once in twelve.
    assert score["rank1"] > 0.3
    assert score["eer"] < 0.35
    tracks = tracks_of(crops, None, 0)
    stream = Stream(
        tracks, encoder.wires(crops), crops.qualities(), encoder.model, policy.max_samples, pause_of(policy)
    )
    found = stream_score(played(stream, decided(stream.messages(), policy)))
    assert found["people"] == 12
    assert found["tracks"] == 24
    assert found["tracks_without_id"] == 0
    # Better than everybody new (recall 0) and than everybody one (precision 12 in 276).
    assert found["pair_f1"] > 0.2
