"""No unit test is left out when a few processes share them."""

from pathlib import Path

import pytest

from tests.unit.__main__ import shares

ROOT = Path(__file__).parent


@pytest.mark.parametrize("count", [1, 2, 4, 40])
def test_every_test_is_in_one_share(count: int) -> None:
    paths = [path for group in shares(ROOT, count) for path in group]
    files = [file for path in paths for file in (path.rglob("test_*.py") if path.is_dir() else [path])]
    assert sorted(files) == sorted(ROOT.rglob("test_*.py"))


def test_shares_are_about_as_large() -> None:
    sizes = [
        sum(file.stat().st_size for path in group for file in path.rglob("test_*.py"))
        for group in shares(ROOT, 2)
    ]
    assert min(sizes) > 0.8 * max(sizes)
