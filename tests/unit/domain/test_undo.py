"""What was decided can be taken back: merges, tracks given to the wrong person."""

import msgspec
import pytest

from reid.contracts.commands import ForgetPerson, MoveTracks, RejectTrack, RenamePerson, UnmergePersons
from reid.contracts.events import CommandRejected, PersonRegistered, PersonSeen, PersonSplit, TrackRef
from reid.domain.person import MAX_SPANS, Person
from reid.domain.state import MAX_ANSWERED
from tests.unit.domain.story import SITE, Story, at, frame, look, person, walk
from tests.unit.domain.test_commands import merge, rename, two_persons


def unmerge(survivor: str, absorbed: str, seconds: float = 200) -> UnmergePersons:
    return UnmergePersons(
        site_id=SITE,
        command_id=f"unmerge-{seconds}",
        issued_at=at(seconds),
        person_id=survivor,
        absorbed_id=absorbed,
    )


def move(person_id: str, *tracks: TrackRef, into: str | None = None, seconds: float = 200) -> MoveTracks:
    return MoveTracks(
        site_id=SITE,
        command_id=f"move-{seconds}",
        issued_at=at(seconds),
        person_id=person_id,
        tracks=tracks,
        into=into,
    )


def reject(person_id: str, track: TrackRef, seconds: float = 200) -> RejectTrack:
    return RejectTrack(
        site_id=SITE,
        command_id=f"reject-{seconds}",
        issued_at=at(seconds),
        person_id=person_id,
        track=track,
    )


def track(camera: str, tracker: int) -> TrackRef:
    return TrackRef(camera, "s1", str(tracker))


def test_merge_undone_restores_both_persons_as_they_were() -> None:
    story, first, second = two_persons()
    before = [p.state() for p in story.site.persons.values()]
    labels = story.labels()
    story.given(merge(first, second)).when(unmerge(first, second)).then(PersonSplit)
    assert story.event(PersonSplit).kind == "merge_undone"
    assert [p.state() for p in story.site.persons.values()] == before
    assert story.labels() == labels, "a track that is still there is who it was"
    assert story.site.merges == {}
    story.fold_equals_state()


def test_restored_person_is_recognised_again() -> None:
    story, first, second = two_persons()
    story.given(merge(first, second), unmerge(first, second)).when(walk("room3", 300, 9, "b"))
    assert story.event(PersonSeen).person_id == second
    story.when(merge(first, second, 310))
    assert list(story.site.persons) == [first], "an undone merge is no ban on merging again"


def test_what_happened_since_the_merge_stays_with_whom_its_track_belongs_to() -> None:
    story, first, second = two_persons()
    story.given(merge(first, second, 11))
    story.given(frame("room2", 12, person(2, look("b", "d", 0.6))), walk("room3", 400, 9, "a"))
    story.when(unmerge(first, second, 500))
    one, two = story.site.persons[first], story.site.persons[second]
    assert (one.cameras, two.cameras) == (["room1", "room3"], ["room2"])
    assert (one.last_seen, two.last_seen) == (at(400.8), at(12))
    assert (one.visit_count, two.visit_count) == (2, 1)
    assert (one.visit_started_at, one.last_camera) == (at(400.8), "room3")
    assert [t.track for t in two.templates] == [track("room2", 2)] * 2
    assert {t.track for t in one.templates} == {track("room1", 1)}
    story.fold_equals_state()


def test_new_label_of_the_survivor_stays_and_a_taken_one_is_replaced() -> None:
    story, first, second = two_persons()
    story.given(merge(first, second), rename(first, "Visitor-B"))
    story.when(unmerge(first, second))
    assert story.site.persons[first].label == "Visitor-B"
    assert story.site.persons[second].label == "Visitor-C"
    story.when(walk("room1", 700, 8, "e"))
    assert story.event(PersonRegistered).label == "Visitor-D"
    story.fold_equals_state()


