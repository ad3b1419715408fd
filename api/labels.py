"""Who is in front of which camera, pushed to every WebSocket on every change.

One subscription for the process. Each client has one slot for each camera, which holds its newest unsent
mapping: a slow client loses intermediate mappings, never the last one, and delays nobody else.
"""

import asyncio
import logging
from typing import Final

from api.views import Views
from reid.errors import Unavailable

log = logging.getLogger(__name__)

FIRST_BACKOFF_S: Final = 0.1
LAST_BACKOFF_S: Final = 2.0


class Client:
    """Mappings on their way to one WebSocket."""

    def __init__(self) -> None:
        self._unsent: dict[str, dict[str, str]] = {}
        self._changed: set[str] = set()
        self._news = asyncio.Event()

    def offer(self, camera_id: str, labels: dict[str, str]) -> None:
        """The camera's newest mapping replaces an unsent one."""
        self._changed.add(camera_id)
        self._put(camera_id, labels)

    def offer_snapshot(self, labels: dict[str, dict[str, str]]) -> None:
        """Mappings read after this client was registered: a camera that changed since then is newer here,
        or the change that makes it so is still to come."""
        for camera_id, mapping in labels.items():
            if camera_id not in self._changed:
                self._put(camera_id, mapping)

    async def next(self) -> tuple[str, dict[str, str]]:
        """Waits for a mapping; cameras in the order in which their oldest unsent change came."""
        while not self._unsent:
            self._news.clear()
            await self._news.wait()
        camera_id = next(iter(self._unsent))
        return camera_id, self._unsent.pop(camera_id)

    def _put(self, camera_id: str, labels: dict[str, str]) -> None:
        self._unsent[camera_id] = labels
        self._news.set()


class LabelsHub:
    """``subscribed``: changes arrive now."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._clients: set[Client] = set()
        self.subscribed = False

    async def join(self) -> Client:
        """A client that gets a snapshot of every camera, then every change. Leave it with `leave`."""
        client = Client()
        self._clients.add(client)
        try:
            client.offer_snapshot(await self._views.labels())
        except Unavailable:
            # The snapshot comes with the next subscription, as for all clients.
            log.debug("a client joined while Redis is away")
        return client

    def leave(self, client: Client) -> None:
        self._clients.discard(client)

    async def run(self) -> None:
        """Until cancelled. While Redis is away nothing changes; when it is back all get a snapshot."""
        backoff = FIRST_BACKOFF_S
        while True:
            try:
                await self._follow()
            except Unavailable as error:
                if self.subscribed or backoff == FIRST_BACKOFF_S:
                    log.warning("no label changes until Redis is back: %s", error)
                backoff = FIRST_BACKOFF_S if self.subscribed else min(2 * backoff, LAST_BACKOFF_S)
                self.subscribed = False
                await asyncio.sleep(backoff)

    async def _follow(self) -> None:
        async with self._views.changes() as changes:
            for camera_id, labels in (await self._views.labels()).items():
                self._tell(camera_id, labels)
            self.subscribed = True
            async for change in changes:
                self._tell(change.camera_id, change.person_labels)

    def _tell(self, camera_id: str, labels: dict[str, str]) -> None:
        for client in self._clients:
            client.offer(camera_id, labels)
