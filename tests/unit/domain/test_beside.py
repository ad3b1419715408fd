"""Two who are in one frame are two, unless the track that says so shows somebody else by then."""

import pytest

from reid.contracts.events import CommandRejected, PersonLeft, PersonsMerged, PersonSplit
from reid.domain import beside
from reid.domain.policy import Policy
from reid.domain.snapshot import dump, load
from tests.unit.domain.crowds import told
from tests.unit.domain.story import PLAIN, Story, at, frame, look, person, walk
from tests.unit.domain.test_commands import merge
from tests.unit.domain.test_undo import move, reject, track, unmerge

#: How somebody of letter a looks from another side: too little alike to be found at once.
TURNED = look("a", "k", 3.0)
#: And nearly from the side that is known: a look of its own of the same person.
ASIDE = look("a", "k", 0.6)


def gone_over(story: Story, doubtful: int = 3) -> tuple[str, str]:
    """Track 1 of Visitor-A shows b from 1.5 s on, she herself goes on as track 2, as Visitor-B."""
    story.given(walk("room1", 0, 1, "a"))
    for n in range(doubtful):
        crops = [frame("room1", 1.8 + n + 0.3 * i, person(1, "b"), person(2, TURNED)) for i in range(3)]
        story.given(*crops)
    first, second = story.site.persons
    return first, second


def test_her_own_next_id_could_not_be_hers_for_good_once_her_track_had_gone_over_to_somebody_else() -> None:
    story = Story(PLAIN)
    first, second = gone_over(story, 2)
    story.when(merge(first, second, 4)).then(CommandRejected)
    assert story.event(CommandRejected).code == "seen_together", "the track may be hers yet"
    story.when(frame("room1", 4.5, person(1, "b"), person(2, TURNED)))
    assert [e.reason for e in story.all(PersonLeft)] == ["evidence_disagrees"]
    assert not story.site.persons[first].not_persons and not story.site.persons[second].not_persons
    story.when(merge(first, second, 5)).then(PersonsMerged)
    story.fold_equals_state()


def test_what_a_track_told_before_a_crop_that_was_sure_stays() -> None:
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"), walk("room1", 0.1, 3, "c"))
    story.given(frame("room1", 2, person(1, "a"), person(3, "c")))
    story.given(*[frame("room1", 3.1 + n, person(1, "b")) for n in range(3)])
    assert [e.reason for e in story.all(PersonLeft)] == ["evidence_disagrees"]
    story.when(merge(*story.site.persons, 7)).then(CommandRejected)


def test_a_clock_that_was_ahead_made_a_track_sure_of_what_came_after() -> None:
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"), walk("room1", 600, 1, "a"))
    story.given(frame("room1", 3, person(1, "a")))
    story.given(*[frame("room1", 3.2 + 0.4 * n, person(1), person(2, TURNED)) for n in range(3)])
    story.given(*[frame("room1", 4.2 + n, person(1, "b"), person(2, TURNED)) for n in range(3)])
    assert story.all(PersonLeft)[-1].reason == "evidence_disagrees"
    assert not any(known.not_persons for known in story.site.persons.values())


def test_what_people_said_is_not_taken_back_with_a_track() -> None:
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"), walk("room2", 1, 2, ASIDE))
    (first,) = story.site.persons
    story.given(move(first, track("room2", 2), seconds=20))
    moved = story.event(PersonSplit).other.person_id
    story.given(walk("room1", 30, 5, "a"))
    story.given(*[frame("room1", 33 + n, person(5, "b")) for n in range(3)])
    assert story.all(PersonLeft)[-1].reason == "evidence_disagrees"
    assert moved in story.site.persons[first].not_persons


def test_nobody_is_taken_for_who_stands_beside_another_track_of_theirs() -> None:
    # Track 1 hides, track 2 goes on for it, with somebody beside; then track 1 comes back as b.
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"))
    story.given(*[frame("room1", 1 + 0.3 * i, person(1), person(3, "c")) for i in range(3)])
    story.given(*[frame("room1", 2 + 0.3 * i, person(2, "a"), person(3, "c")) for i in range(3)])
    first, second = story.site.persons
    story.given(*[frame("room1", 3.2 + n, person(1, "b")) for n in range(3)])
    assert story.event(PersonLeft).track == track("room1", 1)
    assert second in story.site.persons[first].not_persons
    story.fold_equals_state()


