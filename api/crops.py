"""Routes that show stored crops: of living persons, of this site."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import Response

from api import models, picture_models
from api.access.roles import Role, needs
from api.persons import NOT_FOUND, Ctx, PersonPath
from reid.contracts.views import CropView

router = APIRouter(tags=["crops"])
#: A name never gets other bytes, but its picture may have to be forgotten: browsers keep it for an hour.
CACHE: Final = "private, max-age=3600, immutable"
JPEG: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    404: {"model": models.Problem, "description": "No crop of a living person, or not kept any more."},
}


@router.get("/crops/{sha256}.jpg", response_class=Response, responses=JPEG)
@needs(Role.viewer)
async def get_crop(ctx: Ctx, sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]) -> Response:
    """A picture by the SHA-256 of its bytes. That of somebody who was forgotten is not given, even while its
    file is still to be deleted."""
    jpeg = None
    if await ctx.views.is_crop(sha256):
        jpeg = await asyncio.to_thread(ctx.crops.get, ctx.settings.site_id, sha256)
    if jpeg is None:
        raise HTTPException(404, f"no crop {sha256}")
    headers = {"Cache-Control": CACHE, "ETag": f'"{sha256}"', "X-Content-Type-Options": "nosniff"}
    return Response(jpeg, media_type="image/jpeg", headers=headers)


@router.get("/persons/{person_id}/crops", responses=NOT_FOUND)
@needs(Role.viewer)
async def get_crops(ctx: Ctx, person_id: PersonPath) -> picture_models.Crops:
    """The best few pictures of a person, from as many cameras as there are."""
    row = await ctx.views.person(person_id)
    if row is None:
        raise HTTPException(404, f"no person {person_id} in the gallery")
    return picture_models.Crops(crops=[_crop(crop) for crop in row.crops])


def url_of(sha256: str) -> str:
    """Where the picture is found."""
    return f"/crops/{sha256}.jpg"


def _crop(crop: CropView) -> picture_models.Crop:
    return picture_models.Crop(
        sha256=crop.sha256,
        url=url_of(crop.sha256),
        camera_id=crop.camera_id,
        at=crop.at,
        quality=crop.quality,
        track=crop.track,
        person_id=crop.person_id,
    )
