"""Decisions taken anew when evidence grows or breaks, and what the site learns of itself."""

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from reid.contracts.commands import ForgetPerson
from reid.contracts.detections import Frame
from reid.contracts.embedding import to_fixed
from reid.contracts.events import PersonSeen, PersonsMerged, PersonSplit, Template, TrackRef
from reid.domain import pairing, remembered, revising
from reid.domain.centring import WINDOW, CameraMean, Centring
from reid.domain.cohort import Cohort, Spread
from reid.domain.exact import share
from reid.domain.passages import LEAST, RECENT, Passages, passage
from reid.domain.policy import Policy
from reid.domain.scoring import OPERATING_POINT, REACH
from reid.domain.state import MAX_DOUBTS, MAX_MOVED, MAX_REJECTED, MAX_WEIGHINGS, Revisions, SiteState
from tests.unit.domain.crowds import crowd, told
from tests.unit.domain.story import MODEL, SITE, Story, at, frame, look, person, walk
from tests.unit.domain.test_commands import merge
from tests.unit.domain.test_undo import move, unmerge


def test_a_track_that_does_not_fit_leaves_its_person_with_the_evidence() -> None:
    story = told(Policy(break_margin=-9.0))
    splits = story.all(PersonSplit)
    assert splits and all(s.decision.reason == "evidence_broke" and s.command_id is None for s in splits)
    assert all(s.other.person_id not in s.person.not_persons for s in splits), "they may be one after all"
    moved = [track for split in splits for track in split.tracks]
    assert max(moved.count(track) for track in moved) <= 2, "a track is not moved to and fro"


def test_two_ids_become_one_when_evidence_grows_and_can_be_parted_again() -> None:
    story = told(Policy(threshold=0.95, merge_margin=-9.0), tracks=6)
    merged = story.all(PersonsMerged)[-1]
    assert (merged.decision.reason, merged.command_id) == ("evidence_grew", None)
    story.when(unmerge(merged.survivor_id, merged.absorbed_id, 500)).then(PersonSplit)
    assert merged.absorbed_id in story.site.persons


def test_what_people_said_to_be_one_is_not_parted_by_evidence() -> None:
    story = Story(Policy(threshold=0.999, merge_margin=99.0, break_margin=-9.0))
    first, second, third = crowd(1, tracks=3)
    story.given(first, second)
    a, b = list(story.site.persons)
    story.given(merge(a, b, 100)).given(third)
    assert not story.all(PersonSplit)


def test_a_track_s_own_look_grows_until_it_is_full_and_the_log_has_it() -> None:
    story = Story(Policy(look_weight=5.0)).given(walk("room1", 0, 1, "a"))
    (person_,) = story.site.persons.values()
    assert [t.weight for t in person_.templates] == [3.0]
    first, turned = person_.templates[0].vector, look("a", "b", 0.3)
    weights = []
    for second in range(3, 7):
        story.when(frame("room1", second, person(1, turned)))
        weights.append(story.event(PersonSeen).template and person_.templates[0].weight)
    assert weights == [4.0, 5.0, None, None]
    assert len(person_.templates) == 1 and person_.templates[0].vector != first
    story.fold_equals_state()


def test_whoever_was_taken_for_new_too_early_is_found_once_its_look_has_grown() -> None:
    """Between sparse first crops nobody is sure; the person in doubt is weighed again as it is seen."""
    early = Policy(doubt_zone=0.0, grey_zone=0.0, threshold=0.8, merge_margin=0.5)
    for seed in (2, 3):
        assert _merges(crowd(seed, people=4, tracks=10), early) == []
        assert _merges(crowd(seed, people=4, tracks=10, more=5), early)


def _merges(tracks: list[list[Frame]], policy: Policy) -> list[Any]:
    """Merges that were made while only one track was told: not because another came."""
    story = Story(policy)
    made = []
    for track in tracks:
        story.given(track[:3])
        before = len(story.all(PersonsMerged))
        story.given(track[3:])
        made += story.all(PersonsMerged)[before:]
    story.fold_equals_state()
    return made


