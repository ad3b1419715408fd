"""Across nights: ids survive them, and appearance is trusted less."""

from typing import Any

import msgspec
import pytest

from reid.contracts.commands import ForgetPerson, MergePersons
from reid.contracts.events import PersonRegistered, PersonSeen, PersonsMerged, PersonSuggested
from reid.domain.days import apart_persons, day_of
from reid.domain.person import Person
from reid.domain.policy import Policy
from reid.domain.snapshot import digest, dump, load
from reid.domain.state import MAX_SUGGESTED, SiteState
from tests.unit.domain.crowds import crowd
from tests.unit.domain.story import PLAIN, SITE, Story, at, look, walk
from tests.unit.domain.test_reviewing import confirm

DAY = 86_400.0
SAME_DAY = msgspec.structs.replace(PLAIN, days="same_day")
#: Cosine 0.70 with "a": enough on one day, not across a night.
ALIKE = look("a", toward="b", by=1.02)


def local(hour: float, policy: Policy) -> int:
    """The day's number at this hour of 2025-11-05, UTC."""
    return day_of(1_762_300_800_000 + round(hour * 3_600_000), policy)


def test_a_day_begins_at_four_by_the_clock_on_the_wall() -> None:
    plain = Policy()
    assert local(3.99, plain) + 1 == local(4, plain) == local(23, plain) == local(27.9, plain)
    tokyo = Policy(utc_offsets=((0, 9 * 3600),))
    assert local(18.9, tokyo) + 1 == local(19.0, tokyo)
    # From 12:00 on, the clocks are an hour ahead.
    summer = Policy(utc_offsets=((0, 0), (1_762_344_000_000, 3600)), day_starts=13 * 3_600_000)
    assert local(11.9, summer) + 1 == local(12, summer)


def test_an_id_and_a_label_survive_the_night_where_the_look_is_sure() -> None:
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"), walk("room2", DAY, 2, "a"))
    assert set(story.labels().values()) == {"Visitor-A"}
    decision = story.event(PersonSeen).decision
    assert (decision.score, decision.across_days) == (0.85, 0.15)
    story.given(walk("room3", DAY + 60, 3, ALIKE)).fold_equals_state()
    again = story.event(PersonSeen).decision
    assert again.reason == "above_threshold" and again.across_days == 0.0, "seen today: as any other of today"


def test_what_would_do_on_one_day_is_suggested_across_a_night() -> None:
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"), walk("room2", DAY, 2, ALIKE, crops=6))
    first, second = story.site.persons
    suggested = story.event(PersonSuggested)
    assert (suggested.person_id, suggested.other_id) == (second, first)
    assert (suggested.label, suggested.other_label) == ("Visitor-B", "Visitor-A")
    assert suggested.other_last_seen == at(0.8) and suggested.track.camera_id == "room2"
    decision = suggested.decision
    assert (decision.reason, decision.candidate, decision.across_days) == ("another_day", first, 0.15)
    assert 0.6 <= decision.score < decision.threshold == 0.75
    registered = story.event(PersonRegistered).decision
    assert round(registered.score + registered.across_days, 6) == decision.score
    kinds = [type(event) for event in story.last]
    assert kinds[-3:] == [PersonRegistered, PersonSuggested, PersonSeen]
    story.fold_equals_state()
    assert digest(load(dump(story.state))) == digest(story.state)


def test_on_one_day_the_same_look_is_a_match() -> None:
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"), walk("room2", 3600, 2, ALIKE, crops=6))
    assert len(story.site.persons) == 1 and not story.all(PersonSuggested)


def test_same_day_makes_no_match_across_a_night_however_sure_the_look() -> None:
    story = Story(SAME_DAY).given(walk("room1", 0, 1, "a"), walk("room2", DAY, 2, "a"))
    decision = story.event(PersonSuggested).decision
    assert (decision.score, decision.threshold, len(story.site.persons)) == (1.0, 1.0, 2)


def test_a_visit_over_the_end_of_a_day_is_one() -> None:
    seconds = (1_762_401_600_000 - at(0)) / 1000  # 04:00 of the next day
    story = Story(SAME_DAY).given(walk("room1", seconds - 30, 1, "a"), walk("room2", seconds + 30, 2, "a"))
    assert len(story.site.persons) == 1


