"""A published track is one person: what a tracker confuses is told apart by what they look like."""

import numpy as np
import pytest

from producers.detect.base import Boxes, FloatArray
from producers.tracklet import AWAY_MS, COVERED, FORGET_MS, STRIKES, Knots, Tracklets

A, B, C = 0, 1, 3
STEP_MS = 200
Box = tuple[float, float]
"""Left and top of a box of 40×120 pixels."""
LEFT, MIDDLE, RIGHT, FAR = (0.0, 100.0), (200.0, 100.0), (400.0, 100.0), (1500.0, 100.0)


def look(*axes: int) -> FloatArray:
    """Somebody's appearance; of two axes: a crop that shows two people."""
    vector = np.zeros(8, np.float32)
    vector[list(axes)] = 1.0
    vector[7] = 0.1
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class Camera:
    """Plays frames, one each 200 ms: tracker id -> (place, what its crop shows)."""

    def __init__(self, knots: Knots = ()) -> None:
        self.tracklets = Tracklets(knots)
        self.at = 0
        self.wanted: set[int] = set()
        self.odd: set[int] = set()

    def frame(self, tracks: dict[int, tuple[Box, tuple[int, ...]]]) -> dict[int, int]:
        """Tracker id -> public id. ``wanted`` and ``odd`` hold tracker ids afterwards."""
        ids, self.at = list(tracks), self.at + STEP_MS
        boxes = Boxes.of([(*place, 40, 120) for place, _ in tracks.values()], [1.0] * len(ids))
        self.wanted = {ids[i] for i in self.tracklets.see(ids, boxes, self.at)}
        shown = {
            i: look(*tracks[t][1]) for i, t in enumerate(ids) if tracks[t][1] and self.tracklets.shows(i)
        }
        public, odd = self.tracklets.tell(shown)
        self.odd = {ids[i] for i in odd}
        assert len(set(public)) == len(public), "two boxes of one frame have one id"
        return dict(zip(ids, public, strict=True))

    def apart(self, frames: int = 3) -> dict[int, int]:
        """A and B stand well apart."""
        return [self.frame({1: (LEFT, (A,)), 2: (RIGHT, (B,))}) for _ in range(frames)][-1]


def test_steady_tracks_keep_their_ids_and_nothing_more_is_asked_of_them() -> None:
    camera = Camera()
    first = camera.apart()
    for _ in range(8):
        assert camera.apart(1) == first
        assert camera.wanted == camera.odd == set()
    assert camera.tracklets.corrections == 0


def test_people_whom_the_tracker_swapped_as_they_crossed_swap_back_at_the_first_clear_crop() -> None:
    camera = Camera()
    before = camera.apart()
    camera.frame({1: (MIDDLE, ()), 2: ((205, 104), ())})
    after = camera.frame({1: (RIGHT, (B,)), 2: (LEFT, (A,))})
    assert camera.wanted == {1, 2}
    assert (after[1], after[2]) == (before[2], before[1])


def test_people_who_crossed_and_were_not_confused_go_on() -> None:
    camera = Camera()
    before = camera.apart()
    camera.frame({1: (MIDDLE, ()), 2: ((205, 104), ())})
    assert camera.frame({1: (RIGHT, (A,)), 2: (LEFT, (B,))}) == before
    camera.frame({1: (RIGHT, (A,)), 2: (LEFT, (B,))})
    assert camera.wanted == set()


def test_a_crop_that_another_hides_is_not_asked_for() -> None:
    camera = Camera()
    camera.apart()
    camera.frame({1: (MIDDLE, (A,)), 2: ((205, 104), (B,))})
    assert [camera.tracklets.shows(i) for i in (0, 1)] == [False, False]
    assert camera.wanted == set()
    nearly = 40 * (1 - 2 * COVERED) + 4
    camera.frame({1: (MIDDLE, (A,)), 2: ((200 + nearly, 104), (B,))})
    assert camera.wanted == {2}, "who stands in front is hidden by half of what the boxes share"


def test_a_stranger_who_comes_out_of_a_crossing_ends_the_track() -> None:
    camera = Camera()
    before = camera.apart()
    camera.frame({1: (MIDDLE, ()), 2: ((205, 104), ())})
    after = camera.frame({1: (RIGHT, (C,)), 2: (LEFT, (B,))})
    assert after[2] == before[2]
    assert after[1] not in before.values()


def test_one_box_about_two_people_is_evidence_for_neither() -> None:
    camera = Camera()
    before = camera.apart()
    camera.frame({1: ((395, 100), (A,)), 2: (RIGHT, (B,))})
    for _ in range(3):
        assert camera.frame({1: (RIGHT, (A, B))}) == {1: before[1]}
        assert camera.odd == {1}
    assert camera.frame({1: (RIGHT, (B,))})[1] == before[2], "in the end it was the other who stayed"


