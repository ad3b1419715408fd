"""Undoing a merge when other things happened in between. Each went wrong once; random lives found them
(`test_gallery_model.py`)."""

import pytest

from reid.contracts.commands import ForgetPerson
from reid.contracts.events import CommandRejected, PersonRegistered, PersonSplit, TrackRef
from reid.domain.person import MAX_SPANS, Person
from reid.domain.snapshot import dump, load
from tests.unit.domain.story import SITE, Story, at, frame, look, person, walk
from tests.unit.domain.test_commands import merge, two_persons
from tests.unit.domain.test_undo import move, reject, track, unmerge


def three_persons(*second: str | bytes) -> tuple[Story, str, str, str]:
    """a in room1; b in room2, there once more for each of ``second``; c in room3."""
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "b"), walk("room3", 20, 3, "c"))
    for number, appearance in enumerate(second):
        story.given(walk("room2", 30 + 10 * number, 20 + number, appearance))
    a, b, c = story.site.persons
    return story, a, b, c


def tracks_of(story: Story, person_id: str) -> list[TrackRef]:
    return [span.track for span in story.site.persons[person_id].tracks]


def test_an_earlier_merge_undone_first_gave_the_absorbed_persons_tracks_to_both() -> None:
    story, a, b, c = three_persons()
    before = {who: known.state() for who, known in story.site.persons.items()}
    story.given(merge(a, b, 100), merge(a, c, 101)).when(unmerge(a, b, 102)).then(CommandRejected)
    assert story.event(CommandRejected).code == "merged_further"
    assert c in story.event(CommandRejected).message
    story.given(unmerge(a, c, 103), unmerge(a, b, 104))
    assert {who: known.state() for who, known in story.site.persons.items()} == before
    story.fold_equals_state()


def test_a_stored_state_forgot_the_order_of_the_merges() -> None:
    story, a, b, c = three_persons()
    story.given(merge(a, c, 100), merge(a, b, 101))
    story.state = load(dump(story.state))
    assert story.when(unmerge(a, c, 102)).event(CommandRejected).code == "merged_further"
    story.when(unmerge(a, b, 103)).then(PersonSplit)


def test_a_track_moved_away_after_a_merge_came_back_by_its_undo() -> None:
    story, a, b, _ = three_persons(look("b", "d", 0.6))
    story.given(merge(a, b, 100), move(a, track("room2", 20), seconds=101))
    moved = story.event(PersonSplit).other.person_id
    story.given(unmerge(a, b, 102))
    assert tracks_of(story, b) == [track("room2", 2)]
    assert [t.track for t in story.site.persons[b].templates] == [track("room2", 2)]
    assert story.site.persons[b].last_seen == at(10.8)
    assert tracks_of(story, moved) == [track("room2", 20)]
    story.fold_equals_state()


def test_a_track_moved_away_came_back_by_the_undo_of_the_merge_before_the_last() -> None:
    story, a, b, c = three_persons(look("b", "d", 0.6))
    story.given(merge(b, c, 100), merge(a, b, 101), reject(a, track("room2", 20), 102))
    story.given(unmerge(a, b, 103), unmerge(b, c, 104))
    assert tracks_of(story, b) == [track("room2", 2)]
    assert tracks_of(story, c) == [track("room3", 3)]
    story.fold_equals_state()


def test_a_person_all_of_whose_tracks_were_moved_away_came_back_with_them() -> None:
    story, a, b, _ = three_persons()
    story.given(merge(a, b, 100), move(a, track("room2", 2), seconds=101))
    assert story.when(unmerge(a, b, 102)).event(CommandRejected).code == "nothing_left"


def test_a_moved_and_erased_appearance_came_back_by_an_undo() -> None:
    story, a, b, _ = three_persons(look("b", "d", 0.6))
    story.given(merge(a, b, 100), move(a, track("room2", 20), seconds=101))
    moved = story.event(PersonSplit).other.person_id
    story.given(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(102), person_id=moved))
    story.given(unmerge(a, b, 103))
    templates = [t for known in story.site.persons.values() for t in known.templates]
    assert track("room2", 20) not in {t.track for t in templates}


def handed_over() -> tuple[Story, str, str]:
    """The tracker took b for a: one track was of both, one after the other."""
    story = Story().given(walk("room1", 0, 1, "a"), walk("room1", 8, 1, "b"))
    first, second = story.site.persons
    return story, first, second


def test_a_track_that_both_had_gave_one_the_appearance_and_the_time_of_the_other() -> None:
    story, first, second = handed_over()
    before = [p.state() for p in story.site.persons.values()]
    story.given(merge(first, second, 9))
    (span,) = story.site.persons[first].tracks
    assert (span.first_at, span.last_at) == (at(0.8), at(8.8))
    story.given(unmerge(first, second, 9.5))
    assert [p.state() for p in story.site.persons.values()] == before
    story.given(merge(first, second, 10), frame("room1", 11, person(1, "b")))
    story.when(unmerge(first, second, 12))
    assert story.site.persons[first].state() == before[0], "it is whose it was last"
    assert story.site.persons[second].last_seen == at(11)
    story.fold_equals_state()


