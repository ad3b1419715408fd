"""A tracker that confuses people is corrected by what they look like."""

import numpy as np
import pytest

from producers.tracklet import FORGET_MS, Tracklets


def look(axis: int, noise: float = 0.0) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    vector = np.zeros(8, np.float32)
    vector[axis] = 1.0
    vector[7] = noise
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def feed(tracklets: Tracklets, looks: dict[int, int], at_ms: int) -> dict[int, int]:
    """``looks``: tracker id -> appearance. Returns tracker id -> public id."""
    ids = list(looks)
    public = tracklets.update(ids, {i: look(looks[t], 0.1) for i, t in enumerate(ids)}, at_ms)
    return dict(zip(ids, public, strict=True))


def test_steady_tracks_keep_their_ids() -> None:
    tracklets = Tracklets(())
    first = feed(tracklets, {4: 0, 9: 1}, 0)
    assert len(set(first.values())) == 2
    assert all(feed(tracklets, {4: 0, 9: 1}, 400 * n) == first for n in range(1, 9))
    assert tracklets.corrections == 0


def test_people_that_a_tracker_swapped_are_swapped_back() -> None:
    tracklets = Tracklets(())
    before = feed(tracklets, {1: 0, 2: 1}, 0)
    feed(tracklets, {1: 0, 2: 1}, 400)
    feed(tracklets, {1: 1, 2: 0}, 800)
    after = feed(tracklets, {1: 1, 2: 0}, 1200)
    assert (after[1], after[2]) == (before[2], before[1])
    assert tracklets.corrections == 2


def test_track_that_goes_on_with_a_stranger_gets_a_new_id_and_the_first_person_is_found_again() -> None:
    tracklets = Tracklets(())
    before = feed(tracklets, {1: 0}, 0)
    feed(tracklets, {1: 3}, 400)
    stranger = feed(tracklets, {1: 3}, 800)
    assert stranger[1] != before[1]
    feed(tracklets, {1: 0}, 1200)
    assert feed(tracklets, {1: 0}, 1600)[1] == before[1]


def test_one_odd_crop_is_forgiven() -> None:
    tracklets = Tracklets(())
    before = feed(tracklets, {1: 0}, 0)
    for n, axis in enumerate([3, 0, 3, 0, 3]):
        assert feed(tracklets, {1: axis}, 400 * (n + 1)) == before


def test_id_of_a_person_who_is_in_the_frame_is_never_given_twice() -> None:
    tracklets = Tracklets(())
    feed(tracklets, {1: 0, 2: 1}, 0)
    feed(tracklets, {1: 0, 2: 0}, 400)
    public = feed(tracklets, {1: 0, 2: 0}, 800)
    assert public[1] != public[2]


def test_a_lost_track_does_not_come_back_with_the_id_that_another_took() -> None:
    tracklets = Tracklets(())
    gone = feed(tracklets, {1: 0, 2: 1}, 0)[1]
    feed(tracklets, {2: 0}, 400)
    assert feed(tracklets, {2: 0}, 800)[2] == gone
    back = feed(tracklets, {1: 0, 2: 0}, 1200)
    assert back[2] == gone
    assert back[1] != gone


def test_calibration_tells_what_alike_means() -> None:
    lenient = Tracklets(((-1.0, 0.7), (1.0, 1.0)))
    before = feed(lenient, {1: 0}, 0)
    for n in range(4):
        assert feed(lenient, {1: 3}, 400 * (n + 1)) == before


@pytest.mark.parametrize("embedded", [True, False])
def test_memory_is_bounded_and_a_visible_track_is_not_forgotten(embedded: bool) -> None:
    tracklets = Tracklets(())
    first = tracklets.update([0], {0: look(0)} if embedded else {}, 0)[0]
    for tracker_id in range(1, 500):
        now = tracker_id * FORGET_MS
        vectors = {0: look(0), 1: look(1)} if embedded else {}
        assert tracklets.update([0, tracker_id], vectors, now)[0] == first
    assert len(tracklets._public) <= 66
    assert len(tracklets._looks) <= 66
