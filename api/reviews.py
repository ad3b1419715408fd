"""Routes of the doubtful decisions: what waits for an answer, and the answer.

``yes`` goes into the log for the record and to learn from; ``no`` first undoes what was decided, by the
command that undoes it anyway. Of two who stand both it is the other way round: ``yes`` merges.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import JSONResponse

from api.access.roles import Role, needs
from api.asked import REFUSALS, Asks
from api.journey_views import Walker
from api.persons import Ctx
from api.review_models import Answer, Answered, Review, ReviewItem
from reid.contracts.commands import AnyCommand, ConfirmIdentity, MergePersons, RejectTrack, UnmergePersons
from reid.contracts.events import TrackRef
from reid.contracts.journeys import ReviewItem as Item

router = APIRouter(tags=["review"])
_APART = ("suggested", "automatic_split")
Make = Callable[[dict[str, Any]], AnyCommand]


@router.get("/review")
@needs(Role.viewer)
async def list_review(ctx: Ctx) -> Review:
    """Decisions that were close, merges that nobody asked for, and persons who may be somebody known."""
    items = await ctx.journeys.reviews()
    ids = {id_ for item in items.values() for id_ in (item.person_id, item.other_id) if id_ is not None}
    walkers = await ctx.journeys.walkers(sorted(ids))
    newest = sorted(items.items(), key=lambda pair: (-pair[1].at, pair[0]))
    told = (_told(id_, item, walkers) for id_, item in newest)
    return Review(items=[one for one in told if one is not None])


@router.post("/review/{item_id}", responses=REFUSALS)
@needs(Role.operator)
async def answer_review(
    asks: Asks, item_id: Annotated[str, Path(pattern="^[0-9a-f]{1,64}$")], body: Answer
) -> Answered:
    """Either answer takes the item off the queue. 409 says why a decision can't be undone as things are."""
    item = (await asks.ctx.journeys.reviews()).get(item_id)
    if item is None:
        raise HTTPException(404, f"no item {item_id} waits for an answer: it was answered, or is settled")
    change = _change(item, body.answer)
    if change is not None:
        await asks.outcome(change)
    # A key names one command: the answer's is made from it, so that a request sent again gives it once.
    told = replace(asks, key=None if asks.key is None else f"{asks.key}:answer")
    outcome = await told.outcome(_answer(item, body.answer))
    if isinstance(outcome, JSONResponse):
        return outcome  # type: ignore[return-value]
    return Answered(item_id=item_id, answer=body.answer, command_id=outcome.command_id)


def _change(item: Item, answer: str) -> Make | None:
    """What the answer changes, None where things stay as they are."""
    if item.kind in _APART and answer == "yes":
        # The older id stays: its past is the longer one.
        return lambda fields: MergePersons(
            person_id1=item.other_id or "", person_id2=item.person_id, **fields
        )
    if item.kind == "automatic_merge" and answer == "no":
        return lambda fields: UnmergePersons(
            person_id=item.person_id, absorbed_id=item.other_id or "", **fields
        )
    if item.kind == "small_margin" and answer == "no" and item.track is not None:
        track = item.track
        return lambda fields: RejectTrack(person_id=item.person_id, track=track, **fields)
    return None


def _answer(item: Item, answer: Any) -> Make:
    about: dict[str, Any] = {"person_id": item.person_id, "other_id": item.other_id}
    if item.kind == "small_margin":
        about = {"person_id": item.person_id, "track": item.track}
    elif item.kind in _APART and answer == "yes":
        about = {"person_id": item.other_id, "other_id": item.person_id}
    return lambda fields: ConfirmIdentity(
        answer=answer, score=item.score, model=item.model, learned=item.learned, **about, **fields
    )


def _told(id_: str, item: Item, walkers: dict[str, Walker]) -> ReviewItem | None:
    """None for a question that can't be answered now: its person is part of another, or gone by the clock."""
    person, other = walkers.get(item.person_id), walkers.get(item.other_id or "")
    if person is None or (item.kind == "suggested" and other is None):
        return None
    return ReviewItem(
        item_id=id_,
        kind=item.kind,
        at=item.at,
        person_id=item.person_id,
        label=person.label,
        other_id=item.other_id,
        other_label=other.label if other is not None else item.other_label or None,
        score=item.score,
        runner_up_score=item.runner_up_score,
        threshold=item.threshold,
        camera_id=item.camera_id,
        track=None if item.track is None else _name(item.track),
        reason=item.reason,
        other_last_seen=item.other_last_seen,
    )


def _name(track: TrackRef) -> str:
    return f"{quote(track.camera_id, safe=' :@')}/{track.session}/{track.tracker_id}"
