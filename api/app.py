"""The application, put together from what it is given."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from api import (
    alerts,
    analytics,
    changes,
    groups,
    journeys,
    models,
    moments,
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
from api.moments import AsOf, Moments
from api.origin import SameOrigin
from api.reader import Reader
from api.readiness import Log
from api.views import Views
from reid.errors import Unavailable
from reid.runtime.settings import Settings


def create_app(
    settings: Settings,
    reader: Reader,
    commands: Commands,
    log: Log,
    clock: Callable[[], int] = now_ms,
    past: Moments | None = None,
) -> FastAPI:
    """Closes ``reader``, ``commands`` and ``past`` when it shuts down. ``clock``: milliseconds since the
    epoch; ``past``: what answers as of then, by default the process that the settings name."""
    past = past or moments.moments_of(settings)
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
    )
    walks = JourneyViews(reader, settings.site_id)
    app.state.context = Context(settings, views, asking, hub, log, clock, Keys(), alerts_hub, walks)
    app.state.moments = past
    app.add_middleware(AsOf, moments=past)
    app.add_middleware(SameOrigin)
    app.add_exception_handler(Unavailable, _unavailable)
    # Fixed paths before /persons/{person_id}.
    walked = (journeys, analytics, groups)
    for part in (changes, undoing, reviews, persons, *walked, alerts, system, moments, page):
        app.include_router(part.router)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            moments.describe(super().openapi()["paths"])
        return super().openapi()


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "2"})
