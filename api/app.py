"""The application, put together from what it is given."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse

from api import (
    alerts,
    analytics,
    changes,
    crops,
    faults,
    groups,
    journeys,
    live,
    models,
    moments,
    page,
    persons,
    reviews,
    system,
    undoing,
)
from api.access import routes as access
from api.access.described import with_access
from api.access.gate import NOTICE, Gate
from api.access.guard import Guard
from api.access.limits import Buckets
from api.access.roles import Role, needs
from api.alert_feed import AlertsHub
from api.asking import Asking
from api.bodies import Bodies
from api.commands import Commands, now_ms
from api.context import Context
from api.express import Express
from api.heads import Heads
from api.idempotency import Keys
from api.journey_views import JourneyViews
from api.labels import LabelsHub
from api.moments import AsOf, Moments
from api.origin import SameOrigin
from api.packed import Packed
from api.pictures import NoPictures, Pictures
from api.reader import Reader
from api.readiness import Log
from api.search import routes as searches
from api.search.following import Following
from api.search.index import Index
from api.search.pictures import EmbedderPictures
from api.search.pictures import Pictures as Looking
from api.views import Views
from reid.errors import Unavailable
from reid.runtime.crops.base import CropStore
from reid.runtime.crops.select import open_crops
from reid.runtime.settings import Settings

log = logging.getLogger(__name__)

#: Asked for most comes first: a route is looked for from the top.
_PARTS: Final = (
    persons,
    changes,
    undoing,
    reviews,
    journeys,
    analytics,
    groups,
    alerts,
    crops,
    live,
    searches,
    system,
    moments,
    access,
    page,
)


def create_app(
    settings: Settings,
    reader: Reader,
    commands: Commands,
    ends: Log,
    clock: Callable[[], int] = now_ms,
    gate: Gate | None = None,
    looking: Looking | None = None,
    pictures: Pictures | None = None,
    past: Moments | None = None,
    together: bool = True,
    crops_of: CropStore | None = None,
) -> FastAPI:
    """Closes ``reader``, ``commands``, ``looking``, ``pictures`` and ``past`` when it shuts down. ``clock``:
    milliseconds since the epoch.

    ``gate``: who may; ``looking``: what looks at pictures that are searched for; by default as the settings
    say. ``pictures``: what cameras see now. Raises `ConfigError` where access must be asked for, and nobody
    could be let in, and for a crop store that can't be. ``past``: what answers as of then, by default the
    process that the settings name. Not ``together``: what ``reader`` reads depends on the request.
    ``crops_of``: by default the store that the settings name.
    """
    past = past or moments.moments_of(settings)
    pictures = pictures or NoPictures()
    if gate is None:
        gate = Gate.of(settings, clock)
        if not gate.on:
            log.warning("%s", NOTICE)
    views = Views(reader, settings.site_id, together)
    hub, alerts_hub = LabelsHub(views), AlertsHub(views)
    asking = Asking(views, commands, settings.command_timeout)
    search = Following(views, Index())
    looking = looking or EmbedderPictures(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = [asyncio.create_task(one.run()) for one in (hub, alerts_hub, search)]
        try:
            yield
        finally:
            for task in following:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await asking.close()
            search.close()
            await looking.close()
            await commands.close()
            await pictures.close()
            await views.close()
            await past.close()

    app = _Application(
        title="SafeRoom Re-ID",
        version="1",
        description="Who was seen by which camera. `WS /ws` pushes `{type, camera_id, person_labels}`, "
        "and alerts as `{type, alerts}`.",
        lifespan=lifespan,
        # Their pages load scripts from elsewhere; the description itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        responses={503: {"model": models.Problem, "description": "A server is away; says what to do."}},
        dependencies=[Depends(_once)],
    )
    walks = JourneyViews(reader, settings.site_id)
    app.state.context = Context(
        settings=settings,
        views=views,
        asking=asking,
        hub=hub,
        log=ends,
        clock=clock,
        keys=Keys(),
        alerts=alerts_hub,
        journeys=walks,
        crops=crops_of or open_crops(settings),
        pictures=pictures,
        gate=gate,
        following=search,
        looking=looking,
    )
    app.state.moments = past
    app.add_middleware(Bodies)  # the first one added is asked last
    app.add_middleware(Express, views=views)
    # Inside the guard: who may not ask for now may not ask for then.
    app.add_middleware(AsOf, moments=past)
    limits = Buckets(settings.rate_limit, settings.rate_burst)
    app.add_middleware(Guard, routes=lambda: app.routes, gate=gate, site_id=settings.site_id, limits=limits)
    app.add_middleware(SameOrigin, here=gate.here, beside=gate.beside)
    app.add_middleware(Packed)
    app.add_middleware(Heads)  # the last one added is asked first
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(RequestValidationError, faults.refused)
    for part in _PARTS:
        app.include_router(part.router)
    for route in app.routes:
        if getattr(route, "path", None) == app.openapi_url:
            needs(Role.open)(route.endpoint)  # type: ignore[attr-defined]
    return app


class _Application(FastAPI):
    """Its description says who may, and that every GET answers as of then."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            with_access(super().openapi(), self.routes, self.state.context.gate.on)
            moments.describe(super().openapi()["paths"])
        return super().openapi()


async def _once(asked: HTTPConnection) -> None:
    """No route takes a list: of two rooms to reset, the last alone would be, and nobody told."""
    names = [name for name, _ in asked.query_params.multi_items()]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice and asked.scope["type"] == "http":
        raise RequestValidationError(
            [{"type": "repeated", "loc": ("query", name), "msg": "Given more than once"} for name in twice]
        )


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "2"})
