"""What every `ViewStore` must do. A subclass of `ViewStoreContract` gives the fixture ``store``."""

import json
from typing import Any

import msgspec
import pytest

from projections.changes import (
    AddHolder,
    AddSums,
    Append,
    Change,
    Count,
    Delete,
    HashDelete,
    HashSet,
    IndexAdd,
    IndexRemove,
    KeepUntil,
    Message,
    RemoveHolder,
    SetAdd,
    SetOutcome,
    SetPerson,
    SetRemove,
)
from projections.store import CameraRef, PersonRef, ViewStore
from projections.views import PersonsView, formed
from reid.contracts import topics
from reid.contracts.cloudevents import rfc3339
from reid.contracts.codec import encode
from reid.contracts.views import HistoryEntry, LiveTrack, PersonTally, PersonView
from reid.errors import StaleView
from tests.unit.projections.logs import project
from tests.unit.projections.story import SITE, START, left, merged, rejected, renamed, reset, track, walk

KEY = "saferoom:test"
#: Families of keys that have tests of their own (`test_journeys`).
JOURNEYS = {"journeys", "visits", "transitions", "occupancy"}
encode_list = msgspec.json.Encoder().encode


def commit(store: ViewStore, *ops: Any, expected: dict[int, int | None] | None = None) -> None:
    store.commit(Change("v", expected or {}, {0: 1}, ops))


