"""A topic read to its end, though it has none."""

from typing import Any

from projections.reading import batches
from tests.unit.projections.growing import GrowingLog


def read(
    log: Any, starts: dict[int, int | None], **more: Any
) -> tuple[list[tuple[int, int]], dict[int, int]]:
    found, positions = [], dict[int, int]()
    for batch in batches(log, "t", starts, **more):
        found += [(record.partition, record.offset) for record in batch.records]
        positions |= batch.positions
    return found, positions


def test_a_log_that_grows_while_it_is_read_ends_where_it_ended_at_first() -> None:
    """On a live site a rebuild, `replay` and `explain` chased the end: half a minute for 3,000 events."""
    log = GrowingLog([5, 3])
    found, positions = read(log, {0: None, 1: None})
    assert found == [*((0, n) for n in range(5)), *((1, n) for n in range(3))]
    assert positions == {0: 5, 1: 3}


def test_it_goes_on_from_where_it_ended() -> None:
    log = GrowingLog([5])
    read(log, {0: None})
    before = log.ends[0]
    found, positions = read(log, {0: 5})
    assert found == [(0, n) for n in range(5, before)]
    assert positions == {0: before}


def test_limits_are_kept() -> None:
    found, positions = read(GrowingLog([9, 3]), {0: 2, 1: None}, limits={0: 4})
    assert found == [(0, 2), (0, 3), (1, 0), (1, 1), (1, 2)]
    assert positions == {0: 4, 1: 3}


def test_who_has_nothing_to_read_is_not_waited_for() -> None:
    log = GrowingLog([5, 0, 3, 4])
    found, positions = read(log, {0: None, 1: None, 2: 3, 3: 7})
    assert (len(found), log.assigned) == (5, [0])
    assert positions == {0: 5, 1: 0}, "an empty partition has a position, those that did not move have none"
    assert read(GrowingLog([5, 0]), {1: None}) == ([], {1: 0})