def test_merging_asks_for_less_the_more_tracks_show_them() -> None:
    stubborn = told(Policy(threshold=0.95, merge_margin=4.0, merge_relief=0.0, doubt_zone=0.0))
    eased = told(Policy(threshold=0.95, merge_margin=4.0, merge_relief=2.0, doubt_zone=0.0))
    assert len(eased.all(PersonsMerged)) > len(stubborn.all(PersonsMerged))
    even = share(0.0, OPERATING_POINT, REACH)
    assert all(e.decision.threshold >= even for e in eased.all(PersonsMerged))


def left_over() -> list[PersonsMerged]:
    """Merges of a story in which nobody is merged for their looks alone."""
    stubborn = Policy(threshold=0.75, merge_margin=99.0, merge_relief=0.0)
    return told(stubborn, seed=3, people=4, tracks=30).all(PersonsMerged)


def test_who_was_like_nobody_and_never_came_again_stayed_a_person_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    merged, even = left_over(), share(0.0, OPERATING_POINT, REACH)
    assert merged and all(e.decision.threshold <= e.decision.score < even for e in merged)
    monkeypatch.setattr(pairing, "LEFT_OVER", 99.0)
    assert not left_over()


def test_in_a_large_crowd_who_is_left_over_came_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "SMALL", 1)
    assert not left_over()


def test_who_is_left_over_is_not_given_to_the_next_best(monkeypatch: pytest.MonkeyPatch) -> None:
    merged = left_over()
    monkeypatch.setattr(pairing.Pairing, "_nobody_is_nearer", lambda *_: True)
    assert len(left_over()) > len(merged)


#: Anybody is taken for whom the site knows before room2, and nobody is found before room3.
BLIND = Policy(
    camera_mean=False,
    gate=False,
    merge_margin=99.0,
    break_margin=99.0,
    camera_thresholds={"room2": 0.0, "room3": 1.0},
    doubt_zone=0.0,
    grey_zone=0.0,
)
WRONG = TrackRef("room2", "s1", "2")


def test_a_track_that_was_taken_for_somebody_else_before_its_person_was_known_stayed_there() -> None:
    story = Story(BLIND).given(walk("room1", 0, 1, "a"), walk("room2", 200, 2, look("b", "d", 0.3)))
    story.given(walk("room3", 400, 3, look("b", "e", 0.3)))
    first, other = story.site.persons
    story.given(walk("room1", 500, 4, look("a", "f", 0.2)))
    (split,) = story.all(PersonSplit)
    assert (split.person.person_id, split.other.person_id, split.tracks) == (first, other, (WRONG,))
    assert (split.decision.outcome, split.decision.reason) == ("matched", "better_candidate")
    assert split.decision.candidate == other and split.decision.score > split.decision.threshold
    assert {t.camera_id for t in split.other.templates} == {"room2", "room3"}
    story.fold_equals_state()
    story.given(walk("room1", 600, 5, look("a", "g", 0.2)))
    assert len(story.all(PersonSplit)) == 1


