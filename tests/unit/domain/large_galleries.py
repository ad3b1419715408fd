"""Galleries that count as large with few rows."""

import pytest

from reid.domain import coarse, rows


def bounded_from(monkeypatch: pytest.MonkeyPatch, from_rows: int, directions: int, widest: int) -> None:
    """Bounds along so many directions, ``widest`` of them first, from so many rows on."""
    for module in (coarse, rows):
        monkeypatch.setattr(module, "DIRECTIONS", directions)
        monkeypatch.setattr(module, "WIDEST", widest)
        monkeypatch.setattr(module, "FINEST", 2 * directions)
        monkeypatch.setattr(module, "SAMPLE", 64)
    monkeypatch.setattr(rows, "FROM_ROWS", from_rows)
