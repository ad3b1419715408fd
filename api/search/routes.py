"""Routes of person search. Each search is in the audit before its answer is out."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from api import models as common
from api.access.guard import caller
from api.access.roles import Caller, Role, needs
from api.asked import AskedBy
from api.context import Context, context
from api.persons import NOT_FOUND, Ctx, PersonPath
from api.search import models
from api.search.searching import Asked, answer, of_person, question_of

router = APIRouter(tags=["search"])
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": common.Problem, "description": "A body that is no text."},
    403: {"model": common.Problem, "description": "A page of another origin asks, or the role is too low."},
    404: {"model": common.Problem, "description": "Unknown person or encoder."},
    409: {"model": common.Problem, "description": "The embedder uses another encoder than the cameras."},
    413: {"model": common.Problem, "description": "A body of more than 12 MiB."},
    422: {"model": common.Invalid, "description": "A bad field; a picture that shows nobody."},
}


async def asked(
    ctx: Annotated[Context, Depends(context)],
    who: Annotated[Caller, Depends(caller)],
    x_asked_by: AskedBy = "",
) -> Asked:
    """FastAPI dependency."""
    return Asked(ctx, who, x_asked_by)


Asks = Annotated[Asked, Depends(asked)]


@router.post("/search", responses=_RESPONSES)
@needs(Role.operator, cost=5)
async def search(asks: Asks, body: models.AnySearch) -> models.Results:
    """Persons who look like a person, a picture or an embedding, or as they are described, among all cameras
    and days."""
    found = await answer(asks, await question_of(asks.ctx, body), body)
    results = [
        models.Result(
            person_id=row.person_id,
            label=row.label,
            score=score,
            cameras=row.cameras,
            last_seen=row.last_seen,
            attributes=row.attributes,
            crop=row.crop,
        )
        for row, score in found.found
    ]
    return models.Results(
        results=results,
        searched=found.searched,
        ms=found.ms,
        calibrated=found.calibrated,
        search_id=found.search_id,
    )


@router.get(
    "/persons/{person_id}/similar",
    responses=NOT_FOUND | {422: {"model": common.Invalid, "description": "A bad parameter."}},
)
@needs(Role.viewer, cost=2)
async def similar(
    ctx: Ctx,
    asks: Asks,
    person_id: PersonPath,
    limit: Annotated[int, Query(ge=1, le=models.MOST_RESULTS)] = 5,
) -> models.LookAlikes:
    """Others who look like this person, for whoever wonders whether two are one. In the audit too."""
    question = await of_person(ctx, person_id, "similar")
    found = await answer(asks, question, models.Filters(purpose="look-alikes", limit=limit))
    return models.LookAlikes(
        similar=[
            models.LookAlike(person_id=row.person_id, label=row.label, score=score or 0.0, crop=row.crop)
            for row, score in found.found
        ]
    )