@pytest.mark.parametrize("told", [True, False])
def test_a_track_never_goes_to_whom_its_camera_saw_beside_it(
    told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is remembered of who told the two to be two: both are before the camera now."""
    monkeypatch.setattr(revising, "otherwise", lambda *_: not told)
    story = Story(BLIND).given(walk("room1", 0, 1, "a"))
    story.given([frame("room2", 200 + 0.4 * n, person(2, look("b", "d", 0.3))) for n in range(3)])
    together = [person(2, look("b", "d", 0.3)), person(3, look("b", "e", 0.3))]
    story.given([frame("room2", 201.2 + 0.4 * n, *together) for n in range(13)])
    assert len(story.site.persons) == 2
    story.given([frame("room1", 206.4 + 0.4 * n, person(4, look("a", "f", 0.2))) for n in range(3)])
    assert not story.all(PersonSplit)


def test_across_days_no_track_goes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revising, "apart_persons", lambda *_: True)
    story = Story(BLIND).given(walk("room1", 0, 1, "a"), walk("room2", 200, 2, look("b", "d", 0.3)))
    story.given(walk("room3", 400, 3, look("b", "e", 0.3)), walk("room1", 500, 4, look("a", "f", 0.2)))
    assert not story.all(PersonSplit)


def test_where_people_moved_a_track_evidence_leaves_it() -> None:
    """What was found by evidence could be taken back by people, and was taken back again by evidence."""
    story = Story(BLIND).given(walk("room1", 0, 1, "a"), walk("room2", 200, 2, look("b", "d", 0.3)))
    story.given(walk("room3", 400, 3, look("b", "e", 0.3)), walk("room3", 410, 4, look("b", "g", 0.3)))
    first, other, _ = story.site.persons
    story.given(move(other, TrackRef("room3", "s1", "3"), into=first, seconds=420))
    story.given(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(430), person_id=other))
    story.given(walk("room1", 500, 5, look("a", "f", 0.2)))
    assert [s.tracks for s in story.all(PersonSplit) if s.decision] == [(WRONG,)]


def test_revisions_are_limited_in_a_minute() -> None:
    busy = Policy(threshold=0.95, merge_margin=-9.0)
    assert told(busy).all(PersonsMerged)
    assert not told(msgspec.structs.replace(busy, revisions_per_minute=0)).all(PersonsMerged)
    few = told(msgspec.structs.replace(busy, revisions_per_minute=1))
    times = [event.at for event in few.all(PersonsMerged)]
    assert all(after - before >= 60_000 for before, after in pairwise(times))


def test_looks_of_another_encoder_are_never_compared() -> None:
    story = Story(Policy(threshold=0.95, merge_margin=99.0))
    other = msgspec.structs.replace(MODEL, name="other")
    for one, same in zip(crowd(0, tracks=4), crowd(0, tracks=4, model=other), strict=True):
        story.given(one)
        story.given([msgspec.structs.replace(f, captured_at=f.captured_at + 2_000_000) for f in same])
    story.fold_equals_state()
    models = {(e.decision.model, e.decision.outcome) for e in story.all(PersonSeen) if e.decision}
    assert {model for model, _ in models} == {MODEL.key, other.key}


def test_a_camera_that_saw_many_weighs_what_it_saw_lately_more() -> None:
    mean = CameraMean(np.zeros(2, np.int64))
    for _ in range(WINDOW):
        mean.add(to_fixed(np.array([1, 0], np.float16)))
    assert mean.tracks == WINDOW // 2
    assert mean.total[0] == 32767 * WINDOW // 2


def test_the_memory_of_spreads_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_MEMORY", 2)
    known, prior = Cohort(Centring()), Spread(0.1, 0.2)
    looks = [Template("m@1", bytes([i, 1, 0, 1]), "room1", 1.0) for i in range(5)]
    known.put([(0, looks[:1])])
    assert [known.spread(look, "room2", (), prior) for look in looks] == [prior] * 5


def test_impossible_ways_are_all_but_excluded_and_memories_are_bounded() -> None:
    passages = Passages()
    for number in range(RECENT + 1):
        passages.met(f"p{number}")
    assert len(passages.recent) == RECENT and "p0" not in passages.recent
    often, never = passage("room1", "room2", 9_000), passage("room1", "room1", 9_000)
    passages.add(often, 200, 1_000)
    passages.add(never, 0, 100_000)
    assert passages.odds(never) == LEAST < 0 < passages.odds(often)
    assert passage("room1", "room2", -5_000).gap == 0

    revisions, site = Revisions(), SiteState()
    for number in range(MAX_DOUBTS + 1):
        revisions.doubt(f"p{number}")
    assert len(revisions.doubts) == MAX_DOUBTS
    for _ in range(MAX_WEIGHINGS * MAX_DOUBTS):
        revisions.turn(1)
    assert not revisions.doubts
    tracks = [TrackRef("room1", "s", str(number)) for number in range(MAX_REJECTED + 1)]
    revisions.made(1, tracks)
    assert len(revisions.moved) == MAX_MOVED
    for track in tracks:
        site.reject(track, "p1")
    assert len(site.rejected) == MAX_REJECTED and tracks[0] not in site.rejected


def test_merging_asks_for_more_in_a_large_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    bold = Policy(threshold=0.95, merge_margin=2.0, doubt_zone=0.0)
    few = told(bold).all(PersonsMerged)
    monkeypatch.setattr(pairing, "CROWD", 1)
    assert len(told(bold).all(PersonsMerged)) < len(few)
