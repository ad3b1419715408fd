"""Alerts follow who somebody turns out to be, and forget who is forgotten."""

from typing import Any

import msgspec
import pytest

from reid.contracts.alert_rules import Zone
from reid.contracts.alerts import AlertClosed, AlertOpened, AlertPersonChanged, AlertUpdated
from reid.contracts.events import TrackRef
from tests.unit.alerting.story import Story, at, rule, seen, stays, tick
from tests.unit.projections.story import expired, forgotten, merged, registered, renamed, reset, split, state

LOITERING = rule("loitering", longer_than=10_000)


def later(event: Any, seconds: float) -> Any:
    return msgspec.structs.replace(event, at=at(seconds))


@pytest.fixture
def story() -> Story:
    """``a`` loiters."""
    return Story(LOITERING).when(stays("a", 0, 12)).then(AlertOpened)


def test_an_absorbed_id_is_the_survivor(story: Story) -> None:
    story.when(later(merged("b", "a", "Ada"), 13)).then(AlertPersonChanged)
    changed = story.event(AlertPersonChanged)
    assert (changed.person_ids, changed.person_id, changed.label) == (("a",), "b", "Ada")
    # The incident goes on under the other id: no second alert.
    story.when(stays("b", 14, 80)).then(AlertUpdated)
    story.folds_to_the_same().replays_to_the_same()


def test_two_incidents_of_one_person_are_one(story: Story) -> None:
    story.when(stays("b", 0, 12, tracker="2")).then(AlertOpened)
    story.when(later(merged("b", "a", "Ada"), 13)).then(AlertClosed, AlertPersonChanged)
    assert story.event(AlertClosed).alert_id == story.event(AlertOpened, 0).alert_id
    assert story.event(AlertClosed).reason == "merged"
    story.when(tick(500)).then(AlertClosed)
    story.folds_to_the_same()


def test_an_undone_merge_gives_it_back(story: Story) -> None:
    story.when(later(merged("b", "a", "Ada"), 13), later(merged("c", "b", "Cem"), 14))
    assert story.site.subjects == {"a": "c"}
    undone = later(split("merge_undone", state("c", 2, "Cem"), state("b", 1, "Ada")), 15)
    story.when(undone).then(AlertPersonChanged)
    assert story.event(AlertPersonChanged).person_id == "b"
    story.when(later(split("merge_undone", state("b", 1, "Ada"), state("a", 0, "Visitor-A")), 16))
    assert story.event(AlertPersonChanged).person_id == "a"
    story.folds_to_the_same()


def test_a_new_name_is_told(story: Story) -> None:
    story.when(later(renamed("a", "Night nurse"), 13)).then(AlertPersonChanged)
    assert story.event(AlertPersonChanged).label == "Night nurse"
    story.when(later(renamed("z", "Nobody here"), 13)).then()


@pytest.mark.parametrize("event", [later(forgotten("b"), 14), later(expired("b"), 14), later(reset("b"), 14)])
def test_who_is_gone_is_gone_from_alerts(story: Story, event: object) -> None:
    story.when(later(merged("b", "a", "Ada"), 13))
    story.when(event).then(AlertClosed, AlertPersonChanged)
    assert story.event(AlertClosed).reason == "person_gone"
    changed = story.event(AlertPersonChanged)
    assert (changed.person_ids, changed.person_id, changed.label) == (("a",), None, "")
    assert story.site.people == {} and story.site.stays == {} and story.site.subjects == {}
    assert "b" not in repr(story.site.holds) and story.site.absorbed == {}
    story.folds_to_the_same()


def test_an_id_that_is_given_again_is_somebody_else() -> None:
    """A cycle of merges must not hang anybody."""
    story = Story(rule("restricted", zone="x"), zones=(Zone("x", ("room1",)),))
    story.when(later(merged("b", "a", "Ada"), 1), registered("a", 7, "Visitor-Z", at(2)))
    story.when(later(merged("a", "b", "Ada"), 3))
    assert story.site.current("b") == "a"
    story.when(seen("a", 4)).then(AlertOpened)


def test_a_merge_makes_no_stay_of_two_cameras() -> None:
    """Told of somebody who had been elsewhere: the stay began with the one and ended with the other."""
    story = Story(LOITERING).when(stays("a", 0, 8, "room1"), stays("b", 9, 14, "room2", tracker="2"))
    story.when(later(merged("b", "a", "Ada"), 15), stays("b", 16, 18, "room2", tracker="2")).then()
    story.when(seen("b", 19, "room2", tracker="2")).then(AlertOpened)
    assert story.event(AlertOpened).evidence.since == at(9)
    story.folds_to_the_same().replays_to_the_same()


def test_a_merge_makes_no_stay_of_two_short_ones_long_apart() -> None:
    story = Story(LOITERING).when(stays("a", 0, 4), stays("b", 40, 44, tracker="2"))
    story.when(later(merged("b", "a", "Ada"), 45), stays("b", 46, 49, tracker="2")).then()
    story.folds_to_the_same()


def test_a_merge_joins_a_stay_whose_track_broke() -> None:
    story = Story(LOITERING).when(stays("a", 0, 6), stays("b", 7, 9, tracker="2")).then()
    story.when(later(merged("a", "b", "Ada"), 10)).then()
    story.when(seen("a", 11, tracker="2")).then(AlertOpened)
    assert story.event(AlertOpened).evidence.since == at(0)
    story.folds_to_the_same().replays_to_the_same()


