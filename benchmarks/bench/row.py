"""One measured line, and how two things are measured beside each other."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

Verdict = Literal["aim", "floor", "missed", "stated", "skipped"]


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``value``, ``peer``: medians of ours and of what stands ``beside`` it, in ``unit``. ``ratio``: median
    over the rounds of ours / theirs, each of one round; ``spread``: least and most of it, or of the value
    where there is no peer. ``floor``, ``aim``: what the ratio, or the value without a peer, should reach;
    ``lower``: less is better. ``skipped``: why it was not measured. ``more``: numbers that explain it."""

    what: str
    unit: str
    beside: str = ""
    value: float | None = None
    peer: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    rounds: int = 0
    floor: float | None = None
    aim: float | None = None
    lower: bool = False
    skipped: str = ""
    note: str = ""
    more: dict[str, float | int | str | None] = {}

    @property
    def result(self) -> float | None:
        """What is held against floor and aim."""
        return self.value if self.ratio is None else self.ratio

    @property
    def verdict(self) -> Verdict:
        if self.skipped or self.result is None:
            return "skipped"
        if self.floor is None and self.aim is None:
            return "stated"
        if self._reaches(self.aim):
            return "aim"
        return "floor" if self._reaches(self.floor) else "missed"

    def _reaches(self, bound: float | None) -> bool:
        if bound is None or self.result is None:
            return False
        return self.result <= bound if self.lower else self.result >= bound


def interleaved(rounds: int, sides: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Each side once a round, the order turned around from round to round, so that what else the machine
    does falls on all alike. A warm-up round before the first is not counted."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        names = list(sides) if number % 2 else list(reversed(sides))
        for name in names:
            measured = sides[name]()
            if number:
                found[name].append(measured)
    return found


def compared(
    what: str,
    unit: str,
    ours: Sequence[float],
    beside: str,
    theirs: Sequence[float],
    *,
    floor: float | None = None,
    aim: float | None = None,
    lower: bool = False,
    note: str = "",
    more: dict[str, float | int | str | None] | None = None,
) -> Row:
    """A row of two sides of the same rounds."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Row(
        what=what, unit=unit, beside=beside, value=short(statistics.median(ours)),
        peer=short(statistics.median(theirs)), ratio=short(statistics.median(ratios)),
        spread=(short(min(ratios)), short(max(ratios))), rounds=len(ratios),
        floor=floor, aim=aim, lower=lower, note=note, more=more or {},
    )  # fmt: skip


def alone(
    what: str,
    unit: str,
    values: Sequence[float],
    *,
    floor: float | None = None,
    aim: float | None = None,
    lower: bool = False,
    note: str = "",
    more: dict[str, float | int | str | None] | None = None,
) -> Row:
    """A row of something that is measured for itself."""
    return Row(
        what=what, unit=unit, value=short(statistics.median(values)),
        spread=(short(min(values)), short(max(values))), rounds=len(values),
        floor=floor, aim=aim, lower=lower, note=note, more=more or {},
    )  # fmt: skip


def short(value: float) -> float:
    """Four significant digits: more would be noise."""
    return float(f"{value:.4g}")
