"""Frames and truth: the same everywhere, and one true to the other."""

from functools import cache

import numpy as np
import pytest

from producers.frames import TruePerson
from producers.simulation.site import SHADOW_RADIUS, Site
from reid.errors import ConfigError

SIZE = (320, 240)
"""Small frames: a quarter of the work of real ones."""
Truths = dict[tuple[int, int], tuple[TruePerson, ...]]


@cache
def site(seed: int = 0) -> Site:
    return Site(seed=seed, size=SIZE)


@cache
def truths() -> Truths:
    """Truth of each (camera, second) over three minutes, every nine seconds."""
    return {(camera, t): site().truth(camera, float(t)) for t in range(0, 180, 9) for camera in range(4)}


@cache
def hiding() -> tuple[int, float, TruePerson, TruePerson]:
    """Camera, time, somebody who stands in front, and somebody whom they hide in part."""
    for (camera, t), seen in truths().items():
        for one in seen[1:]:
            if 0.2 < one.visibility < 0.75 and seen[0].visibility > 0.8:
                pair = site().observe(camera, t, people=[seen[0].person_id, one.person_id])[1]
                alone = site().observe(camera, t, people=[one.person_id])[1]
                if alone[0].visibility > pair[-1].visibility + 0.15:
                    return camera, float(t), seen[0], one
    raise AssertionError("nobody hides anybody in three minutes")


def _edges(person: TruePerson) -> tuple[float, float, float, float]:
    x, y, w, h = person.bbox
    return x, y, x + w, y + h


def test_same_seed_same_frames_and_truth() -> None:
    camera, t, *_ = hiding()
    again = Site(seed=0, size=SIZE)
    again.render(camera, t + 200)  # what was asked for before must make no difference
    image, truth = site().observe(camera, t)
    image_again, truth_again = again.observe(camera, t)
    assert len(truth) >= 2
    assert truth == truth_again
    assert np.array_equal(image, image_again)


def test_another_seed_is_another_site() -> None:
    other = site(1)
    assert other.wardrobes != site().wardrobes
    assert any(other.pose(0, t) != site().pose(0, t) for t in (0.0, 30.0))
    assert not np.array_equal(other.render(0, 8.2), site().render(0, 8.2))


def test_frames_are_frames() -> None:
    image = site().render(1, 12.0)
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable
    assert 60 < image.mean() < 200


def test_truth_alone_equals_truth_of_the_frame() -> None:
    camera, t, *_ = hiding()
    assert site().truth(camera, t) == site().observe(camera, t)[1]


def test_boxes_lie_in_the_frame() -> None:
    persons = [person for seen in truths().values() for person in seen]
    assert len(persons) > 85
    for person in persons:
        left, top, right, bottom = _edges(person)
        assert 0 <= left < right <= SIZE[0]
        assert 0 <= top < bottom <= SIZE[1]
        assert 0.0 <= person.visibility <= 1.0
    # Some stand behind something, and most in the open.
    assert 0.02 < np.mean([person.visibility < 0.6 for person in persons]) < 0.4


def test_nobody_is_before_two_cameras_at_once() -> None:
    for t in range(0, 180, 9):
        ids = [person.person_id for camera in range(4) for person in truths()[camera, t]]
        assert len(ids) == len(set(ids)), f"somebody is before two cameras at {t} s"


def test_everybody_is_seen_by_two_cameras_and_most_within_a_minute() -> None:
    def cameras_of(person: int, until: int) -> set[int]:
        return {
            camera
            for (camera, t), seen in truths().items()
            if t < until and any(one.person_id == person and one.visibility > 0.5 for one in seen)
        }

    assert all(len(cameras_of(person, 180)) >= 2 for person in range(12))
    assert sum(len(cameras_of(person, 60)) >= 2 for person in range(12)) > 6


def test_a_person_changes_only_their_own_part_of_the_frame() -> None:
    camera, t, target, _ = hiding()
    image, _truth = site().observe(camera, t)
    others = [person for person in range(12) if person != target.person_id]
    without, rest = site().observe(camera, t, people=others)
    assert target.person_id not in [person.person_id for person in rest]
    changed = np.argwhere((image != without).any(axis=2))
    left, top, right, bottom = _edges(target)
    # The shadow's share of a person's height, at most; people are 1.5 m or taller.
    margin = SHADOW_RADIUS / 1.5 * (bottom - top) + 2
    assert len(changed) > 0.3 * target.visibility * target.bbox[2] * target.bbox[3]
    assert changed[:, 1].min() >= left - margin
    assert changed[:, 1].max() <= right + margin
    assert changed[:, 0].min() >= top - 2
    assert changed[:, 0].max() <= bottom + margin


def test_the_nearer_hides_the_farther() -> None:
    camera, t, front, behind = hiding()

    def frame(*persons: TruePerson) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
        return site().observe(camera, t, people=[one.person_id for one in persons])[0].astype(np.int64)

    empty, only_front, only_behind, both = frame(), frame(front), frame(behind), frame(behind, front)

    def differs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(a - b).sum(axis=2) > 60)

    overlap = differs(only_front, empty) & differs(only_behind, empty) & differs(only_front, only_behind)
    assert overlap.sum() > 15
    assert np.abs(both - only_front)[overlap].mean() < 0.25 * np.abs(both - only_behind)[overlap].mean()


def test_one_look_differs_between_cameras() -> None:
    """Re-identification must not be a comparison of equal pixels."""
    shirts: dict[int, list[np.ndarray]] = {}
    for (camera, t), seen in truths().items():
        for person in seen:
            if person.person_id == 1 and person.visibility > 0.9 and len(shirts.get(camera, ())) < 2:
                left, top, right, bottom = (int(v) for v in _edges(person))
                crop = site().render(camera, float(t))[top:bottom, left:right]
                middle = crop[len(crop) // 4 : len(crop) // 2, crop.shape[1] // 3 : 2 * crop.shape[1] // 3]
                shirts.setdefault(camera, []).append(middle.mean(axis=(0, 1)))
    assert len(shirts) >= 2
    averages = [np.mean(values, axis=0) for values in shirts.values()]
    assert max(np.abs(a - b).max() for a in averages for b in averages) > 8


def test_clothes_tell_most_people_apart() -> None:
    looks = [(look.upper, look.accent, look.pattern, look.lower) for look in Site(people=40).wardrobes]
    assert len(set(looks)) >= 36
    twelve = Site(people=12).wardrobes
    assert Site(people=40).wardrobes[:12] == twelve
    assert any(a.upper == b.upper for i, a in enumerate(twelve) for b in twelve[:i]), "some look alike"


@pytest.mark.parametrize(
    "arguments", [{"people": 0}, {"people": 41}, {"cameras": 0}, {"cameras": 9}, {"duration_s": 5.0}]
)
def test_impossible_sites_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="simulated site"):
        Site(**arguments)  # type: ignore[arg-type]


def test_eight_cameras() -> None:
    large = Site(people=8, cameras=8, size=(160, 120))
    assert large.render(7, 3.0).shape == (120, 160, 3)
