"""Who is who: evidence, matching, margin, one person a frame."""

import msgspec
import pytest

from reid.contracts.codec import encode
from reid.contracts.commands import ForgetPerson
from reid.contracts.detections import Model
from reid.contracts.events import PersonLeft, PersonRegistered, PersonSeen, TrackRef, TrackSampled
from reid.domain import labels
from reid.domain.identify import UNTOLD
from reid.domain.policy import Policy
from reid.domain.snapshot import dump, load
from reid.domain.tracks import PendingTrack
from tests.unit.domain.story import DIM, MODEL, PLAIN, SITE, START, Story, at, frame, look, person, walk
from tests.unit.domain.test_commands import merge, reset
from tests.unit.domain.test_reviewing import confirm


def test_first_person_gets_the_first_label_and_an_id_of_its_time() -> None:
    story = Story().when(walk("room1", 0, 1, "a"))
    story.then(TrackSampled, TrackSampled, PersonRegistered, PersonSeen)
    registered = story.event(PersonRegistered)
    assert registered.person_id == f"person_{START + 800}_0"
    assert registered.label == "Visitor-A"
    assert registered.decision.reason == "empty_gallery"
    assert story.event(PersonSeen).visit_count == 1
    story.fold_equals_state()


def test_no_identity_before_enough_good_crops() -> None:
    Story().when(frame("room1", 0, person(1, "a"))).then(TrackSampled)
    Story().when(walk("room1", 0, 1, "a", crops=2)).then(TrackSampled, TrackSampled)


def test_poor_crop_is_no_evidence() -> None:
    Story().when(frame("room1", 0, person(1, "a", quality=0.1))).then()


def test_same_person_in_another_camera_keeps_id_and_label() -> None:
    story = Story().given(walk("room1", 0, 1, "a")).when(walk("room2", 10, 7, "a"))
    seen = story.event(PersonSeen)
    assert (seen.label, seen.decision.outcome) == ("Visitor-A", "matched")
    assert seen.decision.score > 0.8
    assert story.site.persons[seen.person_id].cameras == ["room1", "room2"]
    story.fold_equals_state()


def test_stranger_is_registered_with_the_next_label() -> None:
    story = Story().given(walk("room1", 0, 1, "a")).when(walk("room1", 10, 2, "b"))
    registered = story.event(PersonRegistered)
    assert (registered.label, registered.number, registered.decision.reason) == (
        "Visitor-B",
        1,
        "below_threshold",
    )


def test_two_strangers_in_one_frame_become_two_persons_known_to_differ() -> None:
    both = [frame("room1", 0.4 * i, person(1, "a"), person(2, "a")) for i in range(3)]
    story = Story().when(both)
    assert story.labels() == {"room1/1": "Visitor-A", "room1/2": "Visitor-B"}
    first, second = story.site.persons.values()
    assert first.not_persons == {second.person_id}
    assert second.not_persons == {first.person_id}
    story.fold_equals_state()


def test_two_tracks_of_a_frame_share_out_their_candidates_at_the_best_total() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room1", 10, 2, "b"))
    # Track 3 looks a little more like a than like b, track 4 is a itself: 3 must take b.
    leaning = look("a", "b", 0.95)
    story.when([frame("room2", 20 + 0.4 * i, person(3, leaning), person(4, "a")) for i in range(3)])
    assert story.labels()["room2/3"] == "Visitor-B"
    assert story.labels()["room2/4"] == "Visitor-A"


def test_a_present_person_is_no_candidate_for_another_track_of_the_frame() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    # It waits for twice the crops: people who pass each other change tracks, and one of the two may be wrong.
    story.when([frame("room1", 1.2 + 0.4 * i, person(1, "a"), person(2, "a")) for i in range(5)])
    assert story.labels() == {"room1/1": "Visitor-A"}
    story.when(frame("room1", 3.2, person(1, "a"), person(2, "a")))
    assert story.labels() == {"room1/1": "Visitor-A", "room1/2": "Visitor-B"}


