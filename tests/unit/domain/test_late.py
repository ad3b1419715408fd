"""Frames that come late, in a burst, out of order, or by a clock that went wrong and back."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reid.contracts.commands import ForgetPerson, Tick
from reid.contracts.detections import Frame
from reid.contracts.events import PersonExpired, PersonLeft, PersonRegistered, PersonSeen, TrackRef, TrackSpan
from reid.contracts.policy import Policy
from reid.domain.days import trusted
from reid.domain.hearing import MAX_RUNS, Hearing
from reid.domain.passages import Passages, passage
from reid.domain.person import Person
from reid.domain.scoring import Score
from reid.domain.snapshot import digest, dump, load
from reid.domain.spans import visits
from reid.domain.state import PartitionState, Revisions
from reid.domain.step import step
from reid.domain.ways import came, gate
from tests.unit.domain.story import SITE, Story, at, frame, message, person, walk

DAY = 86_400


def both(seconds: float, late: float = 60.0) -> list[Frame]:
    """Somebody before each of two cameras; the second tells it ``late`` seconds later."""
    return [frame("room1", seconds, person(1, "a")), frame("room2", seconds - late, person(1, "b"))]


def four_seconds() -> Story:
    """Both, and ``room2`` is a minute late."""
    story = Story()
    for fifth in range(20):
        story.when(both(fifth / 5))
    return story


def test_a_camera_a_minute_late_lost_its_tracks_with_each_frame_of_the_others() -> None:
    """By the others' clocks nobody had been seen there for a minute: a track was given its person anew with
    every three crops, and lost it at once."""
    story = four_seconds()
    assert [e.reason for e in story.all(PersonSeen)].count("bound") == 2
    assert story.all(PersonLeft) == []
    assert story.labels() == {"room1/1": "Visitor-A", "room2/1": "Visitor-B"}
    story.fold_equals_state()


def test_a_late_camera_that_falls_silent_is_cleared_by_the_others_time() -> None:
    story = four_seconds()
    seen_at = story.site.cameras["room2"].bound[TrackRef("room2", "s1", "1")].seen_at
    behind = story.site.hearing.behind("room2", "s1")
    assert 59_000 <= behind <= 61_000
    silent = (seen_at + behind - at(0)) / 1000
    for second in range(1, 31):
        story.when(frame("room1", silent + second, person(1, "a"))).then(PersonSeen)
    story.when(frame("room1", silent + 30.1, person(1, "a"))).then(PersonLeft)
    assert story.labels() == {"room1/1": "Visitor-A"}


def test_a_track_of_a_late_camera_ends_by_its_own_clock() -> None:
    story = four_seconds()
    story.when(frame("room2", 3.8 - 60 + 4)).then()
    story.when(frame("room2", 3.8 - 60 + 6)).then(PersonLeft)
    assert story.event(PersonLeft).track.camera_id == "room2"


def test_a_tick_ended_the_tracks_of_a_camera_that_is_late() -> None:
    story = four_seconds()
    story.when(Tick(site_id=SITE, command_id="t1", issued_at=at(4))).then()
    story.when(Tick(site_id=SITE, command_id="t2", issued_at=at(10))).then(PersonLeft, PersonLeft)


def test_what_a_camera_that_was_cut_off_had_kept_ends_nobody_elsewhere() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 300, 1, "b"))
    story.when(frame("room2", 301, person(1, "b")))
    for tenth in range(50):
        story.when(frame("room1", 10 + tenth / 5, person(2, "a")))
        assert not story.last or all(e.at <= at(301) for e in story.last)
    assert story.labels()["room2/1"] == "Visitor-B"
    assert story.labels()["room1/2"] == "Visitor-A"
    story.fold_equals_state()


def test_somebody_told_late_was_taken_to_have_been_in_two_rooms_at_once() -> None:
    """The gate asked where they were seen last, an hour after, and not where they were then."""
    ways = Passages()
    for _ in range(20):
        ways.add(passage("room1", "room2", 4_000), 1, 1)
        ways.add(passage("room3", "room2", 0), 0, 1)
        ways.add(passage("room2", "room3", 4_000), 1, 1)
    known = walked(("room1", 0, 10), ("room3", 18, 3_600))
    assert came(known, at(14)) == ("room1", 4_000)
    assert gate(ways, known, "room2", at(14)) > 0.3
    assert ways.odds(passage(known.last_camera, "room2", at(14) - known.last_seen)) < -0.7
    # And where they really were in room3 then, it says so.
    assert came(known, at(30)) == ("room3", at(30) - at(3_600))
    assert gate(ways, known, "room2", at(30)) < -0.3


def test_who_came_later_was_nowhere_before() -> None:
    known = walked(("room3", 100, 200))
    assert came(known, at(50)) is None
    ways = Passages()
    for _ in range(20):
        ways.add(passage("room2", "room3", 50_000), 1, 1)
        ways.add(passage("room1", "room3", 50_000), 0, 1)
    assert gate(ways, known, "room2", at(50)) > 0 > gate(ways, known, "room1", at(50))
    assert came(Person("p", 0, "A"), at(0)) is None
    assert gate(ways, Person("p", 0, "A"), "room1", at(0)) == 0.0


def test_what_is_hardly_late_is_taken_in_the_order_in_which_it_comes() -> None:
    """By a clock that is ten seconds behind people come before they went: the order is right then."""
    known = walked(("room1", 0, 10))
    assert came(known, at(-4)) == ("room1", -14_000)
    assert came(known, at(-6)) is None
    story = Story().given(walk("room1", 10, 1, "a"), walk("room2", 0, 1, "a"))
    (moved,) = story.site.persons.values()
    assert (moved.last_camera, moved.last_seen) == ("room2", at(10.8))


def test_a_late_camera_taught_that_people_are_in_all_rooms_at_once() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room3", 100, 1, "a"))
    story.given(frame("room3", 200, person(1, "a")), frame("room3", 201, person(1, "a")))
    story.when(walk("room2", 40, 1, "a"))
    counted = story.site.passages.counts
    assert counted[passage("room1", "room2", 40_000)].opportunities == 1
    assert passage("room3", "room2", 0) not in counted
    # Somebody who was nowhere yet could not have come.
    story.when(walk("room2", -50, 2, "b"))
    assert sum(c.opportunities for where, c in counted.items() if where.to_camera == "room2") == 1
    story.fold_equals_state()


def test_a_sighting_that_came_late_set_back_where_somebody_was_seen_last() -> None:
    story = Story().given(walk("room1", 100, 1, "a"), walk("room2", 40, 1, "a"))
    (known,) = story.site.persons.values()
    assert (known.last_camera, known.last_seen) == ("room1", at(100.8))
    assert known.cameras == ["room1", "room2"]


def test_somebody_had_been_seen_before_they_were_first_seen() -> None:
    story = Story().given(walk("room1", 1_000, 1, "a"), walk("room2", 40, 1, "a"))
    (known,) = story.site.persons.values()
    assert known.first_seen == at(40.8)
    story.fold_equals_state()


def test_sightings_told_late_are_of_the_visit_in_which_they_were_made() -> None:
    story = Story().given(walk("room1", 1_000, 1, "a"))
    story.when(walk("room2", 900, 1, "a"))
    seen = story.event(PersonSeen)
    assert (seen.visit_count, seen.visit_started_at) == (1, at(900.8))
    story.when(walk("room2", 100, 2, "a"))
    seen = story.event(PersonSeen)
    assert (seen.visit_count, seen.visit_started_at) == (2, at(900.8))
    # What lies between joins the two.
    story.given(walk("room2", 390, 3, "a")).when(walk("room2", 650, 4, "a"))
    seen = story.event(PersonSeen)
    assert (seen.visit_count, seen.visit_started_at) == (1, at(100.8))


@given(st.lists(st.integers(0, 200).map((20).__mul__), min_size=1, max_size=12, unique=True), st.randoms())
def test_visits_are_the_same_in_whatever_order_they_are_told(moments: list[int], dice: Any) -> None:
    dice.shuffle(moments)
    story = Story(Policy(min_samples=1))
    for number, moment in enumerate(moments):
        story.when(frame(f"room{number % 3}", moment, person(number, "a")))
    (known,) = story.site.persons.values()
    true = visits([TrackSpan(TrackRef("x", "", str(m)), at(m), at(m)) for m in moments], Policy())
    assert (known.visit_count, known.visit_started_at) == true
    assert (known.first_seen, known.last_seen) == (at(min(moments)), at(max(moments)))
    assert known.last_camera == f"room{moments.index(max(moments)) % 3}"


def test_nobody_was_seen_any_more_after_a_clock_that_had_been_ahead() -> None:
    """For as long as it had been ahead, no sighting was due."""
    story = Story().given(walk("room1", 1_200, 1, "a"))
    story.when(frame("room1", 3, person(1, "a"))).then(PersonSeen)
    story.when(frame("room1", 4.1, person(1, "a"))).then(PersonSeen)
    story.when(frame("room1", 10)).then(PersonLeft)
    story.fold_equals_state()


def test_who_left_while_a_clock_was_ahead_stayed_until_that_time_came() -> None:
    story = Story().given(walk("room1", 1_200, 1, "a"), walk("room1", 1_210, 2, "b"))
    story.when(walk("room1", 20, 3, "c"))
    assert max(b.seen_at for b in story.site.cameras["room1"].bound.values()) == at(20.8)
    story.when(frame("room1", 26)).then(PersonLeft, PersonLeft)
    story.fold_equals_state()


def test_a_track_without_identity_tells_too_that_a_clock_was_set_back() -> None:
    story = Story().given(walk("room1", 1_200, 1, "a"))
    story.when(frame("room1", 20, person(3, "c")))
    story.when(frame("room1", 25.1)).then(PersonLeft)


def test_a_track_that_was_sampled_by_a_clock_ahead_began_after_it_was_seen() -> None:
    story = Story().given(frame("room1", 1_200, person(1, "a", since=at(1_200))))
    story.given(frame("room1", 2, person(1, "a", since=at(1))))
    story.when(frame("room1", 2.5, person(1, "a", since=at(1))))
    seen = story.event(PersonSeen)
    assert (seen.since, seen.at) == (at(1), at(2.5))


def test_what_another_run_of_the_tracker_had_kept_ends_nobody_who_is_there() -> None:
    """An older session's frames come late: that is no clock that was set back."""
    story = Story().given(walk("room1", 500, 1, "a"))
    old = [frame("room1", 100 + n / 2, person(1, "b"), session="s0") for n in range(3)]
    story.when(old).when(frame("room1", 502, person(1, "a"))).then(PersonSeen)
    story.when(frame("room1", 504, person(1, "a"))).then(PersonSeen)
    story.when(frame("room1", 506, person(1, "a"))).then(PersonLeft, PersonSeen)
    assert story.event(PersonLeft).track.session == "s0"
    assert story.labels() == {"room1/1": "Visitor-A"}


