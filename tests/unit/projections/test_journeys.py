"""Visits and their sums follow the persons, whatever happens to them."""

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.store import MemoryViewStore
from reid.contracts import topics
from reid.contracts.events import PersonRegistered, PolicyAdopted
from reid.contracts.journeys import Visit
from reid.contracts.policy import Policy
from reid.journeys.counts import Sums, occupancy, transitions
from reid.journeys.legs import legs
from reid.journeys.visits import MAX_VISITS
from tests.unit.domain.test_identity import erased_in_view
from tests.unit.journeys import naive
from tests.unit.projections.logs import project
from tests.unit.projections.story import (
    SITE,
    START,
    expired,
    forgotten,
    left,
    merged,
    registered,
    reset,
    sampled,
    seen,
    split,
    state,
    track,
)

FAMILIES = {"journeys", "visits", "transitions", "occupancy"}
HOUR = 3_600_000


def store_of(*events: Any, batch: int = 1_000_000) -> MemoryViewStore:
    store = MemoryViewStore()
    project(store, events, batch)
    return store


def visits(store: MemoryViewStore, person: str) -> list[Visit]:
    found = store.get(topics.journeys_key(SITE, person)) or {}
    return [msgspec.json.decode(found[start], type=Visit) for start in sorted(found, key=int)]


def walked(store: MemoryViewStore, person: str) -> list[tuple[str, float, float]]:
    """(camera, enter, leave) in seconds of the story."""
    return [
        (leg.camera_id, (leg.entered_at - START) / 1000, (leg.left_at - START) / 1000)
        for visit in visits(store, person)
        for leg in legs(visit)
    ]


def present(person: str, camera: str, first: int, last: int, tracker: str = "1") -> list[Any]:
    """Bound at ``first``, told each second until ``last``, and left."""
    where, label = track(camera, tracker), f"Visitor-{person}"
    told = [
        seen(person, label, where, START + 1000 * s, reason="bound" if s == first else "present")
        for s in range(first, last + 1)
    ]
    return [*told, left(person, label, where, START + 1000 * last + 5000)]


def people(*names: str) -> list[Any]:
    return [
        registered(name, number, f"Visitor-{name}", START + number, track=track("door", name))
        for number, name in enumerate(names)
    ]


def family(store: MemoryViewStore) -> dict[str, Any]:
    return {k: v for k, v in store.dump("saferoom:").items() if k.split(":")[1] in FAMILIES}


def test_a_person_walks_from_room_to_room() -> None:
    store = store_of(
        *people("a"),
        *present("a", "room1", 5, 15),
        *present("a", "room2", 20, 31),
        *present("a", "room3", 40, 41),
    )
    assert walked(store, "a") == [
        ("door", 0, 0),
        ("room1", 5, 15),
        ("room2", 20, 31),
        ("room3", 40, 41),
    ]
    assert store.dump(topics.visits_key(SITE)) == {topics.visits_key(SITE): [f"a/{START}"]}


def test_a_track_was_there_since_its_first_sample() -> None:
    where = track("room1", "7")
    taken = [sampled(where, START + 1000 * s, s) for s in range(1, 5)]
    store = store_of(
        *people("a"), *taken, seen("a", "Visitor-a", where, START + 6000, reason="bound"),
        sampled(track("room2", "8"), START + 9000),
        registered("b", 1, "Visitor-b", START + 11_000, track=track("room2", "8")),
    )  # fmt: skip
    assert walked(store, "a")[1:] == [("room1", 1, 6)]
    assert walked(store, "b") == [("room2", 9, 11)]


def test_a_track_was_there_since_its_camera_says_so_though_its_first_sample_came_late() -> None:
    where, other = track("room1", "7"), track("room2", "8")
    store = store_of(
        *people("a"),
        sampled(where, START + 20_000),
        seen("a", "Visitor-a", where, START + 21_000, reason="bound", since=START + 5_000),
        seen("a", "Visitor-a", where, START + 22_000),
        registered("b", 1, "Visitor-b", START + 30_000, track=other),
        seen("b", "Visitor-b", other, START + 30_000, reason="bound", since=START + 26_000),
    )
    assert walked(store, "a")[1:] == [("room1", 5, 22)]
    assert walked(store, "b") == [("room2", 26, 30)]


def test_a_merge_and_its_undoing_move_the_legs() -> None:
    told = [*people("a", "b"), *present("a", "room1", 5, 9), *present("b", "room2", 12, 20, "2")]
    apart = store_of(*told)
    store = store_of(*told, merged("a", "b", "Visitor-a"))
    assert visits(store, "b") == []
    assert walked(store, "a") == [("door", 0, 0.001), ("room1", 5, 9), ("room2", 12, 20)]
    # The absorbed person's track goes on, and another begins, before it is undone.
    project(store, [*present("a", "room2", 21, 25, "2"), *present("a", "room3", 30, 33, "3")])
    two = state("a", 0, "Visitor-a"), state("b", 1, "Visitor-b")
    project(store, [split("merge_undone", *two, track("door", "b"), track("room2", "2"))])
    assert walked(store, "a") == [("door", 0, 0), ("room1", 5, 9), ("room3", 30, 33)]
    assert walked(store, "b") == [("door", 0.001, 0.001), ("room2", 12, 25)]
    undone = store_of(*told, merged("a", "b", "A"), split("merge_undone", *two, track("room2", "2")))
    assert family(undone) == family(apart)


