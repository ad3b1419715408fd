"""A sighting that changes times and templates takes a short way, which must end where the long one does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import persons
from projections.records import Record
from projections.sightings import Sightings
from projections.store import MemoryViewStore
from projections.views import PersonsView
from reid.contracts.events import AnyEvent, PersonSeen, PolicyAdopted
from reid.contracts.policy import Policy
from tests.unit.projections.logs import TTL_DAYS, project, records
from tests.unit.projections.story import SITE, START, left, merged, renamed, seen, template, track, walk
from tests.unit.projections.test_invariants import an_event


def a_rule() -> st.SearchStrategy[PolicyAdopted]:
    gaps = st.sampled_from([1_000, 60_000])
    return gaps.map(
        lambda gap: PolicyAdopted(site_id=SITE, at=START, version="p", policy=Policy(visit_gap=gap))
    )


@given(st.lists(st.one_of(an_event(), a_rule()), max_size=30), st.integers(1, 30))
def test_the_short_way_ends_where_the_long_one_does(events: list[object], batch: int) -> None:
    short, long = MemoryViewStore(), MemoryViewStore()
    project(short, events, batch)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Sightings, "go_on", lambda *_: False)
        project(long, events, batch)
    assert short.dump("saferoom:") == long.dump("saferoom:")
    assert short.published == long.published


def test_only_what_changes_times_and_templates_goes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    go_on = Sightings.go_on

    def noted(self: Sightings, event: PersonSeen, record: Record) -> bool:
        went = go_on(self, event, record)
        if went:
            taken.append(event.at - START)
        return went

    monkeypatch.setattr(Sightings, "go_on", noted)
    where = track("room1", "0")

    def at(ms: int, label: str = "A", person: str = "a", **more: object) -> PersonSeen:
        return seen(person, label, where, START + ms, **more)

    project(
        MemoryViewStore(),
        [
            *walk("a", 0, "A", "room1"),
            *walk("b", 1, "B", "room3"),
            at(3_000),
            at(4_000, visit_count=2),
            at(5_000, visit_count=2, template=template("x"), slot=1),
            at(6_000, visit_count=2),
            renamed("a", "Alice"),
            at(7_000, visit_count=2),
            at(8_000, "Alice", visit_count=2),
            at(9_000, "Alice", visit_count=2),
            left("a", "Alice", where, START + 9_500),
            at(10_000, "Alice", visit_count=2),
            merged("b", "a", "B"),
            at(11_000, "B", "b", visit_count=2),
        ],
    )
    assert {3_000, 5_000, 6_000, 9_000} <= set(taken)
    assert not {4_000, 7_000, 10_000, 11_000} & set(taken)


def test_a_sighting_after_a_longer_one_of_its_batch_takes_the_short_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was told before the batch was taken for what stands there: all of a track that followed a longer
    sighting went the long way, half of a long log."""
    longer: list[int] = []
    apply = persons.apply

    def noted(event: AnyEvent, *rest: Any) -> None:
        longer.append(event.at - START)
        apply(event, *rest)

    fold = PersonsView(TTL_DAYS).fold(MemoryViewStore())
    fold.apply(records(walk("a", 0, "A", "room1")))
    monkeypatch.setattr(persons, "apply", noted)
    where = track("room1", "0")
    told = [seen("a", "A", where, START + 1_000 * n, visit_count=1 + (n > 3)) for n in (3, 4, 5, 6)]
    assert fold.apply(records(told, start=10)) == []
    assert longer == [4_000]
