"""given events, the view is so."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from projections.changes import Change, SetPerson
from projections.store import CameraRef, MemoryViewStore, PersonRef
from reid.contracts import topics
from reid.contracts.codec import encode
from reid.contracts.events import Template
from reid.contracts.views import PersonView, ShownPerson, shown_of
from reid.errors import PoisonInput
from tests.unit.projections.logs import project
from tests.unit.projections.story import (
    SITE,
    START,
    expired,
    forgotten,
    left,
    merged,
    registered,
    rejected,
    renamed,
    reset,
    sampled,
    seen,
    template,
    track,
    walk,
)


class Given:
    """A view after some events, each batch with a store's round trip of its own."""

    def __init__(self, *batches: Sequence[Any]) -> None:
        self.store = MemoryViewStore()
        self.made = [made for batch in batches for made in project(self.store, batch)]

    def person(self, person_id: str) -> PersonView | None:
        ref = PersonRef(SITE, person_id)
        return self.store.load([ref], []).persons.get(ref)

    def __getitem__(self, person_id: str) -> PersonView:
        found = self.person(person_id)
        assert found is not None, f"no document of {person_id}"
        return found

    def labels(self, camera: str) -> dict[str, str]:
        """Live: track field -> label."""
        place = CameraRef(SITE, camera)
        return {name: live.label for name, live in self.store.load([], [place]).live[place].items()}

    def sums(self) -> dict[str, tuple[int, int, int]]:
        """Camera -> persons, embeddings, visits; only those that the site's set names."""
        names = self.store.dump(topics.site_cameras_key(SITE)).get(topics.site_cameras_key(SITE), [])
        found = {name: self.store.dump(topics.camera_stats_key(SITE, name)) for name in names}
        return {
            name: tuple(
                int(v[topics.camera_stats_key(SITE, name)][k]) for k in ("persons", "embeddings", "visits")
            )
            for name, v in found.items()
        }  # type: ignore[return-value]

    def index(self) -> list[str]:
        found = self.store.dump(topics.persons_index_key(SITE))
        return list(found.get(topics.persons_index_key(SITE), []))

    def at_camera(self, camera: str) -> list[str]:
        key = topics.camera_persons_key(SITE, camera)
        return list(self.store.dump(key).get(key, []))

    def outcome(self, command_id: str) -> dict[str, Any]:
        key = topics.outcome_key(command_id)
        return dict(json.loads(self.store.dump(key)[key]))

    def changed(self) -> list[list[str]]:
        """Persons whose documents changed, batch by batch."""
        channel = topics.persons_channel(SITE)
        found = [json.loads(m.payload) for m in self.store.published if m.channel == channel]
        assert not any(change["all"] for change in found)
        return [change["person_ids"] for change in found]

    def published(self) -> list[tuple[str, dict[str, str]]]:
        channels = {topics.labels_channel(SITE), topics.persons_channel(SITE)}
        assert {m.channel for m in self.store.published} <= channels
        labels = [m for m in self.store.published if m.channel == topics.labels_channel(SITE)]
        found = [json.loads(message.payload) for message in labels]
        return [(m["camera_id"], m["person_labels"]) for m in found]


def test_registration_makes_the_document() -> None:
    view = Given([registered("a", 0, "Visitor-A", START)])
    assert view["a"] == PersonView(
        person_id="a",
        label="Visitor-A",
        number=0,
        embeddings=[b"a-0"],
        models=["m@1"],
        averaged=[1.0],
        num_embeddings=1,
        first_seen=START,
        last_seen=START,
    )
    assert view.index() == ["a"]


def test_a_sighting_adds_camera_visit_time_and_live_label() -> None:
    view = Given(
        [registered("a", 0, "Visitor-A")], [seen("a", "Visitor-A", track("room2"), START + 5, visit_count=3)]
    )
    assert view["a"].cameras == ["room2"]
    assert (view["a"].visit_count, view["a"].first_seen, view["a"].last_seen) == (3, START, START + 5)
    assert (view["a"].current_camera, view["a"].tracks) == ("room2", ["room2/s1/1"])
    assert view.labels("room2") == {"s1/1": "Visitor-A"}
    assert view.at_camera("room2") == ["a"]
    assert view.sums() == {"room2": (1, 1, 3)}
    assert view.published() == [("room2", {"1": "Visitor-A"})]


def test_cameras_stand_in_the_order_of_first_sighting() -> None:
    view = Given(walk("a", 0, "Visitor-A", "room3", "room1", "room3", "room2"))
    assert view["a"].cameras == ["room3", "room1", "room2"]


