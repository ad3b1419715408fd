"""Line charts as SVG text, without any library: a page of results must open anywhere, offline."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final

WIDTH: Final = 460
HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 44
#: A line of the legend, which stands below: within, it would hide a curve.
_ROW: Final = 16
_STEPS: Final = 6
#: What floats lose in a few steps.
_ROUNDING: Final = 1e-9
#: Told apart by people who see red and green alike (Okabe and Ito).
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#777777")

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """``low``, ``high``: values at its ends; ``log``: decades are equal steps, ``low`` above 0; ``whole``:
    there is nothing between whole numbers."""

    title: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    def share(self, value: float) -> float:
        """Where a value stands, 0 to 1 along the axis; what is outside stands at the end."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = log10(low), log10(high), log10(at)
        return (at - low) / (high - low) if high > low else 0.0

    def ticks(self) -> list[float]:
        """Round numbers, and the low end."""
        if self.log:
            return [10.0**i for i in range(round(log10(self.low)), round(log10(self.high)) + 1)]
        if self.high <= self.low:
            return [self.low]
        step = self._step()
        upto = range(ceil(self.low / step), floor(self.high / step + _ROUNDING) + 1)
        found = [round(step * i, 12) for i in upto]
        return (
            found if found[:1] == [self.low] else [self.low, *(x for x in found if x - self.low > step / 2)]
        )

    def _step(self) -> float:
        """The least of 1, 2, 5, 10, … that makes `_STEPS` of them at most."""
        least = (self.high - self.low) / _STEPS
        decade = 10.0 ** floor(log10(least))
        step = next(decade * each for each in (1, 2, 5, 10) if decade * each >= least * (1 - _ROUNDING))
        return max(step, 1.0) if self.whole else step


def chart(x: Axis, y: Axis, lines: Sequence[tuple[str, Points]]) -> str:
    """One SVG element; ``lines``: name and points in order, at most as many as there are colours."""
    whole = HEIGHT + _ROW * len(lines)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {whole}" width="{WIDTH}" height="{whole}" role="img" '
        f'aria-label="{escape(y.title)} by {escape(x.title)}">'
    ]
    parts += _grid(x, y)
    for number, (name, points) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{_across(x, px):.1f},{_down(y, py):.1f}" for px, py in points)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        row = HEIGHT + _ROW * number + 10
        parts.append(f'<rect x="{_LEFT + 8}" y="{row - 8}" width="12" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 26}" y="{row}">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def _grid(x: Axis, y: Axis) -> list[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for tick in x.ticks():
        at = _across(x, tick)
        parts.append(f'<line class="grid" x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{bottom}"/>')
        parts.append(f'<text text-anchor="middle" x="{at:.1f}" y="{bottom + 16}">{tick:g}</text>')
    for tick in y.ticks():
        at = _down(y, tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>')
        parts.append(f'<text text-anchor="end" x="{_LEFT - 6}" y="{at + 4:.1f}">{tick:g}</text>')
    middle = (_LEFT + right) / 2
    parts.append(f'<text text-anchor="middle" x="{middle}" y="{HEIGHT - 8}">{escape(x.title)}</text>')
    centre = (_TOP + bottom) / 2
    turned = f'transform="rotate(-90 12 {centre})"'
    parts.append(f'<text text-anchor="middle" x="12" y="{centre}" {turned}>{escape(y.title)}</text>')
    return parts


def _across(axis: Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (WIDTH - _LEFT - _RIGHT)


def _down(axis: Axis, value: float) -> float:
    return HEIGHT - _BOTTOM - axis.share(value) * (HEIGHT - _TOP - _BOTTOM)
