"""Bodies of answers about alerts. Times are milliseconds since the epoch."""

from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import BaseModel, Field

from api.models import COMMAND_ID, example
from reid.contracts.views import AlertView

#: Of the view, what is for its own keeping.
_UNTOLD: Final = frozenset({"number", "of", "reason", "events"})

ALERT: Final[dict[str, Any]] = {
    "alert_id": "120c397b-5af8-53ff-ad62-3b4c38ea9f64",
    "rule": "server room at night",
    "kind": "restricted",
    "severity": "warning",
    "message": "somebody is in server room (room3): only staff may be there",
    "zone": "server room",
    "camera_id": "room3",
    "person_id": "person_1762344658197_0",
    "label": "Visitor-A",
    "opened_at": 1762344667997,
    "last_at": 1762344671003,
    "closed_at": None,
    "state": "open",
    "acknowledged_at": None,
    "acknowledged_by": "",
    "evidence": {"cause": "reid.events.v1/1/7", "measured": 0, "limit": 0, "since": 1762344667997},
}


def _told() -> dict[str, Any]:
    """What an answer tells of an `AlertView`, as a model's annotations: names, types, defaults stand there.
    Evidence is given as it is."""
    told = {}
    for field in msgspec.structs.fields(AlertView):
        if field.name not in _UNTOLD:
            kind = dict[str, Any] if field.name == "evidence" else field.type
            told[field.name] = Annotated[kind, Field() if field.required else Field(default=field.default)]
    return told


class Alert(BaseModel):
    """``state``: open until acknowledged, whether it goes on or not; ``closed_at``: null while it goes on.
    Times in ms since the epoch. ``person_id`` follows merges, and is null when the person is forgotten.
    ``evidence.cause``: topic/partition/offset of the event that it came of."""

    model_config = example(**ALERT)
    __annotations__ = _told()


class Alerts(BaseModel):
    """``next_cursor``: null on the last page."""

    model_config = example(alerts=[ALERT], next_cursor=None)

    alerts: list[Alert]
    next_cursor: str | None = None


class AcknowledgedAlert(BaseModel):
    """The alert as it stands now."""

    model_config = example(
        status="acknowledged",
        command_id=COMMAND_ID,
        alert=ALERT | {"state": "acknowledged", "acknowledged_by": "desk"},
    )

    status: Literal["acknowledged"] = "acknowledged"
    command_id: str
    alert: Alert
