"""What is put side by side."""

from pathlib import Path

import pytest

from deploy.evaluate.variants import policy_with, seeds_of, variants
from producers.models.catalogue import entries
from reid.contracts.policy import Policy
from reid.errors import ConfigError

HOME = Path("/nowhere")


def test_encoders_and_policies_side_by_side() -> None:
    found = variants("a.onnx", ["margin=0.05"], "dir/b.onnx,threshold=0.7+max_samples=6", "default", HOME)
    assert [(v.name, v.embedder) for v in found] == [
        ("a.onnx", "a.onnx"),
        ("b.onnx", "dir/b.onnx"),
        ("threshold=0.7+max_samples=6", "a.onnx"),
    ]
    assert [v.policy.margin for v in found] == [0.05] * 3
    assert (found[2].policy.threshold, found[2].policy.max_samples) == (0.7, 6)


def test_a_fetched_model_was_not_found_by_its_name(tmp_path: Path) -> None:
    entry = next(entry for entry in entries() if entry.kind == "encoder" and not entry.built_in)
    path = tmp_path / "models" / entry.files[0].name
    path.parent.mkdir()
    path.touch()
    asked = [
        variants(entry.name, [], None, "d", tmp_path),
        variants(None, [], f"{entry.name},a", "d", tmp_path),
    ]
    asked += [variants(None, [], "margin=0.1", entry.name, tmp_path)]
    for found in asked:
        assert (found[0].name, found[0].embedder) == (entry.name, str(path))
    assert asked[2][1].embedder == str(path)
    # By its name and by its path it is one encoder.
    assert len(variants(entry.name, [], str(path), "d", tmp_path)) == 1
    assert variants(entry.name, [], None, "d", HOME)[0].embedder == entry.name


def test_two_files_of_one_name_could_not_be_told_apart() -> None:
    found = variants(None, [], "old/body.onnx,new/body.onnx,else.onnx", "default", HOME)
    assert [v.name for v in found] == ["old/body.onnx", "new/body.onnx", "else.onnx"]


def test_an_encoder_in_a_directory_with_an_equals_sign_was_a_policy() -> None:
    (found,) = variants(None, [], "runs/rate=0.1/body.onnx", "default", HOME)
    assert (found.name, found.embedder) == ("body.onnx", "runs/rate=0.1/body.onnx")


def test_what_was_not_asked_for_is_not_compared() -> None:
    assert [v.name for v in variants(None, [], "a,b", "default", HOME)] == ["a", "b"]
    assert [v.name for v in variants(None, [], "margin=0.1", "default", HOME)] == ["default", "margin=0.1"]
    assert [v.name for v in variants(None, [], None, "default", HOME)] == ["default"]
    assert [v.name for v in variants("a", [], "a,b", "default", HOME)] == ["a", "b"]


@pytest.mark.parametrize(
    "change", ["colour=red", "margin", "margin=wide", "max_samples=2.5", "camera_thresholds=3"]
)
def test_a_policy_that_does_not_exist_is_refused(change: str) -> None:
    with pytest.raises(ConfigError, match="policy"):
        policy_with(Policy(), [change])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("threshold=7", "less than or equal to 1"),
        ('camera_thresholds={"cam1": -0.7}', "greater than or equal to 0"),
        ("min_samples=0", "greater than or equal to 1"),
        ("track_timeout=-5000", "as SAFEROOM_TRACK_TIMEOUT counts, input should be greater than 0"),
        ("ttl=90", "as SAFEROOM_TTL_DAYS counts, input should be greater than or equal to 1"),
        ("day_starts=86400000", "less than 24"),
        ("grey_zone=-0.1", "greater than or equal to 0"),
        ("rule=3", "name one of threshold"),
    ],
)
def test_a_policy_that_no_site_can_have_was_measured(change: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        policy_with(Policy(), [change])


def test_policies_are_json() -> None:
    assert policy_with(Policy(), ['camera_thresholds={"cam1": 0.7}']).threshold_at("cam1") == 0.7


def test_seeds() -> None:
    assert seeds_of("0,1,1,5") == [0, 1, 5]
    for wrong in ("a", "-1", "0,-1", "0,", "1.5"):
        with pytest.raises(ConfigError, match="whole numbers from 0"):
            seeds_of(wrong)
