"""What is put side by side."""

import pytest

from deploy.evaluate.variants import policy_with, seeds_of, variants
from reid.contracts.policy import Policy
from reid.errors import ConfigError


def test_encoders_and_policies_side_by_side() -> None:
    found = variants("a.onnx", ["margin=0.05"], "dir/b.onnx,threshold=0.7+max_samples=6", "default")
    assert [(v.name, v.embedder) for v in found] == [
        ("a.onnx", "a.onnx"),
        ("b.onnx", "dir/b.onnx"),
        ("threshold=0.7+max_samples=6", "a.onnx"),
    ]
    assert [v.policy.margin for v in found] == [0.05] * 3
    assert (found[2].policy.threshold, found[2].policy.max_samples) == (0.7, 6)


def test_what_was_not_asked_for_is_not_compared() -> None:
    assert [v.name for v in variants(None, [], "a,b", "default")] == ["a", "b"]
    assert [v.name for v in variants(None, [], "margin=0.1", "default")] == ["default", "margin=0.1"]
    assert [v.name for v in variants(None, [], None, "default")] == ["default"]
    assert [v.name for v in variants("a", [], "a,b", "default")] == ["a", "b"]


@pytest.mark.parametrize(
    "change", ["colour=red", "margin", "margin=wide", "max_samples=2.5", "camera_thresholds=3"]
)
def test_a_policy_that_does_not_exist_is_refused(change: str) -> None:
    with pytest.raises(ConfigError, match="policy"):
        policy_with(Policy(), [change])


def test_policies_are_json() -> None:
    assert policy_with(Policy(), ['camera_thresholds={"cam1": 0.7}']).threshold_at("cam1") == 0.7


def test_seeds() -> None:
    assert seeds_of("0,1,1,5") == [0, 1, 5]
    with pytest.raises(ConfigError, match="whole numbers"):
        seeds_of("a")