def test_who_was_merged_since_is_known_by_the_name_of_now() -> None:
    story = Story(PLAIN)
    first, second = gone_over(story, 2)
    story.given(walk("room2", 3.5, 9, "e"))
    third = list(story.site.persons)[2]
    story.given(merge(third, second, 4.4))
    assert third in story.site.persons[first].not_persons
    story.given(frame("room1", 4.5, person(1, "b"), person(2, TURNED)))
    assert not story.site.persons[first].not_persons
    story.when(merge(first, third, 5)).then(PersonsMerged)


def beside_one_of_two() -> tuple[Story, str, str]:
    """Visitor-A in room1, then in room2, where Visitor-B is beside."""
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"))
    story.given(*[frame("room2", 9 + 0.4 * i, person(2, ASIDE), person(3, "b")) for i in range(3)])
    first, second = story.site.persons
    assert second in story.site.persons[first].not_persons
    return story, first, second


def test_tracks_that_are_moved_take_along_who_was_beside_them() -> None:
    story, first, second = beside_one_of_two()
    story.when(move(first, track("room2", 2))).then(PersonSplit)
    other = story.event(PersonSplit).other.person_id
    assert story.site.persons[first].not_persons == {other}
    assert story.site.persons[second].not_persons == {other}
    story.fold_equals_state()


def test_tracks_that_were_moved_once_take_it_along_again() -> None:
    story, first, second = beside_one_of_two()
    story.given(*[frame("room3", 20 + 0.4 * i, person(8, ASIDE), person(9, "d")) for i in range(3)])
    beside_first = story.site.persons[first].not_persons - {second}
    story.when(move(first, track("room2", 2)))
    other = story.event(PersonSplit).other.person_id
    assert story.site.persons[first].not_persons == {other, *beside_first}
    story.given(walk("room3", 210, 4, "c"))
    third = list(story.site.persons)[-1]
    story.given(merge(third, other, 220), move(third, track("room2", 2), seconds=230))
    last = story.event(PersonSplit).other.person_id
    assert story.site.persons[second].not_persons == {last}
    story.fold_equals_state()


def test_tracks_that_are_moved_to_who_was_beside_them_leave_nothing_behind() -> None:
    story, first, second = beside_one_of_two()
    story.given(move(first, track("room2", 2), into=second))
    assert story.site.persons[second].not_persons == {first}, "that is what was said"
    assert not story.site.told
    story.fold_equals_state()


def test_a_track_that_is_nobody_s_tells_nothing() -> None:
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"))
    same = [frame("room2", 9 + 0.4 * i, person(2, "a"), person(3, "b")) for i in range(3)]
    first, second = story.given(*same).site.persons
    assert all(t.track != track("room2", 2) for t in story.site.persons[first].templates)
    story.when(reject(first, track("room2", 2))).then(PersonSplit)
    assert story.event(PersonSplit).other is None
    assert second not in story.site.persons[first].not_persons and not story.site.told
    story.fold_equals_state()


def test_evidence_that_parts_a_track_takes_along_who_was_beside_it() -> None:
    story = told(Policy(break_margin=-9.0))
    splits = [e for e in story.all(PersonSplit) if e.decision is not None]
    assert splits
    for split in splits:
        assert split.other is not None
        assert not set(split.other.not_persons) & {split.person.person_id}
    story.fold_equals_state()


def test_both_are_known_to_differ_after_a_merge_is_undone() -> None:
    story, first, second = beside_one_of_two()
    story.given(walk("room3", 100, 4, "c"))
    third = list(story.site.persons)[-1]
    story.given(merge(first, third, 110), unmerge(first, third))
    assert second in story.site.persons[first].not_persons
    story.fold_equals_state()


def test_what_was_taken_back_came_again_with_whoever_a_merge_was_undone_for() -> None:
    story, first, second = beside_one_of_two()
    story.given(walk("room3", 100, 4, "c"))
    third = list(story.site.persons)[-1]
    story.given(merge(third, first, 110), move(third, track("room2", 2), seconds=120))
    story.when(unmerge(third, first)).then(PersonSplit)
    known = story.site.persons
    assert second not in known[first].not_persons | known[third].not_persons
    story.fold_equals_state()


def test_memory_of_who_told_it_is_bounded_and_in_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "MAX_TOLD", 2)
    story = Story(PLAIN)
    story.given(*[frame("room1", 0.4 * i, *(person(n, "abcd"[n]) for n in range(4))) for i in range(3)])
    assert len(story.site.told) == 2
    assert load(dump(story.state)).site("global").told == story.site.told
    story.fold_equals_state()


def test_who_is_forgotten_told_nothing() -> None:
    story, first, _ = beside_one_of_two()
    story.site.remove([first], at(100))
    assert not story.site.told
