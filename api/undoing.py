"""Routes that undo: a merge, or tracks that were given to the wrong person."""

from typing import Any, Literal
from urllib.parse import unquote

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api import models
from api.access.roles import Role, needs
from api.asked import REFUSALS, Asker, Asks
from api.context import person
from api.persons import PersonPath
from reid.contracts.commands import AnyCommand, MoveTracks, RejectTrack, UnmergePersons
from reid.contracts.events import TrackRef
from reid.contracts.views import CommandOutcome

router = APIRouter(tags=["commands"])


@router.post("/persons/split", response_model=models.SplitPersons, responses=REFUSALS)
@needs(Role.operator)
async def split_persons(asks: Asks, body: models.UnmergeRequest | models.MoveRequest) -> Any:
    """Undoes the merge of ``absorbed_id`` into ``person_id``, or moves ``tracks`` of it to ``into`` or to a
    new person. 409 says why not: no such merge, merged further since, nothing would be left."""

    def command(fields: dict[str, Any]) -> AnyCommand:
        if isinstance(body, models.UnmergeRequest):
            return UnmergePersons(person_id=body.person_id, absorbed_id=body.absorbed_id, **fields)
        tracks = tuple(_track(one) for one in body.tracks)
        return MoveTracks(person_id=body.person_id, tracks=tracks, into=body.into, **fields)

    outcome = await asks.outcome(command)
    return outcome if isinstance(outcome, JSONResponse) else await _persons(asks, outcome, "split")


@router.post("/persons/{person_id}/reject", response_model=models.SplitPersons, responses=REFUSALS)
@needs(Role.operator)
async def reject_track(asks: Asks, person_id: PersonPath, body: models.RejectRequest) -> Any:
    """``track`` is not this person and never will be: it becomes a person of its own, or nobody for now."""
    track = _track(body.track)
    outcome = await asks.outcome(lambda fields: RejectTrack(person_id=person_id, track=track, **fields))
    return outcome if isinstance(outcome, JSONResponse) else await _persons(asks, outcome, "rejected")


async def _persons(
    asks: Asker, outcome: CommandOutcome, status: Literal["split", "rejected"]
) -> models.SplitPersons:
    """Those of them who are there still."""
    rows = [await asks.ctx.views.person(person_id) for person_id in outcome.person_ids]
    return models.SplitPersons(
        status=status,
        command_id=outcome.command_id,
        persons=[person(row) for row in rows if row is not None],
    )


def _track(named: models.AnyTrack) -> TrackRef:
    """``camera/session/tracker``: the camera up to the first slash, the tracker id after the last."""
    if isinstance(named, models.Track):
        return TrackRef(named.camera_id, named.session, named.tracker_id)
    camera, _, rest = named.partition("/")
    session, _, tracker = rest.rpartition("/")
    return TrackRef(unquote(camera), session, tracker)