def test_track_that_goes_on_with_a_stranger_gets_a_new_id_and_the_first_person_is_found_again() -> None:
    camera = Camera()
    before = camera.frame({1: (LEFT, (A,))})
    assert camera.frame({1: (LEFT, (C,))}) == before
    assert camera.odd == {1}
    stranger = camera.frame({1: (LEFT, (C,))})
    assert stranger[1] != before[1]
    camera.frame({1: (LEFT, (A,))})
    assert camera.frame({1: (LEFT, (A,))}) == before


def test_one_odd_crop_is_forgiven_and_no_evidence() -> None:
    camera = Camera()
    before = camera.frame({1: (LEFT, (A,))})
    for axis in (C, A, C, A, C):
        assert camera.frame({1: (LEFT, (axis,))}) == before
        assert camera.odd == ({1} if axis == C else set())


def test_who_was_lost_for_a_moment_is_the_same_track_again() -> None:
    camera = Camera()
    before = camera.frame({1: (LEFT, (A,))})
    camera.frame({})
    camera.frame({})
    assert camera.frame({7: ((20, 100), (A,))})[7] == before[1]


@pytest.mark.parametrize(("place", "who", "pause"), [(LEFT, C, 2), (FAR, A, 2), (LEFT, A, 40)])
def test_somebody_else_or_elsewhere_or_later_is_a_track_of_their_own(
    place: Box, who: int, pause: int
) -> None:
    camera = Camera()
    before = camera.frame({1: (LEFT, (A,))})
    for _ in range(pause):
        camera.frame({})
    assert camera.frame({7: (place, (who,))})[7] != before[1]


def test_a_track_that_the_tracker_finds_again_does_not_take_an_id_that_is_in_the_frame() -> None:
    camera = Camera()
    before = camera.frame({1: (LEFT, (A,))})
    camera.frame({})
    assert camera.frame({7: (LEFT, (A,))})[7] == before[1]
    both = camera.frame({7: (LEFT, (A,)), 1: ((60, 100), (A,))})
    assert both[7] == before[1] != both[1]


def test_crops_that_show_another_too_do_not_turn_a_track_into_that_other() -> None:
    camera = Camera()
    before = camera.apart()
    beside = (400 - 26, 90)
    for share in np.linspace(0.1, 1.0, 10):
        vector = look(A) * (1 - share) + look(B) * share
        camera.at += STEP_MS
        camera.tracklets.see([1, 2], Boxes.of([(*beside, 40, 120), (*RIGHT, 40, 120)], [1, 1]), camera.at)
        camera.tracklets.tell({0: (vector / np.linalg.norm(vector)).astype(np.float32)})
    assert camera.frame({1: (LEFT, (A,)), 2: (RIGHT, (B,))}) == before


def test_calibration_tells_what_alike_means() -> None:
    lenient = Camera(((-1.0, 0.7), (1.0, 1.0)))
    before = lenient.frame({1: (LEFT, (A,))})
    for _ in range(4):
        assert lenient.frame({1: (LEFT, (C,))}) == before


@pytest.mark.parametrize("embedded", [True, False])
def test_memory_is_bounded_and_a_visible_track_is_not_forgotten(embedded: bool) -> None:
    tracklets = Tracklets(())
    boxes = Boxes.of([(*LEFT, 40, 120), (*FAR, 40, 120)], [1.0, 1.0])
    ids = set()
    for tracker_id in range(1, 500):
        tracklets.see([0, tracker_id], boxes, tracker_id * FORGET_MS)
        ids.add(tracklets.tell({0: look(A), 1: look(B)} if embedded else {})[0][0])
    assert len(ids) == 1
    assert len(tracklets._courses) <= 4
    assert len(tracklets._looks) <= 4


def test_a_track_came_with_its_first_box_and_comes_anew_after_an_absence() -> None:
    camera = Camera()
    public = camera.frame({1: (LEFT, ())})[1]
    for _ in range(10):
        camera.frame({1: (LEFT, (A,))})
    assert camera.tracklets.since(public) == STEP_MS
    camera.at += AWAY_MS - STEP_MS
    assert camera.frame({1: (LEFT, (A,))})[1] == public
    assert camera.tracklets.since(public) == STEP_MS
    camera.at += AWAY_MS
    assert camera.frame({1: (LEFT, (A,))})[1] == public
    assert camera.tracklets.since(public) == camera.at


def test_no_track_came_later_than_now_when_the_clock_is_set_back() -> None:
    camera = Camera()
    camera.at = 1_000_000
    camera.frame({1: (LEFT, (A,))})
    camera.at = 0
    public = camera.frame({1: (LEFT, (A,))})[1]
    assert camera.tracklets.since(public) == camera.at


def test_a_box_that_is_found_to_be_somebody_else_came_with_that() -> None:
    camera = Camera()
    before = camera.apart()
    for _ in range(STRIKES):
        after = camera.frame({1: (LEFT, (C,)), 2: (RIGHT, (B,))})
    assert after[1] != before[1]
    assert camera.tracklets.since(after[1]) == camera.at
    assert camera.tracklets.since(after[2]) == STEP_MS
