"""A view folded in memory over many batches is the one that is written after each."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import persons
from projections.changes import Append, Change, Delete, HashDelete, HashSet, KeepUntil, Op, SetAdd, SetPerson
from projections.scratch_store import commands
from projections.store import MemoryViewStore
from projections.views import CamerasView, Defect, PersonsView
from reid.contracts import topics
from reid.contracts.events import PersonRenamed
from reid.contracts.topics import EXPIRY_GRACE_MS
from tests.unit.projections.logs import TTL_DAYS, project, records, report
from tests.unit.projections.story import SITE, START, merged, renamed, sampled, seen, status, track, walk
from tests.unit.projections.test_invariants import an_event

PARTS = st.lists(st.tuples(st.lists(an_event(), max_size=8), st.sampled_from(["", "spill", "flush"])))


def held(parts: Iterable[tuple[list[Any], str]], fresh: bool = False) -> MemoryViewStore:
    """After each part: goes on, writes what grew, or writes all and begins anew from the store. ``fresh``:
    the first fold is told that the store is empty."""
    store, view, offset = MemoryViewStore(), PersonsView(TTL_DAYS), 0

    def write(ops: Iterable[Op]) -> None:
        store.commit(Change(view.name, {}, {0: offset}, list(ops)))

    fold = view.fold(store, fresh)
    for events, then in parts:
        fold.apply(records(events, start=offset))
        offset += len(events)
        if then == "spill":
            write(fold.grown())
        elif then == "flush":
            write(fold.ops())
            fold = view.fold(store)
    write(fold.ops())
    return store


@given(PARTS, st.booleans())
def test_a_fold_that_writes_late_gives_what_a_commit_a_batch_gives(
    parts: list[tuple[list[Any], str]], fresh: bool
) -> None:
    live = MemoryViewStore()
    for events, _ in parts:
        if events:
            project(live, events)
    position = topics.position_key("persons")
    expected, found = live.dump("saferoom:"), held(parts, fresh).dump("saferoom:")
    expected.pop(position, None)
    found.pop(position)
    assert found == expected


def test_a_person_seen_in_many_batches_is_written_once() -> None:
    store, view = MemoryViewStore(), PersonsView(TTL_DAYS)
    fold = view.fold(store)
    for batch in range(5):
        assert fold.apply(records(walk("a", 0, "A", "room1"), start=10 * batch)) == []
        list(fold.grown())
    assert len(fold) == 1
    written = [type(op) for op in fold.ops()].count(SetPerson)
    assert written == 2, "the document, and what the API shows of it"


def test_a_fold_that_began_with_an_empty_store_asks_it_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any) -> Any:
        raise AssertionError("it is known to have nothing")

    for name in ("load", "hashes"):
        monkeypatch.setattr(MemoryViewStore, name, asked)
    told = [
        *walk("a", 0, "A", "room1"),
        *walk("b", 1, "B", "room3"),
        merged("a", "b", "A"),
        renamed("c", "C"),
    ]
    fold = PersonsView(TTL_DAYS).fold(MemoryViewStore(), fresh=True)
    (rejected,) = fold.apply(records(told))
    assert "whom no earlier event registered" in str(rejected.error)
    with pytest.raises(AssertionError, match="known to have nothing"):
        PersonsView(TTL_DAYS).fold(MemoryViewStore()).apply(records(told))


def test_what_grew_is_told_once() -> None:
    fold = PersonsView(TTL_DAYS).fold(MemoryViewStore())
    fold.apply(records([*walk("a", 0, "A", "room1"), sampled(track("room2", "5"))]))
    grown = list(fold.grown())
    assert [type(op) for op in grown] == [Delete, Append, HashSet]
    assert list(fold.grown()) == []
    assert not any(isinstance(op, Append) for op in fold.ops())


def test_a_holder_met_late_is_relabelled_on_all_its_cameras() -> None:
    """It came in as the holder of somebody else's track: the cameras of its own tracks were not loaded."""
    both = seen("a", "A", track("room2", "0"), START + 5_000, reason="bound")
    told = [*walk("a", 0, "A", "room1"), both, *walk("b", 1, "B", "room3")]
    taken = seen("b", "B", track("room1", "0"), START + 9_000, reason="bound")
    parts = [(told, "flush"), ([taken], ""), ([renamed("a", "Alice")], "")]
    live = MemoryViewStore()
    for events, _ in parts:
        project(live, events)
    key = topics.live_labels_key(SITE, "room2")
    assert '"label":"Alice"' in live.dump(key)[key]["s1/0"]
    assert held(parts).dump(key) == live.dump(key)


