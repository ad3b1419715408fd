"""A site over zones: one person over both, joined by evidence, undone by evidence and by people."""

import msgspec
import pytest
from msgspec import structs

from reid.contracts.commands import (
    ConfirmIdentity,
    ForgetPerson,
    MergePersons,
    MoveTracks,
    RejectTrack,
    RenamePerson,
    ResetGallery,
    UnmergePersons,
)
from reid.contracts.events import (
    Agreement,
    AnyEvent,
    EncoderIntroduced,
    PersonAppearanceChanged,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PersonSuggested,
    PersonTemplateRemoved,
    TrackRef,
    ZoneDirected,
    ZoneFollowed,
)
from reid.contracts.policy import Policy
from reid.domain import pairing
from reid.domain.directing import introductions
from reid.domain.state import SiteState
from reid.domain.validate import check
from reid.errors import ContractError, PoisonInput
from tests.unit.domain.story import PLAIN, Story, at, frame, look, person, walk
from tests.unit.domain.two_levels import HALL, TwoLevels, report

WEST, EAST = "hall/west", "hall/east"


def asked(kind, seconds: float = 100.0, **fields):  # type: ignore[no-untyped-def]
    return kind(site_id=HALL, command_id=f"c{seconds}", issued_at=at(seconds), issued_by="desk", **fields)


def two_people() -> TwoLevels:
    """``a`` walks through both zones, ``b`` through the west."""
    return TwoLevels().when(walk("room1", 0, 1, "a"), walk("room1", 10, 2, "b"), walk("room3", 20, 7, "a"))


def test_a_person_over_two_zones_is_one_with_one_label_and_all_cameras() -> None:
    story = two_people().proven()
    assert story.labels()["room3/7"] == "Visitor-A"
    merged = story.all(PersonsMerged)
    assert [m.decision.reason for m in merged] == ["zones_joined"]
    assert merged[0].decision.score >= merged[0].decision.threshold
    person_a = next(p for p in story.site().persons.values() if p.label == "Visitor-A")
    assert person_a.cameras == ["room1", "room3"]
    assert sorted(p.label for p in story.site().persons.values()) == ["Visitor-A", "Visitor-B"]


def test_the_site_gives_the_same_persons_as_one_level() -> None:
    walks = [
        walk("room1", 0, 1, "a"), walk("room3", 3, 1, "b"), walk("room2", 8, 2, "b"),
        walk("room4", 15, 3, "c"), walk("room3", 30, 4, "a"), walk("room1", 40, 5, "c"),
    ]  # fmt: skip
    one, two = Story().given(*walks), TwoLevels().when(*walks)

    def grouped(seen: list[PersonSeen], holder) -> set[frozenset[TrackRef]]:  # type: ignore[no-untyped-def]
        groups: dict[str, set[TrackRef]] = {}
        for event in seen:
            groups.setdefault(holder(event.person_id), set()).add(event.track)
        return {frozenset(group) for group in groups.values()}

    assert grouped(one.all(PersonSeen), one.site.holder) == grouped(two.all(PersonSeen), two.site().holder)
    two.proven()


def test_people_of_one_frame_are_never_joined_into_one() -> None:
    both = [frame("room3", 20 + 0.4 * i, person(1, "a"), person(2, "a")) for i in range(3)]
    story = TwoLevels().when(walk("room1", 0, 1, "a"), both).proven()
    labels = story.labels()
    assert labels["room3/1"] != labels["room3/2"]
    assert len(story.site().persons) >= 2


def test_the_best_of_several_newcomers_of_a_moment_is_joined() -> None:
    """Looks of both are above the threshold with the one that is known; only the nearer one may be it."""
    near, far = look("a", toward="b", by=0.3), look("a", toward="c", by=0.9)
    both = [frame("room3", 20 + 0.4 * i, person(1, far), person(2, near)) for i in range(3)]
    story = TwoLevels(PLAIN).when(walk("room1", 0, 1, "a"), both).proven()
    assert story.labels()["room3/2"] == "Visitor-A"
    assert story.labels()["room3/1"] != "Visitor-A"