def test_merges_are_undone_from_the_last() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "b"), walk("room3", 20, 3, "c"))
    a, b, c = story.site.persons
    before = [p.state() for p in story.site.persons.values()]
    story.given(merge(b, c, 100), merge(a, b, 101)).when(unmerge(b, c, 102))
    assert story.event(CommandRejected).code == "merged_further"
    assert a in story.event(CommandRejected).message
    story.given(unmerge(a, b, 103), unmerge(b, c, 104))
    assert sorted((p.state() for p in story.site.persons.values()), key=lambda p: p.number) == before
    story.fold_equals_state()


def test_undo_of_what_was_no_merge_is_refused() -> None:
    story, first, second = two_persons()
    assert story.when(unmerge(first, second)).event(CommandRejected).code == "no_such_merge"
    story.given(merge(first, second))
    assert story.when(unmerge(second, second, 201)).event(CommandRejected).code == "no_such_merge"


def test_erased_person_does_not_come_back_by_undoing_its_merge() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "b"), walk("room3", 20, 3, "c"))
    a, b, c = story.site.persons
    story.given(merge(b, c, 100), merge(a, b, 101))
    story.given(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(102), person_id=a))
    assert story.site.merges == {}
    assert story.when(unmerge(b, c, 103)).event(CommandRejected).code == "no_such_merge"


def wrong_match() -> tuple[Story, str, TrackRef]:
    """Somebody like enough to a is taken for a in room2."""
    alike = look("a", "c", 0.6)
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, alike))
    (only,) = story.site.persons
    assert len(story.site.persons[only].templates) == 2
    return story, only, track("room2", 2)


def test_tracks_of_somebody_else_become_a_new_person_known_to_differ() -> None:
    story, first, wrong = wrong_match()
    story.when(move(first, wrong)).then(PersonSplit)
    one, new = story.site.persons.values()
    assert (one.cameras, new.cameras) == (["room1"], ["room2"])
    assert (new.label, new.number, new.person_id) == ("Visitor-B", 1, f"person_{at(10.8)}_1")
    assert (one.last_seen, one.visit_count, new.visit_count) == (at(0.8), 1, 1)
    assert one.not_persons == {new.person_id}
    assert story.labels()["room2/2"] == "Visitor-B"
    assert story.when(merge(first, new.person_id, 300)).event(CommandRejected).code == "seen_together"
    story.when(walk("room3", 400, 5, look("a", "c", 0.6)))
    assert story.event(PersonSeen).person_id == new.person_id
    story.when(walk("room3", 500, 6, "e"))
    assert story.event(PersonRegistered).label == "Visitor-C"
    story.fold_equals_state()


def test_tracks_moved_into_a_person_that_exists() -> None:
    story, first, wrong = wrong_match()
    story.given(walk("room3", 20, 3, "d"))
    target = list(story.site.persons)[1]
    story.when(move(first, wrong, into=target))
    other = story.site.persons[target]
    assert other.cameras == ["room3", "room2"]
    assert (other.first_seen, other.visit_count, len(other.templates)) == (at(10.8), 1, 2)
    assert other.not_persons == {first}
    assert story.labels()["room2/2"] == "Visitor-B"
    story.fold_equals_state()


def test_first_track_moved_out_leaves_the_later_ones() -> None:
    story, first, wrong = wrong_match()
    story.when(move(first, track("room1", 1)))
    rest = story.site.persons[first]
    assert (rest.cameras, rest.first_seen, rest.last_camera) == (["room2"], at(10.8), "room2")
    assert story.labels()["room2/2"] == "Visitor-A"
    assert wrong == rest.tracks[0].track


def test_rejected_track_is_a_lasting_cannot_link() -> None:
    story, first, wrong = wrong_match()
    story.when(reject(first, wrong)).then(PersonSplit)
    assert story.event(PersonSplit).kind == "track_rejected"
    assert story.labels()["room2/2"] == "Visitor-B"
    story.when([frame("room2", 12 + i, person(2, "a")) for i in range(4)])
    story.when(walk("room2", 17, 2, "a", crops=4))
    label = story.labels()["room2/2"]
    assert label != "Visitor-A", "the track never goes back to the person it was rejected from"
    story.fold_equals_state()


