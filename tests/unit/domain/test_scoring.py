"""What looks of a track, and all that is kept of somebody, say about being somebody else."""

import numpy as np
import pytest

from reid.contracts.embedding import SCALE, fixed_to_bytes
from reid.contracts.events import Template, TrackRef, TrackSpan
from reid.domain.exact import logarithm, share
from reid.domain.passages import LEAST, MOST, Passages, passage
from reid.domain.scoring import (
    FEW,
    OPERATING_POINT,
    REACH,
    Side,
    expected,
    likenesses,
    odds,
    resemblances,
    together,
)
from reid.domain.state import SiteState

MODEL = "m@1"
#: Strangers: middle 0.1, of one per cent above 0.45, so 0.15 a deviation.
KNOTS = ((0.1, 0.0), (0.45, 0.6))
DEVIATION = (0.45 - 0.1) / 2.33


def look(vector: list[float], track: int = 0, weight: float = 1.0) -> Template:
    whole = np.array(vector) / np.linalg.norm(vector)
    fixed = fixed_to_bytes(np.rint(whole * SCALE).astype(np.int16))
    return Template(MODEL, fixed, "room1", 0.8, TrackRef("room1", "s", str(track)), weight)


def above(cosine: float) -> float:
    """Deviations above the strangers of a site that knows none."""
    return (cosine - 0.1) / DEVIATION


def test_nothing_to_compare_is_no_resemblance() -> None:
    site, some = SiteState(), look([1, 0])
    assert resemblances(site, [], [Side([some], (), 1)], KNOTS) == [-9.0]
    assert resemblances(site, [some], [Side([], (), 1)], KNOTS) == [-9.0]
    assert likenesses(site, some, [Side([], (), 1), Side([some], (), 1)], KNOTS)[0] == -9.0
    assert likenesses(site, some, [], KNOTS) == []


def test_one_look_that_is_alike_by_chance_does_not_make_two_persons_one() -> None:
    """The nearest of three looks counted half: two persons with one look in common passed for one."""
    site = SiteState()
    mine = [look([1, 0, 0, 0], 1), look([0, 1, 0, 0], 2), look([0, 0, 1, 0], 3)]
    theirs = [look([1, 0, 0, 0], 4), look([0, 0, 0, 1], 5), look([0, 0, 0, -1], 6)]
    (by_all,) = resemblances(site, mine, [Side(theirs, (), 1)], KNOTS)
    (itself,) = resemblances(site, mine, [Side(mine, (), 1)], KNOTS)
    (single,) = resemblances(site, mine[:1], [Side(theirs[:1], (), 1)], KNOTS)
    assert by_all < 0 < itself == pytest.approx(single, abs=2.5)
    assert itself > by_all + 5


def test_looks_that_differ_are_compared_by_their_mean() -> None:
    """The mean of likenesses with looks far apart, over the length of their mean, is that with the mean."""
    site = SiteState()
    near, far, mine = look([1, 0.4, 0], 1), look([1, -0.4, 0], 2), [look([1, 0, 0.3], n) for n in (3, 4)]
    (found,) = resemblances(site, mine, [Side([near, far], (), 1)], KNOTS)
    cosine = 1 / np.hypot(1, 0.4) / np.hypot(1, 0.3)
    length = 1 / np.hypot(1, 0.4)
    assert found == pytest.approx(odds(site, MODEL, above(cosine) / length, 1), abs=0.01)


def test_a_track_s_mean_weighs_more_than_a_crop_but_not_without_bound() -> None:
    site, mine = SiteState(), [look([1, 0], 8), look([1, 0], 9)]
    right, wrong = [1.0, 0.2], [0.2, 1.0]

    def weighed(heavy: float, light: float) -> float:
        side = Side([look(right, 1, heavy), look(wrong, 2, light)], (), 1)
        return resemblances(site, mine, [side], KNOTS)[0]

    assert weighed(3.0, 0.0) > weighed(1.0, 1.0) > weighed(0.0, 3.0)
    assert weighed(3.0, 1.0) == weighed(500.0, 1.0), "crops of one track say the same again and again"


