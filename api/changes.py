"""Routes that ask the identity agent for something.

Each publishes a command and waits until its outcome is visible: then 200, or the reason why not. After
``command_timeout``, or at once with ``Prefer: respond-async`` (RFC 7240), it answers 202 with where to look.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, HTTPException, Path, Query
from fastapi.responses import JSONResponse

from api import models
from api.commands import command_id, issued_at
from api.context import Context, person_fields
from api.persons import Ctx, PersonPath
from reid.contracts.commands import AnyCommand, ForgetPerson, MergePersons, RenamePerson, ResetGallery
from reid.contracts.topics import OUTCOME_TTL_S
from reid.contracts.views import CommandOutcome

router = APIRouter(tags=["commands"])
Prefer = Annotated[str, Header(description="`respond-async`: answer 202 at once.")]

STATUS_OF: Final = {"unknown_person": 404, "bad_label": 422}
"""Status of a refusal by its code; any other is a conflict with what is known: 409."""
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": models.Outcome, "description": "Not visible yet; `Location` says where to look."},
    404: {"model": models.Problem, "description": "Unknown person."},
    409: {"model": models.Problem, "description": "The same person, seen together, or label taken."},
    503: {"model": models.Problem, "description": "Kafka or Redis is away; says what to do."},
}


@router.post("/persons/merge", response_model=models.ChangedPerson, responses=_REFUSALS)
async def merge_persons(ctx: Ctx, body: models.MergeRequest, prefer: Prefer = "") -> Any:
    """``person_id2`` is absorbed into ``person_id1``, which is the answer."""

    def command(fields: dict[str, Any]) -> AnyCommand:
        return MergePersons(person_id1=body.person_id1, person_id2=body.person_id2, **fields)

    outcome = await _outcome(ctx, command, prefer)
    return outcome if isinstance(outcome, JSONResponse) else await _changed(ctx, outcome, "merged")


@router.post("/persons/reset", response_model=models.Reset, responses=_REFUSALS)
async def reset_persons(
    ctx: Ctx,
    body: models.ResetRequest | None = None,
    camera_id: Annotated[str | None, Query(min_length=1, max_length=models.MAX_ID)] = None,
    prefer: Prefer = "",
) -> Any:
    """Forgets everybody, or those ever seen by ``camera_id`` (in the body or the query; the body wins)."""
    chosen = body.camera_id if body is not None and body.camera_id is not None else camera_id
    outcome = await _outcome(ctx, lambda fields: ResetGallery(camera_id=chosen, **fields), prefer)
    if isinstance(outcome, JSONResponse):
        return outcome
    gone = outcome.person_ids
    return models.Reset(command_id=outcome.command_id, camera_id=chosen, removed=len(gone), person_ids=gone)


@router.post("/persons/{person_id}/rename", response_model=models.ChangedPerson, responses=_REFUSALS)
async def rename_person(
    ctx: Ctx, person_id: PersonPath, body: models.RenameRequest, prefer: Prefer = ""
) -> Any:
    """The person is called ``label`` from now on, on every camera."""
    outcome = await _outcome(
        ctx, lambda fields: RenamePerson(person_id=person_id, label=body.label, **fields), prefer
    )
    return outcome if isinstance(outcome, JSONResponse) else await _changed(ctx, outcome, "renamed")


@router.delete("/persons/{person_id}", response_model=models.Forgotten, responses=_REFUSALS)
async def forget_person(ctx: Ctx, person_id: PersonPath, prefer: Prefer = "") -> Any:
    """Erases the person from the gallery and the views."""
    outcome = await _outcome(ctx, lambda fields: ForgetPerson(person_id=person_id, **fields), prefer)
    if isinstance(outcome, JSONResponse):
        return outcome
    return models.Forgotten(command_id=outcome.command_id, person_id=person_id)


@router.get("/commands/{command_id}", responses={404: {"model": models.Problem}})
async def get_outcome(
    ctx: Ctx, id_: Annotated[str, Path(alias="command_id", min_length=1, max_length=models.MAX_ID)]
) -> models.Outcome:
    """What became of a command, for an hour."""
    outcome = await ctx.views.outcome(id_)
    where = f"/commands/{id_}"
    if outcome is not None:
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
    issued = issued_at(id_)
    if issued is None or issued < ctx.clock() - OUTCOME_TTL_S * 1000:
        raise HTTPException(404, f"no command {id_}, or it is older than an hour")
    return models.Outcome(status="pending", command_id=id_, outcome=where)


async def _outcome(
    ctx: Context, command: Callable[[dict[str, Any]], AnyCommand], prefer: str
) -> CommandOutcome | JSONResponse:
    """The outcome, or the 202. Raises `HTTPException` for a refusal."""
    now = ctx.clock()
    id_ = command_id(now)
    fields = {"site_id": ctx.settings.site_id, "command_id": id_, "issued_at": now, "issued_by": "api"}
    preferences = {part.split(";")[0].strip().lower() for part in prefer.split(",")}
    outcome = await ctx.asking.ask(command(fields), wait="respond-async" not in preferences)
    if outcome is None:
        where = f"/commands/{id_}"
        pending = models.Outcome(status="pending", command_id=id_, outcome=where)
        headers = {"Location": where}
        if "respond-async" in preferences:
            headers["Preference-Applied"] = "respond-async"
        return JSONResponse(pending.model_dump(), 202, headers)
    if outcome.rejected:
        raise HTTPException(STATUS_OF.get(outcome.code, 409), outcome.message)
    return outcome


async def _changed(ctx: Context, outcome: CommandOutcome, status: str) -> models.ChangedPerson:
    row = await ctx.views.person(outcome.person_id or "")
    if row is None:
        raise HTTPException(
            404, f"{outcome.person_id} was {status}, and is gone since: /commands/{outcome.command_id}"
        )
    return models.ChangedPerson.model_validate(
        person_fields(row) | {"status": status, "command_id": outcome.command_id}
    )
