"""Words for clothes: right in other lights and in the shade, steady over a track, silent when in doubt."""

import numpy as np
import pytest

from producers.describe.clothes import clothes, pattern
from producers.describe.colours import PROTOTYPES, name_of
from producers.describe.describer import AGREE, Describer
from producers.describe.light import Light
from producers.describe.stature import LEAST_BOXES, LEAST_TRACKS, Stature
from producers.frames import Image
from reid.contracts.attributes import COLOURS

BOX = (140.0, 40.0, 60.0, 160.0)


def scene(
    upper: int, lower: int, light: tuple[float, float, float] = (1.0, 1.0, 1.0), shade: float = 1.0
) -> Image:
    """A grey room with white and dark things, and a person in `BOX`; ``shade``: the light about them."""
    rng = np.random.default_rng(0)
    room = np.full((240, 320, 3), 150.0)
    room[::2, ::2] = 225.0
    room[1::8, 1::8] = 40.0
    x, y, w, h = (int(v) for v in BOX)
    room[y : y + h // 2, x : x + w] = _bgr(upper)
    room[y + h // 2 : y + h, x : x + w] = _bgr(lower)
    room[: y + h + 20, x - w : x + 2 * w] *= shade
    lit = room * np.array(light) + rng.normal(0, 2, room.shape)
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def _bgr(colour: int) -> tuple[int, int, int]:
    return colour & 255, colour >> 8 & 255, colour >> 16


def told(image: Image) -> dict[str, str]:
    light = Light()
    light.see(image, 0)
    return clothes(image, BOX, light.gain(image, BOX))


def test_every_name_has_prototypes_that_bear_it() -> None:
    assert PROTOTYPES.keys() == set(COLOURS)
    # The table has steps of 8 levels: a prototype may fall to a neighbour, most may not.
    pairs = [(name, name_of(_bgr(colour))) for name, colours in PROTOTYPES.items() for colour in colours]
    assert sum(name == found for name, found in pairs) >= 0.95 * len(pairs)


@pytest.mark.parametrize("shade", [1.0, 0.55])
@pytest.mark.parametrize("light", [(1.0, 1.0, 1.0), (0.75, 0.95, 1.1), (1.12, 1.0, 0.88)])
def test_colours_under_other_lights_and_in_the_shade(light: tuple[float, float, float], shade: float) -> None:
    found = told(scene(0xB3262E, 0x2B3550, light, shade))
    assert (found["upper"], found["lower"], found["pattern"]) == ("red", "navy", "plain")
    found = told(scene(0xD9A521, 0x8A8D91, light, shade))
    assert (found["upper"], found["lower"]) == ("yellow", "grey")


def test_what_the_box_does_not_show_is_not_told() -> None:
    image = scene(0xB3262E, 0x2B3550)
    light = Light()
    assert clothes(image, (140.0, 40.0, 12.0, 30.0), light.gain(image, BOX)) == {}
    assert clothes(image, (100.0, 40.0, 150.0, 160.0), light.gain(image, BOX)) == {}
    cut = clothes(image, (140.0, 40.0, 60.0, 200.0), light.gain(image, BOX))
    assert "lower" not in cut
    assert light.gain(image, (900.0, 900.0, 10.0, 10.0)).shape == (3,)


def test_patterns() -> None:
    plain = np.full((40, 20, 3), (60, 40, 160), np.uint8)
    stripes = plain.copy()
    for row in range(0, 40, 10):
        stripes[row : row + 5] = (220, 220, 220)
    rng = np.random.default_rng(1)
    print_ = plain.copy()
    for _ in range(14):
        y, x = rng.integers(0, 34), rng.integers(0, 15)
        print_[y : y + 7, x : x + 6] = rng.integers(0, 255, 3)
    assert (pattern(plain), pattern(stripes), pattern(print_)) == ("plain", "striped", "patterned")
    assert pattern(plain[:2, :2]) == "plain"


def test_one_odd_crop_does_not_change_a_track() -> None:
    describer = Describer()
    red, blue = scene(0xB3262E, 0x2B3550), scene(0x3560C0, 0x2B3550)
    found = {}
    for number in range(AGREE + 3):
        image = blue if number == 2 else red
        describer.see(image, number * 400)
        found = describer.describe(image, BOX, 0.9, 7, number * 400)
        if number < AGREE - 1:
            assert found == {}
    assert found["upper"] == "red"
    assert describer.describe(red, BOX, 0.9, 8, 9_000) == {}, "another track knows nothing of this one"


def test_a_bad_crop_has_no_vote() -> None:
    describer, red = Describer(), scene(0xB3262E, 0x2B3550)
    for number in range(10):
        assert describer.describe(red, BOX, 0.1, 7, number * 400) == {}


def test_height_is_among_the_cameras_own_people() -> None:
    stature, image = Stature(), np.zeros((480, 640, 3), np.uint8)
    rng = np.random.default_rng(2)

    def box(share: float) -> tuple[float, float, float, float]:
        foot = float(rng.uniform(250, 450))
        height = 0.5 * foot * share
        return 100.0, foot - height, 0.4 * height, height

    assert stature.measure(image, box(1.0), 1) == ""
    for number in range(LEAST_BOXES + 40):
        stature.measure(image, box(float(rng.normal(1.0, 0.02))), number % (LEAST_TRACKS + 2))
    answers = [stature.measure(image, box(share), 99) for share in (0.88, 1.0, 1.12)]
    assert answers == ["short", "medium", "tall"]
    assert stature.measure(image, (100.0, 380.0, 40.0, 100.0), 99) == "", "the frame cuts the feet"


def test_people_were_measured_by_those_in_pictures_of_another_size() -> None:
    stature, image = Stature(), np.zeros((480, 640, 3), np.uint8)
    for number in range(LEAST_BOXES + 40):
        stature.measure(image, (100.0, 200.0, 60.0, 150.0), number % (LEAST_TRACKS + 2))
    assert stature.measure(image, (100.0, 200.0, 60.0, 150.0), 99) == "medium"
    half = np.zeros((240, 320, 3), np.uint8)
    assert stature.measure(half, (50.0, 100.0, 30.0, 75.0), 99) == ""


def test_one_who_stands_there_all_day_is_no_measure() -> None:
    stature, image = Stature(), np.zeros((480, 640, 3), np.uint8)
    for _ in range(500):
        assert stature.measure(image, (100.0, 200.0, 60.0, 150.0), 1) == ""