def test_somebody_had_been_seen_before_they_were_first_seen() -> None:
    """A camera that is late tells of them after others did; all in one batch, and each alone."""
    told = [
        registered("a", 0, "Visitor-A"),
        seen("a", "Visitor-A", at=START + 9),
        seen("a", "Visitor-A", at=START - 3),
        seen("a", "Visitor-A", at=START - 4),
    ]
    for view in (Given(told), Given(*([one] for one in told))):
        assert (view["a"].first_seen, view["a"].last_seen) == (START - 4, START + 9)


def test_a_sighting_out_of_order_does_not_turn_the_clock_back() -> None:
    view = Given(
        [
            registered("a", 0, "Visitor-A"),
            seen("a", "Visitor-A", at=START + 9),
            seen("a", "Visitor-A", at=START + 3),
        ]
    )
    assert view["a"].last_seen == START + 9


def test_templates_are_appended_and_replaced_by_slot() -> None:
    view = Given(
        [registered("a", 0, "Visitor-A")],
        [
            seen("a", "Visitor-A", slot=1, template=template("one")),
            seen("a", "Visitor-A", slot=2, template=template("two")),
            seen("a", "Visitor-A", slot=0, template=template("zero")),
        ],
    )
    assert view["a"].embeddings == [b"zero", b"one", b"two"]
    assert view["a"].num_embeddings == 3
    assert view.sums() == {"room1": (1, 3, 1)}


def test_more_templates_count_at_every_camera_of_the_person() -> None:
    view = Given(
        walk("a", 0, "Visitor-A", "room1", "room2"),
        [seen("a", "Visitor-A", track("room2", "0"), slot=1, template=template("x"), visit_count=2)],
    )
    assert view.sums() == {"room1": (1, 2, 2), "room2": (1, 2, 2)}


def test_a_left_track_falls_back_to_the_one_that_remains() -> None:
    both = [
        registered("a", 0, "Visitor-A"),
        seen("a", "Visitor-A", track("room1")),
        seen("a", "Visitor-A", track("room2")),
        seen("a", "Visitor-A", track("room1")),
    ]
    assert Given(both)["a"].current_camera == "room2"
    once = Given(both, [left("a", "Visitor-A", track("room2"))])
    assert (once["a"].current_camera, once.labels("room2"), once.labels("room1")) == (
        "room1",
        {},
        {"s1/1": "Visitor-A"},
    )
    gone = Given(both, [left("a", "Visitor-A", track("room2")), left("a", "Visitor-A", track("room1"))])
    assert (gone["a"].current_camera, gone["a"].tracks, gone.labels("room1")) == (None, [], {})
    assert gone["a"].cameras == ["room1", "room2"]


def test_a_track_that_shows_somebody_else_leaves_the_former_person() -> None:
    view = Given(
        [registered("a", 0, "Visitor-A"), seen("a", "Visitor-A")],
        [registered("b", 1, "Visitor-B"), seen("b", "Visitor-B")],
    )
    assert (view["a"].tracks, view["a"].current_camera) == ([], None)
    assert view["b"].tracks == ["room1/s1/1"]
    assert view.labels("room1") == {"s1/1": "Visitor-B"}
    late = Given(
        [registered("a", 0, "Visitor-A"), seen("a", "Visitor-A")],
        [registered("b", 1, "Visitor-B"), seen("b", "Visitor-B"), left("a", "Visitor-A")],
    )
    assert late.labels("room1") == {"s1/1": "Visitor-B"}


def test_a_merge_gives_the_survivor_the_values_and_the_tracks_of_both() -> None:
    view = Given(
        walk("a", 0, "Visitor-A", "room1"),
        walk("b", 1, "Visitor-B", "room2"),
        [merged("a", "b", "Visitor-A", command_id="c1")],
    )
    assert view["a"] == PersonView(
        person_id="a",
        label="Visitor-A",
        number=0,
        cameras=["room1", "room2"],
        embeddings=[b"merged-0", b"merged-1"],
        models=["m@1", "m@1"],
        averaged=[1.0, 1.0],
        num_embeddings=2,
        visit_count=2,
        first_seen=START,
        last_seen=START + 10,
        current_camera="room2",
        tracks=["room1/s1/0", "room2/s1/1"],
        absorbed={"b": "a"},
    )
    assert view.person("b") is None
    assert view.index() == ["a"]
    assert (view.at_camera("room1"), view.at_camera("room2")) == (["a"], ["a"])
    assert view.sums() == {"room1": (1, 2, 2), "room2": (1, 2, 2)}
    assert view.labels("room2") == {"s1/1": "Visitor-A"}
    assert view.published()[-1] == ("room2", {"1": "Visitor-A"})
    assert view.outcome("c1")["person_id"] == "a"