def test_rejected_track_without_an_appearance_of_its_own_is_pending_again() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "a"))
    (first,) = story.site.persons
    story.when(reject(first, track("room2", 2)))
    assert story.event(PersonSplit).other is None
    assert "room2/2" not in story.labels()
    story.when([frame("room2", 12 + 0.4 * i, person(2, "a")) for i in range(3)])
    assert story.event(PersonRegistered).label == "Visitor-B"
    assert story.site.persons[first].not_persons == {story.event(PersonRegistered).person_id}
    story.fold_equals_state()


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("unknown_person", lambda p, t: move("person_0_0", t)),
        ("unknown_person", lambda p, t: move(p, t, into="person_0_0")),
        ("unknown_person", lambda p, t: move("", t)),
        ("same_person", lambda p, t: move(p, t, into=p)),
        ("unknown_track", lambda p, t: move(p, track("room9", 1))),
        ("unknown_track", lambda p, t: move(p)),
        ("nothing_left", lambda p, t: move(p, t, track("room1", 1))),
    ],
)
def test_moves_that_are_refused(code: str, make: object) -> None:
    story, first, wrong = wrong_match()
    assert story.when(make(first, wrong)).event(CommandRejected).code == code  # type: ignore[operator]
    story.fold_equals_state()


def test_move_without_evidence_needs_a_person_to_go_to() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "a"), walk("room3", 20, 3, "d"))
    first, other = story.site.persons
    assert story.when(move(first, track("room2", 2))).event(CommandRejected).code == "no_evidence"
    story.when(move(first, track("room2", 2), into=other, seconds=201)).then(PersonSplit)
    assert story.site.persons[other].cameras == ["room3", "room2"]


def test_command_that_comes_twice_is_answered_once() -> None:
    story, first, second = two_persons()
    story.given(merge(first, second)).when(merge(first, second)).then()
    command = msgspec.structs.replace(merge("person_0_0", second), command_id="again")
    story.given(command).when(command).then()


def test_only_the_latest_commands_and_tracks_are_remembered() -> None:
    story, first, _ = two_persons()
    for number in range(MAX_ANSWERED + 5):
        story.when(
            RenamePerson(
                site_id=SITE, command_id=f"n{number}", issued_at=at(20), person_id=first, label=f"n{number}"
            )
        )
    assert len(story.site.answered) == MAX_ANSWERED
    known = Person("p", 0, "x")
    for number in range(MAX_SPANS + 5):
        known.saw(track("room1", number), at(number))
    assert [len(known.tracks), known.tracks[0].track] == [MAX_SPANS, track("room1", 5)]


def test_new_person_of_moved_tracks_skips_a_label_that_somebody_was_given() -> None:
    story, first, wrong = wrong_match()
    story.given(rename(first, "Visitor-B")).when(move(first, wrong))
    assert story.event(PersonSplit).other.label == "Visitor-C"
    story.fold_equals_state()


def test_track_that_found_another_person_since_stays_with_it_when_its_past_moves() -> None:
    story, first, wrong = wrong_match()
    story.given(walk("room3", 13, 3, "d"))
    story.given([frame("room2", 14 + i, person(2, "d")) for i in range(3)])
    story.given(walk("room2", 18, 2, "d"))
    assert story.labels()["room2/2"] == "Visitor-B"
    story.when(move(first, wrong))
    assert story.labels()["room2/2"] == "Visitor-B", "the live track is somebody else's by now"
    story.fold_equals_state()


def test_relation_that_a_merge_brought_goes_when_it_is_undone() -> None:
    both = [frame("room1", 0.4 * i, person(1, "a"), person(2, "b")) for i in range(3)]
    story = Story().given(both, walk("room2", 10, 3, "c"))
    a, b, c = story.site.persons
    story.given(merge(c, b)).when(unmerge(c, b))
    assert story.site.persons[c].not_persons == set()
    assert story.site.persons[a].not_persons == {b}
    assert story.site.persons[b].not_persons == {a}
    story.fold_equals_state()


def test_holder_of_an_absorbed_id_is_found_through_all_merges() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "b"), walk("room3", 20, 3, "c"))
    a, b, c = story.site.persons
    story.given(merge(b, c, 100), merge(a, b, 101))
    assert (story.site.holder(c), story.site.holder(a), story.site.holder("person_0_9")) == (a, a, None)
