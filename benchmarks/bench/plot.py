"""A plot of the rows as SVG: how far each is from its floor, on a logarithmic axis."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from benchmarks.bench.row import Row

_WIDTH, _LEFT, _ROW, _TOP = 1100, 520, 26, 40
#: Decades on both sides of the floor.
_REACH: Final = 1.5
_COLOURS: Final = {"aim": "#2a7d4f", "floor": "#4f8fc0", "missed": "#c0504f"}


def draw(rows: Sequence[Row]) -> str:
    """Rows that have a floor, in their order. To the right of the line is better than the floor."""
    shown = [row for row in rows if row.floor and row.result and row.verdict in _COLOURS]
    height = _TOP + _ROW * len(shown) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" fill="#444">times better than the floor (line); ◆ the aim</text>',
    ]
    for power in (0.1, 0.3, 1, 3, 10):
        x = _x(power)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{height - 22}" '
            f'stroke="{"#222" if power == 1 else "#ddd"}"/>'
            f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" fill="#444">{power:g}</text>'
        )
    for place, row in enumerate(shown):
        parts += _bar(row, _TOP + place * _ROW)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(row: Row, y: float) -> list[str]:
    assert row.floor and row.result
    reached, zero = _x(_better(row, row.result)), _x(1)
    label = row.what + (f" / {row.beside}" if row.beside else "")
    bar = (
        f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(label[:82])}</text>'
        f'<rect x="{min(reached, zero):.1f}" y="{y + 3}" width="{max(abs(reached - zero), 1):.1f}" '
        f'height="14" fill="{_COLOURS[row.verdict]}"/>'
    )
    if not row.aim:
        return [bar]
    return [bar, f'<text x="{_x(_better(row, row.aim)):.1f}" y="{y + 15}" text-anchor="middle">◆</text>']


def _better(row: Row, value: float) -> float:
    assert row.floor
    return row.floor / value if row.lower else value / row.floor


def _x(times: float) -> float:
    power = min(max(math.log10(times), -_REACH), _REACH)
    return _LEFT + (power + _REACH) / (2 * _REACH) * (_WIDTH - _LEFT - 40)