def test_a_runner_up_within_the_margin_leaves_it_open() -> None:
    alike = person(1, look("a", toward="b", by=0.7)), person(2, look("a", toward="c", by=0.7))
    both = [frame("room1", 0.4 * i, *alike) for i in range(3)]
    story = TwoLevels(PLAIN).when(both, walk("room3", 20, 3, "a")).proven()
    assert story.all(PersonsMerged) == []
    newcomer = story.all(PersonRegistered)[-1]
    assert story.all(ZoneFollowed)[-1].doubts == (newcomer.person_id,)
    assert list(story.site().revisions.doubts)[-1] == newcomer.person_id


def test_what_came_before_is_passed_over_and_a_letter_twice_changes_nothing() -> None:
    story = two_people()
    before = len(story.log)
    again = report(story.of(WEST))
    assert story.decide(again) == []
    assert len(story.log) == before


def test_two_at_once_in_a_zone_undo_the_join_that_took_them_for_one() -> None:
    """Two of the west, one of the east: all taken for one, until the west sees its two together."""
    lean_b, lean_c = look("a", toward="b", by=1.3), look("a", toward="c", by=1.3)
    story = TwoLevels(PLAIN).when(
        walk("room1", 0, 1, lean_b), walk("room3", 10, 1, "a"), walk("room1", 20, 2, lean_c)
    )
    assert (len(story.site(WEST).persons), len(story.site().persons)) == (2, 1)
    both = [frame("room1", 30 + 0.5 * i, person(3, lean_b), person(4, lean_c)) for i in range(4)]
    story.when(both)
    splits = [s for s in story.all(PersonSplit) if s.decision and s.decision.reason == "seen_together"]
    assert [s.kind for s in splits] == ["merge_undone"]
    labels = story.proven().labels()
    assert labels["room1/3"] != labels["room1/4"]
    assert len(story.site().persons) == 2


def test_a_join_can_be_undone_by_people_and_stays_undone() -> None:
    story = two_people()
    merged = story.all(PersonsMerged)[0]
    story.when(asked(UnmergePersons, person_id=merged.survivor_id, absorbed_id=merged.absorbed_id)).proven()
    assert story.labels()["room3/7"] != "Visitor-A"
    assert len(story.site().persons) == 3
    story.when(frame("room3", 23, person(7, "a")))
    assert story.labels()["room3/7"] != "Visitor-A"


def test_merge_and_rename_are_the_sites_alone() -> None:
    story = two_people()
    first, second = (p.person_id for p in story.site().persons.values())
    story.when(
        asked(RenamePerson, 50, person_id=first, label="Ada"),
        asked(MergePersons, 51, person_id1=first, person_id2=second),
    ).proven()
    assert story.directed() == []
    story.when(walk("room1", 60, 9, "b"))
    assert story.labels()["room1/9"] == "Ada"


def test_a_reset_reaches_every_zone_and_labels_begin_anew() -> None:
    story = two_people().when(asked(ResetGallery)).proven()
    assert story.directed() == [("east", "reset"), ("west", "reset")]
    assert not story.site(WEST).persons and not story.site(EAST).persons and not story.site().persons
    story.when(walk("room3", 110, 8, "b"))
    assert story.labels() == {"room3/8": "Visitor-A"}


def test_who_is_forgotten_is_forgotten_in_all_zones() -> None:
    story = two_people()
    gone = next(p.person_id for p in story.site().persons.values() if p.label == "Visitor-A")
    story.when(asked(ForgetPerson, person_id=gone)).proven()
    assert story.directed() == [("east", "forget"), ("west", "forget")]
    assert len(story.all(PersonForgotten, WEST)) == len(story.all(PersonForgotten, EAST)) == 1
    assert [p.label for p in story.site(WEST).persons.values()] == ["Visitor-B"]


def test_a_reset_of_one_cameras_persons_forgets_them_in_their_zones() -> None:
    story = two_people().when(asked(ResetGallery, camera_id="room3")).proven()
    assert story.directed() == [("east", "forget"), ("west", "forget")]
    assert [p.label for p in story.site().persons.values()] == ["Visitor-B"]