def test_who_came_back_was_still_said_to_be_where_it_was_before_the_merge() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "b"), walk("room3", 12, 3, "b"))
    first, second = story.site.persons
    story.given(merge(first, second, 13), frame("room2", 14, person(2, "b")), unmerge(first, second, 15))
    assert story.site.persons[second].last_camera == "room2"
    story.fold_equals_state()


def test_who_stayed_all_the_time_was_said_to_have_come_again() -> None:
    story, first, second = two_persons()
    story.given(merge(first, second, 11))
    story.given([frame("room1", 4.0 * i, person(1, "a")) for i in range(3, 120)])
    story.given(walk("room3", 490, 9, "a"), unmerge(first, second, 500))
    assert story.site.persons[first].visit_count == 1
    assert story.site.persons[first].visit_started_at == at(0.8)
    story.fold_equals_state()


def test_a_track_of_before_that_was_moved_in_since_was_no_visit_and_no_first_sighting() -> None:
    story = Story().given(walk("room3", 0, 3, "c"), walk("room3", 400, 4, look("c", "d", 0.6)))
    story.given(walk("room1", 800, 1, "a"), walk("room2", 810, 2, "b"))
    c, a, b = story.site.persons
    story.given(merge(a, b, 820), move(c, track("room3", 3), into=a, seconds=821), unmerge(a, b, 822))
    kept = story.site.persons[a]
    assert (kept.visit_count, kept.first_seen, kept.cameras) == (2, at(0.8), ["room1", "room3"])
    assert (kept.last_seen, kept.last_camera) == (at(800.8), "room1")
    story.fold_equals_state()


def test_who_differs_from_somebody_merged_since_was_not_known_to_differ_any_more() -> None:
    both = [frame("room1", 0.4 * i, person(1, "a"), person(2, "b")) for i in range(3)]
    story = Story().given(both, walk("room2", 10, 3, "c"), walk("room3", 20, 4, "d"))
    a, b, c, d = story.site.persons
    story.given(merge(c, b, 100), merge(d, a, 101)).when(unmerge(c, b, 102))
    assert story.site.persons[b].not_persons == {d}, "a is d now"
    assert story.site.persons[c].not_persons == set()
    story.fold_equals_state()


def test_a_rejected_track_could_go_back_after_the_person_was_merged_and_restored() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "a"), walk("room3", 20, 3, "c"))
    a, c = story.site.persons
    story.given(reject(a, track("room2", 2), 21), merge(c, a, 22), unmerge(c, a, 23))
    story.when(walk("room2", 24, 2, "a"))
    assert story.event(PersonRegistered).label == "Visitor-C"
    story.fold_equals_state()


def test_a_track_moved_to_who_had_it_before_was_there_twice() -> None:
    story, first, second = handed_over()
    story.given(walk("room2", 20, 2, look("b", "d", 0.6)))
    story.when(move(second, track("room1", 1), into=first, seconds=30)).then(PersonSplit)
    (span,) = story.site.persons[first].tracks
    assert (span.first_at, span.last_at) == (at(0.8), at(8.8))
    story.fold_equals_state()


def test_an_earlier_past_of_its_own_track_moved_in_since_was_lost() -> None:
    """Track 1 was b, then a; b turned out to be a."""
    story = Story().given(walk("room1", 0, 1, "b"), walk("room1", 8, 1, "a"), walk("room2", 10, 2, "c"))
    story.given(walk("room3", 20, 4, look("b", "d", 0.6)))
    b, a, c = story.site.persons
    story.given(merge(a, c, 30), move(b, track("room1", 1), into=a, seconds=31), unmerge(a, c, 32))
    kept = story.site.persons[a]
    assert [(s.first_at, s.last_at) for s in kept.tracks] == [(at(0.8), at(8.8))]
    assert (kept.first_seen, kept.visit_count) == (at(0.8), 1)
    story.fold_equals_state()


def test_only_the_latest_tracks_of_a_restored_person_are_remembered() -> None:
    story, first, second = two_persons()
    story.given(merge(first, second, 11))
    known: Person = story.site.persons[first]
    for number in range(MAX_SPANS):
        known.saw(track("room9", number), at(20 + number))
    story.when(unmerge(first, second))
    assert len(story.site.persons[first].tracks) == MAX_SPANS


@pytest.mark.parametrize("gone_for", [2.0, 8.0])
def test_a_rejected_track_never_goes_back_also_after_it_was_somebody_else(gone_for: float) -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "a"))
    (first,) = story.site.persons
    story.given(reject(first, track("room2", 2), 11), walk("room2", 12, 2, "c"))
    if gone_for < 5:
        # It looks like somebody else again, three times in a row, and is taken from c.
        story.given([frame("room2", 14 + i, person(2, "a")) for i in range(3)])
    story.given(walk("room2", 16 + gone_for, 2, "a"))
    assert story.labels()["room2/2"] != story.site.persons[first].label
