"""Routes that tell where persons were, and when."""

from collections.abc import Sequence
from typing import Annotated, Final
from urllib.parse import unquote

from fastapi import APIRouter, HTTPException, Query

from api import journey_models, models
from api.access.roles import Role, needs
from api.journey_views import LATEST, JourneyViews, Start, Walker
from api.persons import NOT_FOUND, Ctx, PersonPath
from reid.contracts.journeys import Visit
from reid.journeys.legs import legs
from reid.journeys.visits import MAX_VISIT

router = APIRouter(tags=["journeys"])
#: Legs of one trajectory, journeys of one page.
MOST: Final = 1000
#: Visits looked at for one page, where few of them pass the filter, and at once.
LOOKED_AT: Final = 5_000
AT_ONCE: Final = 200
Moment = Annotated[int | None, Query(ge=0, le=LATEST, description="Milliseconds since the epoch.")]


def in_order(since: int | None, until: int | None) -> None:
    """Raises `HTTPException` 422 for a span that ends before it begins: nothing found would look like an
    answer."""
    if since is not None and until is not None and since > until:
        raise HTTPException(422, f"since={since} is after until={until}: a span ends after it begins")


@router.get("/persons/{person_id}/trajectory", responses=NOT_FOUND)
@needs(Role.viewer)
async def get_trajectory(
    ctx: Ctx,
    person_id: PersonPath,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Legs: the latest ones.")] = MOST,
) -> journey_models.Trajectory:
    """Where this person has been, leg by leg, over all visits kept."""
    walker = (await ctx.journeys.walkers([person_id])).get(person_id)
    if walker is None:
        raise HTTPException(404, f"no person {person_id} in the gallery")
    walked = [leg for visit in await ctx.journeys.all_visits(person_id) for leg in legs_of(visit, walker)]
    return journey_models.Trajectory(
        person_id=person_id, label=walker.label, legs=walked[-limit:], visits=walker.visit_count
    )


@router.get("/journeys")
@needs(Role.viewer)
async def list_journeys(
    ctx: Ctx,
    since: Moment = None,
    until: Moment = None,
    camera_id: Annotated[
        str | None,
        Query(min_length=1, max_length=models.MAX_ID, description="Only journeys that lead there."),
    ] = None,
    person_id: Annotated[str | None, Query(min_length=1, max_length=models.MAX_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Journeys a page.")] = 100,
    cursor: Annotated[
        str | None, Query(pattern=r"^\d{1,15}/[^/\s]{1,200}$", description="`next` of the page before.")
    ] = None,
) -> journey_models.Journeys:
    """Journeys that were under way between ``since`` and ``until``, the latest begun first. A page may hold
    fewer than ``limit`` where the filter leaves few: as long as there is a ``next``, there may be more."""
    in_order(since, until)
    span = since or 0, LATEST if until is None else until
    before = None if cursor is None else Start(int(cursor.partition("/")[0]), cursor.partition("/")[2])
    kept: list[tuple[Start, Visit]] = []
    looked_at, more = 0, True
    while more and len(kept) <= limit and looked_at < LOOKED_AT:
        starts, more = await _next(ctx.journeys, span, person_id, before, max(AT_ONCE, limit + 1))
        found = await ctx.journeys.visits(starts)
        kept += [
            (start, visit)
            for start, visit in zip(starts, found, strict=True)
            if visit is not None
            and visit.ended_at >= span[0]
            and (camera_id is None or any(one.camera_id == camera_id for one in visit.intervals))
        ]
        looked_at, before = looked_at + len(starts), starts[-1] if starts else before
    if len(kept) > limit:
        kept, more = kept[:limit], True
        before = kept[-1][0]
    return journey_models.Journeys(
        journeys=await _told(ctx.journeys, kept),
        next=f"{before.started_at}/{before.person_id}" if more and before is not None else None,
    )


async def _next(
    views: JourneyViews, span: tuple[int, int], person_id: str | None, before: Start | None, most: int
) -> tuple[list[Start], bool]:
    """Visits to look at, newest first, and whether there are more. One that was under way at the beginning of
    the span began within `MAX_VISIT` before it."""
    first, last = max(0, span[0] - MAX_VISIT), span[1]
    if before is not None:
        last = min(last, before.started_at)
    if person_id is not None:
        orders = await views.orders([person_id])
        starts = [Start(at, person_id) for at in reversed(orders[person_id]) if first <= at <= last]
    else:
        starts = await views.starts(first, last, most + 1)
    more = len(starts) > most
    if before is not None:
        starts = [start for start in starts if _key(start) < _key(before)]
    return starts[:most], more


def _key(start: Start) -> tuple[int, str]:
    """As the index orders them."""
    return start.started_at, f"{start.person_id}/{start.started_at}"


async def _told(views: JourneyViews, kept: Sequence[tuple[Start, Visit]]) -> list[journey_models.Journey]:
    ids = [start.person_id for start, _ in kept]
    walkers, orders = await views.walkers(ids), await views.orders(ids)
    told = []
    for start, visit in kept:
        walker, order = walkers.get(start.person_id), orders[start.person_id]
        if walker is None or start.started_at not in order:
            continue  # Gone since the index was read, or expired by the clock.
        walked = legs_of(visit, walker)
        told.append(
            journey_models.Journey(
                person_id=walker.person_id,
                label=walker.label,
                visit=order.index(start.started_at) + 1,
                started_at=visit.started_at,
                ended_at=None if any(leg.left_at is None for leg in walked) else visit.ended_at,
                legs=walked,
            )
        )
    return told


def legs_of(visit: Visit, walker: Walker) -> list[journey_models.Leg]:
    """With those that go on now."""
    live = {_live(name) for name in walker.tracks}
    return [
        journey_models.Leg(
            camera_id=leg.camera_id,
            entered_at=leg.entered_at,
            left_at=None if any((leg.camera_id, name) in live for name in leg.names) else leg.left_at,
            dwell_ms=leg.left_at - leg.entered_at,
            tracks=leg.tracks,
        )
        for leg in legs(visit)
    ]


def _live(name: str) -> tuple[str, str]:
    """``camera/session/tracker_id``, a slash in the camera's id escaped."""
    camera, _, rest = name.partition("/")
    return unquote(camera), rest
