"""The application, put together from what it is given."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from api import (
    alerts,
    analytics,
    changes,
    crops,
    groups,
    journeys,
    live,
    models,
    page,
    persons,
    reviews,
    system,
    undoing,
)
from api.alert_feed import AlertsHub
from api.asking import Asking
from api.commands import Commands, now_ms
from api.context import Context
from api.idempotency import Keys
from api.journey_views import JourneyViews
from api.labels import LabelsHub
from api.origin import SameOrigin
from api.pictures import NoPictures, Pictures
from api.reader import Reader
from api.readiness import Log
from api.views import Views
from reid.errors import Unavailable
from reid.runtime.crops.select import open_crops
from reid.runtime.settings import Settings


def create_app(
    settings: Settings,
    reader: Reader,
    commands: Commands,
    log: Log,
    clock: Callable[[], int] = now_ms,
    pictures: Pictures | None = None,
) -> FastAPI:
    """Closes ``reader``, ``commands`` and ``pictures`` when it shuts down. ``clock``: milliseconds since the
    epoch. Raises `ConfigError` for a crop store that can't be."""
    pictures = pictures or NoPictures()
    views = Views(reader, settings.site_id)
    hub, alerts_hub = LabelsHub(views), AlertsHub(views)
    asking = Asking(views, commands, settings.command_timeout)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = [
            asyncio.create_task(hub.run(), name="labels"),
            asyncio.create_task(alerts_hub.run(), name="alerts"),
        ]
        try:
            yield
        finally:
            for task in following:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await commands.close()
            await pictures.close()
            await views.close()

    app = FastAPI(
        title="SafeRoom Re-ID",
        version="1",
        description="Who was seen by which camera. `WS /ws` pushes `{type, camera_id, person_labels}`, "
        "and alerts as `{type, alerts}`.",
        lifespan=lifespan,
        # Their pages load scripts from elsewhere; the description itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        responses={503: {"model": models.Problem, "description": "A server is away; says what to do."}},
    )
    walks = JourneyViews(reader, settings.site_id)
    app.state.context = Context(
        settings, views, asking, hub, log, clock, Keys(), alerts_hub, walks, open_crops(settings), pictures
    )
    app.add_middleware(SameOrigin)
    app.add_exception_handler(Unavailable, _unavailable)
    # Fixed paths before /persons/{person_id}.
    for part in (
        changes,
        undoing,
        reviews,
        persons,
        journeys,
        analytics,
        groups,
        alerts,
        crops,
        live,
        system,
        page,
    ):
        app.include_router(part.router)
    return app


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "2"})
