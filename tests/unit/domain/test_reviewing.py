"""Answers of people: what is taken down, what is refused, and what they change."""

from typing import Any

import pytest

from reid.contracts.commands import ConfirmIdentity, ForgetPerson, MergePersons, UnmergePersons
from reid.contracts.events import CommandRejected, IdentityReviewed, PersonsMerged, SiteCalibrated, TrackRef
from reid.domain.snapshot import digest, dump, load
from reid.domain.state import MAX_REVIEWED
from reid.domain.validate import check
from reid.errors import PoisonInput
from tests.unit.domain.story import SITE, Story, at, walk

OURS = TrackRef("room1", "s1", "1")


def confirm(person_id: str, number: int = 1, **fields: Any) -> ConfirmIdentity:
    return ConfirmIdentity(
        site_id=SITE,
        command_id=f"r{number}",
        issued_at=at(50),
        issued_by="desk",
        person_id=person_id,
        **fields,
    )


@pytest.fixture
def story() -> Story:
    """Two persons, the first by track 1 of room1."""
    return Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "b"))


def two(story: Story) -> tuple[str, str]:
    first, second = story.state.site(SITE).persons
    return first, second


def test_a_yes_is_taken_down(story: Story) -> None:
    first, _ = two(story)
    story.when(confirm(first, track=OURS, score=0.61, model="letters@1"))
    event, taught = story.last
    assert isinstance(taught, SiteCalibrated)
    assert event == IdentityReviewed(
        site_id=SITE, at=at(50), person_id=first, answer="yes", track=OURS, score=0.61, model="letters@1",
        command_id="r1", asked_by="desk",
    )  # fmt: skip
    (known,) = story.state.site(SITE).reviewed
    assert (known.same, known.score, known.model, known.at) == (True, 0.61, "letters@1", at(50))
    assert story.when(confirm(first, track=OURS)).last == []


def test_two_who_are_said_to_differ_are_not_merged(story: Story) -> None:
    first, second = two(story)
    story.when(confirm(first, other_id=second, answer="no", score=0.58))
    site = story.state.site(SITE)
    assert (site.persons[first].not_persons, site.persons[second].not_persons) == ({second}, {first})
    assert [known.same for known in site.reviewed] == [False]
    story.when(
        MergePersons(site_id=SITE, command_id="m", issued_at=at(51), person_id1=first, person_id2=second)
    )
    (refused,) = story.last
    assert isinstance(refused, CommandRejected) and refused.code == "seen_together"


def test_a_merge_is_confirmed_while_it_stands_and_denied_once_undone(story: Story) -> None:
    first, second = two(story)
    base: dict[str, Any] = {"site_id": SITE, "issued_at": at(49)}
    story.when(MergePersons(command_id="m", person_id1=first, person_id2=second, **base))
    assert isinstance(story.last[0], PersonsMerged)
    assert isinstance(story.when(confirm(first, other_id=second)).last[0], IdentityReviewed)
    story.when(UnmergePersons(command_id="u", person_id=first, absorbed_id=second, **base))
    (refused,) = story.when(confirm(first, 2, other_id=second)).last
    assert isinstance(refused, CommandRejected) and refused.code == "no_such_merge"
    assert isinstance(story.when(confirm(first, 3, other_id=second, answer="no")).last[0], IdentityReviewed)
    assert story.state.site(SITE).persons[first].not_persons == {second}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"person_id": "nobody", "track": OURS}, "unknown_person"),
        ({"other_id": "nobody"}, "unknown_person"),
        ({"other_id": "nobody", "answer": "no"}, "unknown_person"),
        ({"track": TrackRef("room2", "s1", "2")}, "unknown_track"),
    ],
)
def test_what_is_refused(story: Story, fields: dict[str, Any], code: str) -> None:
    first, _ = two(story)
    (event,) = story.when(confirm(**{"person_id": first, **fields})).last
    assert isinstance(event, CommandRejected) and (event.code, event.command_id) == (code, "r1")
    assert story.state.site(SITE).reviewed == []


def test_nobody_is_somebody_else_than_oneself(story: Story) -> None:
    first, _ = two(story)
    (event,) = story.when(confirm(first, other_id=first, answer="no")).last
    assert isinstance(event, CommandRejected) and event.code == "same_person"


def test_answers_are_bounded_and_name_nobody(story: Story) -> None:
    first, second = two(story)
    for number in range(MAX_REVIEWED + 3):
        story.when(confirm(first, number, track=OURS, score=(number % 100) / 100))
    story.fold_equals_state()
    assert digest(load(dump(story.state))) == digest(story.state)
    reviewed = story.state.site(SITE).reviewed
    assert len(reviewed) == MAX_REVIEWED and reviewed[0].score == 0.03
    story.when(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(60), person_id=first))
    assert first not in repr(reviewed) and second not in repr(reviewed)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "either a track or another person"),
        ({"track": OURS, "other_id": "b"}, "either a track or another person"),
        ({"track": OURS, "score": 1.01}, "score 1.01 is not 0 to 1"),
        ({"track": OURS, "score": float("nan")}, "score nan is not 0 to 1"),
        ({"track": OURS, "learned": 101.0}, "learned 101.0 log odds"),
        ({"track": OURS, "learned": float("nan")}, "learned nan log odds"),
    ],
)
def test_what_is_no_confirmation(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(PoisonInput, match=said):
        check(confirm("a", **fields))
    with pytest.raises(PoisonInput, match="person_id"):
        check(confirm("a b", track=OURS))
