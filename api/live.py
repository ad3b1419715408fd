"""Routes that show what a camera sees now."""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import Response

from api import models, picture_models
from api.access.roles import Role, needs
from api.context import Context
from api.persons import Ctx
from reid.contracts.pictures import Picture

router = APIRouter(tags=["live"])
CameraPath = Annotated[str, Path(min_length=1, max_length=models.MAX_ID)]
_JPEG: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    204: {"description": "No picture of the last seconds, or live pictures are switched off."},
    404: {"model": models.Problem, "description": "Unknown camera."},
}


@router.get("/cameras/{camera_id}/frame.jpg", response_class=Response, responses=_JPEG)
@needs(Role.viewer)
async def get_frame_jpeg(ctx: Ctx, camera_id: CameraPath) -> Response:
    """The camera's newest picture with its boxes. ``X-Frame`` tells of that very picture what ``frame.json``
    tells."""
    picture = await _latest(ctx, camera_id)
    if picture is None:
        return Response(status_code=204)
    frame = await _frame(ctx, picture)
    headers = {
        "Cache-Control": "no-store",
        "ETag": f'"{picture.captured_at}"',
        "X-Captured-At": str(picture.captured_at),
        # ASCII: labels may be in any script, headers may not.
        "X-Frame": json.dumps(frame.model_dump(), separators=(",", ":")),
        "X-Content-Type-Options": "nosniff",
    }
    return Response(picture.jpeg, media_type="image/jpeg", headers=headers)


@router.get(
    "/cameras/{camera_id}/frame.json",
    response_model=picture_models.LiveFrame,
    responses={number: said for number, said in _JPEG.items() if number != 200},
)
@needs(Role.viewer)
async def get_frame(ctx: Ctx, camera_id: CameraPath, response: Response) -> Any:
    """Boxes of the newest picture, with the labels of who is in front of the camera now."""
    picture = await _latest(ctx, camera_id)
    if picture is None:
        return Response(status_code=204)
    response.headers["Cache-Control"] = "no-store"
    return await _frame(ctx, picture)


async def _latest(ctx: Context, camera_id: str) -> Picture | None:
    picture = ctx.pictures.latest(camera_id)
    if picture is None and camera_id not in await ctx.views.labels():
        raise HTTPException(404, f"no camera {camera_id}")
    return picture


async def _frame(ctx: Context, picture: Picture) -> picture_models.LiveFrame:
    labels = await ctx.views.track_labels(picture.camera_id, picture.session)
    return picture_models.LiveFrame(
        camera_id=picture.camera_id,
        captured_at=picture.captured_at,
        width=picture.width,
        height=picture.height,
        boxes=[
            picture_models.LiveBox(tracker_id=b.tracker_id, bbox=b.bbox, label=labels.get(b.tracker_id))
            for b in picture.boxes
        ],
    )