@pytest.mark.parametrize("kind", [MoveTracks, RejectTrack])
def test_a_track_that_people_take_from_a_person_is_not_its_zones_person_either(kind: type) -> None:
    story = TwoLevels().when(
        walk("room1", 0, 1, "a"),
        walk("room2", 10, 2, look("a", toward="b", by=0.45)),
        walk("room3", 20, 7, "a"),
    )
    track = TrackRef("room2", "s1", "2")
    own = next(p.person_id for p in story.site().persons.values() if any(s.track == track for s in p.tracks))
    fields = {"tracks": (track,)} if kind is MoveTracks else {"track": track}
    story.when(asked(kind, 40, person_id=own, **fields)).proven()
    split = story.all(PersonSplit)[0]
    assert split.command_id == "c40"
    assert ("west", "reject") in story.directed()
    assert len(story.all(PersonSplit, WEST)) == 1
    holder = story.site().holder(own)
    assert all(s.track != track for s in story.site().persons[holder].tracks)  # type: ignore[index]
    story.when(frame("room2", 41, person(2, look("a", toward="b", by=0.45))))
    assert all(s.track != track for s in story.site().persons[holder].tracks)  # type: ignore[index]


def test_zones_merge_and_undo_and_the_site_follows() -> None:
    story = TwoLevels().when(walk("room1", 0, 1, "a"), walk("room1", 10, 2, "b"))
    first, second = (p.person_id for p in story.site(WEST).persons.values())
    merge = MergePersons(site_id=WEST, command_id="m", issued_at=at(20), person_id1=first, person_id2=second)
    story.when(merge).proven()
    assert len(story.site().persons) == 1
    undo = UnmergePersons(site_id=WEST, command_id="u", issued_at=at(21), person_id=first, absorbed_id=second)
    story.when(undo).proven()
    assert len(story.site().persons) == 2
    assert story.directed() == []


def test_a_zones_own_split_is_followed() -> None:
    story = TwoLevels().when(walk("room1", 0, 1, "a"), walk("room2", 10, 2, look("a", toward="b", by=0.45)))
    assert len(story.site().persons) == 1
    (own,) = story.site(WEST).persons
    track = TrackRef("room2", "s1", "2")
    move = MoveTracks(site_id=WEST, command_id="m", issued_at=at(20), person_id=own, tracks=(track,))
    story.when(move).proven()
    assert len(story.site().persons) == 2
    assert story.all(PersonSplit)[0].decision.reason == "evidence_broke"
    story.when(frame("room2", 12, person(2, look("a", toward="b", by=0.45))))
    assert story.labels()["room2/2"] == "Visitor-B"


def test_tracks_end_and_persons_expire_in_the_site_too() -> None:
    story = TwoLevels(Policy(ttl=50_000)).when(walk("room1", 0, 1, "a"), frame("room1", 20))
    assert [e.reason for e in story.all(PersonLeft)] == ["track_ended"]
    story.when(walk("room1", 90, 2, "b"))
    assert len(story.all(PersonExpired)) == 1
    story.proven()
    assert list(story.site().zones.persons["west"]) == list(story.site(WEST).persons)


def test_looks_and_calibration_reach_the_site_once() -> None:
    dressed = [frame("room1", 1.1 * i, person(1, "a", attributes={"upper": "red"})) for i in range(9)]
    story = TwoLevels().when(dressed).proven()
    (changed,) = story.all(PersonAppearanceChanged)
    assert (changed.after, changed.label) == ("red", "Visitor-A")
    assert len(story.all(EncoderIntroduced)) == len(story.all(EncoderIntroduced, WEST)) == 1
    story.when(walk("room3", 30, 5, "b"))
    assert len(story.all(EncoderIntroduced)) == 1


