"""How large a crowd is: who was seen lately, not who ever was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.contracts.events import PersonRegistered, PersonSeen, PersonsMerged, PersonSplit
from reid.domain import pairing
from reid.domain.lately import HERE, Lately
from reid.domain.person import Person
from reid.domain.policy import Policy
from tests.unit.domain.story import PLAIN, Story, at, frame, look, person, walk

DAY = 86_400
STEP = 1 << 20
people = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300)), max_size=40)


def filled(story: Story, seconds: float, number: int = 2000) -> Story:
    """So many strangers besides, whom nobody has a look of, seen last at ``seconds``."""
    for one in range(number):
        story.site.put(Person(f"other_{one}", 1000 + one, f"Other-{one}", last_seen=at(seconds)))
    return story


@pytest.mark.parametrize(
    ("number", "toward", "crops", "outcome"),
    [
        (50, 0.05, 12, "matched margin_exhausted"),
        (2000, 0.05, 12, "new ambiguous"),
        (2000, 0.3, 12, "new ambiguous"),
        (300, 0.6, 3, "matched above_threshold"),
        (300, 0.5, 12, "matched margin_exhausted"),
        (300, 0.3, 12, "new ambiguous"),
    ],
)
def test_of_two_who_look_alike_to_the_last_crop_one_was_believed_in_a_large_crowd(
    number: int, toward: float, crops: int, outcome: str
) -> None:
    one, other = look("a", "k", 0.5), look("a", "m", 0.5)
    story = Story(PLAIN)
    story.given([frame("room1", 0.4 * n, person(1, one), person(2, other)) for n in range(3)])
    filled(story, 2, number)
    seen = [frame("room2", 3 + 0.3 * n, person(1, look("a", "k", toward))) for n in range(12)]
    story.when(seen[: crops - 1])
    assert not any(isinstance(event, PersonSeen) for event in story.last), (
        "it waits for what may tell them apart"
    )
    decision = story.when(seen[crops - 1]).event(PersonSeen).decision
    assert f"{decision.outcome} {decision.reason}" == outcome
    assert decision.candidate == next(iter(story.site.persons))


@given(seen=people, gone=st.sets(st.integers(0, 9)), last=st.integers(0, 300), now=st.integers(0, 300))
def test_a_crowd_is_who_was_seen_since_or_in_the_last_half_day(
    seen: list[tuple[int, int]], gone: set[int], last: int, now: int
) -> None:
    lately, steps = Lately(), dict[int, int]()
    for one, step in seen:
        lately.saw(str(one), step * STEP + 17)
        steps[one] = step
        lately.crowd(last * STEP, now * STEP)
    for one in gone:
        lately.forget(str(one))
        steps.pop(one, None)
    since = min(last, now - HERE + 1)
    assert lately.crowd(last * STEP, now * STEP) == sum(step >= since for step in steps.values())


@pytest.mark.parametrize(("seconds", "found"), [(-30 * DAY, 1), (-60, 2)])
def test_persons_of_other_days_are_no_crowd(seconds: float, found: int) -> None:
    """A site asked for more likeness with each person that it had ever seen, so that the same twelve people
    got more ids every day: 151 in eight days."""
    story = Story(Policy(camera_mean=False, gate=False)).given(walk("room1", 0, 1, look("a", "b", 0.6)))
    filled(story, seconds).given(walk("room1", 100, 2, look("a", "c", 0.6)))
    assert len(story.all(PersonRegistered)) == found


def test_who_was_not_seen_for_long_has_all_for_a_crowd_who_came_since() -> None:
    story = Story(Policy(camera_mean=False, gate=False, day_strictness=0.0))
    story.given(walk("room1", 0, 1, look("a", "b", 0.6)))
    filled(story, DAY).given(walk("room1", 2 * DAY, 2, look("a", "c", 0.6)))
    assert len(story.all(PersonRegistered)) == 2


@pytest.mark.parametrize(("crowd", "splits"), [(pairing.CROWD, 0), (10**7, 2)])
def test_a_track_is_not_doubted_because_more_persons_came(
    monkeypatch: pytest.MonkeyPatch, crowd: int, splits: int
) -> None:
    """Tracks that had been good enough left their persons as a gallery grew, each as a person more."""
    monkeypatch.setattr(pairing, "CROWD", crowd)
    story = Story(Policy(camera_mean=False, gate=False, threshold=0.3, poison_margin=99.0))
    story.given(walk("room1", 0, 1, look("a", "b", 0.6)), walk("room1", 100, 2, look("a", "c", 0.6)))
    filled(story, 100).given(walk("room1", 300, 3, look("a", "d", 0.6)))
    assert len(story.all(PersonSplit)) == splits


@pytest.mark.parametrize(("margin", "made"), [(1.0, [PersonSplit, PersonsMerged]), (3.0, [])])
def test_no_room_is_made_for_a_merge_that_does_not_follow(margin: float, made: list[type]) -> None:
    """A track was moved out, into a person of its own, though the two whom it parted stayed two."""
    rule = Policy(
        camera_mean=False,
        gate=False,
        merge_margin=margin,
        camera_thresholds={"room2": 0.0, "room3": 1.0},
        doubt_zone=0.0,
        grey_zone=0.0,
        break_margin=99.0,
    )
    story = Story(rule).given(walk("room1", 0, 1, "b"))
    story.given(walk("room2", 200, 3, look("a", "d", 0.6)))
    assert len(story.site.persons) == 1
    before = len(story.all(PersonSplit))
    story.given(walk("room3", 400, 4, look("a", "e", 0.6)))
    found = [event for event in story.last if isinstance(event, PersonSplit | PersonsMerged)]
    assert [type(event) for event in found] == made
    assert [event.decision.reason for event in found] == ["better_candidate", "evidence_grew"][: len(made)]
    assert len(story.all(PersonSplit)) == before + len(made[:1])
