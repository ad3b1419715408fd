"""What every route may use; made once by `api.app.create_app`."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from api import models
from api.access.gate import Gate
from api.alert_feed import AlertsHub
from api.asking import Asking
from api.idempotency import Keys
from api.journey_views import JourneyViews
from api.labels import LabelsHub
from api.pictures import Pictures
from api.readiness import Log
from api.search.following import Following
from api.search.pictures import Pictures as Looking
from api.views import PersonRow, Views
from reid.contracts.cloudevents import rfc3339
from reid.runtime.crops.base import CropStore
from reid.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """``clock``: milliseconds since the epoch."""

    settings: Settings
    views: Views
    asking: Asking
    hub: LabelsHub
    log: Log
    clock: Callable[[], int]
    keys: Keys
    alerts: AlertsHub
    journeys: JourneyViews
    crops: CropStore
    gate: Gate
    following: Following
    pictures: Pictures
    looking: Looking


async def context(request: Request) -> Context:
    """FastAPI dependency. Async, or each request would wait for a thread to run it."""
    found: Context = request.app.state.context
    return found


def person_fields(row: PersonRow) -> dict[str, object]:
    """A person as every answer gives it."""
    return {
        "person_id": row.person_id,
        "label": row.label,
        "cameras": row.cameras,
        "visit_count": row.visit_count,
        "num_embeddings": row.num_embeddings,
        "first_seen": rfc3339(row.first_seen),
        "last_seen": rfc3339(row.last_seen),
        "current_camera": row.current_camera,
        "attributes": row.attributes,
    }


def person(row: PersonRow) -> models.Person:
    return models.Person.model_validate(person_fields(row))
