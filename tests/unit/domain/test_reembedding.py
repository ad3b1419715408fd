"""A change of encoder: stored crops as the new one sees them join the person, and it is known by them."""

from typing import Any

import pytest

from reid.contracts.commands import AddTemplates, Shown
from reid.contracts.detections import Model
from reid.contracts.events import CommandRejected, PersonSeen, PersonTemplatesAdded, TrackRef
from reid.domain.snapshot import digest
from reid.errors import PoisonInput
from tests.unit.domain.story import DIM, SITE, Story, at, frame, look, person, walk

NEWER = Model("letters", "2", DIM)
CROP = "0" * 64


def added(*letters: str, number: int = 1, person_id: str = "", **more: Any) -> AddTemplates:
    fields: dict[str, Any] = {
        "site_id": SITE,
        "command_id": f"add-{number}",
        "issued_at": at(10),
        "person_id": person_id,
        "model": NEWER,
        "shown": tuple(Shown(look(x), "room1", 0.8, CROP, TrackRef("room1", "s1", "7")) for x in letters),
    }
    return AddTemplates(**fields | more)


@pytest.fixture
def story() -> Story:
    return Story().given(walk("room1", 0, 7, "a"))


@pytest.fixture
def who(story: Story) -> str:
    (person_id,) = story.site.persons
    return person_id


def by(encoder: Model, start: float, letter: str, tracker: str) -> list[Any]:
    return [frame("room2", start + 0.4 * i, person(tracker, letter), model=encoder) for i in range(3)]


def test_the_person_is_known_to_the_new_encoder(story: Story, who: str) -> None:
    story.when(added("m", "n", person_id=who)).then(PersonTemplatesAdded)
    event = story.event(PersonTemplatesAdded)
    assert (event.added, event.model, event.command_id) == (2, "letters@2", "add-1")
    assert [t.model for t in event.templates] == ["letters@1", "letters@2", "letters@2"]
    assert event.templates[1].track == TrackRef("room1", "s1", "7")
    story.when(by(NEWER, 20, "m", "9"))
    assert story.event(PersonSeen).person_id == who
    story.fold_equals_state()


def test_without_it_the_new_encoder_knows_nobody(story: Story, who: str) -> None:
    story.when(by(NEWER, 20, "a", "9"))
    assert story.event(PersonSeen).person_id != who


def test_the_old_encoder_goes_on_meanwhile(story: Story, who: str) -> None:
    story.given(added("m", person_id=who)).when(walk("room2", 20, 9, "a"))
    assert story.event(PersonSeen).person_id == who


def test_the_same_crops_again_are_refused_and_change_nothing(story: Story, who: str) -> None:
    story.given(added("m", person_id=who))
    before = digest(story.state)
    assert story.when(added("m", person_id=who)).last == []
    assert digest(story.state) == before
    story.when(added("m", person_id=who, number=2)).then(CommandRejected)
    assert story.event(CommandRejected).code == "nothing_new"


def test_refusals_say_why(story: Story, who: str) -> None:
    story.when(added("m", person_id="nobody"))
    assert story.event(CommandRejected).code == "unknown_person"
    wrong = Model("letters", "1", 4)
    shown = (Shown(look("a")[:8], "room1", 0.8, CROP),)
    story.when(added(person_id=who, number=3, model=wrong, shown=shown))
    assert story.event(CommandRejected).code == "wrong_dimension"
    assert "another version" in story.event(CommandRejected).message


def test_templates_stay_few_and_diverse(story: Story, who: str) -> None:
    letters = [chr(ord("a") + n) for n in range(20)]
    story.when(added(*letters, person_id=who))
    event = story.event(PersonTemplatesAdded)
    assert event.added == story.policies.default.max_templates
    assert len(event.templates) == event.added + 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"shown": ()}, "0 crops"),
        ({"shown": (Shown(b"\x00", "room1", 0.8, CROP),)}, "values where its model declares"),
        ({"shown": (Shown(look("a"), "room1", 0.8, "../etc"),)}, "no SHA-256"),
        ({"shown": (Shown(look("a"), "room1", 2.0, CROP),)}, "not 0 to 1"),
        ({"shown": (Shown(look("a"), "room 1", 0.8, CROP),)}, "camera of"),
    ],
)
def test_what_is_no_such_command_is_named(story: Story, who: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(PoisonInput, match=said):
        story.when(added(person_id=who, **more))


def test_a_detection_names_its_crop_by_a_sha256() -> None:
    with pytest.raises(PoisonInput, match="no SHA-256"):
        Story().when(frame("room1", 0, person("1", "a", crop="ABC")))
    with pytest.raises(PoisonInput, match="not 0 to 1"):
        Story().when(frame("room1", 0, person("1", "a", crop=CROP, crop_quality=float("nan"))))


def test_a_sighting_names_the_stored_crop() -> None:
    frames = [
        frame("room1", 0.4 * i, person("1", "a", crop=CROP, crop_quality=0.7, quality=0.9)) for i in range(3)
    ]
    seen = Story().when(frames).event(PersonSeen)
    assert (seen.crop, seen.crop_quality) == (CROP, 0.7)
