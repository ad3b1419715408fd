"""No unit test is left out when a few processes share them."""

from pathlib import Path

import pytest

from tests.unit.__main__ import files_in, shares, size

ROOT = Path(__file__).parent


@pytest.mark.parametrize("count", [1, 2, 4, 40])
def test_every_test_is_in_one_share(count: int) -> None:
    files = [file for group in shares(ROOT, count) for path in group for file in files_in(path)]
    assert sorted(files) == files_in(ROOT)


def test_shares_are_about_as_large() -> None:
    sizes = [sum(map(size, group)) for group in shares(ROOT, 2)]
    assert min(sizes) > 0.8 * max(sizes)