def test_the_order_of_looks_changes_no_bit() -> None:
    random, site = np.random.default_rng(3), SiteState()
    mine = [look(random.normal(size=64).tolist(), n, float(n)) for n in range(7)]
    theirs = [look(random.normal(size=64).tolist(), 10 + n, float(n)) for n in range(9)]
    found = resemblances(site, mine, [Side(theirs, (), 1)], KNOTS)
    assert found == resemblances(site, mine[::-1], [Side(theirs[3:] + theirs[:3], (), 1)], KNOTS)
    assert found * 2 == resemblances(site, mine, [Side(theirs, (), 1), Side(theirs[::-1], (), 1)], KNOTS)


def test_of_many_tracks_one_is_near_by_chance_and_says_less() -> None:
    site, probe = SiteState(), look([1, 0, 0], 99)
    others = [look([0.2, 1, 0.1 * n], n) for n in range(8)]
    near = look([1, 0.1, 0], 50)

    def found(tracks: int) -> float:
        return likenesses(site, probe, [Side([near, *others[: tracks - 1]], (), 1)], KNOTS)[0]

    few = [above(float(np.dot(*_units(probe, one)))) for one in [near, *others[: FEW - 1]]]
    assert found(FEW) == pytest.approx(odds(site, MODEL, together(few), 1), abs=0.01), "as ever with few"
    assert found(2) > found(4) > found(8)


def test_somebody_known_by_one_look_is_weighed_as_a_track() -> None:
    site, probe = SiteState(), look([1, 0, 0], 99)
    sides = [Side([look([1, 0.3 * n, 0], n) for n in range(m)], (), 1) for m in (1, 2, 5)]
    assert resemblances(site, [probe], sides, KNOTS) == likenesses(site, probe, sides, KNOTS)


def _units(one: Template, other: Template) -> tuple[np.ndarray, np.ndarray]:
    found = [np.frombuffer(each.vector, "<i2").astype(float) for each in (one, other)]
    return found[0] / np.linalg.norm(found[0]), found[1] / np.linalg.norm(found[1])


def test_what_is_not_known_is_taken_from_the_calibration() -> None:
    assert expected(1.0, ((0.3, 0.0), (0.9, 0.5))).mean == 0.3
    assert expected(0.0, ()).mean == 0.0
    assert share(0.0, 0.6, 2.0) == 0.6
    assert share(2.0, OPERATING_POINT, REACH) == pytest.approx(0.8)
    assert logarithm(8.0) == pytest.approx(np.log(8.0))


def span(camera: str, first: int, last: int, tracker: str) -> TrackSpan:
    return TrackSpan(TrackRef(camera, "s", tracker), first, last)


def test_many_steps_of_one_way_do_not_add_up_against_a_person() -> None:
    """Summed, what a few counts said came to -6 between tracks of one person."""
    ways = Passages()
    ways.add(passage("room1", "room2", 2_000), 0, 500)
    ways.add(passage("room2", "room1", 2_000), 0, 500)
    ways.add(passage("room1", "room3", 2_000), 90, 500)
    mine = [span("room1", 10_000 * n, 10_000 * n + 3_000, f"a{n}") for n in range(4)]
    theirs = [span("room2", 10_000 * n + 5_000, 10_000 * n + 8_000, f"b{n}") for n in range(4)]
    once = ways.joining(mine[:1], theirs[:1])
    assert once < -1
    assert ways.joining(mine, theirs) == pytest.approx(once, abs=0.5)
    assert LEAST <= ways.joining(mine, theirs) <= MOST
    assert ways.joining(mine, mine) == 0.0, "no step from one to the other"
    assert ways.joining([], mine) == 0.0