def test_merges_are_undone_in_turn() -> None:
    told = [*people("a", "b", "c"), *present("c", "room3", 5, 9)]
    once, twice = [*told, merged("b", "c", "B")], [*told, merged("b", "c", "B"), merged("a", "b", "A")]
    b = split("merge_undone", state("a", 0, "A"), state("b", 1, "B"), track("door", "b"), track("door", "c"))
    c = split("merge_undone", state("b", 1, "B"), state("c", 2, "C"), track("door", "c"))
    assert family(store_of(*twice, b)) == family(store_of(*once))
    assert family(store_of(*twice, b, c)) == family(store_of(*told))


def test_tracks_that_were_somebody_else_move_or_are_nobodys() -> None:
    told = [*people("a", "b"), *present("a", "room1", 5, 9), *present("a", "room2", 12, 20)]
    wrong, two = track("room2", "1"), (state("a", 0, "Visitor-a"), state("b", 1, "Visitor-b"))
    moved = store_of(*told, split("tracks_moved", *two, wrong))
    assert (walked(moved, "a")[1:], walked(moved, "b")[1:]) == ([("room1", 5, 9)], [("room2", 12, 20)])
    rejected = store_of(*told, split("track_rejected", two[0], None, wrong))
    assert (walked(rejected, "a")[1:], walked(rejected, "b")[1:]) == ([("room1", 5, 9)], [])


def test_a_track_that_went_over_to_somebody_made_two_legs_too_long() -> None:
    where, sure = track("room1", "1"), START + 7_000
    told = [*people("a", "b"), *present("a", "room1", 5, 9)[:-1]]
    parted = left("a", "Visitor-a", where, START + 10_000, sure_until=sure)
    taken = seen("b", "Visitor-b", where, START + 12_000, reason="bound", since=sure)
    store = store_of(*told, parted, taken)
    assert (walked(store, "a")[1:], walked(store, "b")[1:]) == ([("room1", 5, 7)], [("room1", 7, 12)])
    check_sums(store, "a", "b")
    # Found again, after an absence longer than a visit's, it had not been sure since before that.
    again = seen("a", "Visitor-a", where, START + 600_000)
    lost = store_of(*told, again, left("a", "Visitor-a", where, START + 602_000, sure_until=sure))
    assert (walked(lost, "a")[1:], len(visits(lost, "a"))) == ([("room1", 5, 7)], 1)


def test_a_track_that_was_sure_to_the_end_keeps_its_leg() -> None:
    told = [*people("a"), *present("a", "room1", 5, 9)[:-1]]
    parted = left("a", "Visitor-a", track("room1", "1"), START + 9_000, sure_until=START + 9_000)
    assert family(store_of(*told, parted)) == family(store_of(*told))


@pytest.mark.parametrize("how", ["forgotten", "reset", "camera reset"])
def test_what_was_forgotten_in_view_came_back_as_the_first_leg_of_somebody_new(how: str) -> None:
    story = erased_in_view(how)
    first, again = (event.person_id for event in story.all(PersonRegistered))
    store = store_of(*story.log)
    assert (visits(store, first), walked(store, again)) == ([], [("room1", 5.0, 9.0)])
    check_sums(store, again)


def test_who_is_gone_leaves_nothing() -> None:
    told = [*people("a", "b"), *present("a", "room1", 5, 9), *present("b", "room2", 12, 20)]
    others = family(store_of(registered("a", 0, "Visitor-a", track=track("door", "a")), *told[2:8]))
    for gone in (forgotten("b"), expired("b"), reset("b", camera="room2")):
        assert family(store_of(*told, gone)) == others
        # Also what came to it by a merge.
        assert family(store_of(*told, merged("b", "a", "B"), gone)) == {}


def test_the_visit_gap_is_that_of_the_policy_in_force() -> None:
    def adopted(gap: int) -> PolicyAdopted:
        return PolicyAdopted(site_id=SITE, at=START, version="p", policy=Policy(visit_gap=gap))

    walk = [*people("a"), *present("a", "room1", 50, 51), *present("a", "room1", 100, 101, "2")]
    assert len(visits(store_of(*walk), "a")) == 1
    for batch in (1, 3, 1000):
        store = store_of(adopted(20_000), *walk, batch=batch)
        assert len(visits(store, "a")) == 3
        project(store, [adopted(60_000), *present("a", "room2", 150, 151)], batch)
        assert [v.gap for v in visits(store, "a")] == [20_000, 20_000, 60_000]


