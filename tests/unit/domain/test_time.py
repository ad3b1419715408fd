"""Absence, visits, expiry: driven by the inputs' time alone."""

from msgspec import structs

from reid.contracts.commands import Tick
from reid.contracts.events import PersonExpired, PersonLeft, PersonRegistered, PersonSeen, TrackSampled
from reid.domain.evolve import evolve
from reid.domain.policy import Policy
from reid.domain.present import tracks_of
from tests.unit.domain.story import SITE, Story, at, frame, person, walk

DAY = 86_400


def tick(seconds: float) -> Tick:
    return Tick(site_id=SITE, command_id="tick", issued_at=at(seconds))


def test_track_ends_after_five_seconds_without_it() -> None:
    story = Story().given(walk("room1", 0, 1, "a")).when(frame("room1", 5.7))
    story.then()
    story.when(frame("room1", 5.9)).then(PersonLeft)
    left = story.event(PersonLeft)
    assert (left.reason, left.last_seen_at, left.label) == ("track_ended", at(0.8), "Visitor-A")
    assert story.labels() == {}
    story.fold_equals_state()


def test_camera_that_fell_silent_is_cleared_by_another_cameras_time_later() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    story.when(frame("room2", 20)).then()
    story.when(frame("room2", 31)).then(PersonLeft)


def test_a_track_seen_again_by_a_clock_that_went_back_ends_by_that_time() -> None:
    story = Story().given(walk("room1", 100, 1, "a")).when(frame("room1", 104.9, person(1, "a")))
    floor = story.site.camera("room1").bound_floor
    assert floor > 0
    before = story.event(PersonSeen)
    evolve(story.state, structs.replace(before, reason="present", at=at(90)))
    assert story.site.camera("room1").bound_floor == at(90) < floor
    story.when(frame("room1", 95.5)).then(PersonLeft)


def test_more_tracks_than_are_remembered_are_told_apart() -> None:
    many = [frame("room1", 0, *(person(n) for n in range(start, start + 700))) for start in (0, 700, 0)]
    told = [tracks_of(each) for each in many]
    assert told[0] == told[2] and {t.tracker_id for t in told[1]} == {str(n) for n in range(700, 1400)}


def test_tick_lets_time_pass_on_a_silent_site() -> None:
    Story().given(walk("room1", 0, 1, "a")).when(tick(6)).then(PersonLeft)


def test_return_within_five_minutes_is_the_same_visit_and_later_a_new_one() -> None:
    story = Story().given(walk("room1", 0, 1, "a")).when(walk("room2", 290, 2, "a"))
    assert story.event(PersonSeen).visit_count == 1
    story.when(walk("room1", 600, 3, "a"))
    assert story.event(PersonSeen).visit_count == 2
    assert story.event(PersonSeen).visit_started_at == at(600.8)


def test_visit_gap_is_a_setting() -> None:
    story = Story(Policy(visit_gap=1_000)).given(walk("room1", 0, 1, "a")).when(walk("room1", 10, 2, "a"))
    assert story.event(PersonSeen).visit_count == 2


def test_person_expires_after_ninety_days_by_input_time() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), tick(10)).when(tick(89 * DAY))
    story.then()
    story.when(tick(91 * DAY)).then(PersonExpired)
    assert story.site.persons == {}
    story.when(walk("room1", 92 * DAY, 1, "a"))
    assert story.event(PersonRegistered).label == "Visitor-B"
    story.fold_equals_state()


def test_person_seen_again_does_not_expire_with_its_first_sighting() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), tick(10), walk("room1", 60 * DAY, 2, "a"), tick(61 * DAY))
    story.when(tick(100 * DAY)).then()
    story.when(tick(151 * DAY)).then(PersonExpired)


def test_person_removed_before_its_time_expires_only_once() -> None:
    from reid.contracts.commands import ForgetPerson

    story = Story().given(walk("room1", 0, 1, "a"))
    person_id = story.event(PersonSeen).person_id
    story.given(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(5), person_id=person_id))
    story.when(tick(100 * DAY)).then()


def test_track_without_identity_is_forgotten_a_minute_later() -> None:
    story = Story().given(walk("room1", 0, 1, "a", crops=2), walk("room1", 30, 2, "b", crops=1))
    story.when(frame("room1", 61.5, person(3, "c"))).then(TrackSampled)
    assert {t.tracker_id for t in story.site.camera("room1").pending} == {"2", "3"}
    story.when(frame("room1", 62, person(1, "a")))
    assert story.event(TrackSampled).samples == 1
    story.fold_equals_state()