def test_a_defect_of_a_handler_ends_the_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise KeyError("a defect")

    monkeypatch.setitem(persons._HANDLERS, PersonRenamed, fails)
    found = records([*walk("a", 0, "A", "room1"), renamed("a", "Al")])
    with pytest.raises(Defect) as caught:
        PersonsView(TTL_DAYS).fold(MemoryViewStore()).apply(found)
    assert caught.value.record is found[-1]
    assert "defect of the projector" in str(caught.value.rejected().error)


def test_of_a_camera_the_last_report_alone_is_written() -> None:
    store = MemoryViewStore()
    fold = CamerasView().fold(store)
    reports = [status("room1"), status("room2"), status("room1")]
    assert fold.apply(records(reports, "reid.cameras.v1")) == []
    assert (len(fold), list(fold.grown())) == (2, [])
    report(live := MemoryViewStore(), reports)
    store.commit(Change("cameras", {}, {0: 3}, list(fold.ops())))
    assert store.dump("saferoom:") == live.dump("saferoom:")


def test_neighbours_on_one_key_are_one_command() -> None:
    ops: list[Op] = [
        Append("l", [b"%d" % n for n in range(5)], 3),
        HashSet("h", "a", b"1"),
        HashSet("h", "b", b"2"),
        HashSet("other", "a", b"1"),
        HashDelete("h", "a"),
        HashDelete("h", "b"),
        HashDelete("other", "a"),
        SetAdd("s", "x"),
        SetPerson("p", b"{}", START + 5),
        KeepUntil("l", 1),
    ]
    assert list(commands(ops, START)) == [
        ("RPUSH", "l", b"2", b"3", b"4"),
        ("LTRIM", "l", -3, -1),
        ("HSET", "h", "a", b"1", "b", b"2"),
        ("HSET", "other", "a", b"1"),
        ("HDEL", "h", "a", "b"),
        ("HDEL", "other", "a"),
        ("SADD", "s", "x"),
        ("SET", "p", b"{}", "PXAT", START + 5 + EXPIRY_GRACE_MS),
        ("PEXPIREAT", "l", START + EXPIRY_GRACE_MS),
    ]


@given(
    st.lists(an_event(), max_size=12), st.lists(an_event(), max_size=12), st.lists(an_event(), max_size=12)
)
def test_a_copy_and_its_original_change_apart(before: list[Any], here: list[Any], there: list[Any]) -> None:
    def views(*parts: list[Any], store: MemoryViewStore | None = None) -> MemoryViewStore:
        made = store or MemoryViewStore()
        for events in parts:
            if events:
                project(made, events)
        return made

    original = views(before)
    stood = original.dump("")
    untouched, copied = original.copy(lambda: 0), original.copy(lambda: 0)
    views(here, store=original)
    views(there, store=copied)
    assert untouched.dump("") == stood
    assert original.dump("") == views(before, here).dump("")
    assert copied.dump("") == views(before, there).dump("")


@given(st.lists(an_event(), max_size=20))
def test_without_the_sums_of_journeys_all_else_is_the_same(events: list[Any]) -> None:
    dumps = []
    for counted in (True, False):
        store, view = MemoryViewStore(), PersonsView(TTL_DAYS, counted=counted)
        made = view.project(records(events), store)
        store.commit(Change(view.name, {}, {0: len(events)}, made.ops))
        dumps.append(store.dump(""))
    sums = ("saferoom:occupancy:", "saferoom:transitions:")
    whole, rest = ({k: v for k, v in dump.items() if not k.startswith(sums)} for dump in dumps)
    assert whole == rest
    assert not any(key.startswith(sums) for key in dumps[1])
