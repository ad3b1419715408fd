"""What was measured, kept: JSON, a table, a plot."""

from pathlib import Path
from typing import Final

import msgspec

from benchmarks.bench.plot import draw
from benchmarks.bench.row import Row

_HEAD: Final = ("", "what", "beside", "ours", "theirs", "ratio", "spread", "floor", "aim")
_SIGN: Final = {"aim": "++", "floor": "+", "missed": "-", "stated": "=", "skipped": "."}
_LEGEND: Final = "`++` the aim is reached, `+` the floor, `-` neither; `=` is stated only, `.` was left out."


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One bench. ``load``: of the machine in its last minute before and at the end of it."""

    name: str
    command: str
    machine: str
    load: tuple[float, float]
    seconds: float
    quick: bool
    rows: list[Row]


def load(path: Path) -> dict[str, Measured]:
    if not path.exists():
        return {}
    return {each.name: each for each in msgspec.json.decode(path.read_bytes(), type=list[Measured])}


def save(path: Path, found: list[Measured]) -> None:
    """Into the file, in this order; the plot beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    path.with_suffix(".svg").write_text(draw([row for each in found for row in each.rows]))
    path.with_suffix(".md").write_text(_page(found, path.with_suffix(".svg").name))


def table(found: list[Measured]) -> str:
    """Plain text; what the first column says: `_LEGEND`."""
    lines = [_HEAD]
    for each in found:
        lines += [_line(row) for row in each.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _page(found: list[Measured], plot: str) -> str:
    """The table for people who read it in the repository."""
    parts = ["# Beside limits and peers", "", f"![times better than the floor]({plot})", ""]
    parts += ["Made by `make bench`. " + _LEGEND, ""]
    for each in found:
        busy = f"load {each.load[0]} before, {each.load[1]} at the end"
        parts += [f"`{each.command}`, {each.seconds:.0f} s; {each.machine}; {busy}", ""]
        parts += ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
        parts += ["| " + " | ".join(_line(row)) + " |" for row in each.rows]
        notes = dict.fromkeys(row.note for row in each.rows if row.note)
        parts += ["", *notes, ""] if notes else [""]
    return "\n".join(parts)


def _line(row: Row) -> tuple[str, ...]:
    spread = "" if row.spread is None else f"{number(row.spread[0])} to {number(row.spread[1])}"
    ours = row.skipped or f"{number(row.value)} {row.unit}"
    bounds = ["" if b is None else ("≤ " if row.lower else "≥ ") + number(b) for b in (row.floor, row.aim)]
    peer = "" if row.peer is None else number(row.peer)
    ratio = "" if row.ratio is None else number(row.ratio)
    return (_SIGN[row.verdict], row.what, row.beside, ours, peer, ratio, spread, *bounds)


def number(value: float | None) -> str:
    """As people read it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
