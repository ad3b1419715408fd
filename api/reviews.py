"""Routes of the doubtful decisions: what waits for an answer, and the answer.

``yes`` goes into the log for the record and to learn from; ``no`` first undoes what was decided, by the
command that undoes it anyway. Of two who stand both it is the other way round: ``yes`` merges.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import JSONResponse

from api.access.roles import Role, needs
from api.asked import REFUSALS, Asks
from api.context import Context
from api.persons import Ctx
from api.questions import APART, Question, Queue, queue
from api.review_models import Answer, Answered, Review, ReviewItem
from reid.contracts.commands import AnyCommand, ConfirmIdentity, MergePersons, RejectTrack, UnmergePersons
from reid.contracts.events import TrackRef
from reid.contracts.journeys import ReviewItem as Item
from reid.contracts.topics import DAY_MS

router = APIRouter(tags=["review"])
#: Entries of one page.
MOST: Final = 500
_CURSOR: Final = r"^-?\d{1,6}\.\d{6}/[0-9a-f]{1,64}$"
Make = Callable[[dict[str, Any]], AnyCommand]


@router.get("/review")
@needs(Role.viewer)
async def list_review(
    ctx: Ctx,
    aged: Annotated[
        bool, Query(description="Only those that left the queue unanswered: `SAFEROOM_REVIEW_DAYS`.")
    ] = False,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Questions a page.")] = 100,
    cursor: Annotated[str | None, Query(pattern=_CURSOR, description="`next` of the page before.")] = None,
) -> Review:
    """Decisions that were close, merges and splits that nobody asked for, and persons who may be somebody
    known: what can be answered now, one question of two persons at a time, the most useful first."""
    asked = await _queue(ctx)
    found = asked.aged if aged else asked.open
    left = found if cursor is None else [one for one in found if one.rank > _rank(cursor)]
    page = left[:limit]
    return Review(
        items=[_told(one) for one in page],
        total=len(found),
        aged=len(asked.aged),
        next=f"{page[-1].use:.6f}/{page[-1].item_id}" if len(page) < len(left) else None,
    )


async def _queue(ctx: Context) -> Queue:
    items = await ctx.journeys.reviews()
    ids = {id_ for item in items.values() for id_ in (item.person_id, item.other_id) if id_ is not None}
    days = ctx.settings.review_days
    since = ctx.clock() - round(days * DAY_MS) if days else 0
    return queue(items, await ctx.journeys.doubted(sorted(ids)), since)


def _rank(cursor: str) -> tuple[float, str]:
    use, _, item_id = cursor.partition("/")
    return -float(use), item_id


@router.post("/review/{item_id}", responses=REFUSALS)
@needs(Role.operator)
async def answer_review(
    asks: Asks, item_id: Annotated[str, Path(pattern="^[0-9a-f]{1,64}$")], body: Answer
) -> Answered:
    """Either answer takes the item off the queue. 409 says why a decision can't be undone as things are.
    After a 202 the answer is kept when what it changes was carried out; refused, the question stays."""
    item = (await asks.ctx.journeys.reviews()).get(item_id)
    if item is None:
        raise HTTPException(404, f"no item {item_id} waits for an answer: it was answered, or is settled")
    # A key names one command: the answer's is made from it, so that a request sent again gives it once.
    told = replace(asks, key=None if asks.key is None else f"{asks.key}:answer")
    change = _change(item, body.answer)
    made = None if change is None else await asks.outcome(change)
    if isinstance(made, JSONResponse):
        # Kept at once, it would end the question though nothing was undone, where that is refused later.
        changing = made.headers["Location"].rpartition("/")[2]
        asks.ctx.asking.follow(changing, lambda: told.outcome(_answer(item, body.answer)))
        return made  # type: ignore[return-value]
    outcome = await told.outcome(_answer(item, body.answer))
    if isinstance(outcome, JSONResponse):
        return outcome  # type: ignore[return-value]
    return Answered(item_id=item_id, answer=body.answer, command_id=outcome.command_id)


def _change(item: Item, answer: str) -> Make | None:
    """What the answer changes, None where things stay as they are."""
    if item.kind in APART and answer == "yes":
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
    elif item.kind in APART and answer == "yes":
        about = {"person_id": item.other_id, "other_id": item.person_id}
    return lambda fields: ConfirmIdentity(
        answer=answer, score=item.score, model=item.model, learned=item.learned, **about, **fields
    )


def _told(asked: Question) -> ReviewItem:
    item, other = asked.item, asked.other
    return ReviewItem(
        item_id=asked.item_id,
        kind=item.kind,
        at=item.at,
        person_id=item.person_id,
        label=asked.person.label,
        other_id=item.other_id,
        other_label=other.label if other is not None else item.other_label or None,
        score=item.score,
        runner_up_score=item.runner_up_score,
        threshold=item.threshold,
        camera_id=item.camera_id,
        track=None if item.track is None else _name(item.track),
        reason=item.reason,
        other_last_seen=item.other_last_seen,
        doubt=round(asked.doubt, 6),
        visits=asked.visits,
        behind=asked.behind,
    )


def _name(track: TrackRef) -> str:
    return f"{quote(track.camera_id, safe=' :@')}/{track.session}/{track.tracker_id}"