def test_candidate_must_beat_the_runner_up_or_the_track_stays_pending() -> None:
    patient = msgspec.structs.replace(PLAIN, max_wait=60_000)
    story = Story(patient).given(walk("room1", 0, 1, "a"), walk("room1", 10, 2, "b"))
    tie = look("a", "b", 1.0)
    story.when(walk("room2", 20, 3, tie, crops=11))
    assert "room2/3" not in story.labels()
    assert {type(e) for e in story.last} >= {TrackSampled}
    assert story.event(TrackSampled).score == pytest.approx(0.707, abs=1e-3)
    story.when(frame("room2", 25, person(3, tie)))
    assert story.event(PersonSeen).decision.reason == "margin_exhausted"


def test_grey_zone_waits_for_more_crops_before_a_new_person() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    grey = look("a", "c", 1.52)  # cosine 0.55 to a: below 0.6, within the grey zone
    story.when(walk("room2", 10, 2, grey, crops=5))
    assert not [e for e in story.last if isinstance(e, PersonRegistered)]
    story.when(frame("room2", 12, person(2, grey)))
    assert story.event(PersonRegistered).decision.samples == 6


def test_threshold_of_one_camera() -> None:
    policy = msgspec.structs.replace(PLAIN, camera_thresholds={"room2": 0.99})
    alike = look("a", "c", 0.5)
    story = Story(policy).given(walk("room1", 0, 1, "a")).when(walk("room2", 10, 2, alike, crops=6))
    assert story.labels()["room2/2"] == "Visitor-B"
    usual = Story(PLAIN).given(walk("room1", 0, 1, "a")).when(walk("room2", 10, 2, alike))
    assert usual.labels()["room2/2"] == "Visitor-A"


def test_bound_track_is_not_searched_again_and_is_told_once_a_second() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    told = [story.when(frame("room1", 1.0 + 0.2 * i, person(1, "a"))).last for i in range(10)]
    assert sum(len(events) for events in told) == 2
    assert all(e.reason == "present" and e.decision is None for events in told for e in events)


def test_bound_track_without_embeddings_is_told_every_two_seconds() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    told = [story.when(frame("room1", 1.0 + 0.2 * i, person(1))).last for i in range(15)]
    assert sum(len(events) for events in told) == 1


def test_late_frame_of_a_bound_track_changes_nothing() -> None:
    Story().given(walk("room1", 10, 1, "a")).when(frame("room1", 3, person(1, "a"))).then()


def test_track_that_turns_into_somebody_else_loses_its_person_and_finds_the_right_one() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 0, 1, "b"))
    story.given(*[frame("room1", 2 + i, person(1, "b")) for i in range(2)])
    assert story.labels()["room1/1"] == "Visitor-A"
    story.when(frame("room1", 4, person(1, "b")))
    assert story.event(PersonLeft).reason == "evidence_disagrees"
    story.when(walk("room1", 4.4, 1, "b", crops=3))
    assert story.labels()["room1/1"] == "Visitor-B"
    story.fold_equals_state()


def test_who_passed_somebody_gets_the_name_back_at_the_second_doubt() -> None:
    # Track 1 has gone over from a to b; a goes on as track 2.
    story = Story().given(walk("room1", 0, 1, "a"))
    seen = [frame("room1", 2 + 0.5 * i, person(1, "b"), person(2, "a")) for i in range(3)]
    story.when(seen[:2])
    assert story.labels() == {"room1/1": "Visitor-A"}
    story.when(seen[2])
    assert story.event(PersonLeft).reason == "evidence_disagrees"
    assert story.event(PersonLeft).track.tracker_id == "1"
    story.when(frame("room1", 3.5, person(1, "b"), person(2, "a")))
    assert story.labels() == {"room1/2": "Visitor-A"}
    story.when([frame("room1", 4 + 0.5 * i, person(1, "b"), person(2, "a")) for i in range(3)])
    assert story.labels() == {"room1/1": "Visitor-B", "room1/2": "Visitor-A"}
    story.fold_equals_state()


