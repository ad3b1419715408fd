"""A log held in a list, and what a projector does with it, without a broker."""

from collections.abc import Callable, Sequence
from typing import Any

from projections.changes import Change
from projections.records import Record
from projections.store import ViewStore
from projections.views import CamerasView, PersonsView, Projection
from reid.contracts.codec import encode

TTL_DAYS = 90


def records(messages: Sequence[Any], topic: str = "reid.events.v1", start: int = 0) -> list[Record]:
    """Contract messages, or raw bytes, as records of partition 0."""
    return [
        Record(topic, 0, start + i, b"global", m if isinstance(m, bytes | None) else encode(m), [])
        for i, m in enumerate(messages)
    ]


def project(
    store: ViewStore,
    messages: Sequence[Any],
    batch: int = 1_000_000,
    committed: Callable[[Change], None] = lambda _: None,
) -> list[Projection]:
    """Applies the messages to the persons view, from its stored position on, ``batch`` at a time."""
    view, made = PersonsView(TTL_DAYS), []
    for first in range(0, len(messages), batch):
        position = store.positions(view.name).get(0)
        found = records(messages[first : first + batch], start=position or 0)
        done = view.project(found, store)
        after = {0: found[-1].offset + 1}
        change = Change(view.name, {0: position}, after, done.ops, done.messages)
        store.commit(change)
        committed(change)
        made.append(done)
    return made


def report(store: ViewStore, messages: Sequence[Any]) -> Projection:
    """Applies camera reports to the cameras view."""
    view = CamerasView()
    position = store.positions(view.name).get(0)
    found = records(messages, "reid.cameras.v1", start=position or 0)
    done = view.project(found, store)
    store.commit(Change(view.name, {0: position}, {0: found[-1].offset + 1}, done.ops, done.messages))
    return done
