"""docs/capacity.md says what the results say, and the model says what was measured."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.bench.results import load as measured_of
from benchmarks.capacity import RESULTS, SIZES, Assumed, costs_of, document, line, need
from deploy.bench.report import Loaded

RUNS = msgspec.json.decode((RESULTS / "load.json").read_bytes(), type=list[Loaded])
COSTS = costs_of(RUNS, list(measured_of(RESULTS / "costs.json").values()))


def test_the_document_is_of_these_results() -> None:
    page = Path("docs/capacity.md").read_text()
    assert document(page) == page, "run python -m benchmarks.capacity"
    assert "| event log a year, TB with copies |" in page


def test_runs_were_sound() -> None:
    for run in RUNS:
        asked = run.asked["cameras"] * run.asked["fps"]
        assert run.drained and not run.failed and run.frames == pytest.approx(asked, rel=0.05), run.asked


def test_the_line_fits_the_runs() -> None:
    """What is predicted for the largest run from all is near to what it took."""
    largest = max(RUNS, key=lambda run: run.asked["cameras"])
    for part in ("worker", "projector", "kafka"):
        said = COSTS.fixed[part] + COSTS.each[part] * largest.asked["cameras"]
        assert said == pytest.approx(largest.cpu[part], rel=0.35), part


def test_a_line_through_points() -> None:
    assert line([1, 2, 3], [3, 5, 7]) == pytest.approx((1, 2))
    assert line([1, 2], [0, 4])[0] == 0.0, "nothing costs less than nothing at rest"


def test_needs_grow_with_cameras_and_with_what_is_assumed() -> None:
    small, middle, large = (need(cameras, COSTS, Assumed()) for cameras in SIZES)
    for name in ("sites", "workers", "partitions", "brokers", "log_tb_year", "redis_gb", "redis_servers"):
        assert getattr(small, name) <= getattr(middle, name) < getattr(large, name), name
    assert large.partitions >= 4 * large.workers
    assert middle.log_tb_year == pytest.approx(100 * small.log_tb_year)
    longer = need(SIZES[0], COSTS, Assumed(busy_hours=20))
    assert longer.log_tb_year == pytest.approx(2 * small.log_tb_year)
