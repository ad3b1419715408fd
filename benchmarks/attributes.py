"""Words for people on the simulated site, whose wardrobe is known: ``python -m benchmarks.attributes``.

Truth boxes with at least three quarters of the person in sight, every 2.5 s of three minutes, on four cameras
with four lights. The truth of a colour is what people call the palette's cloth, written by hand below; where
two names are usual, either is right. The constants of `producers.describe` were chosen on seeds 0 and 1; what
is published is measured on others.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from producers.describe import light as lighting
from producers.describe.clothes import clothes
from producers.describe.light import Light
from producers.describe.stature import Stature
from producers.frames import Image
from producers.simulation.site import Site
from producers.simulation.wardrobe import Colour, Wardrobe

UPPER: Final = {
    0xB3262E: "red", 0x23408F: "blue", 0xE3E0D6: "white", 0x1F7A4D: "green", 0xD9A521: "yellow",
    0x2A2B30: "black", 0x7D3C98: "purple", 0xD96C1F: "orange", 0x4FA3C7: "blue", 0x8A8D91: "grey",
    0xD98CAE: "pink", 0x5A3A26: "brown", 0x16595E: "green|blue", 0x9AA83A: "green|yellow",
    0x6E1F35: "red|purple|brown", 0xC8B08A: "beige",
}  # fmt: skip
LOWER: Final = {
    0x2B3550: "navy|blue", 0x1C1D21: "black", 0x6B6558: "grey|brown", 0xB8A888: "beige",
    0x43566E: "blue|grey|navy", 0x5B4632: "brown", 0x7D8085: "grey", 0x2F4A3A: "green",
}  # fmt: skip
#: Two garments seen at once, or a print, are no plain cloth. A jacket hides its shirt from behind, a print
#: may be on one side only: either is right.
PATTERN: Final = {
    "plain": "plain", "stripes": "striped", "pinstripes": "striped", "jacket": "plain|patterned",
    "checks": "patterned", "print": "patterned|plain", "two_tone": "patterned",
}  # fmt: skip
STEP_S: Final = 2.5
UNTIL_S: Final = 180.0
LEAST_VISIBLE: Final = 0.75


class Sighting(NamedTuple):
    camera: int
    look: Wardrobe
    found: dict[str, str]


def sightings(seed: int) -> Iterator[Sighting]:
    """Every person in sight, camera after camera, as a camera process would see them."""
    site = Site(12, 4, seed)
    for camera in range(4):
        light, stature = Light(), Stature()
        for t in np.arange(2.0, UNTIL_S, STEP_S).tolist():
            image, truth = site.observe(camera, t)
            light.see(image, round(t * 1000))
            for person in truth:
                if person.visibility >= LEAST_VISIBLE:
                    yield Sighting(
                        camera,
                        site.wardrobes[person.person_id],
                        _told(image, person.bbox, light, stature, person.person_id),
                    )


def _told(
    image: Image, box: tuple[float, float, float, float], light: Light, stature: Stature, person: int
) -> dict[str, str]:
    found = clothes(image, box, light.gain(image, box))
    if height := stature.measure(image, box, person):
        found["height"] = height
    return found


def truth_of(look: Wardrobe) -> dict[str, str]:
    """Attribute -> right values, a bar between them."""
    return {
        "upper": UPPER[_palette(look.upper, UPPER)],
        "lower": LOWER[_palette(look.lower, LOWER)],
        "pattern": PATTERN[look.pattern],
        # Among people of 1.77 or 1.65 m, sigma 0.05: classes that begin 5 % off the middle of 1.73 m.
        "height": "short" if look.height < 1.645 else "tall" if look.height > 1.815 else "medium",
    }


def _palette(colour: Colour, palette: dict[int, str]) -> int:
    """The palette's cloth that this dyed one is of: `wardrobe.wardrobes` mixes in grey and varies the dye."""

    def distance(entry: int) -> float:
        plain = np.array([(entry & 255) / 255, (entry >> 8 & 255) / 255, (entry >> 16) / 255])
        mixed = 0.84 * plain + 0.16 * plain.mean()
        dyes = np.linspace(0.88, 1.08, 41)[:, None]
        return float(np.abs(np.minimum(1.0, mixed * dyes) - np.array(colour)).sum(axis=1).min())

    return min(palette, key=distance)


def measure(seeds: list[int]) -> dict[str, Any]:
    """Shares of right words: in all, by camera, by true value; and what was said instead."""
    told: dict[tuple[str, str], dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    silent: Counter[str] = Counter()
    seen = 0
    for seed in seeds:
        for camera, look, found in sightings(seed):
            seen += 1
            for attribute, right in truth_of(look).items():
                if attribute not in found:
                    silent[attribute] += 1
                    continue
                kind = attribute
                if attribute == "upper":
                    kind = "upper, plain cloth" if look.pattern == "plain" else "upper, patterned cloth"
                told[kind, right][f"camera {camera + 1}"][found[attribute]] += 1
    return {"sightings": seen, "silent": dict(silent), **_shares(told)}


def _shares(told: dict[tuple[str, str], dict[str, Counter[str]]]) -> dict[str, Any]:
    right_of: dict[str, Counter[str]] = defaultdict(Counter)
    all_of: dict[str, Counter[str]] = defaultdict(Counter)
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    for (kind, right), cameras in sorted(told.items()):
        total: Counter[str] = Counter()
        for camera, words in cameras.items():
            good = sum(words[word] for word in right.split("|"))
            for place in ("all", camera):
                right_of[kind][place] += good
                all_of[kind][place] += words.total()
            total.update(words)
        good = sum(total[word] for word in right.split("|"))
        values[kind][right] = {
            "n": total.total(),
            "right": round(good / total.total(), 3),
            "said": dict(total.most_common(4)),
        }
    shares = {
        kind: {place: round(right_of[kind][place] / count, 3) for place, count in sorted(places.items())}
        for kind, places in all_of.items()
    }
    return {"right": shares, "values": values}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--no-light", action="store_true", help="colours as the camera gives them")
    parser.add_argument("--no-near", action="store_true", help="the camera's light alone")
    asked = parser.parse_args()
    if asked.no_light:
        lighting.MOST_GAIN, lighting.RATE = 1.0, 0.0  # type: ignore[misc]
        Light.tint = lambda self: np.ones(3)  # type: ignore[method-assign]
        Light.gain = lambda self, image, box: np.ones(3)  # type: ignore[method-assign]
    if asked.no_near:
        lighting.NEAR = 0.0  # type: ignore[misc]
    found = {"command": " ".join(["python -m benchmarks.attributes", *sys.argv[1:]]), **measure(asked.seeds)}
    text = json.dumps(found, indent=2) + "\n"
    if asked.json:
        asked.json.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
