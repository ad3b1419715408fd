"""What people look like: known after a few sightings, changed by many that compare, never flickering."""

from copy import deepcopy

import msgspec
import pytest

from reid.contracts.commands import ForgetPerson, MergePersons, UnmergePersons
from reid.contracts.events import AnyEvent, PersonAppearanceChanged, PersonSeen, PersonSplit, TrackRef
from reid.domain.policy import Policies
from reid.domain.snapshot import digest, dump, load
from reid.domain.step import step
from reid.domain.wardrobe import CHANGE
from reid.domain.worn import FIRST, MAX_ALSO, MAX_CAMERAS, MAX_SUPPORT, MAX_TRACKS, Worn
from tests.unit.domain.story import SITE, Story, at, frame, person


def walk(
    story: Story, camera: str, start: float, seconds: int, tracker: str = "1", letter: str = "a", **looks: str
) -> list[PersonAppearanceChanged]:
    """So many sightings, a second apart, that show ``looks``; what became known by them."""
    told: list[PersonAppearanceChanged] = []
    for second in range(seconds):
        shown = person(tracker, letter, attributes=looks, quality=0.9)
        told += changed(story.when(frame(camera, start + 1.05 * second, shown)).last)
    return told


def changed(events: list[AnyEvent]) -> list[PersonAppearanceChanged]:
    return [event for event in events if isinstance(event, PersonAppearanceChanged)]


def told(events: list[PersonAppearanceChanged]) -> list[tuple[str, str, str]]:
    return [(event.attribute, event.before, event.after) for event in events]


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_look_becomes_known_once(story: Story) -> None:
    found = walk(story, "room1", 0, 20, upper="red", lower="blue")
    assert told(found) == [("upper", "", "red"), ("lower", "", "blue")]
    assert found[0].evidence.support == FIRST
    assert found[0].evidence.cameras == ("room1",)
    assert found[0].label == "Visitor-A"


def test_a_change_on_the_same_camera_is_told_with_its_evidence(story: Story) -> None:
    walk(story, "room1", 0, 20, upper="red")
    (event,) = walk(story, "room1", 30, 30, upper="white")
    assert (event.before, event.after) == ("red", "white")
    assert event.evidence.support == CHANGE
    assert at(30) <= event.evidence.since < event.at


def test_another_light_is_no_change_until_two_cameras_agree(story: Story) -> None:
    walk(story, "room1", 0, 20, upper="white")
    assert walk(story, "room2", 30, 40, upper="grey") == []
    assert walk(story, "room1", 80, 20, upper="white") == []
    assert walk(story, "room2", 110, 40, upper="grey") == []
    (event,) = walk(story, "room3", 160, 30, upper="grey")
    assert (event.after, set(event.evidence.cameras)) == ("grey", {"room2", "room3"})


def test_a_flicker_is_no_change(story: Story) -> None:
    walk(story, "room1", 0, 20, upper="red")
    for second in range(30, 130, 4):
        assert walk(story, "room1", second, 1, upper="red") == []
        assert walk(story, "room1", second + 1.5, 2, upper="pink") == []
    # Three colours in turn have no majority either.
    for second in range(140, 260, 4):
        for place, colour in enumerate(("orange", "pink", "brown")):
            assert walk(story, "room1", second + 1.1 * place, 1, upper=colour) == []


def test_a_cloth_that_looks_another_colour_in_view_is_no_other_cloth(
    story: Story,
) -> None:
    walk(story, "room1", 0, 20, upper="beige")
    assert walk(story, "room1", 21, 40, upper="blue") == []
    assert walk(story, "room1", 62, 30, upper="beige") == []
    assert walk(story, "room1", 93, 40, upper="blue") == []


def test_who_is_seen_anew_in_what_came_up_in_view_has_changed(story: Story) -> None:
    """Some sightings of the colour to come, mistaken, must not hide the change for ever."""
    walk(story, "room1", 0, 20, upper="pink")
    assert walk(story, "room1", 21, 4, upper="black") == []
    (event,) = walk(story, "room1", 40, 30, tracker="2", upper="black")
    assert (event.before, event.after) == ("pink", "black")


def test_a_jacket_over_a_shirt_is_not_changed_with_the_side_that_is_seen(story: Story) -> None:
    """Grey from behind and pink from the front: told grey, then pink, then grey again."""
    walk(story, "room1", 0, 20, upper="grey")
    walk(story, "room1", 21, 8, upper="pink")
    assert walk(story, "room1", 30, 8, upper="grey") == []
    assert walk(story, "room1", 60, 30, tracker="2", upper="pink") == []
    assert walk(story, "room1", 120, 30, tracker="3", upper="grey") == []
    # Another jacket is told all the same.
    (event,) = walk(story, "room1", 180, 30, tracker="4", upper="blue")
    assert (event.before, event.after) == ("grey", "blue")