def test_a_camera_that_is_behind_joins_what_belongs_together() -> None:
    late = [*people("a"), *present("a", "room1", 550, 551), *present("a", "room2", 290, 291)]
    store = store_of(*late)
    assert [round((v.started_at - START) / 1000) for v in visits(store, "a")] == [0]
    assert walked(store, "a") == [("door", 0, 0), ("room2", 290, 291), ("room1", 550, 551)]


def test_the_newest_visits_are_kept() -> None:
    days = [present("a", "room1", 1000 * n, 1000 * n) for n in range(1, MAX_VISITS + 5)]
    for batch in (1_000_000, 7):
        store = store_of(*people("a"), *(e for day in days for e in day), batch=batch)
        kept = visits(store, "a")
        assert len(kept) == MAX_VISITS
        assert kept[-1].started_at == START + 1000 * 1000 * (MAX_VISITS + 4)
        check_sums(store, "a")


def check_sums(store: MemoryViewStore, *persons: str) -> None:
    """All sums are those of the visits that are kept."""
    sums = Sums(Counter(), Counter())
    index = []
    for person in persons:
        known = visits(store, person)
        naive.add(known, sums)
        index += [(visit.started_at, f"{person}/{visit.started_at}") for visit in known]
    occupied: dict[str, dict[str, str]] = {}
    for (hour, name), count in sums.occupancy.items():
        if count:
            occupied.setdefault(topics.occupancy_key(SITE, hour), {})[name] = str(count)
    moved = {name: str(count) for name, count in sums.transitions.items() if count}
    found = family(store)
    assert {k: v for k, v in found.items() if ":occupancy:" in k} == {
        key: dict(sorted(fields.items())) for key, fields in occupied.items()
    }
    assert found.get(topics.transitions_key(SITE), {}) == moved
    assert found.get(topics.visits_key(SITE), []) == [member for _, member in sorted(index)]


PEOPLE = "abc"
TRACKS = st.builds(track, st.sampled_from(["room1", "room2", "x/y:z"]), st.sampled_from(["1", "2"]))
#: Two days, so that visits end, cross hours, and are cut; now and then a moment long past.
TIMES = st.one_of(st.integers(0, 600), st.integers(0, 2 * 86_400)).map(lambda s: START + 1000 * s)


@st.composite
def an_event(draw: st.DrawFn) -> Any:
    who, other, where, at = (
        draw(st.sampled_from(PEOPLE)),
        draw(st.sampled_from(PEOPLE)),
        draw(TRACKS),
        draw(TIMES),
    )
    kinds = ["register", "sample", "merge", "undo", "move", "go", "rule", "lose"]
    kind = draw(st.sampled_from(["see"] * 8 + kinds))
    if kind in ("merge", "undo", "move") and who != other:
        if kind == "merge":
            return merged(who, other, who)
        two = state(who, PEOPLE.index(who), who), state(other, PEOPLE.index(other), other)
        tracks = draw(st.lists(TRACKS, max_size=2, unique=True))
        return split("merge_undone" if kind == "undo" else "tracks_moved", *two, *tracks)
    match kind:
        case "register":
            return registered(who, PEOPLE.index(who), who, at, track=where)
        case "sample":
            return sampled(where, at)
        case "lose":
            return left(who, who, where, at, sure_until=at - draw(st.sampled_from([0, 2_000, 400_000])))
        case "go":
            return draw(st.sampled_from([forgotten(who), expired(who), reset(who, other)]))
        case "rule":
            policy = Policy(visit_gap=draw(st.sampled_from([10_000, 300_000])))
            return PolicyAdopted(site_id=SITE, at=at, version="p", policy=policy)
    if draw(st.booleans()):
        return seen(who, who, where, at)
    ago = draw(st.sampled_from([None, 0, 3, 40, 400]))
    return seen(who, who, where, at, reason="bound", since=0 if ago is None else at - 1000 * ago)


@given(st.lists(an_event(), max_size=40), st.integers(1, 12))
def test_the_sums_are_those_of_the_visits_in_whatever_batches(events: list[Any], batch: int) -> None:
    told = [*people(*PEOPLE), *events]
    store = store_of(*told, batch=batch)
    check_sums(store, *PEOPLE)
    assert family(store) == family(store_of(*told))


def test_an_hour_and_the_moves_as_the_api_will_read_them() -> None:
    told = [*people("a", "b"), *present("a", "room1", 5, 9), *present("b", "room1", 7, 20)]
    store = store_of(*told, *present("a", "room2", 15, 16), *present("b", "room2", 30, 31))
    fields = store.get(topics.occupancy_key(SITE, START // HOUR))
    rows = {row.camera_id: row for row in occupancy({k: int(v) for k, v in fields.items()})}
    assert (rows["room1"].unique_visitors, rows["room1"].entries, rows["room1"].peak) == (2, 2, 2)
    assert rows["room1"].dwell_ms == 4_000 + 13_000
    moved = {k: int(v) for k, v in store.get(topics.transitions_key(SITE)).items()}
    assert {pair: sum(counts.values()) for pair, counts in transitions(moved).items()} == {
        ("door", "room1"): 2,
        ("room1", "room2"): 2,
    }
    assert json.dumps(family(store))