def uniform(letter: str) -> bytes:
    """Everybody here wears the same: strangers' cosine is 0.5."""
    return look("z", letter, 1.0)


SCALED = Policy(camera_mean=False, gate=False, revise=False)


@pytest.mark.parametrize("policy", [SCALED, msgspec.structs.replace(SCALED, site_scale=False)])
def test_a_track_that_went_over_to_somebody_dressed_alike_kept_the_name(policy: Policy) -> None:
    staff = [walk("room1", 10 * i, i, uniform(letter), 6) for i, letter in enumerate("abcdefgh")]
    story = Story(policy).given(*staff, walk("room1", 100, 20, uniform("c"), 6))
    name = story.labels()["room1/20"]
    story.when([frame("room1", 104 + i, person(20, uniform("f"))) for i in range(3)])
    left = [event for event in story.last if isinstance(event, PersonLeft)]
    assert [event.reason for event in left] == ["evidence_disagrees"] * policy.site_scale
    assert (story.labels().get("room1/20") == name) is not policy.site_scale
    story.fold_equals_state()


def test_what_people_confirmed_is_not_doubted_by_a_crop() -> None:
    said = [confirm(labels.person_id(at(0.8), 0), track=TrackRef("room2", "s1", "1"))]
    for answers, reasons in (([], ["evidence_disagrees"]), (said, [])):
        story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 0, 1, "a"), *answers)
        story.when([frame("room2", 3 + i, person(1, "b")) for i in range(3)])
        assert [event.reason for event in story.log if isinstance(event, PersonLeft)] == reasons


def test_two_who_claim_one_name_take_it_from_its_holder_once() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    both = [frame("room1", 2 + 0.5 * i, person(1, "b"), person(2, "a"), person(3, "a")) for i in range(4)]
    story.when(both)
    assert len([e for e in story.log if isinstance(e, PersonLeft)]) == 1
    story.when(
        [frame("room1", 4 + 0.5 * i, person(1, "b"), person(2, "a"), person(3, "a")) for i in range(6)]
    )
    assert len(set(story.labels().values())) == 3
    story.fold_equals_state()


def test_one_odd_crop_is_forgiven() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    for i, appearance in enumerate("bbabba"):
        story.when(frame("room1", 2 + i, person(1, appearance)))
        story.then(PersonSeen)
    assert story.labels() == {"room1/1": "Visitor-A"}


def test_two_tracks_bound_to_one_person_that_meet_in_a_frame_are_parted() -> None:
    # Track 1 hides behind a pillar, track 2 takes over its person; then both are in one frame.
    story = Story().given(walk("room1", 0, 1, "a"), walk("room1", 2, 2, "a"))
    assert story.labels() == {"room1/1": "Visitor-A", "room1/2": "Visitor-A"}
    story.when(frame("room1", 3.5, person(1, "a"), person(2, "a")))
    assert story.event(PersonLeft).reason == "two_in_one_frame"
    assert story.event(PersonLeft).track.tracker_id == "2"
    # The pending track stays barred from the person that it was taken from.
    story.when([frame("room1", 4 + 0.4 * i, person(2, "a")) for i in range(3)])
    assert story.labels()["room1/2"] == "Visitor-B"
    story.fold_equals_state()


def bound_since(story: Story) -> list[float | None]:
    """Seconds of the story; None where it is not said."""
    seen = [e for e in story.log if isinstance(e, PersonSeen) and e.reason == "bound"]
    return [(e.since - at(0)) / 1000 if e.since else None for e in seen]


def test_a_track_says_since_when_it_showed_the_person_it_is_given() -> None:
    story = Story(PLAIN)
    for n in range(3):
        story.when(frame("room1", 9 + 0.4 * n, person(1, "a", since=at(2))))
    story.when(frame("room1", 11, person(1, "a", since=at(2))))
    assert bound_since(story) == [2.0]
    assert story.log[-1].since == 0  # type: ignore[union-attr]