class ViewStoreContract:
    def test_an_empty_store_has_no_positions_and_no_documents(self, store: ViewStore) -> None:
        assert store.positions("v") == {}
        found = store.load([PersonRef(SITE, "p")], [CameraRef(SITE, "c")])
        assert (found.persons, found.tallies, found.live) == ({}, {}, {CameraRef(SITE, "c"): {}})
        assert store.dump("saferoom:") == {}

    def test_a_commit_moves_only_its_own_positions(self, store: ViewStore) -> None:
        store.commit(Change("v", {0: None, 1: None}, {0: 5}))
        store.commit(Change("v", {0: 5, 1: None}, {1: 2**40}))
        store.commit(Change("w", {0: None}, {0: 1}))
        assert store.positions("v") == {0: 5, 1: 2**40}

    @pytest.mark.parametrize("wrong", [{0: None}, {0: 4}, {0: 6}, {0: 5, 1: 1}])
    def test_another_position_than_expected_refuses_all(
        self, store: ViewStore, wrong: dict[int, int | None]
    ) -> None:
        store.commit(Change("v", {0: None}, {0: 5}))
        with pytest.raises(StaleView):
            store.commit(Change("v", wrong, {0: 7}, [SetAdd(KEY, "x")]))
        assert store.positions("v") == {0: 5}
        assert store.dump(KEY) == {}

    def test_each_operation(self, store: ViewStore) -> None:
        commit(store, HashSet(KEY + ":h", "a", b"1"), HashSet(KEY + ":h", "b", "ü".encode()))
        commit(store, SetAdd(KEY + ":s", "a"), SetAdd(KEY + ":s", "b"), IndexAdd(KEY + ":z", "late", 2))
        commit(store, IndexAdd(KEY + ":z", "early", 1), SetOutcome(KEY + ":o", b"{}"))
        assert store.dump(KEY) == {
            KEY + ":h": {"a": "1", "b": "ü"},
            KEY + ":o": "{}",
            KEY + ":s": ["a", "b"],
            KEY + ":z": ["early", "late"],
        }
        commit(store, HashDelete(KEY + ":h", "a"), SetRemove(KEY + ":s", "b"), Delete(KEY + ":o"))
        commit(store, IndexRemove(KEY + ":z", "late"), Delete(KEY + ":never"))
        assert store.dump(KEY) == {KEY + ":h": {"b": "ü"}, KEY + ":s": ["a"], KEY + ":z": ["early"]}
        commit(
            store, HashDelete(KEY + ":h", "b"), SetRemove(KEY + ":s", "a"), IndexRemove(KEY + ":z", "early")
        )
        assert store.dump(KEY) == {}

    def test_counts_add_up_and_go_at_zero(self, store: ViewStore) -> None:
        commit(store, Count(KEY, "a", 2), Count(KEY, "b", -1), Count(KEY, "a", 3))
        assert store.dump(KEY) == {KEY: {"a": "5", "b": "-1"}}
        commit(store, Count(KEY, "b", 1), Count(KEY, "a", 2**40))
        assert store.dump(KEY) == {KEY: {"a": str(2**40 + 5)}}
        commit(store, Count(KEY, "a", -(2**40) - 5))
        assert store.dump(KEY) == {}

    def test_holders_stand_once_by_their_bytes_and_go_one_by_one(self, store: ViewStore) -> None:
        ids = ["b", "ü", "B", "bb"]
        commit(store, *(AddHolder(KEY, "x", id_) for id_ in [*ids, "b"]), AddHolder(KEY, "y", "b"))
        assert store.dump(KEY) == {KEY: {"x": "B b bb ü", "y": "b"}}
        commit(
            store, RemoveHolder(KEY, "x", "b"), RemoveHolder(KEY, "x", "none"), RemoveHolder(KEY, "y", "b")
        )
        assert store.dump(KEY) == {KEY: {"x": "B bb ü"}}
        commit(store, *(RemoveHolder(KEY, "x", id_) for id_ in ids), RemoveHolder(KEY + ":never", "x", "b"))
        assert store.dump(KEY) == {}

    def test_claims_tell_whose_the_crops_are_and_who_lives(self, store: ViewStore) -> None:
        index = topics.persons_index_key(SITE)
        commit(
            store, AddHolder(topics.crops_key(SITE), "x", "b"), AddHolder(topics.crops_key(SITE), "x", "a")
        )
        store.commit(Change("persons", {}, {0: 7}, [IndexAdd(index, "b", 1), formed(PersonsView(90))]))
        found = store.claims([SITE, "annex"])
        assert found.sites[SITE] == ({"x": b"a b"}, frozenset("b"))
        assert found.sites["annex"] == ({}, frozenset())
        assert (found.positions, found.form) == ({0: 7}, PersonsView.form)

    def test_hashes_come_back_as_they_went(self, store: ViewStore) -> None:
        commit(store, HashSet(KEY, "ü", "ä".encode()), HashSet(KEY, "1", b"2"))
        assert store.hashes([KEY, KEY + ":never"]) == {
            KEY: {"ü": "ä".encode(), "1": b"2"},
            KEY + ":never": {},
        }
        assert store.hashes([]) == {}

    def test_sums_of_a_camera_without_persons_go(self, store: ViewStore) -> None:
        def add(camera: str, persons: int, embeddings: int, visits: int) -> AddSums:
            return AddSums(f"{KEY}:{camera}", f"{KEY}:cameras", camera, persons, embeddings, visits)

        commit(store, add("a", 2, 5, 3), add("b", 1, 1, 1), add("a", 0, 1, 0))
        assert store.dump(KEY) == {
            f"{KEY}:a": {"embeddings": "6", "persons": "2", "visits": "3"},
            f"{KEY}:b": {"embeddings": "1", "persons": "1", "visits": "1"},
            f"{KEY}:cameras": ["a", "b"],
        }
        commit(store, add("b", -1, -1, -1))
        assert sorted(store.dump(KEY)) == [f"{KEY}:a", f"{KEY}:cameras"]
        commit(store, add("a", -2, -6, -3))
        assert store.dump(KEY) == {}

    def test_documents_come_back_as_they_went(self, store: ViewStore) -> None:
        person = PersonView(person_id="p", label="Visitor-Ä", number=3, embeddings=[b"\x00\xff"])
        live = LiveTrack(tracker_id="1", person_id="p", label="Visitor-Ä", last_seen=START)
        ref, place = PersonRef(SITE, "p"), CameraRef(SITE, "room:1/a")
        commit(
            store,
            SetPerson(topics.person_key(*ref), encode(person), START),
            HashSet(topics.person_tallies_key(SITE), "p", encode(PersonTally(3, ("room1",), 1, 1))),
            HashSet(topics.live_labels_key(*place), "s/1", encode(live)),
        )
        other = PersonRef("annex", "q")
        found = store.load([ref, other], [place])
        assert found.persons == {ref: person}
        assert found.tallies == {ref: PersonTally(3, ("room1",), 1, 1)}
        assert found.live == {place: {"s/1": live}}

    def test_a_list_keeps_its_end(self, store: ViewStore) -> None:
        commit(store, Append(KEY, [b"%d" % n for n in range(4)], 3), KeepUntil(KEY, START))
        commit(store, Append(KEY, [b"4"], 3), Append(KEY, [b"5"], 3), KeepUntil(KEY + ":never", START))
        assert store.dump(KEY) == {KEY: ["3", "4", "5"]}

    def test_the_first_outcome_under_a_key_stays(self, store: ViewStore) -> None:
        commit(store, SetOutcome(KEY, b"first"))
        commit(store, SetOutcome(KEY, b"second"))
        assert store.dump(KEY) == {KEY: "first"}

    def test_a_store_filled_anew_refuses_all(self, store: ViewStore) -> None:
        assert store.generation() == ""
        commit(store, SetOutcome(topics.GENERATION_KEY, b"g1"))
        assert store.generation() == "g1"
        for stale in ("", "g0"):
            with pytest.raises(StaleView):
                store.commit(Change("v", {0: 1}, {0: 2}, [SetAdd(KEY, "x")], generation=stale))
        store.commit(Change("v", {0: 1}, {0: 2}, [SetAdd(KEY, "y")], generation="g1"))
        assert store.dump(KEY) == {KEY: ["y"]}

    def test_a_held_store_refuses_live_commits_only(self, store: ViewStore) -> None:
        commit(store, SetOutcome(topics.HOLD_KEY, b"token"))
        with pytest.raises(StaleView, match="about to swap"):
            store.commit(Change("v", {0: 1}, {0: 2}, generation=""))
        store.commit(Change("v", {0: 1}, {0: 2}))

    def test_waiting_samples_come_back_as_they_went(self, store: ViewStore) -> None:
        place = CameraRef(SITE, "room:1/a")
        one = HistoryEntry(kind="sampled", at=START, offset=3, event_type="t", person_id="", track=track())
        commit(store, HashSet(topics.samples_key(*place), "s/1", encode_list([one])))
        assert store.load([], [], [place]).samples == {place: {"s/1": [one]}}

    def test_an_old_document_does_not_vanish_while_a_projector_catches_up(self, store: ViewStore) -> None:
        person = PersonView(person_id="p", label="Visitor-A", number=0, last_seen=START)
        ref = PersonRef(SITE, "p")
        commit(store, SetPerson(topics.person_key(*ref), encode(person), 1))
        assert store.load([ref], []).persons == {ref: person}

    def test_messages_are_sent_with_the_batch(self, store: ViewStore, heard: list[tuple[str, Any]]) -> None:
        store.commit(Change("v", {}, {0: 1}, (), [Message(KEY, b'{"a":1}'), Message(KEY, b'{"a":2}')]))
        with pytest.raises(StaleView):
            store.commit(Change("v", {0: None}, {0: 2}, (), [Message(KEY, b'{"a":3}')]))
        assert [json.loads(payload) for channel, payload in self.wait(heard, 2) if channel == KEY] == [
            {"a": 1},
            {"a": 2},
        ]

    @pytest.mark.parametrize("batch", [1, 3, 1000])
    def test_batches_of_any_size_give_the_same_view(self, store: ViewStore, batch: int) -> None:
        project(store, STORY, batch)
        found = store.dump("saferoom:")
        found.pop(topics.position_key("persons"))
        kinds = [json.loads(raw)["kind"] for raw in found.pop(topics.history_key(SITE, "a"))]
        assert kinds == ["registered", "bound", "left", "bound", "merged", "renamed", "left"]
        kinds = [json.loads(raw)["kind"] for raw in found.pop(topics.history_key(SITE, "b"))]
        assert kinds == ["registered", "bound", "left", "bound", "merged_into"]
        person = json.loads(found[topics.person_key(SITE, "a")])
        shown = json.loads(found.pop(topics.shown_person_key(SITE, "a")))
        times = {name: rfc3339(person[name]) for name in ("first_seen", "last_seen")}
        assert shown == {name: person[name] for name in shown} | times
        journeys = [key for key in found if key.split(":")[1] in JOURNEYS]
        assert topics.journeys_key(SITE, "b") not in journeys
        for key in journeys:
            found.pop(key)
        assert {key: json.loads(v) if isinstance(v, str) else v for key, v in found.items()} == {
            "saferoom:by-camera:global:room1": ["a"],
            "saferoom:by-camera:global:room2": ["a"],
            "saferoom:index:global": ["a"],
            "saferoom:live-cameras:global": ["room1", "room2", "room3"],
            "saferoom:live:global:room2": {
                "s1/0": json.dumps(
                    {"tracker_id": "0", "person_id": "a", "label": "Alice", "last_seen": START + 1000},
                    separators=(",", ":"),
                )
            },
            "saferoom:outcome:c1": {
                "command_id": "c1",
                "event_type": "reid.command.rejected.v1",
                "site_id": SITE,
                "rejected": True,
                "code": "same_person",
                "message": "because",
                "person_id": None,
                "person_ids": [],
            },
            "saferoom:person-cameras:global": ["room1", "room2"],
            "saferoom:persons:global:a": {
                "person_id": "a",
                "label": "Alice",
                "number": 0,
                "cameras": ["room1", "room2"],
                "embeddings": ["bWVyZ2VkLTA=", "bWVyZ2VkLTE="],
                "models": ["m@1", "m@1"],
                "averaged": [1.0, 1.0],
                "num_embeddings": 2,
                "visit_count": 2,
                "first_seen": START,
                "last_seen": START + 10,
                "current_camera": "room2",
                "tracks": ["room2/s1/0"],
                "absorbed": {"b": "a"},
                "attributes": {},
                "crops": [],
            },
            "saferoom:stats:global:room1": {"embeddings": "2", "persons": "1", "visits": "2"},
            "saferoom:stats:global:room2": {"embeddings": "2", "persons": "1", "visits": "2"},
            "saferoom:tallies:global": {
                "a": '{"number":0,"cameras":["room1","room2"],"embeddings":2,"visits":2,"absorbed":{"b":"a"},'
                '"crops":[],"attributes":{}}'
            },
        }  # fmt: skip

    @staticmethod
    def wait(heard: list[tuple[str, Any]], count: int) -> list[tuple[str, Any]]:
        """The messages heard; a store that sends them over a network needs a moment."""
        assert len(heard) == count
        return heard


STORY = [
    *walk("a", 0, "Visitor-A", "room1", "room2"),
    *walk("b", 1, "Visitor-B", "room2", "room1"),
    *walk("c", 2, "Visitor-C", "room3"),
    rejected("c1", "same_person"),
    merged("a", "b", "Visitor-A"),
    renamed("a", "Alice"),
    left("a", "Alice", track("room1", "1")),
    reset("c", camera="room3"),
]
