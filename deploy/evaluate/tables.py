"""Results side by side, for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table


def comparison(
    title: str, columns: Mapping[str, str], variants: Sequence[Mapping[str, Any]], *, upright: bool = False
) -> Table:
    """``variants``: documents with ``name`` and ``mean``; ``columns``: name in ``mean`` -> heading. A row a
    variant, or ``upright``: a column."""
    cells = [[shown(variant["mean"].get(name)) for name in columns] for variant in variants]
    names, headings = [str(variant["name"]) for variant in variants], list(columns.values())
    if upright:
        cells = [list(row) for row in zip(*cells, strict=True)]
        names, headings = headings, names
    table = Table("", title=title, title_justify="left", box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, row in zip(names, cells, strict=True):
        table.add_row(name, *row)
    return table


def shown(value: object) -> str:
    """Four significant digits; whole numbers as they are."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) >= 2 else f"{value:.4g}"
    return str(value)
