"""Routes about the system itself: configuration, cameras, health, and the live labels."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter, Response, WebSocket, WebSocketDisconnect

from api import system_models as models
from api.access.gate import NOTICE
from api.access.roles import Role, needs
from api.alert_feed import Listener
from api.alerts import alert_of
from api.context import Context
from api.labels import Client
from api.persons import Ctx
from api.readiness import readiness
from reid.contracts.cloudevents import rfc3339
from reid.contracts.detections import CameraStatus

router = APIRouter(tags=["system"])

#: A camera reports about once a second; after so long without a report it does not count as tracking.
REPORTING_MS: Final = 10_000
#: A client that takes no message for so long is cut off.
SEND_S: Final = 20.0


@router.get("/config")
@needs(Role.viewer)
async def config(ctx: Ctx) -> models.Config:
    """``per_camera_trackers``: cameras that report now and neither ended nor failed. ``available`` is true in
    every answer: when the views can't be read, the answer is 503."""
    settings, now = ctx.settings, ctx.clock()
    cameras = await ctx.views.cameras()
    return models.Config(
        person_reid=models.PersonReid(
            enabled=True,
            available=True,
            similarity_threshold=settings.site_thresholds.get(
                settings.site_id, settings.similarity_threshold
            ),
            cloud_storage="local",
            ttl_days=settings.ttl_days,
            instance_type="global_cross_camera",
            total_persons=await ctx.views.total_persons(),
            per_camera_trackers=sum(is_reporting(status, now) for status in cameras.values()),
        ),
        access=models.AccessMode(auth="on", notice=None)
        if ctx.gate.on
        else models.AccessMode(auth="off", notice=NOTICE),
    )


@router.get("/cameras")
@needs(Role.viewer)
async def cameras(ctx: Ctx) -> models.Cameras:
    """The last report of each camera, and who is in front of it now."""
    now, labels = ctx.clock(), await ctx.views.labels()
    found, clocks = await ctx.views.cameras(), await ctx.views.clocks()
    made = [
        _camera(name, found.get(name), labels.get(name, {}), now, clocks.get(name))
        for name in sorted(labels | found)
    ]
    return models.Cameras(site_id=ctx.settings.site_id, cameras=made)


@router.get("/healthz")
@needs(Role.open)
async def healthz() -> models.Health:
    """The process is alive."""
    return models.Health()


@router.get("/readyz", responses={503: {"model": models.Readiness}})
@needs(Role.open)
async def readyz(ctx: Ctx, response: Response) -> models.Readiness:
    """Whether the answers are worth something now: 200, or 503 with the reasons."""
    found = await readiness(ctx.views, ctx.log, ctx.hub, ctx.settings.ready_lag)
    response.status_code = 200 if found.ready else 503
    return found


@router.websocket("/ws")
@needs(Role.viewer)
async def labels(socket: WebSocket) -> None:
    """``{type: "person_labels", camera_id, person_labels}``: for every camera on connecting, then on every
    change. ``{type: "alerts", alerts}``: the open ones on connecting, where there are any, then each that
    changed. What the client says is ignored."""
    ctx: Context = socket.app.state.context
    await socket.accept()
    client, told = await ctx.hub.join(), await ctx.alerts.join()
    one_at_a_time = asyncio.Lock()
    tasks = [
        asyncio.create_task(_send(socket, client, one_at_a_time)),
        asyncio.create_task(_send_alerts(socket, told, one_at_a_time)),
        asyncio.create_task(_until_closed(socket)),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ctx.hub.leave(client)
        ctx.alerts.leave(told)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, TimeoutError, RuntimeError):
                await task


def is_reporting(status: CameraStatus, now: int) -> bool:
    return status.state not in ("ended", "failed") and now - status.reported_at <= REPORTING_MS


async def _send(socket: WebSocket, client: Client, one_at_a_time: asyncio.Lock) -> None:
    while True:
        camera_id, person_labels = await client.next()
        message = {"type": "person_labels", "camera_id": camera_id, "person_labels": person_labels}
        async with one_at_a_time:
            await _sent(socket, message)


async def _send_alerts(socket: WebSocket, told: Listener, one_at_a_time: asyncio.Lock) -> None:
    while True:
        shown = [alert_of(alert).model_dump() for alert in await told.next()]
        async with one_at_a_time:
            await _sent(socket, {"type": "alerts", "alerts": shown})


async def _sent(socket: WebSocket, message: dict[str, Any]) -> None:
    """Raises `TimeoutError` when the client takes nothing."""
    # Not `wait_for`: before Python 3.12 it loses a cancellation that comes as the message has gone, and who
    # cancelled waits for ever.
    async with asyncio.timeout(SEND_S):
        await socket.send_json(message)


async def _until_closed(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _camera(
    name: str, status: CameraStatus | None, labels: dict[str, str], now: int, ahead: int | None
) -> models.Camera:
    """A camera that never reported itself (another detector's) has live labels all the same."""
    if status is None:
        status = CameraStatus(site_id="", camera_id=name, session="", reported_at=0, state="streaming")
        return _filled(status, "unknown", False, labels, ahead)
    return _filled(status, status.state, is_reporting(status, now), labels, ahead)


def _filled(
    status: CameraStatus, state: str, reporting: bool, labels: dict[str, str], ahead: int | None
) -> models.Camera:
    ours = ("state", "reporting", "person_labels", "reported_at", "captured_at", "clock_ahead_ms")
    copied: dict[str, Any] = {
        name: getattr(status, name) for name in models.Camera.model_fields if name not in ours
    }
    return models.Camera(
        **copied,
        state=state,
        reporting=reporting,
        person_labels=labels,
        reported_at=rfc3339(status.reported_at) if status.reported_at else None,
        captured_at=rfc3339(status.captured_at) if status.captured_at else None,
        clock_ahead_ms=ahead,
    )
