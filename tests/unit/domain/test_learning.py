"""Answers move the site's scale by bounded steps, and protect what they confirm."""

from typing import Any

import msgspec
import pytest

from reid.contracts.events import (
    IdentityReviewed,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    SiteCalibrated,
    TrackRef,
)
from reid.domain.exact import share
from reid.domain.learning import log_odds
from reid.domain.policy import Policy
from reid.domain.snapshot import digest, dump, load
from reid.domain.state import MAX_MOVED, Revisions
from tests.unit.domain.crowds import crowd
from tests.unit.domain.story import MODEL, Story, walk
from tests.unit.domain.test_reviewing import OURS, confirm


@pytest.fixture
def story() -> Story:
    return Story().given(walk("room1", 0, 1, "a"), walk("room2", 10, 2, "b"))


def answered(
    story: Story, number: int, answer: str, score: float | None, **more: Any
) -> SiteCalibrated | None:
    first = next(iter(story.site.persons))
    fields: dict[str, Any] = {"answer": answer, "track": OURS, "score": score, "model": MODEL.key} | more
    story.when(confirm(first, number, **fields))
    return next((e for e in story.last if isinstance(e, SiteCalibrated)), None)


def test_an_answer_moves_the_scale_by_how_much_it_surprises(story: Story) -> None:
    sure, doubtful = answered(story, 1, "yes", 0.95), answered(story, 2, "yes", 0.5, learned=0.03)
    assert sure is not None and doubtful is not None
    assert 0 < sure.correction < doubtful.correction - doubtful.before < 0.3
    assert (doubtful.before, doubtful.answers) == (sure.correction, 2)
    lower = answered(story, 3, "no", 0.9)
    assert lower is not None and -0.3 < lower.correction - lower.before < -0.2
    assert story.site.learned(MODEL.key) == lower.correction
    story.fold_equals_state()
    assert digest(load(dump(story.state))) == digest(story.state)


def test_however_many_answers_the_correction_is_bounded(story: Story) -> None:
    found = [answered(story, n, "no", 0.99) for n in range(12)]
    assert story.site.learned(MODEL.key) == -1.0
    assert found[-1] is None, "nothing changed: no event"
    assert isinstance(story.last[0], IdentityReviewed)


def test_a_queue_answered_at_once_is_not_held_against_what_was_learned_since(story: Story) -> None:
    """Half of the matches at even odds are right: so it stays, in whatever order that is found out."""
    for number in range(40):
        answered(story, number, "no" if number < 20 else "yes", 0.6)
    assert abs(story.site.learned(MODEL.key)) < 0.3
    known = story.site.learned(MODEL.key)
    for number in range(40, 80):
        answered(story, number, "no" if number % 2 else "yes", 0.6)
    assert abs(story.site.learned(MODEL.key)) < max(abs(known), 0.1)


def test_what_has_no_score_or_no_scale_teaches_nothing(story: Story) -> None:
    assert answered(story, 1, "no", None) is None
    assert answered(story, 2, "no", 0.6, model="") is None
    plain = Story(Policy(site_scale=False)).given(walk("room1", 0, 1, "a"))
    assert answered(plain, 3, "no", 0.9) is None
    still = Story(Policy(answer_step=0.0)).given(walk("room1", 0, 1, "a"))
    assert answered(still, 4, "no", 0.9) is None


def test_what_was_learned_is_in_the_next_score_and_in_its_evidence() -> None:
    tracks = crowd(3, people=4, tracks=8)
    plain, taught = (Story(Policy(max_correction=1.0, doubt_zone=0.0)) for _ in range(2))
    for told in (plain, taught):
        told.given(*tracks[:-1])
    for number in range(5):
        answered(taught, number, "no", 0.9, track=None, other_id=list(taught.site.persons)[1])
    before, after = (told.when(tracks[-1]).event(PersonSeen).decision for told in (plain, taught))
    assert (before.learned, after.learned) == (0.0, taught.site.learned(MODEL.key))
    assert after.learned < -0.5 and after.appearance < before.appearance


@pytest.mark.parametrize("odds", [-8.0, -1.5, 0.0, 0.7, 5.0])
def test_a_score_tells_its_log_odds(odds: float) -> None:
    assert log_odds(share(odds, 0.6, 2.0)) == pytest.approx(odds, abs=1e-3)
    assert (log_odds(0.0), log_odds(1.0)) == (-9.0, 9.0)


def test_a_merge_that_people_confirmed_is_not_parted_by_evidence() -> None:
    """Evidence alone would merge all and take each track out again."""
    bold = Policy(threshold=0.95, merge_margin=-9.0, break_margin=99.0, better_margin=99.0, doubt_zone=0.0)
    story = Story(bold)
    tracks = crowd(0, tracks=6)
    story.given(*tracks)
    merged = story.all(PersonsMerged)[-1]
    survivor = merged.survivor_id
    parted = Story(msgspec.structs.replace(story.policies.default, break_margin=-9.0))
    parted.state = load(dump(story.state))
    held = Story(parted.policies.default)
    held.state = load(dump(story.state))
    held.given(confirm(survivor, other_id=merged.absorbed_id))
    again = [
        msgspec.structs.replace(f, session="s2", captured_at=f.captured_at + 500_000) for f in tracks[-1]
    ]
    for told in (parted, held):
        told.given(again)
    assert any(split.person.person_id == survivor for split in parted.all(PersonSplit))
    assert not any(split.person.person_id == survivor for split in held.all(PersonSplit))


def test_a_track_that_people_confirmed_stays_with_its_person(story: Story) -> None:
    answered(story, 1, "yes", 0.6)
    assert list(story.site.revisions.confirmed) == [OURS]
    answered(story, 2, "no", 0.6, track=TrackRef("room2", "s1", "9"))
    assert list(story.site.revisions.confirmed) == [OURS]
    revisions = Revisions()
    for number in range(MAX_MOVED + 1):
        revisions.confirm(TrackRef("room1", "s", str(number)))
    assert len(revisions.confirmed) == MAX_MOVED
    assert digest(load(dump(story.state))) == digest(story.state)
