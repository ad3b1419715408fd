import json
from typing import Any

import pytest

from projections import persons
from projections.store import MemoryViewStore
from projections.views import CamerasView, PersonsView
from reid.contracts import topics
from reid.errors import Malformed, PoisonInput, TooNew, UnknownType
from tests.unit.projections.logs import TTL_DAYS, records, report
from tests.unit.projections.story import SITE, registered, renamed, seen, status, walk


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\xff\xfe", Malformed),
        (b"{}", UnknownType),
        (b'{"type":"reid.person.seen.v1"}', Malformed),
        (b'{"type":"reid.person.seen.v2"}', TooNew),
        (b'{"type":"reid.person.danced.v1"}', UnknownType),
        (None, Malformed),
    ],
)
def test_a_record_that_is_no_event_is_rejected_and_the_others_applied(raw: bytes | None, kind: type) -> None:
    made = PersonsView(TTL_DAYS).project(
        records([registered("a", 0, "Visitor-A"), raw, seen("a", "Visitor-A")]), MemoryViewStore()
    )
    (bad,) = made.rejected
    assert (type(bad.error), bad.record.offset, bad.record.value) == (kind, 1, raw)
    assert [m.channel.split(":")[1] for m in made.messages] == ["persons-changed", "labels"]


def test_a_defect_of_a_handler_costs_its_own_event_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_after_half(work: Any, event: Any) -> None:
        work.remove(persons.PersonRef(SITE, "a"))
        raise KeyError("nobody thought of this")

    monkeypatch.setitem(persons._HANDLERS, persons.PersonRenamed, fail_after_half)
    story = [*walk("a", 0, "Visitor-A", "room1"), renamed("a", "Alice"), *walk("b", 1, "Visitor-B", "room2")]
    made = PersonsView(TTL_DAYS).project(records(story), MemoryViewStore())
    (bad,) = made.rejected
    assert isinstance(bad.error, PoisonInput)
    assert bad.record.offset == 2
    written = {op.key for op in made.ops if op.op == "person"}
    keys = (topics.person_key, topics.shown_person_key)
    assert written == {key(SITE, person) for key in keys for person in ("a", "b")}
    assert "nobody thought of this" in caplog.text


def test_the_last_report_of_each_camera_stands() -> None:
    store = MemoryViewStore()
    report(
        store, [status("room1", "starting"), status("room2"), status("room1", "failed", detail="unplugged")]
    )
    found = store.dump(topics.camera_status_key(SITE))[topics.camera_status_key(SITE)]
    assert {name: json.loads(raw)["state"] for name, raw in found.items()} == {
        "room1": "failed",
        "room2": "streaming",
    }
    assert json.loads(found["room1"])["detail"] == "unplugged"


def test_a_tombstone_takes_the_camera_away() -> None:
    store = MemoryViewStore()
    report(store, [status("room1"), status("room2")])
    gone = records([None], "reid.cameras.v1")[0]._replace(key=b"global/room1")
    made = CamerasView().project([gone], store)
    assert [tuple(op) for op in made.ops] == [(topics.camera_status_key(SITE), "room1", "hdel")]


def test_a_bad_report_is_rejected_and_the_others_applied() -> None:
    made = report(MemoryViewStore(), [b"nonsense", status("room2")])
    assert [r.record.offset for r in made.rejected] == [0]
    bad_key = records([None], "reid.cameras.v1")[0]._replace(key=b"\xff")
    assert len(CamerasView().project([bad_key], MemoryViewStore()).rejected) == 1
    assert [op.op for op in made.ops] == ["hset"]
