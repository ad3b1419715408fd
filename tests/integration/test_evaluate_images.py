"""`saferoom evaluate images` from the command line, on painted crops and the real encoders."""

import json
from pathlib import Path

from tests.unit.deploy.evaluate.command_line import evaluate
from tests.unit.deploy.evaluate.crop_files import paint
from tests.unit.deploy.evaluate.html_page import assert_self_contained


def test_command_writes_numbers_and_a_page(tmp_path: Path) -> None:
    crops = paint(tmp_path / "crops", 8)
    output = evaluate(
        "images",
        *(str(crops), "--compare", "appearance-512,stripenet-512", "--single-shot", "8"),
        *("--json", str(tmp_path / "found.json"), "--html", str(tmp_path / "found.html")),
    )
    assert "crops: rank-1" in output
    document = json.loads((tmp_path / "found.json").read_text())
    assert [v["name"] for v in document["variants"]] == ["appearance-512", "stripenet-512"]
    assert (document["people"], document["cameras"]) == (8, 2)
    for variant in document["variants"]:
        assert variant["crops"]["rows"] == 48
        assert variant["tracks"]["rows"] == 16
        assert 0 <= variant["crops"]["single_shot_rank1"] <= 1
    parsed = assert_self_contained((tmp_path / "found.html").read_text())
    assert len([tag for tag, _ in parsed.tags if tag == "svg"]) == 2
    assert len([tag for tag, _ in parsed.tags if tag == "polyline"]) == 4
