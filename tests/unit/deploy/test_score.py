"""The score, on scenes whose counts can be told by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.identities import Identities
from deploy.score import Box, Score, TrueBox, iou, match, score
from reid.contracts.detections import Frame, Person
from reid.contracts.events import (
    AnyEvent,
    GalleryReset,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRenamed,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PersonState,
    TrackRef,
)

LEFT: Box = (0.0, 0.0, 10.0, 20.0)
RIGHT: Box = (100.0, 0.0, 10.0, 20.0)


def seen(person_id: str, camera: str, tracker: str, at: int, label: str = "") -> PersonSeen:
    return PersonSeen(
        site_id="global",
        at=at,
        person_id=person_id,
        label=label or f"Visitor-{person_id}",
        track=TrackRef(camera, "s", tracker),
        bbox=LEFT,
        confidence=1.0,
        reason="bound",
        visit_count=1,
        visit_started_at=at,
    )


def left(person_id: str, camera: str, tracker: str, at: int) -> PersonLeft:
    return PersonLeft(
        site_id="global",
        at=at,
        person_id=person_id,
        label="",
        track=TrackRef(camera, "s", tracker),
        last_seen_at=at,
        reason="evidence_disagrees",
    )


def merged(survivor: str, absorbed: str, at: int) -> PersonsMerged:
    return PersonsMerged(
        site_id="global",
        at=at,
        survivor_id=survivor,
        absorbed_id=absorbed,
        label="Visitor-M",
        absorbed_label="",
        cameras=(),
        templates=(),
        visit_count=1,
        visit_started_at=0,
        first_seen=0,
        last_seen=0,
        last_camera="",
        not_persons=(),
    )


def frame(camera: str, at: int, *persons: tuple[int, Box]) -> Frame:
    found = tuple(Person(tracker_id=tracker, bbox=box) for tracker, box in persons)
    return Frame(camera, at, 640, 480, session="s", persons=found)


def scored(frames: list[Frame], truth: list[TrueBox], *events: object) -> Score:
    identities = Identities()
    for event in events:
        identities.fold(event)  # type: ignore[arg-type]
    return score(frames, lambda _frame: truth, identities)


def test_two_people_kept_apart_on_two_cameras_are_perfect() -> None:
    truth = [TrueBox(0, LEFT), TrueBox(1, RIGHT)]
    result = scored(
        [frame("room1", 10, (1, LEFT), (2, RIGHT)), frame("room2", 20, (5, RIGHT), (6, LEFT))],
        truth,
        seen("a", "room1", "1", 0),
        seen("b", "room1", "2", 0),
        seen("b", "room2", "5", 0),
        seen("a", "room2", "6", 0),
    )
    assert (result.true_people, result.ids_given) == (2, 2)
    assert result.ids_of == {0: ["a"], 1: ["b"]} and result.persons_of == {"a": [0], "b": [1]}
    assert (result.ids_per_person, result.persons_per_id, result.idf1) == (1.0, 1.0, 1.0)
    assert (result.detected_share, result.labelled_share, result.wrong_share) == (1.0, 1.0, 0.0)
    assert result.cross_camera == {0: 2, 1: 2}


def test_one_id_for_two_people_is_wrong_for_the_rarer_one() -> None:
    frames = [frame("room1", at, (1, LEFT), (2, RIGHT)) for at in (10, 20, 30)]
    frames.append(frame("room1", 40, (1, LEFT)))
    result = scored(
        frames,
        [TrueBox(0, LEFT), TrueBox(1, RIGHT)],
        seen("a", "room1", "1", 0),
        seen("a", "room1", "2", 0),
    )
    assert result.persons_per_id == 2.0 and result.ids_given == 1
    assert (result.labelled, result.wrong, result.wrong_share) == (7, 3, round(3 / 7, 4))
    assert result.idf1 == round(2 * 4 / (7 + 8), 4)
    assert result.detected_share == round(7 / 8, 4)


def test_two_ids_for_one_person_are_split_but_not_wrong() -> None:
    result = scored(
        [frame("room1", 10, (1, LEFT)), frame("room1", 20, (2, LEFT))],
        [TrueBox(7, LEFT)],
        seen("a", "room1", "1", 0),
        seen("b", "room1", "2", 0),
    )
    assert (result.ids_per_person, result.persons_per_id, result.wrong_share) == (2.0, 1.0, 0.0)
    assert result.idf1 == round(2 * 1 / (2 + 2), 4)


def test_a_frame_before_the_decision_has_no_id() -> None:
    frames = [frame("room1", at, (1, LEFT)) for at in (10, 20, 30)]
    result = scored(frames, [TrueBox(0, LEFT)], seen("a", "room1", "1", 20))
    assert (result.matched, result.labelled, result.labelled_share) == (3, 2, round(2 / 3, 4))


def test_a_track_that_lost_its_person_has_none_from_then_on() -> None:
    frames = [frame("room1", at, (1, LEFT)) for at in (10, 20, 30)]
    result = scored(frames, [TrueBox(0, LEFT)], seen("a", "room1", "1", 10), left("a", "room1", "1", 20))
    assert result.labelled == 1


def test_merged_ids_are_one_also_before_the_merge() -> None:
    result = scored(
        [frame("room1", 10, (1, LEFT)), frame("room1", 20, (2, LEFT))],
        [TrueBox(0, LEFT)],
        seen("a", "room1", "1", 0),
        seen("b", "room1", "2", 0),
        merged("c", "b", 30),
        merged("a", "c", 40),
    )
    assert result.ids_of == {0: ["a"]}


def test_a_false_detection_with_an_id_counts_against_idf1_alone() -> None:
    result = scored(
        [frame("room1", 10, (1, LEFT), (2, RIGHT))],
        [TrueBox(0, LEFT)],
        seen("a", "room1", "1", 0),
        seen("b", "room1", "2", 0),
    )
    assert (result.detections, result.matched, result.ids_given) == (2, 1, 1)
    assert result.labelled_nobody == 1
    assert result.idf1 == round(2 / (2 + 1), 4)


def test_nothing_seen_is_no_division_by_zero() -> None:
    result = scored([], [])
    assert (result.true_people, result.ids_per_person, result.idf1) == (0, 0.0, 0.0)


def test_the_better_overlap_is_matched_first() -> None:
    near: Box = (1.0, 0.0, 10.0, 20.0)
    assert match([near, LEFT], [LEFT]) == [(1, 0)]
    assert match([LEFT], [RIGHT]) == []


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (LEFT, LEFT, 1.0),
        (LEFT, RIGHT, 0.0),
        (LEFT, (5.0, 0.0, 10.0, 20.0), 1 / 3),
        (LEFT, (0.0, 0.0, 10.0, 10.0), 0.5),
        (LEFT, (10.0, 0.0, 10.0, 20.0), 0.0),
    ],
)
def test_iou(a: Box, b: Box, expected: float) -> None:
    assert iou(a, b) == pytest.approx(expected) == iou(b, a)


boxes = st.lists(
    st.tuples(st.floats(0, 40), st.floats(0, 40), st.floats(1, 40), st.floats(1, 40)),
    max_size=6,
)


@given(boxes, boxes)
def test_a_match_is_one_to_one_and_overlaps_enough(found: list[Box], true: list[Box]) -> None:
    pairs = match(found, true)
    assert len({i for i, _ in pairs}) == len(pairs) == len({j for _, j in pairs})
    assert all(iou(found[i], true[j]) >= 0.5 for i, j in pairs)
    unmatched = [
        (i, j)
        for i in range(len(found))
        for j in range(len(true))
        if i not in {a for a, _ in pairs} and j not in {b for _, b in pairs}
    ]
    assert all(iou(found[i], true[j]) < 0.5 for i, j in unmatched)


def test_labels_follow_renames_and_merges() -> None:
    identities = Identities()
    identities.fold(seen("a", "room1", "1", 0))
    identities.fold(seen("b", "room1", "2", 0))
    identities.fold(
        PersonRenamed(site_id="global", at=5, person_id="a", label="Guest", previous_label="Visitor-a")
    )
    assert identities.label("a") == "Guest"
    identities.fold(merged("a", "b", 10))
    assert identities.label("b") == "Visitor-M" and identities.given() == ["a"]
    assert identities.present() == {TrackRef("room1", "s", "1"): "a", TrackRef("room1", "s", "2"): "a"}
    assert identities.label("nobody") == "nobody"


def test_a_clock_that_steps_back_does_not_hide_the_newest_decision() -> None:
    identities = Identities()
    track = TrackRef("room1", "s", "1")
    identities.fold(seen("a", "room1", "1", 100))
    identities.fold(seen("b", "room1", "1", 50))
    assert identities.person_at(track, 100) == "b"
    assert identities.person_at(track, 99) is None


def test_a_split_of_tracks_seen_before_the_reading_began_does_not_end_the_demo() -> None:
    """A second start reads the log from its end: the split's tracks are of the run before."""
    identities = Identities()
    before = TrackRef("room1", "yesterday", "1")
    person = PersonState(
        person_id="a",
        number=1,
        label="Visitor-A",
        cameras=("room1",),
        templates=(),
        visit_count=1,
        visit_started_at=0,
        first_seen=0,
        last_seen=0,
        last_camera="room1",
        not_persons=(),
        tracks=(),
    )
    identities.fold(
        PersonSplit(site_id="global", at=5, kind="tracks_moved", person=person, other=None, tracks=(before,))
    )
    assert identities.present() == {}
    assert identities.given() == []


@pytest.mark.parametrize(
    "ending",
    [
        PersonForgotten(site_id="global", at=50, person_id="a"),
        PersonExpired(site_id="global", at=50, person_id="a", last_seen=20),
        GalleryReset(site_id="global", at=50, camera_id="room1", person_ids=("a",)),
    ],
    ids=["forgotten", "expired", "reset"],
)
def test_who_was_forgotten_was_still_shown_in_sight(ending: AnyEvent) -> None:
    """In the terminal of a demo, until it ended, and by name in the videos that it saved."""
    identities = Identities()
    for event in (
        seen("a", "room1", "1", 0),
        seen("b", "room1", "2", 10),
        seen("c", "room2", "3", 20),
        merged("a", "b", 30),
        ending,
    ):
        identities.fold(event)
    first, second, third = (
        TrackRef("room1", "s", "1"),
        TrackRef("room1", "s", "2"),
        TrackRef("room2", "s", "3"),
    )
    assert identities.present() == {third: "c"}
    assert [identities.person_at(first, at) for at in (40, 50)] == ["a", None]
    assert [identities.person_at(second, at) for at in (40, 50)] == ["a", None]
    identities.fold(seen("d", "room1", "1", 60))
    assert identities.present() == {first: "d", third: "c"}
