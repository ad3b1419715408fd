"""Merge, reset, rename, forget: what they change and why they are refused."""

import msgspec
import pytest

from reid.contracts.commands import AcknowledgeAlert, ForgetPerson, MergePersons, RenamePerson, ResetGallery
from reid.contracts.events import (
    CommandRejected,
    GalleryReset,
    PersonForgotten,
    PersonRegistered,
    PersonRenamed,
    PersonSeen,
    PersonsMerged,
    TrackRef,
)
from reid.domain.policy import Policy
from tests.unit.domain.story import SITE, Story, at, frame, look, person, walk


def merge(first: str, second: str, seconds: float = 100, by: str = "operator") -> MergePersons:
    return MergePersons(
        site_id=SITE,
        command_id=f"merge-{seconds}",
        issued_at=at(seconds),
        issued_by=by,
        person_id1=first,
        person_id2=second,
    )


def reset(camera: str | None = None, seconds: float = 100) -> ResetGallery:
    return ResetGallery(site_id=SITE, command_id=f"reset-{seconds}", issued_at=at(seconds), camera_id=camera)


def rename(person_id: str, label: str) -> RenamePerson:
    return RenamePerson(
        site_id=SITE, command_id="rename", issued_at=at(100), person_id=person_id, label=label
    )


def two_persons(policy: Policy | None = None) -> tuple[Story, str, str]:
    story = Story(policy).given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "b"))
    first, second = story.site.persons
    return story, first, second


def test_merge_takes_the_second_into_the_first() -> None:
    story, first, second = two_persons()
    story.when(merge(first, second)).then(PersonsMerged)
    merged = story.event(PersonsMerged)
    assert (merged.survivor_id, merged.absorbed_id, merged.label) == (first, second, "Visitor-A")
    assert (merged.command_id, merged.asked_by) == ("merge-100", "operator")
    survivor = story.site.persons[first]
    assert list(story.site.persons) == [first]
    assert survivor.cameras == ["room1", "room2"]
    assert survivor.visit_count == 1, "one visit, seen under two ids"
    assert (survivor.first_seen, survivor.last_seen) == (at(0.8), at(10.8))
    assert story.labels()["room2/2"] == "Visitor-A"
    story.fold_equals_state()


def test_merged_person_is_recognised_by_either_appearance() -> None:
    story, first, second = two_persons()
    story.given(merge(first, second)).when(walk("room3", 120, 5, "b"))
    assert story.event(PersonSeen).person_id == first


def test_visits_of_different_times_add_up() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 1000, 2, "b"))
    first, second = story.site.persons
    story.when(merge(second, first, 1100))
    assert story.event(PersonsMerged).visit_count == 2
    assert story.site.persons[second].label == "Visitor-B"


def test_merge_keeps_at_most_the_template_limit() -> None:
    story, first, second = two_persons(Policy(max_templates=1))
    story.when(merge(first, second))
    assert len(story.event(PersonsMerged).templates) == 1


def test_merge_of_persons_seen_in_one_frame_is_refused() -> None:
    both = [frame("room1", 0.4 * i, person(1, "a"), person(2, "b")) for i in range(3)]
    story = Story().given(both)
    first, second = story.site.persons
    story.when(merge(first, second)).then(CommandRejected)
    assert story.event(CommandRejected).code == "seen_together"
    assert "two people" in story.event(CommandRejected).message


def test_relations_of_the_absorbed_person_pass_to_the_survivor() -> None:
    both = [frame("room1", 0.4 * i, person(1, "a"), person(2, "b")) for i in range(3)]
    story = Story().given(both, walk("room2", 10, 3, "c"))
    a, b, c = story.site.persons
    story.given(merge(c, b))
    assert story.site.persons[c].not_persons == {a}
    assert story.site.persons[a].not_persons == {c}
    story.when(merge(a, c, 101)).then(CommandRejected)
    story.fold_equals_state()


def test_track_barred_from_the_absorbed_person_is_barred_from_the_survivor() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room1", 2, 2, "a"), walk("room2", 3, 1, "b"))
    a, b = story.site.persons
    story.given(frame("room1", 3.5, person(1, "a"), person(2, "a")))
    story.when(merge(b, a))
    pending = story.site.camera("room1").pending[TrackRef("room1", "s1", "2")]
    assert pending.not_persons == (a, b), "and from the absorbed one, should the merge be undone"
    story.fold_equals_state()


