"""A small run of ``benchmarks/fuzz.py``, whose result for 100,000 of each kind is in ``docs/results``."""

import logging

import pytest

from benchmarks.fuzz import fuzz
from tests.unit.depth import some


@pytest.mark.parametrize("seed", some([7, 8]))
def test_each_undecidable_message_is_one_dead_letter_and_nothing_else_changes(seed: int) -> None:
    logging.disable(logging.CRITICAL)
    try:
        found = fuzz(600, seed)
    finally:
        logging.disable(logging.NOTSET)
    assert found["dead_letters_missing_twice_or_wrong"] == 0
    assert found["made_the_decider_fail"] == 0
    assert found["good_messages_decided_otherwise"] == 0
    assert found["hangs"] == 0
    assert found["dead_letters"] > 600
    assert found["decidable_after_all"]["mutated"] > 50
    assert {"malformed", "poison", "too_new", "misrouted", "clock"} <= found["dead_letters_by_reason"].keys()