def test_a_track_whose_camera_says_nothing_says_nothing() -> None:
    assert bound_since(Story(PLAIN).when(walk("room1", 0, 1, "a"))) == [None]


def test_a_clock_that_was_days_behind_makes_a_track_a_minute_longer_and_no_more() -> None:
    story = Story(PLAIN)
    for n in range(3):
        story.when(frame("room1", 100 + 0.4 * n, person(1, "a", since=1)))
    assert bound_since(story) == [100 - UNTOLD / 1000]


def test_a_track_that_was_away_began_with_its_first_crop_still() -> None:
    story = Story(PLAIN).when(frame("room1", 10, person(1, "a", since=at(9))))
    for n in range(2):
        story.when(frame("room1", 14 + 0.4 * n, person(1, "a", since=at(13))))
    assert bound_since(story) == [10.0]


def test_a_track_that_was_taken_from_somebody_does_not_take_their_time() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 0, 2, "b"))
    for n in range(12):
        story.when(frame("room1", 2 + n, person(1, "b", since=at(0))))
    assert story.labels()["room1/1"] == "Visitor-B"
    # From when its former person was last sure to be it.
    assert bound_since(story) == [None, None, 0.8]


KNOWING = Model("letters", "1", DIM, ((0.1, 0.0), (0.5, 0.6), (0.9, 1.0)))


@pytest.mark.parametrize("encoder", [MODEL, Model("letters", "2", DIM)])
def test_what_a_track_in_doubt_showed_stayed_with_whom_it_had_left(encoder: Model) -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 0, 2, "b"))
    story.given(frame("room1", 2, person(1, "a")))
    story.when([frame("room1", 3 + n, person(1, "b")) for n in range(3)])
    left = story.event(PersonLeft)
    assert (left.reason, left.at, left.last_seen_at) == ("evidence_disagrees", at(5), at(2))
    # Neither a restart, nor a crop of another encoder, makes it forget since when it is somebody else.
    story.state = load(dump(story.state))
    story.given(frame("room1", 5.4, person(1, "b"), model=Model("letters", "3", DIM)))
    story.state = load(dump(story.state))
    story.given([frame("room1", 6 + n, person(1, "b"), model=encoder) for n in range(3)])
    assert bound_since(story)[2:] == [2.0]
    story.fold_equals_state()


@pytest.mark.parametrize("agreement", [0.0, 0.5, 1.0])
def test_nothing_is_decided_by_what_two_crops_agree_in(agreement: float) -> None:
    logs = []
    for model in (KNOWING, msgspec.structs.replace(KNOWING, agreement=agreement)):
        story = Story()
        for n, letter in enumerate("abacbdab"):
            leaning = look(letter, toward="z", by=0.2 * n)
            for seen in walk(f"room{n % 3}", 30.0 * n, n, leaning, crops=8):
                story.when(msgspec.structs.replace(seen, model=model))
        logs.append([encode(event) for event in story.log])
    assert logs[0] == logs[1] and len(logs[0]) > 40


def erased_in_view(how: str) -> Story:
    """Somebody in view since 0 s is forgotten at 5 s, and goes on being seen."""
    story = Story(PLAIN)
    story.given([frame("room1", n, person(1, "a", since=at(0))) for n in range(5)])
    (first,) = story.site.persons
    forget = ForgetPerson(site_id=SITE, command_id="f", issued_at=at(5), person_id=first)
    story.when(forget if how == "forgotten" else reset("room1" if how == "camera reset" else None, 5))
    waits = story.site.camera("room1").pending[TrackRef("room1", "s1", "1")]
    assert waits == PendingTrack(first_at=at(5), last_at=at(5), since=at(5)), "nothing else is kept"
    story.state = load(dump(story.state))
    return story.when([frame("room1", 6 + n, person(1, "a", since=at(0))) for n in range(4)])