def test_evidence_that_grows_joins_whom_the_first_look_left_apart() -> None:
    story = TwoLevels(Policy(gate=False, margin=0.9)).when(
        walk("room1", 0, 1, "a"), walk("room3", 30, 2, look("a", toward="b", by=1.8))
    )
    assert story.all(PersonsMerged) == []
    for n in range(3):
        story.when(walk("room3", 60 + 20 * n, 10 + n, look("a", toward="b", by=1.2 - 0.4 * n)))
    assert [m.decision.reason for m in story.all(PersonsMerged)] == ["evidence_grew"]
    assert len(story.proven().site().persons) == 1
    assert story.site().revisions.made_at


def test_grown_evidence_over_zones_asks_for_more_in_a_large_crowd_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def merges() -> int:
        story = TwoLevels(Policy(gate=False, margin=0.9)).when(
            walk("room1", 0, 1, "a"), walk("room3", 30, 2, look("a", toward="b", by=1.8))
        )
        for n in range(3):
            story.when(walk("room3", 60 + 20 * n, 10 + n, look("a", toward="b", by=1.2 - 0.4 * n)))
        return len(story.all(PersonsMerged))

    assert merges() == 1
    monkeypatch.setattr(pairing, "CROWD", 1e-3)
    assert merges() == 0


@pytest.mark.parametrize(
    "policy", [Policy(gate=False, revise=False), Policy(gate=False, revisions_per_minute=0)]
)
def test_joins_by_grown_evidence_can_be_limited_and_switched_off(policy: Policy) -> None:
    story = TwoLevels(policy).when(
        walk("room1", 0, 1, "a"), walk("room3", 30, 2, look("a", toward="b", by=1.8))
    )
    for n in range(3):
        story.when(walk("room3", 60 + 20 * n, 10 + n, look("a", toward="b", by=1.2 - 0.4 * n)))
    story.when(walk("room1", 140, 20, "a"))
    assert story.all(PersonsMerged) == []


def test_a_track_goes_to_whom_another_zone_knows_when_it_is_clearly_more_like() -> None:
    """The west knows only somebody alike; the east had the very person."""
    alike, self_ = look("a", toward="b", by=1.0), look("a", toward="c", by=0.2)
    story = TwoLevels(PLAIN).when(
        walk("room1", 0, 1, alike),
        [frame("room3", 10 + 0.4 * i, person(1, "a"), person(2, alike)) for i in range(3)],
    )
    east = story.labels()["room3/1"]
    story.when(walk("room1", 20, 2, self_)).proven()
    assert story.labels()["room1/2"] == east
    seen = next(
        e for e in story.all(PersonSeen) if e.track.tracker_id == "2" and e.track.camera_id == "room1"
    )
    assert (seen.decision.reason, seen.reason) == ("better_candidate", "bound")
    assert seen.decision.runner_up is not None
    assert ("west", "reject") in story.directed()
    assert len(story.site(WEST).persons) == 2
    assert len(story.all(PersonSplit, WEST)) == 1
    story.when(frame("room1", 23, person(2, self_)))
    assert story.labels()["room1/2"] == east
    story.when(frame("room1", 40), walk("room2", 50, 9, self_)).proven()
    assert story.labels()["room2/9"] == east, "the zone has learned"


def test_nobody_who_stands_beside_a_track_is_given_it() -> None:
    """The second of the west looks most like the first, as the site knows it; but both are there."""
    first, second = look("a", toward="b", by=1.0), look("a", toward="c", by=1.0)
    both = [frame("room1", 0.4 * i, person(1, first), person(2, second)) for i in range(3)]
    story = TwoLevels(PLAIN).when(
        both, frame("room1", 10), walk("room3", 20, 1, look("a", toward="b", by=0.6))
    )
    assert len(story.site().persons) == 2
    again = [
        frame("room1", 40 + 0.4 * i, person(3, first), person(4, look("a", toward="c", by=0.6)))
        for i in range(4)
    ]
    labels = story.when(again).proven().labels()
    assert labels["room1/3"] != labels["room1/4"]


DAY = 86_400


