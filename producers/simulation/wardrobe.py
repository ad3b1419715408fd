"""What people look like, as data: clothes, build, hair, skin, what they carry.

Most people are told apart by clothes; every sixth looks like somebody else (same colours, other details).
"""

import dataclasses
from dataclasses import dataclass
from typing import Final

import numpy as np

Colour = tuple[float, float, float]
"""BGR, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Wardrobe:
    """One person's look. ``height`` in metres; ``build`` scales widths (1 is average); ``sleeve`` and
    ``hem``: how far the upper garment covers arm and trunk, 0 to 1; ``seed`` fixes grain and folds of
    the cloth."""

    seed: int
    height: float
    build: float
    skin: Colour
    hair: Colour
    hair_style: str
    upper: Colour
    accent: Colour
    pattern: str
    sleeve: float
    hem: float
    lower: Colour
    lower_kind: str
    shoes: Colour
    bag: str
    bag_colour: Colour


def _palette(*colours: int) -> tuple[Colour, ...]:
    """0xRRGGBB -> BGR."""
    return tuple(((c & 255) / 255, (c >> 8 & 255) / 255, (c >> 16) / 255) for c in colours)


_UPPER: Final = (
    *_palette(0xB3262E, 0x23408F, 0xE3E0D6, 0x1F7A4D, 0xD9A521, 0x2A2B30, 0x7D3C98, 0xD96C1F),
    *_palette(0x4FA3C7, 0x8A8D91, 0xD98CAE, 0x5A3A26, 0x16595E, 0x9AA83A, 0x6E1F35, 0xC8B08A),
)
_LOWER: Final = _palette(0x2B3550, 0x1C1D21, 0x6B6558, 0xB8A888, 0x43566E, 0x5B4632, 0x7D8085, 0x2F4A3A)
_SKIN: Final = _palette(0xF0C9A8, 0xE0AC86, 0xC68C63, 0x9A653F, 0x6E4528, 0xE8BD9A)
_HAIR: Final = _palette(0x1C1714, 0x3A271A, 0x6B4526, 0xB58A4C, 0x8F8A85, 0x70301A)
_SHOES: Final = _palette(0x1B1B1D, 0xD8D6D0, 0x5C3A22, 0x8E2323, 0x3B4656)
_BAGS: Final = _palette(0xA32828, 0x1F1F22, 0x2D5F8C, 0x6D5A34, 0x3C7A4A, 0xD08A2A)
_PATTERNS: Final = ("plain", "stripes", "jacket", "checks", "plain", "print", "two_tone", "pinstripes")
_BAG_KINDS: Final = ("none", "backpack", "none", "shoulder", "backpack", "none", "none", "shoulder")
_STYLES: Final = ("short", "long", "short", "bun", "bald", "short", "long", "cap")


def wardrobes(people: int, seed: int) -> tuple[Wardrobe, ...]:
    """Everybody's look; the first n are the same however many there are."""
    rng = np.random.default_rng([seed, 5])
    uppers, lowers = rng.permutation(len(_UPPER)), rng.permutation(len(_LOWER))
    turns = rng.integers(0, 8, 4)
    made: list[Wardrobe] = []
    for person in range(people):
        # One generator a person: another head count must not dress the others anew.
        made.append(_dress(person, np.random.default_rng([seed, 5, person]), uppers, lowers, turns))
        if person % 6 == 5:
            double = made[person - 4]
            made[person] = dataclasses.replace(
                made[person], upper=double.upper, lower=double.lower, lower_kind=double.lower_kind
            )
    return tuple(made)


def _dress(
    person: int,
    rng: np.random.Generator,
    uppers: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    lowers: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    turns: "np.ndarray[tuple[int], np.dtype[np.int64]]",
) -> Wardrobe:
    def tint(colour: Colour) -> Colour:
        # A little of the grey in every cloth: dyed fabric is never as pure as a palette.
        grey, dye = sum(colour) / 3, float(rng.uniform(0.88, 1.08))
        blue, green, red = (min(1.0, dye * (0.84 * part + 0.16 * grey)) for part in colour)
        return blue, green, red

    style = _STYLES[(person * 3 + int(turns[0])) % len(_STYLES)]
    feminine = style in ("long", "bun")
    pattern = _PATTERNS[(person * 5 + int(turns[1])) % len(_PATTERNS)]
    upper = int(uppers[person % len(uppers)])
    kind = ("skirt" if rng.random() < 0.5 else "trousers") if feminine else "trousers"
    if kind == "trousers" and pattern != "jacket" and rng.random() < 0.15:
        kind = "shorts"
    return Wardrobe(
        seed=int(rng.integers(1 << 30)),
        height=float(rng.normal(1.65 if feminine else 1.77, 0.05)),
        build=float(rng.uniform(0.88, 1.05) if feminine else rng.uniform(0.94, 1.18)),
        skin=tint(_SKIN[int(rng.integers(len(_SKIN)))]),
        hair=_HAIR[int(rng.integers(len(_HAIR)))],
        hair_style=style,
        upper=tint(_UPPER[upper]),
        accent=tint(_UPPER[(upper + int(rng.integers(3, len(_UPPER) - 3))) % len(_UPPER)]),
        pattern=pattern,
        sleeve=1.0 if pattern == "jacket" else float(rng.choice([0.30, 0.42, 1.0, 1.0])),
        hem=0.98 if pattern == "jacket" else float(rng.choice([0.74, 0.84])),
        lower=tint(_LOWER[int(lowers[(person * 3 + person // 8) % len(lowers)])]),
        lower_kind=kind,
        shoes=tint(_SHOES[int(rng.integers(len(_SHOES)))]),
        bag=_BAG_KINDS[(person * 3 + int(turns[3])) % len(_BAG_KINDS)],
        bag_colour=tint(_BAGS[int(rng.integers(len(_BAGS)))]),
    )
