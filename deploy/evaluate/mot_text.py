"""The texts of a MOTChallenge folder: who is where (gt/gt.txt), and how it was filmed (seqinfo.ini)."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
#: VisDrone's ten columns end in class, truncation and occlusion, whole numbers up to these; in no set with
#: places in the world do all rows. Its classes 1 and 2 are people, upright and not.
_VISDRONE: Final = (11, 1, 2)
_VISDRONE_PEOPLE: Final = (1, 2)
#: Pixels, and places: no picture is so large. Of what is larger no detector, tracker or score can compute.
_FARTHEST: Final = 1e6
#: Frames a second that any camera takes: what claims others counts in another unit.
RATES: Final = (0.001, 1000.0)


class Info(NamedTuple):
    """What seqinfo.ini says, None where it does not: frames a second, and the folder of the pictures."""

    rate: float | None = None
    pictures: str | None = None


def mot_truth(path: Path) -> Truth:
    """Frame number, from 1, -> its pedestrians.

    Rows are ``frame,id,left,top,width,height,consider,class,visible``; those that are not to be considered,
    or of another class, are left out. Raises `ConfigError` for any other row, and where a person that counts
    has no id, or stands in a frame twice.
    """
    rows = [
        (line, _values(row, f"{path}, line {line}"))
        for line, row in enumerate(_lines(path), 1)
        if row.strip()
    ]
    of_drone = _of_drone([values for _, values in rows])
    found: defaultdict[int, dict[int, TruePerson]] = defaultdict(dict)
    for line, values in rows:
        frame, person, left, top, width, height = values[:6]
        if not _counts(values, of_drone) or width <= 0 or height <= 0:
            continue
        if person < 0:
            raise ConfigError(
                f"{path}, line {line}: id is {person:g}, which is nobody's; number people from 0, the same "
                "for all cameras, or give the videos with --videos, which needs no truth"
            )
        if int(person) in found[int(frame)]:
            raise ConfigError(
                f"{path}, line {line}: person {person:g} stands in frame {frame:g} twice; take one out"
            )
        visible = values[8] if len(values) == _WITH_CLASS and values[8] >= 0 else 1.0
        found[int(frame)][int(person)] = TruePerson(int(person), (left, top, width, height), visible)
    return {frame: tuple(persons.values()) for frame, persons in found.items()}


def _of_drone(rows: Sequence[list[float]]) -> bool:
    """Whether ten columns are as VisDrone has them."""
    if any(len(values) != _WITH_PLACE for values in rows):
        return False
    ends = [values[7:] for values in rows]
    whole = all(
        0 <= value <= most and value.is_integer()
        for end in ends
        for value, most in zip(end, _VISDRONE, strict=True)
    )
    return whole and any(end[0] in _VISDRONE_PEOPLE for end in ends)  # places unknown may all be 0


def _counts(values: list[float], of_drone: bool) -> bool:
    """Whether a row is of a person, and to be considered."""
    if len(values) > 6 and values[6] == 0:
        return False
    if of_drone:
        return values[7] in _VISDRONE_PEOPLE
    no_class = len(values) < _WITH_CLASS or len(values) == _WITH_PLACE
    return no_class or values[7] in (_PEDESTRIAN, -1)


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
        if 2 <= place < len(_BOX) and abs(value) > _FARTHEST:
            raise ConfigError(f"{where}: {name} is {value:g}, not in pixels; correct it or take the row out")
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
                f"{path}, line {line}: frameRate={text}: give frames a second, above 0 and at most "
                f"{RATES[1]:.0f}, as frameRate=29.97"
            )
    return Info(rate, said["imdir"][1] or None if "imdir" in said else None)


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if RATES[0] <= rate <= RATES[1] else None


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
