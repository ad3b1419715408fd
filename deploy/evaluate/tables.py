"""Results side by side, for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table


def comparison(title: str, columns: Mapping[str, str], variants: Sequence[Mapping[str, Any]]) -> Table:
    """``variants``: documents with ``name`` and ``mean``; ``columns``: name in ``mean`` -> heading."""
    table = Table("", title=title, title_justify="left", box=None, pad_edge=False)
    for heading in columns.values():
        table.add_column(heading, justify="right")
    for variant in variants:
        table.add_row(variant["name"], *(shown(variant["mean"].get(name)) for name in columns))
    return table


def shown(value: object) -> str:
    """Four significant digits; whole numbers as they are."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) >= 2 else f"{value:.4g}"
    return str(value)
