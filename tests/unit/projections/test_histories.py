"""How a person became who it is, as the view keeps it, and splits in the view."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from api.history import gather, page
from projections.store import MemoryViewStore, PersonRef
from projections.views import PersonsView
from reid.contracts import topics
from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.events import PersonTemplateRemoved
from reid.contracts.views import HistoryEntry, SampledStep, SeenStep
from tests.unit.projections.logs import TTL_DAYS, project, records
from tests.unit.projections.story import (
    DECISION,
    SITE,
    START,
    expired,
    forgotten,
    left,
    looks,
    merged,
    registered,
    renamed,
    reset,
    sampled,
    seen,
    split,
    state,
    suggested,
    template,
    track,
    walk,
)


def history(store: MemoryViewStore, person: str) -> list[dict[str, Any]]:
    found = store.dump(topics.history_key(SITE, person))
    return [json.loads(raw) for raw in found.get(topics.history_key(SITE, person), [])]


def kinds(store: MemoryViewStore, person: str) -> list[str]:
    return [entry["kind"] for entry in history(store, person)]


def gathered(store: MemoryViewStore, person: str) -> list[HistoryEntry]:
    async def load(ids: list[str]) -> list[list[HistoryEntry]]:
        import msgspec

        decode = msgspec.json.Decoder(HistoryEntry).decode
        return [[decode(raw) for raw in store.get(topics.history_key(SITE, id_)) or ()] for id_ in ids]

    return asyncio.run(gather(person, load))


def after(*events: Any, batch: int = 1_000) -> MemoryViewStore:
    store = MemoryViewStore()
    project(store, events, batch)
    return store


@pytest.mark.parametrize("batch", [1, 1_000])
def test_samples_come_before_the_decision_that_they_led_to(batch: int) -> None:
    where = track("room2", "7")
    store = after(
        sampled(where, START, 1),
        sampled(where, START + 400, 2),
        sampled(track("room2", "8"), START + 500),
        registered("a", 0, "Visitor-A", START + 800, track=where),
        seen("a", "Visitor-A", where, START + 800, reason="bound", decision=DECISION),
        batch=batch,
    )
    found = history(store, "a")
    assert [entry["kind"] for entry in found] == ["sampled", "sampled", "registered", "bound"]
    assert [entry["offset"] for entry in found] == [0, 1, 3, 4]
    assert [entry.get("samples") for entry in found[:2]] == [1, 2]
    assert {entry["person_id"] for entry in found} == {"a"}
    assert found[2]["decision"]["policy"] == "p1-test"
    waiting = store.dump(topics.samples_key(SITE, "room2"))[topics.samples_key(SITE, "room2")]
    assert list(waiting) == ["s1/8"]


def test_samples_of_a_track_that_never_was_anybody_are_forgotten() -> None:
    store = after(sampled(track("room1", "1"), START), sampled(track("room1", "2"), START + 60_001))
    assert list(store.dump("saferoom:samples")[topics.samples_key(SITE, "room1")]) == ["s1/2"]


def test_a_sighting_is_a_step_only_when_it_changes_something() -> None:
    store = after(
        *walk("a", 0, "Visitor-A", "room1"),
        seen("a", "Visitor-A", track("room1", "0"), START + 1_000),
        seen("a", "Visitor-A", track("room1", "0"), START + 2_000, slot=1, template=template("x")),
        seen("a", "Visitor-A", track("room1", "0"), START + 3_000, visit_count=2),
        seen("a", "Visitor-A", track("room1", "0"), START + 4_000, visit_count=2, together=("b",)),
        left("a", "Visitor-A", track("room1", "0"), START + 9_000),
        renamed("a", "Alice", asked_by="desk", command_id="c1"),
    )
    assert kinds(store, "a") == ["registered", "bound", "seen", "seen", "seen", "left", "renamed"]
    assert [entry["offset"] for entry in history(store, "a")] == [0, 1, 3, 4, 5, 6, 7]
    last = history(store, "a")[-1]
    assert (last["asked_by"], last["command_id"], last["previous_label"]) == ("desk", "c1", "Visitor-?")


def test_a_step_names_its_event_and_cause() -> None:
    event, cause = registered("a", 0, "Visitor-A"), Causation("reid.detections.v1", 0, 17)
    headers = headers_of(event, cause, 0)
    record = records([event], start=41)[0]._replace(headers=list(headers))
    made = PersonsView(TTL_DAYS).project([record], MemoryViewStore())
    (entry,) = [json.loads(raw) for op in made.ops if op.op == "append" for raw in op.entries]
    assert (entry["offset"], entry["causation"]) == (41, "reid.detections.v1/0/17")
    assert entry["event_id"].encode() == dict(headers)["ce_id"]


def test_only_the_newest_steps_are_kept() -> None:
    store, view = MemoryViewStore(), PersonsView(TTL_DAYS, history_entries=10)
    found = records([registered("a", 0, "A"), *(renamed("a", f"N{n}") for n in range(30))])
    made = view.project(found, store)
    appended = [raw for op in made.ops if op.op == "append" for raw in op.entries]
    assert [json.loads(raw)["label"] for raw in appended] == [f"N{n}" for n in range(20, 30)]


def test_a_merge_makes_the_others_past_part_of_it_until_undone() -> None:
    told = [
        *walk("a", 0, "Visitor-A", "room1"),
        *walk("b", 1, "Visitor-B", "room2"),
        *walk("c", 2, "Visitor-C", "room3"),
        merged("b", "c", "Visitor-B"),
        merged("a", "b", "Visitor-A", command_id="c1", asked_by="desk"),
    ]
    store = after(*told)
    found = gathered(store, "a")
    assert [(e.kind, e.person_id) for e in found] == [
        ("registered", "a"), ("bound", "a"), ("registered", "b"), ("bound", "b"),
        ("registered", "c"), ("bound", "c"), ("merged", "b"), ("merged", "a"),
    ]  # fmt: skip
    assert kinds(store, "b")[-1] == "merged_into"
    undo = split("merge_undone", state("a", 0, "Visitor-A"), state("b", 1, "Visitor-B"))
    project(store, [undo, renamed("b", "Bob")])
    assert [e.kind for e in gathered(store, "a")] == ["registered", "bound", "merged", "merge_undone"]
    assert [(e.kind, e.person_id) for e in gathered(store, "b")] == [
        ("registered", "b"), ("bound", "b"), ("registered", "c"), ("bound", "c"), ("merged", "b"),
        ("merged_into", "b"), ("merge_undone", "b"), ("renamed", "b"),
    ]  # fmt: skip


def test_pages_go_back_in_time_without_gap_or_repetition() -> None:
    store = after(*walk("a", 0, "A", "room1"), *(renamed("a", f"N{n}") for n in range(9)))
    entries, seen_offsets, before = gathered(store, "a"), list[int](), None
    while True:
        shown, before = page(entries, 4, before)
        seen_offsets = [entry.offset for entry in shown] + seen_offsets
        if before is None:
            break
    assert seen_offsets == list(range(11))


@pytest.mark.parametrize("end", [forgotten("a"), expired("a"), reset("a")])
def test_who_is_erased_takes_the_past_along_also_of_the_absorbed(end: Any) -> None:
    store = after(*walk("a", 0, "A", "room1"), *walk("b", 1, "B", "room2"), merged("a", "b", "A"), end)
    assert store.dump("saferoom:history") == {}
    # The document's key has expired by the clock before the log says so.
    store = after(*walk("a", 0, "A", "room1"), *walk("b", 1, "B", "room2"), merged("a", "b", "A"))
    store._drop(topics.person_key(SITE, "a"))
    project(store, [end])
    assert store.dump("saferoom:history") == {}


def test_looks_that_a_merge_united_stayed_with_the_survivor_when_it_was_undone() -> None:
    store = after(
        *walk("a", 0, "Visitor-A", "room1"),
        *walk("b", 1, "Visitor-B", "room2"),
        looks("b", "upper", "red"),
        merged("a", "b", "Visitor-A"),
    )
    pair = state("a", 0, "Visitor-A"), state("b", 1, "Visitor-B")
    told = split("merge_undone", *pair, attributes={"a": {}, "b": {"upper": "red"}})
    project(store, [told])
    found = store.load([PersonRef(SITE, "a"), PersonRef(SITE, "b")], []).persons
    assert [view.attributes for view in found.values() if view is not None] == [{}, {"upper": "red"}]
    # Logs of before do not tell: there they stay.
    project(store, [merged("a", "b", "Visitor-A"), split("merge_undone", *pair)])
    view = store.load([PersonRef(SITE, "a")], []).persons[PersonRef(SITE, "a")]
    assert view is not None and view.attributes == {"upper": "red"}


def test_an_undone_merge_restores_both_documents_and_live_labels() -> None:
    store = after(
        *walk("a", 0, "Visitor-A", "room1"),
        *walk("b", 1, "Visitor-B", "room2"),
        merged("a", "b", "Visitor-A"),
    )
    one = state("a", 0, "Visitor-A", cameras=("room1",), visit_count=3)
    two = state("b", 1, "Visitor-B", cameras=("room2",), templates=(template("b-0"), template("b-1")))
    project(store, [split("merge_undone", one, two, track("room2", "1"), command_id="c9")])
    found = store.load([PersonRef(SITE, "a"), PersonRef(SITE, "b")], []).persons
    a, b = found[PersonRef(SITE, "a")], found[PersonRef(SITE, "b")]
    assert (a.tracks, a.current_camera, a.visit_count, a.absorbed) == (["room1/s1/0"], "room1", 3, {})
    assert (b.tracks, b.current_camera, b.num_embeddings) == (["room2/s1/1"], "room2", 2)
    live = store.dump("saferoom:live:global:room2")["saferoom:live:global:room2"]
    assert json.loads(live["s1/1"])["label"] == "Visitor-B"
    outcome = json.loads(store.dump("saferoom:outcome")["saferoom:outcome:c9"])
    assert (outcome["person_id"], outcome["person_ids"]) == ("a", ["a", "b"])
    stats = store.dump("saferoom:stats")
    assert stats["saferoom:stats:global:room2"] == {"embeddings": "2", "persons": "1", "visits": "1"}


def test_a_rejected_track_without_appearance_is_nobody() -> None:
    where = track("room1", "0")
    store = after(*walk("a", 0, "Visitor-A", "room1"))
    project(store, [split("track_rejected", state("a", 0, "Visitor-A"), None, where)])
    assert store.dump("saferoom:live:") == {}
    assert store.published[-1].payload == b'{"camera_id":"room1","person_labels":{}}'


def test_moved_tracks_join_a_person_that_is_there() -> None:
    store = after(*walk("a", 0, "A", "room1"), *walk("b", 1, "B", "room2"))
    two = state("b", 1, "B", cameras=("room2", "room1"))
    project(store, [split("tracks_moved", state("a", 0, "A", cameras=()), two, track("room1", "0"))])
    b = store.load([PersonRef(SITE, "b")], []).persons[PersonRef(SITE, "b")]
    assert b.tracks == ["room2/s1/1", "room1/s1/0"]
    live = store.dump("saferoom:live:global:room1")["saferoom:live:global:room1"]
    assert json.loads(live["s1/0"])["person_id"] == "b"
    assert kinds(store, "a")[-1] == kinds(store, "b")[-1] == "tracks_moved"


def test_a_suggestion_stands_in_the_history_of_both() -> None:
    store = after(registered("a", 0, "Visitor-a"), registered("b", 1, "Visitor-b"), suggested("b", "a"))
    for person, other in (("a", "b"), ("b", "a")):
        entry = history(store, person)[-1]
        assert (entry["kind"], entry["other_id"], entry["other_label"]) == (
            "suggested", other, f"Visitor-{other}",
        )  # fmt: skip
        assert entry["decision"]["reason"] == "another_day"


def test_a_template_taken_out_is_a_step_with_its_evidence_and_leaves_the_document() -> None:
    wrong = template("wrong")
    removed = PersonTemplateRemoved(
        site_id=SITE, at=START, person_id="a", label="Visitor-a", slot=1, template=wrong, left=1,
        decision=msgspec.structs.replace(DECISION, reason="template_disagrees", score=0.1),
    )  # fmt: skip
    store = after(
        registered("a", 0, "Visitor-a"),
        seen("a", "Visitor-a", track("room2", "7"), slot=1, template=wrong),
        removed,
    )
    entry = history(store, "a")[-1]
    assert (entry["kind"], entry["template_slot"], entry["decision"]["reason"]) == (
        "template_removed", 1, "template_disagrees",
    )  # fmt: skip
    document = json.loads(store.get(topics.person_key(SITE, "a")) or b"")
    assert document["num_embeddings"] == len(document["embeddings"]) == len(document["models"]) == 1


@pytest.mark.parametrize("step", [SeenStep, SampledStep])
def test_a_step_that_is_made_the_short_way_has_the_bytes_of_any_other(step: type[msgspec.Struct]) -> None:
    full = HistoryEntry(
        kind="k", at=1, offset=2, event_type="t", person_id="p", event_id="e", causation="c", label="l",
        track=track("room1", "7"), samples=3, quality=0.5, model="m", candidate="q", score=0.25,
        decision=DECISION, visit_count=4, template_slot=0, together=("r",),
    )  # fmt: skip
    fields = [field.name for field in msgspec.structs.fields(step)]
    known = [field.name for field in msgspec.structs.fields(HistoryEntry)]
    assert [name for name in known if name in fields] == fields
    other = {name: getattr(full, name) for name in fields}
    assert msgspec.json.encode(step(**other)) == msgspec.json.encode(HistoryEntry(**other))
    few = dict(list(other.items())[:5])
    assert msgspec.json.encode(step(**few)) == msgspec.json.encode(HistoryEntry(**few))