@pytest.mark.parametrize("missing", [1, 2])
def test_merge_of_an_unknown_person_is_refused(missing: int) -> None:
    story, first, second = two_persons()
    story.when(merge("person_0_9", second) if missing == 1 else merge(first, "person_0_9"))
    assert story.event(CommandRejected).code == "unknown_person"
    assert "person_0_9" in story.event(CommandRejected).message


def test_merge_with_itself_is_refused() -> None:
    story, first, _ = two_persons()
    assert story.when(merge(first, first)).event(CommandRejected).code == "same_person"


def test_reset_of_all_starts_labels_again_but_never_an_id() -> None:
    story, first, second = two_persons()
    story.given(frame("room1", 11, person(9, "d"))).when(reset()).then(GalleryReset)
    assert story.event(GalleryReset).person_ids == tuple(sorted((first, second)))
    assert story.site.persons == {}
    assert story.labels() == {}
    story.when(walk("room1", 200, 3, "a"))
    registered = story.event(PersonRegistered)
    assert (registered.label, registered.number) == ("Visitor-A", 2)
    story.fold_equals_state()


def test_reset_of_one_camera_takes_everybody_ever_seen_there() -> None:
    story, first, second = two_persons()
    story.given(walk("room2", 20, 3, "a"), walk("room3", 30, 4, "c")).when(reset("room2"))
    assert story.event(GalleryReset).person_ids == tuple(sorted((first, second)))
    assert [p.label for p in story.site.persons.values()] == ["Visitor-C"]
    story.when(walk("room1", 200, 5, "e"))
    assert story.event(PersonRegistered).label == "Visitor-D"


def test_rename_is_shown_from_then_on() -> None:
    story, first, _ = two_persons()
    story.when(rename(first, " Night nurse ")).then(PersonRenamed)
    assert story.event(PersonRenamed).previous_label == "Visitor-A"
    story.when(walk("room3", 120, 5, "a"))
    assert story.event(PersonSeen).label == "Night nurse"
    story.fold_equals_state()


@pytest.mark.parametrize(
    ("label", "code"),
    [("", "bad_label"), ("x" * 65, "bad_label"), ("a\nb", "bad_label"), ("Visitor-B", "label_taken")],
)
def test_label_that_is_refused(label: str, code: str) -> None:
    story, first, _ = two_persons()
    assert story.when(rename(first, label)).event(CommandRejected).code == code


def test_rename_of_an_unknown_person_is_refused() -> None:
    assert Story().when(rename("person_0_0", "x")).event(CommandRejected).code == "unknown_person"


def test_rename_to_its_own_label_is_allowed() -> None:
    story, first, _ = two_persons()
    story.when(rename(first, "Visitor-A")).then(PersonRenamed)


def test_automatic_label_skips_one_that_a_person_was_given() -> None:
    story, first, _ = two_persons()
    story.given(rename(first, "Visitor-C")).when(walk("room1", 200, 3, "c"))
    assert story.event(PersonRegistered).label == "Visitor-D"


def test_forgotten_person_is_a_stranger_when_back() -> None:
    story, first, _ = two_persons()
    forget = ForgetPerson(site_id=SITE, command_id="f", issued_at=at(100), person_id=first)
    story.when(forget).then(PersonForgotten)
    story.when(walk("room1", 200, 3, "a"))
    assert story.event(PersonRegistered).label == "Visitor-C"
    again = msgspec.structs.replace(forget, command_id="g")
    assert story.when(again).event(CommandRejected).code == "unknown_person"
    story.fold_equals_state()


def test_forgetting_removes_the_relations_of_others() -> None:
    both = [frame("room1", 0.4 * i, person(1, "a"), person(2, "b")) for i in range(3)]
    story = Story().given(both)
    first, second = story.site.persons
    story.when(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(100), person_id=first))
    assert story.site.persons[second].not_persons == set()


def test_appearance_of_a_letter_is_a_unit_vector() -> None:
    assert len(look("a")) == 64


def test_an_alert_is_acknowledged_elsewhere() -> None:
    """The alert agent answers in its own log: nothing of it is about identities."""
    command = AcknowledgeAlert(site_id=SITE, command_id="ack", issued_at=at(100), alert_id="a-1")
    Story().given(walk("room1", 0, 1, "a")).when(command).then().fold_equals_state()
