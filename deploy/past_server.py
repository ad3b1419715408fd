"""``saferoom past``: the API's own routes as of any moment, for the API to hand ``?at=`` requests to.

One application serves all moments: each request reads the views of its own, by a context variable.
"""

import asyncio
import logging
import threading
from contextlib import closing
from contextvars import ContextVar
from typing import Any, Final, cast
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import system_models as models
from api.access.gate import Gate, is_loopback
from api.app import create_app
from api.deciding import Standstill
from api.moments import NAME, SITE
from api.reader import Reader
from api.readiness import Ends
from api.server import listen, serving, url_of
from deploy.past import CutLog, MemoryReader, NoCommands, Past, ReadsOnly
from deploy.timeline import Timeline
from reid.runtime.crops.base import NoCrops
from reid.runtime.kafka_refusal import refuse
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.settings import Settings

log = logging.getLogger(__name__)

#: Of a request that names no moment: a site of which nothing is known.
NOWHERE: Final = Past(0)
#: Routes that read the sums of journeys.
_COUNTED: Final = "/analytics"
_shown: ContextVar[Past] = ContextVar("shown", default=NOWHERE)


def run(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT. Raises `ConfigError` when the port is taken."""
    if not is_loopback(settings.past_host):
        log.warning(
            "whoever reaches %s may see all of the past, and is not asked who they are: let the API alone "
            "reach it (docs/security.md)",
            settings.past_host,
        )
    refuse(settings.kafka())
    timeline, stop = Timeline(settings), threading.Event()
    follower = threading.Thread(target=timeline.follow, args=(stop,), name="timeline", daemon=True)
    names = {"host_by": "SAFEROOM_PAST_HOST", "port_by": "SAFEROOM_PAST_PORT"}
    with closing(listen(settings.past_host, settings.past_port, **names)) as listener:
        url = url_of(listener)

        def started() -> None:
            follower.start()
            mark_ready(settings, NAME, url=url)
            log.info("answers as of any moment at %s", url)

        try:
            serving(app_of(settings, timeline), started).run(sockets=[listener])
        finally:
            clear_ready(settings, NAME)
            stop.set()


def app_of(settings: Settings, timeline: Timeline) -> Any:
    """An ASGI application; a change is refused: 405. It asks nobody who they are: the API, which hands
    requests on to it, has asked before."""
    shown = cast(Reader, _Shown())
    app = create_app(
        settings,
        shown,
        NoCommands(),
        _ShownLog(),
        lambda: _shown.get().moment,
        Gate.off(here=is_loopback(settings.past_host)),
        past=HereMoments(timeline),
        together=False,
        crops_of=NoCrops(),
    )
    return OfSite(ReadsOnly(app), settings.site_id)


class OfSite:
    """ASGI middleware: each answer says of which site it is. APIs of several may find this one."""

    def __init__(self, app: ASGIApp, site_id: str) -> None:
        self._app, self._header = app, (SITE.encode(), quote(site_id, safe="").encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self._header]}
            await send(message)

        await self._app(scope, receive, signed)


class HereMoments:
    """`api.moments.Moments` of a timeline in this process."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    async def timeline(self) -> models.Timeline:
        span = await asyncio.to_thread(self._timeline.span)
        buckets = [models.ActivityBucket(at=at, events=events) for at, events in span.counts.items()]
        return models.Timeline(
            first_at=span.first_at,
            last_at=span.last_at,
            events=span.events,
            bucket_ms=span.bucket_ms,
            buckets=buckets,
        )

    async def serve(self, moment: int, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        counted = scope["path"].startswith(_COUNTED)
        token = _shown.set(await asyncio.to_thread(self._timeline.at, moment, counted))
        try:
            await app(scope, receive, send)
        finally:
            _shown.reset(token)

    async def close(self) -> None:
        return None


class _Shown:
    """`api.reader.Reader` of the moment that the request at hand asks for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(MemoryReader(_shown.get().store), name)


class _ShownLog:
    async def ends(self) -> Ends:
        return await CutLog(_shown.get()).ends()

    async def standing(self, ends: Ends) -> list[Standstill]:
        return await CutLog(_shown.get()).standing(ends)
