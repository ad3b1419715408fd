"""Is the API of use now, and if not, why."""

import asyncio
from typing import Final, Protocol

from api.deciding import Deciding, Standstill
from api.labels import LabelsHub
from api.system_models import Readiness, ViewLag
from api.views import Views
from reid.contracts.topics import (
    ALERTS,
    ALERTS_VIEW,
    CAMERAS,
    CAMERAS_VIEW,
    DECIDED_GROUP,
    DETECTIONS,
    EVENTS,
    PERSONS_VIEW,
)
from reid.errors import Unavailable
from reid.runtime.admin import admin_client
from reid.runtime.offsets import committed_offsets, end_offsets

FOLLOWED: Final = {PERSONS_VIEW: EVENTS.name, CAMERAS_VIEW: CAMERAS.name, ALERTS_VIEW: ALERTS.name}
Ends = dict[tuple[str, int], int]


class Log(Protocol):
    """Where the log ends, and how far it is decided."""

    async def ends(self) -> Ends:
        """``(topic, partition)`` -> next offset. Raises `Unavailable`."""
        ...

    async def standing(self, ends: Ends) -> list[Standstill]:
        """Partitions whose inputs up to these ``ends`` wait in vain. Raises `Unavailable`."""
        ...


class KafkaLog:
    """Asks in a thread: librdkafka's calls block."""

    TIMEOUT_S: Final = 1.5

    def __init__(self, bootstrap: str, deciding: Deciding | None = None) -> None:
        self._admin = admin_client(bootstrap)
        self._deciding = deciding or Deciding()

    async def ends(self) -> Ends:
        topics = [*FOLLOWED.values(), DETECTIONS.name]
        return await asyncio.to_thread(end_offsets, self._admin, topics, self.TIMEOUT_S)

    async def standing(self, ends: Ends) -> list[Standstill]:
        decided = await asyncio.to_thread(committed_offsets, self._admin, DECIDED_GROUP, self.TIMEOUT_S)
        return self._deciding.standing(ends, decided)


async def readiness(views: Views, log: Log, hub: LabelsHub, most_lag: int) -> Readiness:
    """Never raises for a server that is away: that is a reason."""
    reasons: list[str] = []
    positions: dict[str, dict[int, int]] = {}
    ends: Ends = {}
    try:
        positions = {view: await views.positions(view) for view in FOLLOWED}
    except Unavailable as error:
        reasons.append(str(error))
    else:
        if not hub.subscribed:
            reasons.append("label changes are not followed yet: /ws would be silent")
    try:
        ends = await log.ends()
        missing = set(FOLLOWED.values()) - {topic for topic, _ in ends}
        reasons += [
            f"topic {topic} does not exist: make it with `saferoom topics create`"
            for topic in sorted(missing)
        ]
        reasons += map(str, await log.standing(ends))
    except Unavailable as error:
        reasons.append(str(error))
    found = [] if not positions else _lags(positions, ends)
    for lag in found:
        if lag.lag is not None and lag.lag > most_lag:
            reasons.append(
                f"view {lag.view} is {lag.lag} records behind {lag.topic}/{lag.partition}: "
                "is `saferoom projector` running?"
            )
        elif lag.lag is not None and lag.lag < 0:
            reasons.append(
                f"view {lag.view} is ahead of {lag.topic}/{lag.partition}: this Redis belongs to another log"
            )
    return Readiness(ready=not reasons, reasons=reasons, views=found)


def _lags(positions: dict[str, dict[int, int]], ends: Ends) -> list[ViewLag]:
    """Of every partition that has records or a position."""
    made = []
    for view, topic in FOLLOWED.items():
        known = {partition for name, partition in ends if name == topic} | positions[view].keys()
        for partition in sorted(known):
            position, end = positions[view].get(partition, 0), ends.get((topic, partition))
            lag = None if end is None else end - position
            made.append(
                ViewLag(view=view, topic=topic, partition=partition, position=position, end=end, lag=lag)
            )
    return made