@pytest.mark.parametrize("how", ["forgotten", "reset", "camera reset"])
def test_who_was_forgotten_in_view_gave_their_time_to_whom_their_track_became(how: str) -> None:
    """A minute of what was to be erased came back as the first leg of a new person."""
    story = erased_in_view(how)
    (again,) = story.site.persons
    assert bound_since(story) == [0.0, 5.0]
    assert again != story.all(PersonRegistered)[0].person_id
    story.fold_equals_state()


def test_a_camera_whose_clock_is_ahead_does_not_give_back_who_was_forgotten() -> None:
    story = Story(PLAIN).given([frame("room1", 100 + n, person(1, "a", since=at(100))) for n in range(5)])
    (first,) = story.site.persons
    story.given(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(5), person_id=first))
    # Longer away than a track is remembered by the clock of who asked, and not by its camera's.
    story.when([frame("room1", 110 + n, person(1, "a", since=at(100))) for n in range(4)])
    assert bound_since(story) == [100.0, 104.0]


def test_same_tracker_id_in_a_new_session_is_another_track() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    again = [frame("room1", 2 + 0.4 * i, person(1, "b"), session="s2") for i in range(3)]
    assert story.when(again).event(PersonRegistered).label == "Visitor-B"


def test_templates_of_another_model_are_never_compared() -> None:
    other = msgspec.structs.replace(MODEL, version="2")
    story = Story().given(walk("room1", 0, 1, "a"))
    story.when([frame("room2", 10 + 0.4 * i, person(2, "a"), model=other) for i in range(3)])
    assert story.event(PersonRegistered).decision.reason == "empty_gallery"
    story.when(frame("room1", 3, person(1, "a"), model=other))
    assert story.event(PersonSeen).score is None


def test_pending_track_starts_afresh_when_its_model_changes() -> None:
    other = msgspec.structs.replace(MODEL, version="2")
    story = Story().given(walk("room1", 0, 1, "a", crops=2))
    story.when(frame("room1", 1, person(1, "a"), model=other))
    assert story.event(TrackSampled).samples == 1


def test_calibration_of_the_encoder_moves_the_meaning_of_a_cosine() -> None:
    strict = msgspec.structs.replace(MODEL, calibration=((0.9, 0.0), (1.0, 1.0)))
    story = Story(PLAIN).given([frame("room1", 0.4 * i, person(1, "a"), model=strict) for i in range(3)])
    near = look("a", "b", 0.3)  # cosine 0.958: similarity 0.58
    story.when([frame("room2", 9 + 0.4 * i, person(2, near), model=strict) for i in range(6)])
    assert story.event(PersonRegistered).decision.score == pytest.approx(0.578, abs=2e-3)


def test_gallery_of_a_person_keeps_diverse_appearances_up_to_the_limit() -> None:
    story = Story(Policy(max_templates=3, look_weight=0.0)).given(walk("room1", 0, 1, "a"))
    known = story.site.persons[story.event(PersonSeen).person_id]
    for i, by in enumerate((0.5, 0.8, 0.81, 0.3)):
        story.when(frame("room1", 2 + i, person(1, look("a", "cdef"[i], by))))
    assert len(known.templates) == 3
    story.when(frame("room1", 9, person(1, "a")))
    assert story.event(PersonSeen).template is None
    story.fold_equals_state()


def test_template_of_an_older_model_makes_room_first() -> None:
    other = msgspec.structs.replace(MODEL, version="2")
    story = Story(Policy(max_templates=2, look_weight=0.0)).given(walk("room1", 0, 1, "a"))
    person_id = story.event(PersonSeen).person_id
    # A merge brings a person of the new model in; the old templates are then replaced one by one.
    story.given([frame("room2", 5 + 0.4 * i, person(2, "a"), model=other) for i in range(3)])
    story.given(merge(person_id, story.event(PersonSeen).person_id, 7))
    known = story.site.persons[person_id]
    assert [t.model for t in known.templates] == ["letters@1", "letters@2"]
    story.when(frame("room2", 8, person(2, look("a", "b", 0.6)), model=other))
    assert [t.model for t in known.templates] == ["letters@2", "letters@2"]