def test_across_days_people_are_asked_also_over_zones() -> None:
    story = TwoLevels(Policy(days="same_day")).when(walk("room1", 0, 1, "a"), walk("room3", DAY, 2, "a"))
    assert story.all(PersonsMerged) == []
    (asked_for,) = story.proven().all(PersonSuggested)
    assert [asked_for.label, asked_for.other_label] == ["Visitor-B", "Visitor-A"]
    assert asked_for.decision.reason == "another_day"


def test_a_stricter_score_joins_across_days() -> None:
    story = TwoLevels(Policy(days="multi_day")).when(walk("room1", 0, 1, "a"), walk("room3", DAY, 2, "a"))
    (merged,) = story.proven().all(PersonsMerged)
    assert merged.decision.across_days > 0


def test_what_a_zone_asks_of_its_own_people_the_site_asks_once() -> None:
    story = TwoLevels(Policy(days="same_day")).when(walk("room1", 0, 1, "a"), walk("room2", DAY, 2, "a"))
    assert len(story.all(PersonSuggested)) == len(story.all(PersonSuggested, WEST)) == 1
    again = story.all(PersonSuggested, WEST)[0]
    assert [type(e) for e in tell(story, again)] == [ZoneFollowed]
    story.proven()


@pytest.mark.parametrize(("days", "made"), [("same_day", PersonSuggested), ("multi_day", PersonsMerged)])
def test_evidence_that_grew_over_a_night(days: str, made: type) -> None:
    policy = Policy(gate=False, days=days, day_strictness=0.05, merge_margin=0.5)  # type: ignore[arg-type]
    story = TwoLevels(policy).when(walk("room1", 0, 1, "a"))
    story.when(walk("room3", DAY, 2, look("a", toward="b", by=1.8)))
    for n in range(4):
        story.when(walk("room3", DAY + 60 + 20 * n, 10 + n, look("a", toward="b", by=1.2 - 0.4 * n)))
    assert made in {type(e) for e in story.of() if isinstance(e, PersonSuggested | PersonsMerged)}
    story.proven()


def test_a_look_that_a_zone_takes_out_leaves_the_site_too() -> None:
    story = TwoLevels().when(walk("room1", 0, 1, "a"), walk("room2", 10, 2, look("a", toward="b", by=0.6)))
    (own,), (west,) = story.site().persons.values(), story.site(WEST).persons.values()
    assert len(own.templates) == 2
    gone = own.templates[1]
    removed = PersonTemplateRemoved(
        site_id=WEST, at=at(30), person_id=west.person_id, label=west.label, slot=1, template=gone, left=1,
        decision=story.all(PersonRegistered)[0].decision,
    )  # fmt: skip
    made = tell(story, removed)
    assert [type(e) for e in made] == [PersonTemplateRemoved, ZoneFollowed]
    assert gone not in story.site().persons[own.person_id].templates
    assert [type(e) for e in tell(story, removed)] == [ZoneFollowed]


def test_a_newcomer_whom_its_zone_merges_at_once_is_no_newcomer() -> None:
    story = TwoLevels().when(walk("room1", 0, 1, "a"))
    first = story.all(PersonRegistered, WEST)[0]
    second = msgspec.structs.replace(first, at=at(30), person_id="person_2", number=1, label="Visitor-B")
    merged = msgspec.structs.replace(
        two_people().all(PersonsMerged)[0],
        site_id=WEST, at=at(30), survivor_id=first.person_id, absorbed_id="person_2",
    )  # fmt: skip
    made = tell(story, second, merged)
    assert [type(e) for e in made] == [PersonRegistered, PersonsMerged, ZoneFollowed]
    story.proven()


def test_one_level_sites_say_nothing_of_zones() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room3", 20, 7, "a"))
    assert not any(isinstance(e, EncoderIntroduced | ZoneFollowed | ZoneDirected) for e in story.log)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"zone": "a/b"}, "zone of hall"),
        ({"site_id": "hall/west"}, "site_id"),
        ({"offsets": (1,)}, "offsets"),
        ({"zone": "east"}, "an event of 'hall/west'"),
        ({"issued_at": 0}, "issued_at"),
    ],
)
def test_bad_reports_are_named(fields: dict[str, object], said: str) -> None:
    good = report(two_people().of(WEST))
    check(good)
    with pytest.raises(PoisonInput, match=said):
        check(msgspec.structs.replace(good, **fields))
    falling = msgspec.structs.replace(good, offsets=good.offsets[::-1])
    with pytest.raises(PoisonInput, match="do not rise"):
        check(falling)