def test_what_a_run_of_the_tracker_tells_late_was_ended_by_the_run_that_goes_on() -> None:
    """Both of one camera: each frame of now ended the tracks of then, and forgot the evidence for them."""
    story = Story()
    for fifth in range(40):
        now = 600 + fifth / 5
        story.when(frame("room1", now, person(1, "a"), person(100 + fifth // 2, "c", quality=0.3)))
        story.when(frame("room1", fifth / 5, person(1, "b"), session="s0"))
    old = [e for e in story.log if getattr(e, "track", None) == TrackRef("room1", "s0", "1")]
    assert [e.reason for e in old if isinstance(e, PersonSeen)].count("bound") == 1
    assert not any(isinstance(e, PersonLeft) for e in old)
    # It ends by its own clock, or five seconds after the other has heard of it last.
    for fifth in range(40, 70):
        story.when(frame("room1", 600 + fifth / 5, person(1, "a")))
    (left,) = (e for e in story.all(PersonLeft) if e.track.session == "s0")
    assert 5_000 < left.at - at(607) < 6_100
    story.fold_equals_state()


def test_evidence_of_a_run_that_has_ended_is_forgotten_in_the_end() -> None:
    story = Story().given(frame("room1", 0, person(1, "a"), session="s0"))
    story.given(frame("room1", 100, person(1, "b")), frame("room1", 170, person(2, "b")))
    assert [(t.session, t.tracker_id) for t in story.site.cameras["room1"].pending] == [
        ("s0", "1"),
        ("s1", "2"),
    ]
    story.given(frame("room1", 3_661, person(3, "b")))
    assert {t.session for t in story.site.cameras["room1"].pending} == {"s1"}


def test_records_of_one_camera_that_change_places_change_nothing() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), frame("room1", 3, person(1, "a")))
    story.when(frame("room1", 2, person(1, "a"))).then()
    story.when(frame("room1", 3.5, person(1, "a"))).then()
    story.when(frame("room1", 4.1, person(1, "a"))).then(PersonSeen)


def test_a_clock_that_was_ahead_leads_only_until_it_is_set_right() -> None:
    hearing = Hearing()
    assert not hearing.note("room1", "s", at(0))
    assert not hearing.note("room2", "s", at(3_600))
    assert not hearing.note("room1", "s", at(1))
    assert hearing.behind("room1", "s") == 3_599_000
    assert hearing.note("room2", "s", at(2))
    assert (hearing.behind("room2", "s"), hearing.behind("nobody", "s")) == (0, 0)
    assert not hearing.note("room1", "s", at(3)) and hearing.behind("room1", "s") == 0


def test_of_the_runs_of_a_camera_those_heard_last_are_remembered() -> None:
    hearing = Hearing()
    hearing.note("room1", "s0", at(3_600))
    for number in range(1, MAX_RUNS):
        hearing.note("room1", f"s{number}", at(number))
    hearing.note("room1", "s1", at(5))
    assert hearing.behind("room1", "s1") == 3_595_000
    # The one whose clock was ahead goes, and leads no more.
    hearing.note("room1", "s9", at(6))
    assert list(hearing.cameras["room1"]) == ["s2", "s3", "s1", "s9"]
    assert hearing.behind("room1", "s9") == 0


def test_decisions_anew_of_a_clock_that_was_ahead_kept_all_others_from_any() -> None:
    ahead = Revisions(made_at=[at(1_200)] * 12)
    assert ahead.lately(at(5)) == 0 and ahead.lately(at(1_230)) == 12


def test_decisions_anew_of_the_others_kept_a_late_camera_from_any() -> None:
    others = Revisions(made_at=[at(600 + n) for n in range(12)])
    assert others.lately(at(10)) == 0 and others.lately(at(650)) == 12


def test_a_frame_of_yesterday_was_weighed_as_one_of_another_day() -> None:
    """Though its person was seen then, too, in what they wore."""
    found = Score(0.7, 0.7, 0.0)
    known = walked(("room1", 0, 10), ("room1", DAY, DAY + 10))
    assert trusted(found, known, at(600), Policy()) == found
    assert trusted(found, walked(("room1", DAY, DAY + 10)), at(600), Policy()).across_days > 0


def test_a_disk_that_is_played_ends_nobody_and_nothing_of_it_outlives_its_time() -> None:
    story = Story().given(walk("room1", 100 * DAY, 1, "a"))
    story.when([frame("room1", n / 2, person(9, "b"), session="disk") for n in range(4)])
    assert PersonRegistered in map(type, story.last)
    assert story.labels()["room1/1"] == "Visitor-A"
    # Ninety days after it was taken nothing is known of it any more: at once.
    story.when(frame("room1", 100 * DAY + 1, person(1, "a")))
    assert PersonExpired in map(type, story.last)
    assert list(story.labels()) == ["room1/1"]
    story.fold_equals_state()


def test_who_was_forgotten_is_somebody_new_in_what_comes_late() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    first = story.event(PersonSeen).person_id
    story.given(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(60), person_id=first))
    story.when(walk("room2", 10, 1, "a"))
    assert story.event(PersonRegistered).person_id != first
    story.fold_equals_state()


