"""`saferoom evaluate stream` from the command line, on painted crops and the real encoder."""

import json
from pathlib import Path

import pytest

from reid.errors import ConfigError
from tests.unit.deploy.evaluate.command_line import evaluate
from tests.unit.deploy.evaluate.crop_files import paint
from tests.unit.deploy.evaluate.html_page import assert_self_contained


def test_encoders_and_policies_are_told_in_a_table_and_in_json(tmp_path: Path) -> None:
    crops = paint(tmp_path / "crops", 6)
    written, page = tmp_path / "found.json", tmp_path / "found.html"
    arguments = (str(crops), "--embedder", "stripenet-512", "--people", "5", "--seed", "0,1")
    output = evaluate(
        "stream", *arguments, "--compare", "threshold=0.99", "--json", str(written), "--html", str(page)
    )
    assert "stripenet-512" in output
    assert "threshold=0.99" in output
    parsed = assert_self_contained(page.read_text())
    assert len([tag for tag, _ in parsed.tags if tag == "polyline"]) == 3  # the truth and both
    assert [tag for tag, _ in parsed.tags if tag == "img"], "the strict policy splits people, which is shown"
    document = json.loads(written.read_text())
    plain, strict = document["variants"]
    assert plain["seeds"].keys() == {"0", "1"}
    assert plain["mean"]["people"] == 5
    assert plain["mean"]["tracks"] == 10
    assert strict["policy"]["threshold"] == 0.99
    # Nothing is that alike: every track is somebody new.
    assert strict["mean"]["ids"] > plain["mean"]["ids"]
    scores = [plain["seeds"][seed]["pair_f1"] for seed in ("0", "1")]
    assert plain["mean"]["pair_f1"] == pytest.approx(sum(scores) / 2, abs=1e-6)
    # A run repeats to the last digit.
    again = tmp_path / "again.json"
    evaluate("stream", *arguments, "--compare", "threshold=0.99", "--json", str(again))
    repeated = json.loads(again.read_text())["variants"]
    assert [v["seeds"] for v in repeated] == [plain["seeds"], strict["seeds"]]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    crops = paint(tmp_path / "crops", 2)
    with pytest.raises(ConfigError, match="3 people are asked for"):
        evaluate("stream", str(crops), "--people", "3")
    with pytest.raises(ConfigError, match="no crops"):
        evaluate("stream", str(tmp_path))