def seen_before(story: TwoLevels, zone: str, **fields: object) -> PersonSeen:
    return msgspec.structs.replace(story.all(PersonSeen, f"{HALL}/{zone}")[-1], **fields)


def tell(story: TwoLevels, *events: AnyEvent, zone: str = "west") -> list[AnyEvent]:
    """A report of events that the zone's own log does not hold: an earlier one was lost."""
    return story.decide(report(list(events), zone, 10_000 + 100 * len(story.log)))


def test_a_zones_person_that_the_site_never_heard_of_is_taken_in_with_its_first_look() -> None:
    story = two_people()
    registered = story.all(PersonRegistered, EAST)[0]
    lost = seen_before(story, "east", person_id="person_lost", reason="bound")
    lost = msgspec.structs.replace(lost, track=TrackRef("room4", "s1", "1"))
    assert [type(e) for e in tell(story, lost, zone="east")] == [ZoneFollowed]
    told = msgspec.structs.replace(lost, template=registered.template, slot=0, decision=registered.decision)
    made = tell(story, told, zone="east")
    assert [type(e) for e in made] == [PersonRegistered, PersonSeen, PersonsMerged, ZoneFollowed]
    assert story.labels()["room4/1"] == "Visitor-A"
    story.proven()


def test_what_a_zone_tells_of_strangers_changes_nothing() -> None:
    story = two_people()
    kept = story.labels()
    changed = PersonAppearanceChanged(
        site_id=WEST, at=at(40), person_id="person_lost", label="x", attribute="upper", before="",
        after="red", evidence=Agreement(4, at(30), ("room1",)),
    )  # fmt: skip
    left = msgspec.structs.replace(
        PersonLeft(
            site_id=WEST, at=at(40), person_id="person_lost", label="x", track=TrackRef("room1", "s1", "99"),
            last_seen_at=at(39), reason="track_ended",
        ),
    )  # fmt: skip
    merged = msgspec.structs.replace(
        story.all(PersonsMerged)[0], site_id=WEST, survivor_id="person_lost", absorbed_id="person_lost_too"
    )
    assert [type(e) for e in tell(story, changed, left, merged)] == [ZoneFollowed]
    assert story.labels() == kept
    own = story.all(PersonRegistered, WEST)[0].person_id
    tell(story, msgspec.structs.replace(merged, absorbed_id=own))
    assert story.site().holder(story.site().zones.persons["west"]["person_lost"]) is not None
    story.proven()


def test_a_report_of_what_nobody_can_read_is_refused() -> None:
    good = report(two_people().of(WEST))
    with pytest.raises(ContractError, match="flown"):
        check(
            msgspec.structs.replace(
                good, offsets=(1,), events=(msgspec.Raw(b'{"type":"reid.person.flown.v1"}'),)
            )
        )


def test_a_zone_that_fell_silent_leaves_nobody_in_the_site_for_ever() -> None:
    story = two_people()
    assert "room3/7" in story.labels()
    story.when(walk("room1", 80, 5, "b"))
    assert "room3/7" not in story.labels()


def test_a_zones_undo_of_what_the_site_has_merged_further_is_not_followed() -> None:
    story = TwoLevels().when(walk("room1", 0, 1, "a"), walk("room1", 10, 2, "b"), walk("room1", 20, 3, "c"))
    first, second, _ = story.site(WEST).persons
    ours = list(story.site().persons)
    head = {"site_id": WEST, "issued_at": at(30)}
    story.when(MergePersons(command_id="m", person_id1=first, person_id2=second, **head))
    story.when(asked(MergePersons, 31, person_id1=ours[0], person_id2=ours[2]))
    story.when(UnmergePersons(command_id="u", person_id=first, absorbed_id=second, **head)).proven()
    assert (len(story.site(WEST).persons), len(story.site().persons)) == (3, 1)