def test_after_a_merge_the_absorbed_persons_track_leaves_the_survivor() -> None:
    view = Given(
        walk("a", 0, "Visitor-A", "room1"),
        walk("b", 1, "Visitor-B", "room2"),
        [merged("a", "b", "Visitor-A")],
        [left("a", "Visitor-A", track("room2", "1"))],
    )
    assert (view["a"].current_camera, view.labels("room2")) == ("room1", {})


def test_a_new_label_shows_on_every_camera() -> None:
    view = Given(
        [
            registered("a", 0, "Visitor-A"),
            seen("a", "Visitor-A", track("room1")),
            seen("a", "Visitor-A", track("room2")),
        ],
        [renamed("a", "Alice", command_id="c1")],
    )
    assert view["a"].label == "Alice"
    assert (view.labels("room1"), view.labels("room2")) == ({"s1/1": "Alice"}, {"s1/1": "Alice"})
    assert view.published()[-2:] == [("room1", {"1": "Alice"}), ("room2", {"1": "Alice"})]
    assert view.outcome("c1") == {
        "command_id": "c1",
        "event_type": "reid.person.renamed.v1",
        "site_id": SITE,
        "rejected": False,
        "code": "",
        "message": "",
        "person_id": "a",
        "person_ids": [],
    }


@pytest.mark.parametrize(
    "end", [forgotten("a", command_id="c1"), expired("a"), reset("a"), reset("a", camera="room1")]
)
def test_a_person_that_goes_leaves_nothing(end: Any) -> None:
    view = Given(walk("a", 0, "Visitor-A", "room1", "room2"), [end])
    left_over = {k for k in view.store.dump("saferoom:") if not k.startswith("saferoom:outcome")}
    assert left_over == {topics.position_key("persons"), topics.live_cameras_key(SITE)}
    assert view.published()[-1] == ("room2", {})


def test_a_reset_takes_those_it_names() -> None:
    view = Given(
        walk("a", 0, "Visitor-A", "room1"),
        walk("b", 1, "Visitor-B", "room2"),
        walk("c", 2, "Visitor-C", "room1", "room2"),
        [reset("a", "c", camera="room1", command_id="c1")],
    )
    assert view.index() == ["b"]
    assert view.sums() == {"room2": (1, 1, 1)}
    assert view.outcome("c1")["person_ids"] == ["a", "c"]


def test_a_refused_command_has_an_outcome_and_changes_nothing() -> None:
    before = walk("a", 0, "Visitor-A", "room1")
    view = Given(before, [rejected("c1", "seen_together", "they are two people")])
    assert view.outcome("c1") == {
        "command_id": "c1",
        "event_type": "reid.command.rejected.v1",
        "site_id": SITE,
        "rejected": True,
        "code": "seen_together",
        "message": "they are two people",
        "person_id": None,
        "person_ids": [],
    }
    assert view["a"] == Given(before)["a"]


def test_evidence_changes_no_document_and_waits_for_its_person() -> None:
    view = Given([sampled(), sampled()])
    assert sorted(view.store.dump("saferoom:")) == [
        topics.position_key("persons"),
        topics.samples_key(SITE, "room1"),
    ]


@pytest.mark.parametrize(
    "unknown", [seen("x", "Visitor-X"), merged("x", "a", "Visitor-X"), renamed("x", "Xaver")]
)
def test_an_event_on_a_person_never_registered_is_poison_and_changes_nothing(unknown: Any) -> None:
    before = walk("a", 0, "Visitor-A", "room1")
    view = Given(before, [unknown, seen("a", "Visitor-A", track("room1", "0"), START + 7)])
    (bad,) = view.made[-1].rejected
    assert isinstance(bad.error, PoisonInput)
    assert bad.record.offset == len(before)
    assert view["a"].last_seen == START + 7
    assert (view.index(), view.person("x")) == (["a"], None)


@pytest.mark.parametrize("gone", [left("x", "Visitor-X"), forgotten("x"), expired("x"), reset("x")])
def test_taking_away_who_is_not_there_is_no_error(gone: Any) -> None:
    view = Given(walk("a", 0, "Visitor-A", "room1"), [gone])
    assert (view.made[-1].rejected, view.index()) == ([], ["a"])


def test_whose_documents_changed_is_published_once_a_batch() -> None:
    first = [registered("b", 1, "Visitor-B"), registered("a", 0, "Visitor-A"), renamed("a", "Alice")]
    assert Given(first, [rejected("c1", "same_person")]).changed() == [["a", "b"]]
    assert Given(first, [merged("a", "b", "Alice")]).changed()[1:] == [["a", "b"]]


