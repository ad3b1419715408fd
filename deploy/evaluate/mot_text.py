"""The texts of a MOTChallenge folder: who is where (gt/gt.txt), and how it was filmed (seqinfo.ini)."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from producers.frames import TruePerson
from reid.errors import ConfigError

Truth = Mapping[int, tuple[TruePerson, ...]]
"""Frame number -> who is in it."""

_BOX: Final = ("frame", "id", "left", "top", "width", "height")
_PEDESTRIAN: Final = 1
#: Columns since MOT16, with a class and how much of somebody is visible. Fewer have no class; ten, of MOT15,
#: end in a place in the world, or in -1.
_WITH_CLASS: Final = 9
_WITH_PLACE: Final = 10


class Info(NamedTuple):
    """What seqinfo.ini says, None where it does not: frames a second, and the folder of the pictures."""

    rate: float | None = None
    pictures: str | None = None


def mot_truth(path: Path) -> Truth:
    """Frame number, from 1, -> its pedestrians.

    Rows are ``frame,id,left,top,width,height,consider,class,visible``; those that are not to be considered,
    or of another class, are left out. Raises `ConfigError` for any other row.
    """
    found: defaultdict[int, list[TruePerson]] = defaultdict(list)
    for line, row in enumerate(_lines(path), 1):
        if not row.strip():
            continue
        values = _values(row, f"{path}, line {line}")
        frame, person, left, top, width, height = values[:6]
        considered = len(values) < 7 or values[6] != 0
        no_class = len(values) < _WITH_CLASS or len(values) == _WITH_PLACE
        if considered and (no_class or values[7] in (_PEDESTRIAN, -1)) and width > 0 and height > 0:
            visible = values[8] if len(values) == _WITH_CLASS and values[8] >= 0 else 1.0
            found[int(frame)].append(TruePerson(int(person), (left, top, width, height), visible))
    return {frame: tuple(persons) for frame, persons in found.items()}


def _values(row: str, where: str) -> list[float]:
    try:
        values = [float(value) for value in row.split(",")]
    except ValueError as error:
        raise ConfigError(f"{where}: not {','.join(_BOX)},…; correct it or take the row out") from error
    if len(values) < len(_BOX):
        raise ConfigError(f"{where}: not {','.join(_BOX)},…; correct it or take the row out")
    # Places in the world may be unknown.
    needed = values if len(values) == _WITH_CLASS else values[: len(_BOX)]
    for place, value in enumerate(needed):
        name = _BOX[place] if place < len(_BOX) else f"column {place + 1}"
        if not math.isfinite(value) or (place < 2 and not value.is_integer()):
            kind = "whole number" if place < 2 else "number"
            raise ConfigError(f"{where}: {name} is {value:g}, not a {kind}; correct it or take the row out")
    return values


def mot_info(path: Path) -> Info:
    """Section and names in any case. Raises `ConfigError` for what cannot be understood, naming the line."""
    if not path.is_file():
        return Info()
    said = _section(path, "sequence")
    rate = None
    if "framerate" in said:
        line, text = said["framerate"]
        rate = _rate(text)
        if rate is None:
            raise ConfigError(
                f"{path}, line {line}: frameRate={text}: give frames a second above 0, as frameRate=29.97"
            )
    return Info(rate, said["imdir"][1] or None if "imdir" in said else None)


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if math.isfinite(rate) and rate > 0 else None


def _section(path: Path, wanted: str) -> dict[str, tuple[int, str]]:
    """Its names, in lower case -> (line, value)."""
    found: dict[str, tuple[int, str]] = {}
    section: str | None = None
    for line, text in enumerate(_lines(path), 1):
        row = text.strip()
        if not row or row[0] in "#;":
            continue
        if row[0] == "[" and row[-1] == "]":
            section = row[1:-1].strip().lower()
            continue
        if section is None:
            raise ConfigError(f"{path}, line {line}: {row[:40]}: no section yet; write [Sequence] above it")
        parts = re.split("[=:]", row, maxsplit=1)
        if section != wanted or len(parts) < 2:
            continue
        name, value = parts[0].strip().lower(), parts[1].strip()
        if name in found:
            before = found[name][0]
            raise ConfigError(f"{path}, line {line}: {row[:40]}: line {before} has it, too; keep one")
        found[name] = line, value
    return found


def _lines(path: Path) -> list[str]:
    """UTF-8, with or without the mark that some editors put first."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8; save it as UTF-8 text") from error