def test_a_track_that_was_somebody_else_takes_its_time_along() -> None:
    story = Story(LOITERING).when(stays("a", 0, 6), stays("a", 7, 9, tracker="2")).then()
    moved = split(
        "tracks_moved", state("a", 0, "Ada"), state("c", 2, "Cem"), TrackRef("room1", "s1", "1"), at=at(10)
    )
    story.when(moved, stays("a", 11, 16, tracker="2")).then()
    story.when(seen("a", 17, tracker="2")).then(AlertOpened)
    assert story.event(AlertOpened).evidence.since == at(7)
    story.when(seen("c", 18, tracker="1")).then(AlertOpened)
    assert story.event(AlertOpened).evidence.since == at(0)
    story.folds_to_the_same().replays_to_the_same()


def test_an_undone_merge_gives_the_stay_back() -> None:
    story = Story(LOITERING).when(stays("a", 0, 6), stays("b", 7, 9, tracker="2"))
    tracks = (TrackRef("room1", "s1", "1"),)
    story.when(later(merged("b", "a", "Ada"), 10))
    story.when(split("merge_undone", state("b", 1, "Ben"), state("a", 0, "Ada"), *tracks, at=at(11)))
    story.when(stays("b", 12, 16, tracker="2")).then()
    story.when(seen("a", 12.5)).then(AlertOpened)
    story.folds_to_the_same().replays_to_the_same()


def test_a_moment_at_another_camera_by_mistake_ends_no_stay() -> None:
    """Two tracks at once: one of them is somebody else."""
    story = Story(LOITERING).when(stays("a", 0, 6), seen("a", 6.5, "room2", tracker="9"))
    story.when(stays("a", 7, 9)).then()
    story.when(seen("a", 10)).then(AlertOpened)


def moved(kind: Any, other: Any, seconds: float, tracker: str = "1") -> Any:
    """The track of the room was not ``a``, whom the alert of the fixture is about."""
    return split(kind, state("a", 0, "Ada"), other, TrackRef("room1", "s1", tracker), at=at(seconds))


def test_an_alert_goes_with_the_track_that_showed_it(story: Story) -> None:
    """It stayed with the person whose track it never was."""
    alert = story.event(AlertOpened).alert_id
    story.when(moved("tracks_moved", state("c", 2, "Cem"), 13)).then(AlertPersonChanged)
    changed = story.event(AlertPersonChanged)
    assert (changed.alert_ids, changed.person_ids) == ((alert,), ())
    assert (changed.person_id, changed.label) == ("c", "Cem")
    # The incident goes on under the other id: no second alert; and ``a`` may get one of its own.
    story.when(stays("c", 14, 80)).then(AlertUpdated)
    story.when(stays("a", 81, 93, tracker="2")).then(AlertOpened)
    # From now on it follows the other.
    story.when(later(merged("b", "c", "Ben"), 94)).then(AlertPersonChanged)
    assert (story.event(AlertPersonChanged).person_ids, story.site.subjects["c"]) == (("c",), "b")
    story.folds_to_the_same().replays_to_the_same()


def test_only_the_alert_of_that_track_goes(story: Story) -> None:
    story.when(moved("tracks_moved", state("c", 2, "Cem"), 13, tracker="2")).then()
    story.when(tick(100), stays("a", 200, 212, tracker="2")).then(AlertClosed, AlertOpened)
    first, second = (one.alert_id for one in story.all(AlertOpened))
    # One that is over goes as well.
    story.when(moved("tracks_moved", state("c", 2, "Cem"), 213)).then(AlertPersonChanged)
    assert story.event(AlertPersonChanged).alert_ids == (first,)
    assert [story.site.alerts[one].of for one in (first, second)] == ["c", "a"]
    story.folds_to_the_same().replays_to_the_same()


def test_an_alert_goes_with_the_track_that_showed_it_last(story: Story) -> None:
    story.when(stays("a", 13, 80, tracker="2")).then(AlertUpdated)
    story.when(moved("tracks_moved", state("c", 2, "Cem"), 81)).then()
    story.when(moved("tracks_moved", state("c", 2, "Cem"), 82, tracker="2")).then(AlertPersonChanged)


def test_of_two_incidents_that_a_track_makes_one_the_moved_one_is_over(story: Story) -> None:
    story.when(stays("c", 0, 12, tracker="2")).then(AlertOpened)
    story.when(moved("tracks_moved", state("c", 2, "Cem"), 13)).then(AlertClosed, AlertPersonChanged)
    assert story.event(AlertClosed).alert_id == story.event(AlertOpened, 0).alert_id
    assert story.event(AlertClosed).reason == "merged"
    story.folds_to_the_same().replays_to_the_same()


def test_a_track_that_is_nobody_takes_its_alert_from_whoever_it_was_not(story: Story) -> None:
    story.when(moved("track_rejected", None, 13)).then(AlertClosed, AlertPersonChanged)
    changed = story.event(AlertPersonChanged)
    assert (changed.person_id, changed.label, len(changed.alert_ids)) == (None, "", 1)
    assert story.event(AlertClosed).reason == "person_gone" and not story.site.incidents
    # Nothing follows from it any more: not even that ``a`` is forgotten.
    story.when(later(forgotten("a"), 14)).then(AlertPersonChanged)
    story.folds_to_the_same().replays_to_the_same()


def test_who_is_forgotten_is_in_no_alert_that_is_known(story: Story) -> None:
    alert = story.event(AlertOpened).alert_id
    story.when(later(forgotten("a"), 14))
    assert (story.site.alerts[alert].of, story.site.alerts[alert].track) == ("", None)