def test_the_encoder_of_each_embedding_is_kept() -> None:
    other = Template("other@2", b"a-1", "room2", 0.9)
    view = Given(
        [registered("a", 0, "Visitor-A")],
        [seen("a", "Visitor-A", reason="bound", template=other, slot=1)],
    )
    assert view["a"].models == ["m@1", "other@2"]
    document = msgspec.structs.replace(view["a"], models=[], averaged=[])
    older = SetPerson(topics.person_key(SITE, "a"), encode(document), START * 2)
    view.store.commit(Change("x", {}, {}, [older]))
    project(view.store, [seen("a", "Visitor-A", template=other, slot=2)])
    assert view["a"].models == ["", "", "other@2"], "an older view's are not guessed"
    assert view["a"].averaged == [0.0, 0.0, 1.0], "neither are their crops"


def test_of_how_many_crops_each_embedding_is_grows_with_the_look() -> None:
    first, grown = (Template("m@1", b"a", "room1", 0.8, weight=weight) for weight in (2.4, 4.04))
    view = Given(
        [registered("a", 0, "Visitor-A", template=first)],
        [seen("a", "Visitor-A", template=template("crop"), slot=1)],
        [seen("a", "Visitor-A", template=grown, slot=0)],
    )
    assert view["a"].averaged == [5.0, 1.0]


def test_what_the_api_shows_goes_with_the_document() -> None:
    view = Given([registered("a", 0, "Visitor-A")], [renamed("a", "Alice")])
    raw = view.store.get(topics.shown_person_key(SITE, "a"))
    assert msgspec.json.decode(raw, type=ShownPerson) == shown_of(view["a"])
    assert b"embeddings" not in raw.replace(b"num_embeddings", b"")
    project(view.store, [forgotten("a")])
    assert view.store.get(topics.shown_person_key(SITE, "a")) is None


def test_a_mapping_that_did_not_change_is_not_published() -> None:
    view = Given(
        walk("a", 0, "Visitor-A", "room1"), [seen("a", "Visitor-A", track("room1", "0"), START + 1000)]
    )
    assert view.published() == [("room1", {"0": "Visitor-A"})]


def test_of_two_tracker_runs_with_one_id_the_latest_seen_shows() -> None:
    view = Given(
        walk("a", 0, "Visitor-A", "room1"),
        walk("b", 1, "Visitor-B", "room2"),
        [seen("b", "Visitor-B", track("room1", "0", "s2"), START + 50)],
    )
    assert view.published()[-1] == ("room1", {"0": "Visitor-B"})


def test_odd_names_stay_apart() -> None:
    where = track("hall/1:a", "7/x", "s/2")
    view = Given(
        [registered("a", 0, "Visitor-A"), seen("a", "Visitor-A", where)], [left("a", "Visitor-A", where)]
    )
    assert view["a"].cameras == ["hall/1:a"]
    assert (view["a"].tracks, view.labels("hall/1:a")) == ([], {})


def test_a_document_that_expired_by_the_clock_keeps_the_sums_right() -> None:
    view = Given(walk("a", 0, "Visitor-A", "room1"), walk("b", 1, "Visitor-B", "room1"))
    view.store._drop(topics.person_key(SITE, "a"))  # what Redis does when the key's time has come
    project(view.store, [expired("a")])
    assert view.sums() == {"room1": (1, 1, 1)}
    assert (view.index(), view.at_camera("room1")) == (["b"], ["b"])


def test_a_person_seen_after_the_document_expired_stands_again() -> None:
    view = Given(walk("a", 0, "Visitor-A", "room1"))
    view.store._drop(topics.person_key(SITE, "a"))
    project(
        view.store, [seen("a", "Visitor-A", track("room2"), START + 99, slot=1, template=template("new"))]
    )
    assert (view["a"].label, view["a"].cameras, view["a"].num_embeddings) == (
        "Visitor-A",
        ["room1", "room2"],
        2,
    )
    assert view.sums() == {"room1": (1, 2, 1), "room2": (1, 2, 1)}


@pytest.mark.parametrize(
    "again", [seen("a", "Visitor-A"), renamed("a", "Alice"), merged("a", "b", "Visitor-A")]
)
def test_who_went_in_this_batch_does_not_come_back_by_its_sums(again: Any) -> None:
    view = Given(walk("a", 0, "Visitor-A", "room1"), [forgotten("a"), again])
    assert isinstance(view.made[-1].rejected[0].error, PoisonInput)
    assert (view.index(), view.sums()) == ([], {})


def test_a_label_that_a_sighting_brings_shows_on_the_other_tracks_too() -> None:
    view = Given(
        [registered("a", 0, "Visitor-A"), seen("a", "Visitor-A", track("room1"))],
        [seen("a", "Alice", track("room2"))],
    )
    assert (view.labels("room1"), view.labels("room2")) == ({"s1/1": "Alice"}, {"s1/1": "Alice"})
