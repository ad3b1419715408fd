"""How late cameras' events come, in the view: the same in one batch or many, and after a rebuild."""

import msgspec
import pytest

from projections.changes import Change
from projections.store import MemoryViewStore
from projections.views import PersonsView
from reid.contracts.topics import clocks_key
from reid.journeys.arrivals import HOUR, Arrival
from tests.unit.projections.logs import TTL_DAYS, records
from tests.unit.projections.story import SITE, START, registered, seen, track


def clocks(batch: int) -> dict[str, Arrival]:
    """room1 is right, room2 five seconds ahead; the first comes late, in a backlog."""
    events = [registered("a", 0, "Visitor-a")]
    written = [0]
    for number in range(40):
        room, off = ("room1", 0) if number % 2 else ("room2", 5_000)
        at = START + 200_000 * number
        events.append(seen("a", "Visitor-a", track(room, "7"), at + off))
        written.append(at + (90_000 if number == 0 else 150 + number))
    told = [r._replace(timestamp=t) for r, t in zip(records(events), written, strict=True)]
    store, view = MemoryViewStore(), PersonsView(TTL_DAYS)
    for first in range(0, len(told), batch):
        made = view.project(told[first : first + batch], store)
        assert made.rejected == []
        store.commit(Change(view.name, {}, {0: first + batch}, made.ops))
    found = store.get(clocks_key(SITE)) or {}
    return {name: msgspec.json.decode(raw, type=Arrival) for name, raw in found.items()}


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_least_delay_of_each_camera_is_kept(batch: int) -> None:
    found = clocks(batch)
    assert found == clocks(3)
    assert set(found) == {"room1", "room2"}
    assert 150 <= found["room1"].delay < 200 and -4_850 <= found["room2"].delay < -4_800
    assert found["room1"].hour == (START + 200_000 * 39) // HOUR


def test_records_without_a_time_tell_nothing() -> None:
    store, view = MemoryViewStore(), PersonsView(TTL_DAYS)
    made = view.project(records([registered("a", 0, "A"), seen("a", "A", track("room1", "7"))]), store)
    store.commit(Change(view.name, {}, {0: 2}, made.ops))
    assert not store.get(clocks_key(SITE))
