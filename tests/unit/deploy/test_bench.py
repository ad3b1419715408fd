"""What `make bench` makes of its rows."""

from benchmarks.bench.plot import draw
from benchmarks.bench.row import Row, compared


def test_a_row_with_a_floor_and_no_aim_is_drawn() -> None:
    """The full form once ended here, after seven minutes, and its page was not written."""
    row = compared("p99", "ms", [2.0, 4.0], "p99 at 10,000", [1.0, 1.0], floor=3, lower=True)
    both = Row(what="rate", unit="1/s", value=4.0, floor=2, aim=3)
    without, with_both = draw([row]), draw([row, both])
    assert with_both.count("<rect") == without.count("<rect") + 1
    assert with_both.count("◆") == without.count("◆") + 1