def test_a_track_that_shows_the_old_again_brings_no_change(story: Story) -> None:
    """Somebody else had been in the track before: 18 sightings of yellow, and the change to it was told when
    the next track came, by a sighting of green."""
    walk(story, "room1", 0, 10, upper="green")
    assert walk(story, "room1", 11, 18, upper="yellow") == []
    assert walk(story, "room1", 40, 4, tracker="2", upper="green") == []
    assert walk(story, "room1", 45, 20, tracker="2", upper="yellow") == []


def test_a_change_takes_more_than_one_sighting_of_a_new_track(story: Story) -> None:
    walk(story, "room1", 0, 10, upper="green")
    assert walk(story, "room1", 11, 18, upper="yellow") == []
    # Before the third crop nobody knows whose track it is.
    assert walk(story, "room1", 40, 2 + FIRST - 1, tracker="2", upper="yellow") == []
    assert len(walk(story, "room1", 46, 1, tracker="2", upper="yellow")) == 1


def test_frames_between_two_sightings_count_for_nothing(story: Story) -> None:
    looks = {"upper": "red"}
    found: list[AnyEvent] = []
    for tenth in range(30):
        shown = person("1", "a", attributes=looks, quality=0.9)
        found += story.when(frame("room1", tenth / 10, shown)).last
    assert sum(isinstance(event, PersonSeen) for event in found) < FIRST
    assert changed(found) == []


def test_what_is_no_word_is_no_look(story: Story) -> None:
    assert walk(story, "room1", 0, 20, upper="Red jacket!", hat="green", lower="x" * 40) == []
    assert story.site.wardrobe[next(iter(story.site.persons))] == {}


def test_a_merge_keeps_what_was_known_of_either(story: Story) -> None:
    walk(story, "room1", 0, 10, upper="red")
    walk(story, "room2", 20, 10, "2", "b", upper="blue", lower="grey")
    first, second = story.site.persons
    story.when(
        MergePersons(site_id=SITE, command_id="m", issued_at=at(40), person_id1=first, person_id2=second)
    )
    assert {name: worn.value for name, worn in story.site.wardrobe[first].items()} == {
        "upper": "red",
        "lower": "grey",
    }
    assert second not in story.site.wardrobe


def test_an_undone_merge_gives_back_what_each_wore(story: Story) -> None:
    """Looks were united by a merge and stayed with the survivor."""
    walk(story, "room1", 0, 10, upper="red")
    walk(story, "room2", 20, 10, "2", "b", upper="blue", lower="grey")
    first, second = story.site.persons
    before = deepcopy(story.site.wardrobe)
    story.when(
        MergePersons(site_id=SITE, command_id="m", issued_at=at(40), person_id1=first, person_id2=second)
    )
    # What is seen of the one who survived goes on meanwhile.
    walk(story, "room1", 50, 30, "3", upper="white", lower="black")
    again = load(dump(story.state))
    undo = UnmergePersons(site_id=SITE, command_id="u", issued_at=at(90), person_id=first, absorbed_id=second)
    (split,) = story.when(undo).last
    assert isinstance(split, PersonSplit)
    assert split.attributes == {first: {"upper": "white"}, second: {"upper": "blue", "lower": "grey"}}
    assert story.site.wardrobe[second] == before[second]
    assert {name: worn.value for name, worn in story.site.wardrobe[first].items()} == {"upper": "white"}
    assert step(again, undo, Policies()) == [split]
    assert digest(again) == digest(story.state)


def test_who_is_forgotten_leaves_no_look(story: Story) -> None:
    walk(story, "room1", 0, 10, upper="red")
    (person_id,) = story.site.persons
    story.when(ForgetPerson(site_id=SITE, command_id="f", issued_at=at(20), person_id=person_id))
    assert story.site.wardrobe == {}


def test_the_wardrobe_is_part_of_a_snapshot(story: Story) -> None:
    walk(story, "room1", 0, 10, upper="red", lower="blue")
    walk(story, "room1", 12, 3, upper="white", lower="blue")
    again = load(dump(story.state))
    assert again.site(SITE).wardrobe == story.site.wardrobe
    assert digest(again) == digest(story.state)


def test_the_state_of_a_look_stays_small() -> None:
    worn = Worn("blue")
    for value in ("blue", *(f"blue{n}" for n in range(9)), "red"):
        for n in range(1000):
            worn.note(value, TrackRef(f"room{n}", "s", "1"), n)
        if value != "red":
            for n in range(1000):
                worn.note("blue", TrackRef(f"room{n}", "s", "1"), n)
    assert worn.support == worn.peak == worn.anew == MAX_SUPPORT
    assert len(worn.cameras) == len(worn.rival_cameras) == MAX_CAMERAS
    assert len(worn.tracks) == MAX_TRACKS and len(worn.also) == MAX_ALSO
    assert len(msgspec.json.encode(worn)) < 700
