"""How far each view is behind its log, as data."""

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka.admin import AdminClient

from projections.store import ViewStore
from reid.contracts.topics import ALERTS, ALERTS_VIEW, CAMERAS, CAMERAS_VIEW, EVENTS, PERSONS_VIEW
from reid.runtime.offsets import end_offsets

FOLLOWED = {PERSONS_VIEW: EVENTS, CAMERAS_VIEW: CAMERAS, ALERTS_VIEW: ALERTS}


class Lag(NamedTuple):
    """``position``: next offset to apply; ``end``: next offset that the log will give; both in records
    and transaction markers. ``lag``: their difference; negative when the log lost what the view holds."""

    view: str
    topic: str
    partition: int
    position: int
    end: int

    @property
    def lag(self) -> int:
        return self.end - self.position


def lags(admin: AdminClient, store: ViewStore, views: Iterable[str] = tuple(FOLLOWED)) -> list[Lag]:
    """Of every partition of every view. Raises `Unavailable` when Kafka or the store is away."""
    names = list(views)
    # Positions first: a view never reads past an end that is asked for later.
    stored = {view: store.positions(view) for view in names}
    ends = end_offsets(admin, [FOLLOWED[view].name for view in names])
    return [
        Lag(view, topic, partition, stored[view].get(partition, 0), end)
        for view in names
        for (topic, partition), end in sorted(ends.items())
        if topic == FOLLOWED[view].name
    ]
