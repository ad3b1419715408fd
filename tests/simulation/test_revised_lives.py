"""Lives in which decisions are taken anew again and again."""

from typing import Any

import msgspec
import pytest

from reid.domain.policy import Policy
from reid.domain.snapshot import digest, dump, load
from tests.unit.domain.crowds import told


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"break_margin": -9.0},
        {"threshold": 0.95, "merge_margin": -9.0},
        {"threshold": 0.95, "merge_margin": -9.0, "gate": False},
        {"merge_margin": 99.0, "better_margin": -99.0},
    ],
)
def test_whatever_is_revised_the_log_is_the_state_and_a_snapshot_of_it_is_too(
    changed: dict[str, Any], seed: int
) -> None:
    story = told(msgspec.structs.replace(Policy(), **changed), seed)
    assert digest(load(dump(story.state))) == digest(story.state)
