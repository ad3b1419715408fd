"""Alerts, pushed to every WebSocket as they change: the same way as labels (`api.labels`)."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from api.views import Views
from reid.contracts.views import AlertView
from reid.errors import Unavailable

log = logging.getLogger(__name__)

FIRST_BACKOFF_S: Final = 0.1
LAST_BACKOFF_S: Final = 2.0
#: Alerts of a snapshot: a page of them, the latest.
SNAPSHOT: Final = 100


class Listener:
    """Alerts on their way to one WebSocket: of each the newest unsent state."""

    def __init__(self) -> None:
        self._unsent: dict[str, AlertView] = {}
        self._news = asyncio.Event()

    def offer(self, alerts: Iterable[AlertView]) -> None:
        for alert in alerts:
            self._unsent[alert.alert_id] = alert
            self._news.set()

    async def next(self) -> list[AlertView]:
        """Waits for changes; all there are, in the order of their opening."""
        await self._news.wait()
        self._news.clear()
        alerts = sorted(self._unsent.values(), key=lambda alert: alert.number)
        self._unsent.clear()
        return alerts


class AlertsHub:
    """One subscription for the process."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._listeners: set[Listener] = set()

    async def join(self) -> Listener:
        """One that gets the open alerts, then every change. Leave it with `leave`."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            listener.offer(await self._open())
        except Unavailable:
            # They come with the next subscription, as to all.
            log.debug("a listener joined while Redis is away")
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    async def run(self) -> None:
        """Until cancelled. `LabelsHub` says that Redis is away."""
        backoff = FIRST_BACKOFF_S
        while True:
            try:
                async with self._views.alert_changes() as changes:
                    backoff = FIRST_BACKOFF_S
                    self._tell(await self._open())
                    async for alert in changes:
                        self._tell([alert])
            except Unavailable as error:
                log.debug("no changes of alerts until Redis is back: %s", error)
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, LAST_BACKOFF_S)

    async def _open(self) -> list[AlertView]:
        return [alert for alert in await self._views.alerts() if alert.state == "open"][:SNAPSHOT]

    def _tell(self, alerts: list[AlertView]) -> None:
        for listener in self._listeners:
            listener.offer(alerts)
