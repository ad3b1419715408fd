"""Routes that read persons."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Response

from api import attributes as looks
from api import history, history_models, models
from api.access.roles import Role, needs
from api.context import Context, context
from api.shown import PersonsAsked
from reid.contracts.views import ShownPerson

router = APIRouter(tags=["persons"])
#: Entries of one page.
MOST: Final = 1000
Ctx = Annotated[Context, Depends(context)]
CameraQuery = Annotated[
    str | None,
    Query(min_length=1, max_length=models.MAX_ID, description="Only persons ever seen by this camera."),
]
PersonPath = Annotated[str, Path(min_length=1, max_length=models.MAX_ID)]
_shown: Final = msgspec.json.Decoder(ShownPerson)
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": models.Problem, "description": "Unknown person, or never seen by that camera."}
}


@router.get("/persons", response_model=models.Persons, response_model_exclude_unset=True)
@needs(Role.viewer)
async def list_persons(
    ctx: Ctx,
    camera_id: CameraQuery = None,
    limit: Annotated[int | None, Query(ge=1, le=MOST, description="Persons a page.")] = None,
    cursor: Annotated[
        str | None, Query(pattern=r"^\d{1,15}$", description="`next_cursor` of the page before.")
    ] = None,
    attributes: Annotated[
        str | None,
        Query(
            max_length=500,
            json_schema_extra={"pattern": looks.SOME_TERMS},
            description="Only persons who look like that: `upper:red,blue lower:dark bag:yes`; all terms, of "
            "each one of its values. `dark`, `light`, `blue` and `grey` stand for several colours.",
        ),
    ] = None,
) -> Response:
    """Persons in the order of registration, each with all cameras that ever saw it."""
    among = None
    if attributes is not None:
        among = frozenset(await looks.matching(ctx.views, looks.looks_of(attributes)))
    if cursor is not None and limit is None:
        limit = MOST
    after = None if cursor is None else int(cursor)
    return _json(await ctx.views.persons(PersonsAsked(camera_id, limit, after, among)))


@router.get("/persons/stats")
@needs(Role.viewer)
async def person_stats(ctx: Ctx) -> models.PersonStats:
    """Persons, embeddings and mean visits by camera. A person counts at each of its cameras."""
    return models.PersonStats(
        cameras={
            name: models.CameraStats(
                total_persons=sums.persons,
                total_embeddings=sums.embeddings,
                avg_visits=round(sums.visits / sums.persons, 2),
            )
            for name, sums in (await ctx.views.sums()).items()
        }
    )


@router.get("/persons/{person_id}", response_model=models.Person, responses=NOT_FOUND)
@needs(Role.viewer)
async def get_person(ctx: Ctx, person_id: PersonPath, camera_id: CameraQuery = None) -> Response:
    """One person; with ``camera_id`` only when that camera ever saw it."""
    shown = await ctx.views.shown(person_id)
    if shown is None:
        raise HTTPException(404, f"no person {person_id} in the gallery")
    if camera_id is not None and camera_id not in _shown.decode(shown).cameras:
        raise HTTPException(404, f"{person_id} was never seen by camera {camera_id}")
    return _json(shown)


@router.get(
    "/persons/{person_id}/history",
    response_model=history_models.History,
    response_model_exclude_none=True,
    responses=NOT_FOUND,
)
@needs(Role.viewer)
async def get_history(
    ctx: Ctx,
    person_id: PersonPath,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Steps a page: the latest ones.")] = 100,
    before: Annotated[
        int | None, Query(ge=0, le=2**53, description="`next_before` of the page before.")
    ] = None,
) -> history_models.History:
    """Why this person is who it is, step by step: samples, decisions with their evidence, visits, merges,
    splits, renames, and who asked for them. The past of whom it absorbed is part of it. Who was forgotten or
    reset, or has expired, is not named."""
    entries = await history.gather(person_id, ctx.views.history)
    if not entries:
        raise HTTPException(404, f"no person {person_id} in the gallery")
    shown, next_before = history.page(entries, limit, before)
    known = await ctx.views.known(history.named(shown))
    steps = [history.step(history.naming(entry, known), person_id) for entry in shown]
    return history_models.History(person_id=person_id, steps=steps, next_before=next_before)


def _json(body: bytes) -> Response:
    """Sent as it stands: what the projector wrote is not decoded, checked and encoded for each who asks."""
    return Response(body, media_type="application/json")
