"""The agent hangs, or is away: told once its inputs waited so long in vain."""

import pytest

from api.deciding import Deciding, Standstill
from reid.contracts.topics import COMMANDS, DETECTIONS

ZERO, ONE = (DETECTIONS.name, 0), (DETECTIONS.name, 1)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deciding(clock: Clock) -> Deciding:
    return Deciding(15.0, clock)


def test_nobody_was_told_that_the_worker_was_dead(deciding: Deciding, clock: Clock) -> None:
    """The page said Live, and readiness that all is well, while names stood still."""
    assert deciding.standing({ZERO: 50, ONE: 9}, {ZERO: 40, ONE: 9}) == []
    clock.now += 15
    told = deciding.standing({ZERO: 90, ONE: 9}, {ZERO: 40, ONE: 9})
    assert told == [Standstill(0, 50, 15.0)]
    assert str(told[0]).startswith("50 inputs wait in reid.detections.v1/0, and none was decided for 15 s")


def test_a_partition_of_which_nothing_was_ever_decided(deciding: Deciding, clock: Clock) -> None:
    assert deciding.standing({ZERO: 3}, {}) == []
    clock.now += 20
    assert deciding.standing({ZERO: 4}, {}) == [Standstill(0, 4, 20.0)]


def test_a_long_backlog_that_is_decided_bit_by_bit_is_no_standstill(deciding: Deciding, clock: Clock) -> None:
    for n in range(5):
        assert deciding.standing({ZERO: 1000}, {ZERO: n}) == []
        clock.now += 14


def test_a_quiet_site_is_none_and_the_time_counts_from_the_first_input_that_waits(
    deciding: Deciding, clock: Clock
) -> None:
    assert deciding.standing({ZERO: 7}, {ZERO: 7}) == []
    clock.now += 3600
    assert deciding.standing({ZERO: 9}, {ZERO: 7}) == [], "asked for the first time since they came"
    clock.now += 16
    assert deciding.standing({ZERO: 9}, {ZERO: 7}) == [Standstill(0, 2, 16.0)]


def test_the_end_of_a_transaction_waits_for_nobody(deciding: Deciding, clock: Clock) -> None:
    deciding.standing({ZERO: 8}, {ZERO: 7})
    clock.now += 60
    assert deciding.standing({ZERO: 8}, {ZERO: 7}) == []


def test_commands_are_answered_by_another_word(deciding: Deciding, clock: Clock) -> None:
    commands = (COMMANDS.name, 0)
    deciding.standing({commands: 90}, {commands: 7})
    clock.now += 60
    assert deciding.standing({commands: 90}, {commands: 7}) == []
