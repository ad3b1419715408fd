"""Routes about alerts."""

from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Path, Query
from fastapi.responses import JSONResponse

from api import alert_models as models
from api.access.roles import Role, needs
from api.asked import REFUSALS, Asks
from api.context import Context, context
from reid.contracts.commands import AcknowledgeAlert
from reid.contracts.views import AlertView

router = APIRouter(tags=["alerts"])
#: Entries of one page.
MOST: Final = 1000
Ctx = Annotated[Context, Depends(context)]
_ID: Final = r"^[0-9A-Za-z_.-]{1,128}$"


@router.get("/alerts")
@needs(Role.viewer)
async def list_alerts(
    ctx: Ctx,
    state: Annotated[
        Literal["open", "acknowledged", "all"],
        Query(description="`open`: nobody has acknowledged it yet, whether it goes on or not."),
    ] = "open",
    limit: Annotated[int, Query(ge=1, le=MOST, description="Alerts a page.")] = 100,
    cursor: Annotated[
        str | None, Query(pattern=r"^\d{1,15}$", description="`next_cursor` of the page before.")
    ] = None,
) -> models.Alerts:
    """Alerts of the site, the latest first; the newest thousand are kept."""
    before = None if cursor is None else int(cursor)
    found = [
        alert
        for alert in await ctx.views.alerts()
        if state in ("all", alert.state) and (before is None or alert.number < before)
    ]
    page = found[:limit]
    following = str(page[-1].number) if len(page) < len(found) else None
    return models.Alerts(alerts=[alert_of(alert) for alert in page], next_cursor=following)


@router.post("/alerts/{alert_id}/acknowledge", response_model=models.AcknowledgedAlert, responses=REFUSALS)
@needs(Role.operator)
async def acknowledge_alert(
    asks: Asks,
    alert_id: Annotated[str, Path(pattern=_ID)],
) -> Any:
    """Somebody has seen it. The first to say so stays named; whoever says it again changes nothing."""
    outcome = await asks.outcome(lambda fields: AcknowledgeAlert(alert_id=alert_id, **fields))
    if isinstance(outcome, JSONResponse):
        return outcome
    for alert in await asks.ctx.views.alerts():
        if alert.alert_id == alert_id:
            return models.AcknowledgedAlert(command_id=outcome.command_id, alert=alert_of(alert))
    raise HTTPException(404, f"{alert_id} was acknowledged, and is older than the alerts kept since")


def alert_of(alert: AlertView) -> models.Alert:
    """An alert as every answer gives it."""
    plain: dict[str, Any] = msgspec.to_builtins(alert)
    made: models.Alert = models.Alert.model_validate(plain)
    return made
