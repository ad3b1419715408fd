"""Persons of the old per-camera galleries: registered, merged where they are one, once each."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.contracts.codec import decode_event, encode
from reid.contracts.commands import ForgetPerson, ImportPerson, UnmergePersons
from reid.contracts.detections import Model
from reid.contracts.events import CommandRejected, PersonRegistered, PersonsMerged, PersonSplit
from reid.domain.policy import Policy
from reid.domain.snapshot import digest, load
from reid.domain.snapshot import dump as snapshot
from reid.domain.step import step
from reid.domain.validate import MAX_IMPORTED, check
from reid.errors import PoisonInput
from tests.unit.domain.story import DIM, MODEL, SITE, Story, at, look, walk
from tests.unit.domain.test_commands import merge, rename, reset

LEGACY = Model("legacy", "1", DIM)


def record(
    gallery: str, person_id: str, *looks: bytes, label: str = "", seconds: float = 1000, **fields: object
) -> ImportPerson:
    command = ImportPerson(
        site_id=SITE,
        command_id=hashlib.sha256(f"{gallery}{person_id}{seconds}".encode()).hexdigest()[:12],
        issued_at=at(seconds),
        issued_by="migration",
        source=f"saferoom:persons:{gallery}:{person_id}",
        gallery=gallery,
        person_id=person_id,
        model=LEGACY,
        embeddings=looks,
        first_seen=at(0),
        last_seen=at(500),
        label=label,
        visit_count=3,
    )
    return msgspec.structs.replace(command, **fields)


def test_all_that_is_known_is_carried_over() -> None:
    story = Story().when(record("room1", "person_A", look("a"), look("b"), label="Visitor-F"))
    story.then(PersonRegistered)
    event = story.event(PersonRegistered)
    assert (event.person_id, event.label, event.source) == (
        "person_A",
        "Visitor-F",
        "saferoom:persons:room1:person_A",
    )
    assert (event.decision.outcome, event.decision.reason) == ("new", "empty_gallery")
    assert event.asked_by == "migration" and event.command_id is not None
    person = story.site.persons["person_A"]
    assert (person.cameras, person.visit_count) == (["room1"], 3)
    assert (person.first_seen, person.last_seen, person.last_camera) == (at(0), at(500), "room1")
    assert len(person.templates) == 2 and {t.model for t in person.templates} == {"legacy@1"}
    story.fold_equals_state()


def test_same_person_of_two_cameras_becomes_one_with_the_evidence() -> None:
    story = Story().given(record("room1", "person_A", look("a"), label="Visitor-A"))
    story.given(record("room1", "person_B", look("b"), label="Visitor-B"))
    near = look("a", toward="b", by=0.2)
    story.when(
        record(
            "room2", "person_7", near, label="Visitor-A", visit_count=2, first_seen=at(300), last_seen=at(900)
        )
    )
    story.then(PersonRegistered, PersonsMerged)
    event = story.event(PersonsMerged)
    assert (event.survivor_id, event.absorbed_id, event.label) == ("person_A", "person_7", "Visitor-A")
    assert event.decision is not None and event.decision.reason == "above_threshold"
    assert event.decision.score == pytest.approx(0.98, abs=0.01)
    assert event.decision.runner_up == "person_B" and event.decision.threshold == 0.6
    assert (event.command_id, event.asked_by) == (None, "migration"), "the registration answers the command"
    person = story.site.persons["person_A"]
    assert (person.cameras, person.visit_count) == (["room1", "room2"], 5), "no visit is known to be of both"
    assert (person.first_seen, person.last_seen, person.last_camera) == (at(0), at(900), "room2")
    story.fold_equals_state()


def test_import_merge_can_be_undone() -> None:
    story = Story().given(record("room1", "person_A", look("a"), label="Visitor-A"))
    story.given(record("room2", "person_7", look("a"), label="Visitor-A"))
    undo = UnmergePersons(
        site_id=SITE, command_id="u", issued_at=at(2000), person_id="person_A", absorbed_id="person_7"
    )
    story.when(undo).then(PersonSplit)
    assert [p.label for p in story.site.persons.values()] == ["Visitor-A", "Visitor-A (room2)"]
    story.when(record("room2", "person_8", look("a"))).then(PersonRegistered, PersonsMerged)
    assert story.event(PersonsMerged).survivor_id == "person_A", "person_7 is of the same gallery again"
    story.fold_equals_state()


def test_two_records_of_one_gallery_are_never_merged() -> None:
    story = Story().given(record("room1", "person_A", look("a")))
    story.when(record("room1", "person_B", look("a"))).then(PersonRegistered)
    assert story.event(PersonRegistered).decision.reason == "empty_gallery"


def test_nor_are_they_by_way_of_a_third() -> None:
    """Two of room2 may both look like one of room1: the first takes the place."""
    story = Story().given(record("room1", "person_A", look("a")), record("room2", "person_1", look("a")))
    story.when(record("room2", "person_2", look("a"))).then(PersonRegistered)
    assert list(story.site.persons) == ["person_A", "person_2"]


def test_old_gallery_follows_a_person_that_is_merged_later() -> None:
    story = Story().given(
        record("room1", "person_A", look("a")),
        record("room2", "person_1", look("b")),
        merge("person_1", "person_A", 1001),
    )
    story.when(record("room1", "person_B", look("a"))).then(PersonRegistered)
    assert story.event(PersonRegistered).decision.candidate is None
    story.when(record("room3", "person_C", look("a"))).then(PersonRegistered)
    assert story.event(PersonRegistered).decision.reason == "ambiguous"


@pytest.mark.parametrize(("by", "reason"), [(0.5, "above_threshold"), (3.0, "below_threshold")])
def test_threshold_is_the_live_one(by: float, reason: str) -> None:
    story = Story().given(record("room1", "person_A", look("a")))
    story.when(record("room2", "person_1", look("a", toward="b", by=by)))
    assert story.event(PersonRegistered).decision.reason == reason


def test_between_two_alike_nobody_is_chosen() -> None:
    story = Story().given(record("room1", "person_A", look("a")), record("room1", "person_B", look("b")))
    story.when(record("room2", "person_1", look("a", toward="b", by=0.99))).then(PersonRegistered)
    decision = story.event(PersonRegistered).decision
    assert (decision.outcome, decision.reason, decision.candidate) == ("new", "ambiguous", "person_A")


def test_margin_and_threshold_come_from_the_policy() -> None:
    story = Story(Policy(margin=0.0, camera_thresholds={"room2": 0.99}))
    story.given(record("room1", "person_A", look("a")), record("room1", "person_B", look("b")))
    near = look("a", toward="b", by=0.9)
    story.when(record("room2", "person_1", near)).then(PersonRegistered)
    assert story.event(PersonRegistered).decision.threshold == 0.99
    story.when(record("room3", "person_1", near)).then(PersonRegistered, PersonsMerged)


def test_calibration_of_the_record_decides() -> None:
    knots = ((0.0, 0.0), (0.9, 0.1), (1.0, 1.0))
    strict = msgspec.structs.replace(LEGACY, calibration=knots)
    story = Story().given(record("room1", "person_A", look("a"), model=strict))
    story.when(record("room2", "person_1", look("a", toward="b", by=0.5), model=strict))
    decision = story.event(PersonRegistered).decision
    assert decision.reason == "below_threshold" and decision.score == pytest.approx(0.1, abs=0.01)


def test_legacy_appearances_are_compared_with_each_other_only() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    story.when(record("room2", "person_1", look("a"))).then(PersonRegistered)
    assert story.event(PersonRegistered).decision.reason == "empty_gallery"
    story.when(record("room3", "person_1", look("a"), model=MODEL)).then(PersonRegistered, PersonsMerged)


def test_record_comes_once_however_often_it_is_sent() -> None:
    first = record("room1", "person_A", look("a"))
    story = Story().given(first)
    assert story.when(first).last == []
    again = msgspec.structs.replace(first, command_id="other", label="Someone")
    story.when(again).then(CommandRejected)
    assert story.event(CommandRejected).code == "already_imported"


@pytest.mark.parametrize("how", ["forget", "reset"])
def test_erased_person_does_not_come_back(how: str) -> None:
    story = Story().given(record("room1", "person_A", look("a")))
    forget = ForgetPerson(site_id=SITE, command_id="f", issued_at=at(1100), person_id="person_A")
    story.given(forget if how == "forget" else reset(None, 1100))
    story.when(record("room1", "person_A", look("a"), seconds=1200)).then(CommandRejected)
    story.fold_equals_state()


def test_snapshot_knows_what_was_imported() -> None:
    story = Story().given(record("room1", "person_A", look("a")), reset(None, 1100))
    assert load(snapshot(story.state)).site(SITE).imports == story.site.imports
    assert digest(load(snapshot(story.state))) == digest(story.state)


def test_person_absent_for_longer_than_the_time_to_live_stays_behind() -> None:
    story = Story(Policy(ttl=1_000_000)).when(record("room1", "person_A", look("a"), seconds=1501))
    story.then(CommandRejected)
    assert story.event(CommandRejected).code == "expired"
    story.when(record("room1", "person_A", look("a"), seconds=1500)).then(PersonRegistered)


def test_one_model_has_one_length() -> None:
    story = Story().given(record("room1", "person_A", look("a")))
    short = record("room2", "person_1", look("a")[:8], model=Model("legacy", "1", 4))
    story.when(short).then(CommandRejected)
    assert story.event(CommandRejected).code == "wrong_dimension"


def test_taken_id_and_label_give_way() -> None:
    story = Story().given(record("room1", "person_A", look("a"), label="Visitor-A"))
    story.when(record("room2", "person_A", look("b"), label="Visitor-A", seconds=1001))
    event = story.event(PersonRegistered)
    assert (event.person_id, event.label) == (f"person_{at(1001)}_1", "Visitor-B")
    story.when(record("room3", "person_X", look("c"), label=" \n"))
    assert story.event(PersonRegistered).label == "Visitor-C"


def test_running_labels_and_numbers_go_on_after_an_import() -> None:
    story = Story().given(record("room1", "person_A", look("a"), label="Visitor-B"))
    story.given(walk("room1", 600, 1, "b"), walk("room1", 620, 2, "c"))
    assert [(p.number, p.label) for p in story.site.persons.values()] == [
        (0, "Visitor-B"),
        (1, "Visitor-A"),
        (2, "Visitor-C"),
    ]
    story.given(rename("person_A", "Night nurse")).when(record("room3", "X", look("d"), label="Visitor-B"))
    assert story.event(PersonRegistered).label == "Visitor-B", "free again"
    story.when(record("room3", "Y", look("e"), label="Visitor-B"))
    assert story.event(PersonRegistered).label == "Visitor-D"
    story.fold_equals_state()


def test_only_so_many_appearances_are_kept_and_the_mean_of_all_decides() -> None:
    looks = [look("a", toward=chr(98 + i), by=0.6) for i in range(20)]
    story = Story().given(record("room1", "person_A", *looks))
    assert len(story.site.persons["person_A"].templates) == Policy().max_templates
    story.when(record("room2", "person_1", look("a"))).then(PersonRegistered, PersonsMerged)
    assert len(story.site.persons["person_A"].templates) == Policy().max_templates


def test_appearances_that_cancel_out_are_no_failure() -> None:
    opposite = record("room1", "person_A", look("a"), look("a", toward="a", by=-2.0))
    Story().when(opposite).then(PersonRegistered)


def test_event_survives_the_wire() -> None:
    story = Story().given(record("room1", "p", look("a")), record("room2", "q", look("a")))
    assert [decode_event(encode(e)) for e in story.log] == story.log


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"source": ""}, "source"),
        ({"source": "a\nb"}, "source"),
        ({"gallery": "room 1"}, "gallery"),
        ({"person_id": "a/b"}, "person_id"),
        ({"cameras": ("room1", "")}, "camera"),
        ({"embeddings": ()}, "0 embeddings"),
        ({"embeddings": (look("a"),) * (MAX_IMPORTED + 1)}, "33 embeddings"),
        ({"embeddings": (b"ab",)}, "embedding has 1 values"),
        ({"embeddings": (bytes(2 * DIM),)}, "all zeros"),
        ({"first_seen": at(501)}, "not in this order"),
        ({"last_seen": at(1001)}, "not in this order"),
        ({"first_seen": -5}, "first_seen"),
        ({"visit_count": -1}, "visit_count"),
        ({"model": Model("legacy", "1", 0)}, "declares 0 dimensions"),
        ({"model": Model("legacy", "1", DIM, ((0.5, 0.5),))}, "does not rise"),
    ],
)
def test_what_can_not_be_decided_on_is_named(fields: dict[str, object], says: str) -> None:
    with pytest.raises(PoisonInput, match=says):
        check(msgspec.structs.replace(record("room1", "person_A", look("a")), **fields))


records = st.tuples(
    st.sampled_from(["room1", "room2", "room3"]),
    st.integers(0, 5),
    st.sampled_from("abcd"),
    st.sampled_from("abcd"),
    st.sampled_from([0.0, 0.5, 0.97]),
)


@given(st.lists(records, max_size=16), st.integers(0, 15))
def test_imports_by_themselves_never_put_two_of_one_gallery_together(
    brought: list[tuple[str, int, str, str, float]], cut: int
) -> None:
    story, state = Story(), None
    for place, (gallery, number, one, other, by) in enumerate(brought):
        if place == cut:
            state = load(snapshot(story.state))
        command = record(gallery, f"p{number}", look(one, other, by), seconds=1000 + place)
        story.when(command)
        if state is not None:
            assert step(state, command, story.policies) == story.last, "a snapshot goes on as the log does"
    held = [(i.gallery, story.site.holder(i.person_id)) for i in story.site.imports.values()]
    assert len(held) == len(set(held)) == len({(gallery, number) for gallery, number, *_ in brought})
    story.fold_equals_state()
