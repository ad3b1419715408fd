"""Routes that ask the identity agent for something.

Each publishes a command and waits until its outcome is visible: then 200, or the reason why not. After
``command_timeout``, or at once with ``Prefer: respond-async`` (RFC 7240), it answers 202 with where to look.
"""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import JSONResponse
from pydantic import WithJsonSchema

from api import models
from api.access.roles import Role, needs
from api.asked import REFUSALS, Asks
from api.commands import issued_at
from api.context import Context, person_fields
from api.persons import Ctx, PersonPath
from reid.contracts.commands import ForgetPerson, MergePersons, RenamePerson, ResetGallery
from reid.contracts.topics import OUTCOME_TTL_S
from reid.contracts.views import CommandOutcome

router = APIRouter(tags=["commands"])
#: Described as it should be: the old system's clients may name the persons in the query instead.
MergeBody = Annotated[models.MergeRequest | None, WithJsonSchema(models.MergeRequest.model_json_schema())]
InQuery = Annotated[str | None, Query(min_length=1, max_length=models.MAX_ID, include_in_schema=False)]


@router.post(
    "/persons/merge",
    response_model=models.ChangedPerson,
    responses=REFUSALS,
    openapi_extra={"requestBody": {"required": True}},
)
@needs(Role.operator)
async def merge_persons(
    asks: Asks,
    body: MergeBody = None,
    person_id1: InQuery = None,
    person_id2: InQuery = None,
) -> Any:
    """``person_id2`` is absorbed into ``person_id1``, which is the answer."""
    if body is not None:
        one, two = body.person_id1, body.person_id2
    elif person_id1 is not None and person_id2 is not None:
        one, two = person_id1, person_id2
    else:
        raise HTTPException(422, "name both persons in the body: person_id1, which stays, and person_id2")
    outcome = await asks.outcome(lambda fields: MergePersons(person_id1=one, person_id2=two, **fields))
    return outcome if isinstance(outcome, JSONResponse) else await _changed(asks.ctx, outcome, "merged")


@router.post("/persons/reset", response_model=models.Reset, responses=REFUSALS)
@needs(Role.admin)
async def reset_persons(
    asks: Asks,
    query: Annotated[models.ResetRequest, Query()],
    body: models.ResetRequest | None = None,
) -> Any:
    """Forgets everybody, or those ever seen by ``camera_id`` (in the body or the query; the body wins). Any
    other name there is refused: it must not erase everybody."""
    chosen = body.camera_id if body is not None and body.camera_id is not None else query.camera_id
    outcome = await asks.outcome(lambda fields: ResetGallery(camera_id=chosen, **fields))
    if isinstance(outcome, JSONResponse):
        return outcome
    gone = outcome.person_ids
    return models.Reset(command_id=outcome.command_id, camera_id=chosen, removed=len(gone), person_ids=gone)


@router.post("/persons/{person_id}/rename", response_model=models.ChangedPerson, responses=REFUSALS)
@needs(Role.operator)
async def rename_person(asks: Asks, person_id: PersonPath, body: models.RenameRequest) -> Any:
    """The person is called ``label`` from now on, on every camera."""
    outcome = await asks.outcome(lambda fields: RenamePerson(person_id=person_id, label=body.label, **fields))
    return outcome if isinstance(outcome, JSONResponse) else await _changed(asks.ctx, outcome, "renamed")


@router.delete("/persons/{person_id}", response_model=models.Forgotten, responses=REFUSALS)
@needs(Role.admin)
async def forget_person(asks: Asks, person_id: PersonPath) -> Any:
    """Erases the person from the gallery and the views."""
    outcome = await asks.outcome(lambda fields: ForgetPerson(person_id=person_id, **fields))
    if isinstance(outcome, JSONResponse):
        return outcome
    return models.Forgotten(command_id=outcome.command_id, person_id=person_id)


@router.get("/commands/{command_id}", responses={404: {"model": models.Problem}})
@needs(Role.viewer)
async def get_outcome(
    ctx: Ctx, id_: Annotated[str, Path(alias="command_id", min_length=1, max_length=models.MAX_ID)]
) -> models.Outcome:
    """What became of a command, for an hour."""
    outcome = await ctx.views.outcome(id_)
    where = f"/commands/{id_}"
    if outcome is not None and outcome.command_id == id_:
        return models.Outcome(
            status="rejected" if outcome.rejected else "done",
            command_id=id_,
            outcome=where,
            event_type=outcome.event_type,
            person_id=outcome.person_id,
            person_ids=outcome.person_ids,
            code=outcome.code or None,
            message=outcome.message or None,
        )
    issued = ctx.keys.asked_at(id_) or issued_at(id_)
    if issued is None or issued < ctx.clock() - OUTCOME_TTL_S * 1000:
        raise HTTPException(404, f"no command {id_}, or it is older than an hour")
    return models.Outcome(status="pending", command_id=id_, outcome=where)


async def _changed(ctx: Context, outcome: CommandOutcome, status: str) -> models.ChangedPerson:
    row = await ctx.views.person(outcome.person_id or "")
    if row is None:
        raise HTTPException(
            404, f"{outcome.person_id} was {status}, and is gone since: /commands/{outcome.command_id}"
        )
    return models.ChangedPerson.model_validate(
        person_fields(row) | {"status": status, "command_id": outcome.command_id}
    )
