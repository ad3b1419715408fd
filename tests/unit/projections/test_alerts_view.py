"""The alerts view: what each event of the alert log makes of it, in any batches."""

from typing import Any

import msgspec
import pytest

from projections.alerts import AlertsView
from projections.changes import Change
from projections.records import Record
from projections.store import MemoryViewStore
from projections.views import Projection
from reid.contracts.alerts import AlertOpened, AnyAlert
from reid.contracts.codec import encode
from reid.contracts.events import PersonState, TrackRef
from reid.contracts.topics import alerts_channel, alerts_key, outcome_key
from reid.contracts.views import AlertView, CommandOutcome
from tests.unit.alerting.story import SITE, Story, acknowledge, at, registered, rule, seen, stays, tick
from tests.unit.projections.story import forgotten, merged, split, state


def apply(store: MemoryViewStore, events: list[Any], batch: int = 1000, kept: int = 1000) -> list[Projection]:
    view, made = AlertsView(kept), []
    for first in range(0, len(events), batch):
        position = store.positions(view.name).get(0)
        some = events[first : first + batch]
        records = [
            Record(
                "reid.alerts.v1",
                0,
                (position or 0) + n,
                b"global",
                e if isinstance(e, bytes) else encode(e),
                [],
            )
            for n, e in enumerate(some)
        ]
        done = view.project(records, store)
        store.commit(Change(view.name, {0: position}, {0: records[-1].offset + 1}, done.ops, done.messages))
        made.append(done)
    return made


def shown(store: MemoryViewStore) -> list[AlertView]:
    found = store.get(alerts_key(SITE)) or {}
    return sorted(
        (msgspec.json.decode(raw, type=AlertView) for raw in found.values()), key=lambda a: a.number
    )


@pytest.fixture
def log() -> list[AnyAlert]:
    """Two loiterers: one is acknowledged, merged and forgotten, the other goes on."""
    story = Story(rule("loitering", longer_than=10_000, rearm=30_000))
    story.when(registered("b", 0), stays("a", 0, 80), stays("c", 0, 20, "room2"))
    first = story.event(AlertOpened, 0).alert_id
    story.when(acknowledge(first, 81), acknowledge(first, 82, "c-2"), acknowledge("nobody", 83, "c-3"))
    story.when(msgspec.structs.replace(merged("b", "a", "Ada"), at=at(84)), stays("c", 84, 90, "room2"))
    return story.when(tick(200)).log


def test_an_alert_as_it_stands(log: list[AnyAlert]) -> None:
    store = MemoryViewStore()
    apply(store, log)
    first, second = shown(store)[:2]
    assert (first.rule, first.opened_at, first.last_at, first.events) == ("loitering", at(10), at(80), 2)
    assert (first.state, first.acknowledged_at, first.acknowledged_by) == ("acknowledged", at(81), "desk")
    assert (first.of, first.person_id, first.label) == ("a", "b", "Ada")
    assert first.closed_at == at(200) and first.reason == "over"
    assert second.state == "open" and second.person_id == "c"
    assert first.evidence.measured == 70_000


def test_commands_are_answered_for_the_api(log: list[AnyAlert]) -> None:
    store = MemoryViewStore()
    apply(store, log)
    answers = [msgspec.json.decode(store.get(outcome_key(f"c-{n}")), type=CommandOutcome) for n in (1, 2, 3)]
    assert [a.rejected for a in answers] == [False, False, True]
    assert answers[2].code == "unknown_alert"
    assert {a.site_id for a in answers} == {"global"}


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_batches_make_no_difference(log: list[AnyAlert], batch: int) -> None:
    whole, parts = MemoryViewStore(), MemoryViewStore()
    apply(whole, log)
    apply(parts, log, batch)
    assert parts.dump("saferoom:alerts") == whole.dump("saferoom:alerts")


def test_a_fold_of_all_of_it_is_the_same(log: list[AnyAlert]) -> None:
    live, rebuilt = MemoryViewStore(), MemoryViewStore()
    apply(live, log, 3)
    fold = AlertsView().fold(rebuilt)
    for n, event in enumerate(log):
        assert fold.apply([Record("reid.alerts.v1", 0, n, b"global", encode(event), [])]) == []
        rebuilt.commit(Change("alerts", {}, {}, list(fold.grown())))
    rebuilt.commit(Change("alerts", {}, {0: len(log)}, list(fold.ops())))
    assert rebuilt.dump("saferoom:alerts") == live.dump("saferoom:alerts")


def test_each_change_is_published(log: list[AnyAlert]) -> None:
    store = MemoryViewStore()
    apply(store, log, 1)
    told = [msgspec.json.decode(m.payload, type=AlertView) for m in store.published]
    assert {m.channel for m in store.published} == {alerts_channel(SITE)}
    assert told[0].state == "open" and told[-1].closed_at == at(200)


def test_who_is_forgotten_is_shown_nowhere() -> None:
    story = Story(rule("restricted")).when(seen("ada", 0, label="Ada Lovelace"))
    story.when(msgspec.structs.replace(forgotten("ada"), at=at(1)))
    store = MemoryViewStore()
    apply(store, story.log)
    (alert,) = shown(store)
    assert (alert.person_id, alert.label, alert.of) == (None, "", None)
    raw = str(store.dump("saferoom:"))
    assert "ada" not in raw.lower() and "tracker_id" not in raw


@pytest.mark.parametrize("other", [state("c", 2, "Cem"), None])
def test_an_alert_is_about_whom_its_track_is(other: PersonState | None) -> None:
    """It was shown at the person whose track it had been taken for, whatever an operator said."""
    story = Story(rule("restricted")).when(seen("a", 0), seen("b", 1, tracker="2"))
    story.when(split("tracks_moved", state("a", 0, "Ada"), other, TrackRef("room1", "s1", "1"), at=at(2)))
    store = MemoryViewStore()
    apply(store, story.log)
    first, second = shown(store)
    assert (first.person_id, first.of, first.label) == (("c", "c", "Cem") if other else (None, None, ""))
    assert first.evidence.track == TrackRef("room1", "s1", "1"), "what showed it is as true as before"
    assert second.person_id == "b"


def test_the_newest_are_kept() -> None:
    story = Story(rule("restricted"))
    story.when([seen(f"p{n}", n) for n in range(8)])
    store = MemoryViewStore()
    apply(store, story.log, 3, kept=5)
    assert [alert.person_id for alert in shown(store)] == [f"p{n}" for n in range(3, 8)]
    assert [alert.number for alert in shown(store)] == [3, 4, 5, 6, 7]


def test_what_cant_be_read_is_rejected_and_the_rest_applied(log: list[AnyAlert]) -> None:
    store = MemoryViewStore()
    (made,) = apply(store, [b"{", b'{"type":"reid.alert.flown.v1"}', *log])
    assert len(made.rejected) == 2 and len(shown(store)) == 2


def test_a_handler_that_fails_on_one_event_takes_no_other_along(
    log: list[AnyAlert], monkeypatch: pytest.MonkeyPatch
) -> None:
    import projections.alerts as module

    def trip(*_: object) -> None:
        raise IndexError("tripped")

    monkeypatch.setattr(module, "_change", trip)
    store = MemoryViewStore()
    (made,) = apply(store, log)
    assert len(made.rejected) >= 3 and len(shown(store)) == 2