frames = st.tuples(
    st.sampled_from(["room1", "room2", "room3"]),
    st.integers(0, 600),
    st.lists(st.sampled_from("abcd"), max_size=3, unique=True),
    st.sampled_from([0, 0, 0, 2, 60, 600, -1_200]),
)


@given(st.lists(frames, max_size=40))
def test_however_late_frames_come_no_frame_has_one_id_twice(drawn: list[Any]) -> None:
    """People before a camera at a time, and how late that comes; also by a clock that is ahead."""
    policy = Policy(min_samples=1)
    story, inputs = Story(policy), []
    for camera, taken, people, late in sorted(drawn, key=lambda one: one[1] + one[3]):
        told = taken - min(late, 0)
        inputs.append(frame(camera, told, *(person(f"{who}{taken // 60}", who) for who in people)))
        story.when(inputs[-1])
        here = story.site.camera(camera).bound
        ids = [
            here[t].person_id for p in people if (t := TrackRef(camera, "s1", f"{p}{taken // 60}")) in here
        ]
        assert len(ids) == len(set(ids))
        for known in story.site.persons.values():
            assert known.person_id not in known.not_persons
            assert known.first_seen <= known.last_seen
    story.fold_equals_state()
    again = PartitionState()
    for each in [[], *([one] for one in inputs)]:
        step(again, message(*each), story.policies)
        again = load(dump(again))
    assert digest(again) == digest(story.state)


def walked(*tracks: tuple[str, float, float]) -> Person:
    """Seen by these cameras, from and until."""
    found = Person("p", 0, "A", visit_count=1, first_seen=at(tracks[0][1]))
    for number, (camera, first, last) in enumerate(tracks):
        found.tracks.append(TrackSpan(TrackRef(camera, "s1", str(number)), at(first), at(last)))
        found.last_seen, found.last_camera = at(last), camera
    return found