def test_a_label_that_somebody_was_given_is_not_given_again() -> None:
    story = TwoLevels().when(walk("room1", 0, 1, "a"))
    (own,) = story.site().persons
    story.when(asked(RenamePerson, 5, person_id=own, label="Visitor-B"), walk("room3", 10, 2, "b"))
    assert sorted(p.label for p in story.site().persons.values()) == ["Visitor-B", "Visitor-C"]


def test_a_zones_merge_of_two_whom_people_know_to_differ_is_not_followed() -> None:
    story = two_people()
    persons = list(story.site().persons)
    no = asked(ConfirmIdentity, 30, person_id=persons[0], other_id=persons[1], answer="no")
    story.when(no)
    west = [event.person_id for event in story.all(PersonRegistered, WEST)]
    merge = MergePersons(
        site_id=WEST, command_id="m", issued_at=at(40), person_id1=west[0], person_id2=west[1]
    )
    story.when(merge).proven()
    assert len(story.site(WEST).persons) == 1 and list(story.site().persons) == persons


def test_a_zones_split_that_would_leave_nothing_of_the_sites_person_names_it_anew() -> None:
    """In the site the first track was given away before: the zone's other person is who is left."""
    story = TwoLevels().when(walk("room1", 0, 1, "a"), walk("room2", 10, 2, look("a", toward="b", by=0.45)))
    (west,), (own,) = story.site(WEST).persons, story.site().persons
    first, second = TrackRef("room1", "s1", "1"), TrackRef("room2", "s1", "2")
    story.held = []
    story.when(asked(MoveTracks, 30, person_id=own, tracks=(first,)))
    story.held = None
    move = MoveTracks(site_id=WEST, command_id="m", issued_at=at(40), person_id=west, tracks=(second,))
    story.when(move).proven()
    new = next(p for p in story.site(WEST).persons if p != west)
    assert story.site().holder(story.site().zones.persons["west"][new]) == own


def test_a_zone_moves_a_track_between_two_whom_the_site_takes_for_one() -> None:
    story = TwoLevels().when(
        walk("room1", 0, 1, "a"),
        walk("room2", 10, 2, look("a", toward="b", by=0.45)),
        walk("room1", 20, 3, "c"),
    )
    ours, (first, second) = list(story.site().persons), story.site(WEST).persons
    story.when(asked(MergePersons, 30, person_id1=ours[0], person_id2=ours[1]))
    track = TrackRef("room2", "s1", "2")
    story.when(
        MoveTracks(
            site_id=WEST, command_id="m", issued_at=at(40), person_id=first, tracks=(track,), into=second
        )
    ).proven()
    assert list(story.site().persons) == ours[:1] and story.all(PersonSplit) == []


def test_a_track_that_its_zone_takes_back_has_nobody_in_the_site() -> None:
    story = TwoLevels().when(
        walk("room1", 0, 1, "a"), walk("room1", 4, 2, "a"), [frame("room1", 5.5, person(2, "a"))]
    )
    assert "room1/2" in story.labels()
    (west,) = story.site(WEST).persons
    reject = RejectTrack(
        site_id=WEST, command_id="r", issued_at=at(6), person_id=west, track=TrackRef("room1", "s1", "2")
    )
    story.when(reject).proven()
    assert "room1/2" not in story.labels()


def test_the_same_looks_told_twice_are_told_once_by_the_site() -> None:
    dressed = [frame("room1", 1.1 * i, person(1, "a", attributes={"upper": "red"})) for i in range(9)]
    story = TwoLevels().when(dressed)
    (told,) = story.all(PersonAppearanceChanged, WEST)
    assert [type(e) for e in tell(story, told)] == [ZoneFollowed]


def test_a_zone_s_frame_without_an_encoder_introduces_none() -> None:
    nobody = structs.replace(frame("room1", 0), model=None)
    assert introductions(SiteState(), "hall/west", nobody) == []