def test_nobody_is_suggested_who_is_not_alike() -> None:
    story = Story(PLAIN).given(walk("room1", 0, 1, "a"), walk("room2", DAY, 2, "c"))
    assert len(story.site.persons) == 2 and not story.all(PersonSuggested)


def test_a_yes_makes_them_one_and_the_older_label_stays() -> None:
    story = Story(SAME_DAY).given(walk("room1", 0, 1, "a"), walk("room2", DAY, 2, "a"))
    first, second = story.site.persons
    base: dict[str, Any] = {"site_id": SITE, "issued_at": at(DAY + 10)}
    story.given(MergePersons(command_id="m", person_id1=first, person_id2=second, **base))
    story.given(confirm(first, other_id=second, score=1.0), walk("room3", DAY + 60, 3, "a"))
    assert list(story.site.persons) == [first] and set(story.labels().values()) == {"Visitor-A"}
    story.fold_equals_state()


def test_a_no_is_the_end_of_it() -> None:
    story = Story(SAME_DAY).given(walk("room1", 0, 1, "a"), walk("room2", DAY, 2, "a"))
    first, second = story.site.persons
    story.given(confirm(second, other_id=first, answer="no", score=1.0))
    assert story.site.persons[first].not_persons == {second}
    story.given(walk("room3", DAY + 60, 3, "a")).fold_equals_state()
    assert story.event(PersonSeen).person_id == second, "of today, and alike"


def test_who_is_forgotten_is_in_no_pair() -> None:
    story = Story(SAME_DAY).given(walk("room1", 0, 1, "a"), walk("room2", DAY, 2, "a"))
    assert len(story.site.suggested) == 1
    story.given(
        ForgetPerson(site_id=SITE, command_id="f", issued_at=at(DAY + 9), person_id=min(story.site.persons))
    )
    assert not story.site.suggested
    site = SiteState()
    for number in range(MAX_SUGGESTED + 1):
        site.suggest("p", f"q{number}")
    assert len(site.suggested) == MAX_SUGGESTED and ("p", "q0") not in site.suggested


def nights(policy: Policy) -> Story:
    """The same people, on two days: nobody is recognised by one track, then all is weighed."""
    story = Story(msgspec.structs.replace(policy, threshold=0.95))
    for track in crowd(0, people=3, tracks=6):
        story.given(track)
        later = [msgspec.structs.replace(f, captured_at=f.captured_at + 86_400_000) for f in track]
        story.given([msgspec.structs.replace(f, session="s2") for f in later])
    return story.fold_equals_state()


def test_evidence_grown_over_days_suggests_each_pair_once() -> None:
    story = nights(Policy(merge_margin=-9.0, days="same_day"))
    found = story.all(PersonSuggested)
    pairs = [frozenset((event.person_id, event.other_id)) for event in found]
    assert found and len(set(pairs)) == len(pairs)
    assert all(event.decision.reason == "another_day" for event in found)
    policy = story.policies.default
    for merged in story.all(PersonsMerged):
        assert merged.first_seen // 86_400_000 == merged.last_seen // 86_400_000, policy


def test_evidence_strong_enough_for_a_night_makes_two_one_by_itself() -> None:
    merges = nights(Policy(merge_margin=-9.0, day_strictness=0.0, doubt_zone=0.0)).all(PersonsMerged)
    assert any(merged.last_seen - merged.first_seen > 80_000_000 for merged in merges)
    assert not nights(Policy(merge_margin=99.0)).all(PersonSuggested)


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        ((0, 10), (86_400, 86_410), True),
        ((0, 86_400), (86_500, 86_600), False),
        ((0, 10), (20, 30), False),
        ((57_500, 57_600), (57_700, 57_800), False),
        ((0, 200_000), (86_400, 86_500), True),
    ],
)
def test_two_who_were_never_seen_on_one_day(
    first: tuple[int, int], second: tuple[int, int], differ: bool
) -> None:
    def one(times: tuple[int, int]) -> Person:
        return Person("p", 0, "", first_seen=at(times[0]), last_seen=at(times[1]))

    assert apart_persons(one(first), one(second), Policy()) is differ
    assert apart_persons(one(second), one(first), Policy()) is differ
