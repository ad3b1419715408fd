"""Nothing that a site keeps of others names whom it has forgotten, and no later decision does."""

import msgspec
import pytest

from reid.contracts.codec import encode
from reid.contracts.commands import ForgetPerson, MergePersons, RejectTrack
from reid.contracts.events import PersonForgotten, PersonSeen, TrackRef, TrackSampled
from reid.domain.policy import Policy
from reid.domain.snapshot import dump, load
from tests.unit.domain.crowds import crowd, told
from tests.unit.domain.story import PLAIN, SITE, Story, at, frame, person, walk
from tests.unit.domain.test_identity import bound_since

TRACK = TrackRef("room1", "s1", "1")


def named(person_id: str, where: bytes) -> bool:
    return f'"{person_id}"'.encode() in where


def forget(person_id: str, seconds: float) -> ForgetPerson:
    return ForgetPerson(
        site_id=SITE, command_id=f"forget-{person_id}", issued_at=at(seconds), person_id=person_id
    )


def reject(person_id: str, seconds: float) -> RejectTrack:
    return RejectTrack(
        site_id=SITE, command_id="reject", issued_at=at(seconds), person_id=person_id, track=TRACK
    )


def taken_away(then: str) -> tuple[Story, str]:
    """Of track 1 people said that it is not the person it was given to, whose other track stays."""
    story = Story(PLAIN).given(walk("room2", 0, 9, "a"), walk("room1", 30, 1, "a"))
    (first,) = story.site.persons
    story.given(reject(first, 31))
    if then == "bound":
        story.given(walk("room1", 32, 1, "b"))
    return story, first


@pytest.mark.parametrize("then", ["pending", "bound"])
def test_a_track_that_was_taken_from_somebody_forgotten_names_them_no_more(then: str) -> None:
    """They stood in its `TrackSampled` events after they were forgotten, and in the state."""
    story, first = taken_away(then)
    assert named(first, dump(story.state))
    story.when(forget(first, 35)).then(PersonForgotten)
    assert not named(first, dump(story.state))
    assert not story.site.rejected
    told_before = len(story.log)
    story.given(walk("room1", 36, 1, "c"), walk("room1", 38, 1, "c"))
    later = story.log[told_before:]
    assert any(isinstance(event, PersonSeen | TrackSampled) for event in later)
    assert not any(named(first, encode(event)) for event in later)
    story.fold_equals_state()


def test_a_track_that_was_taken_from_somebody_forgotten_does_not_become_older() -> None:
    """Whom it shows now would have been there since the track began, when it showed the other."""
    story, first = taken_away("pending")
    story.given(frame("room1", 33, person(1, "a", since=at(30))), forget(first, 35))
    story.state = load(dump(story.state))
    story.given([frame("room1", 36 + 0.4 * n, person(1, "a", since=at(30))) for n in range(4)])
    assert bound_since(story)[-1] >= 31


def test_what_a_merge_can_be_undone_to_names_nobody_who_is_forgotten() -> None:
    story = Story(PLAIN).given([frame("room1", 0.4 * n, person(1, "a"), person(2, "b")) for n in range(6)])
    story.given(walk("room2", 60, 3, "c"))
    one, other, third = story.site.persons
    merged = MergePersons(site_id=SITE, command_id="m", issued_at=at(70), person_id1=one, person_id2=third)
    story.when(merged)
    (merge,) = story.site.merges.values()
    assert other in merge.survivor.not_persons
    story.when(forget(other, 80)).then(PersonForgotten)
    assert not named(other, dump(story.state))
    story.fold_equals_state()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("changed", [{}, {"threshold": 0.95, "merge_margin": -9.0}, {"better_margin": -99.0}])
def test_whoever_is_forgotten_after_a_busy_day_is_named_nowhere(changed: dict[str, float], seed: int) -> None:
    story = told(msgspec.structs.replace(Policy(), **changed), seed)
    merges = {absorbed: merge.survivor_id for absorbed, merge in story.site.merges.items()}
    moment, gone = 16 * 40.0, set[str]()
    for number, person_id in enumerate(list(story.site.persons)):
        story.when(forget(person_id, moment + number)).then(PersonForgotten)
        gone |= {person_id} | {absorbed for absorbed, of in merges.items() if of == person_id}
        kept = dump(story.state)
        assert not [one for one in gone if named(one, kept)]
    before = len(story.log)
    for track in crowd(seed):
        for one in track:
            later = msgspec.structs.replace(one, captured_at=one.captured_at + 16 * 60_000, session="s2")
            story.given(later)
    assert not [e for e in story.log[before:] for one in gone if named(one, encode(e))]
    story.fold_equals_state()
