"""Routes that count: between cameras, and by camera and hour."""

from typing import Final

from fastapi import APIRouter

from api import journey_models
from api.access.roles import Role, needs
from api.journeys import Moment, in_order
from api.persons import Ctx
from reid.journeys.counts import HOUR_MS, occupancy, transitions
from reid.journeys.durations import quantile

router = APIRouter(prefix="/analytics", tags=["analytics"])
#: Hours of one answer.
MOST_HOURS: Final = 31 * 24
_DEFAULT_MS: Final = 24 * HOUR_MS


@router.get("/transitions")
@needs(Role.viewer)
async def get_transitions(ctx: Ctx) -> journey_models.Transitions:
    """How many went from one camera to another, and how long they took."""
    found = transitions(await ctx.journeys.transitions())
    return journey_models.Transitions(
        transitions=[
            journey_models.Transition(
                from_camera=source,
                to_camera=target,
                count=sum(counts.values()),
                median_ms=quantile(counts, 50),
                p10_ms=quantile(counts, 10),
                p90_ms=quantile(counts, 90),
            )
            for (source, target), counts in found.items()
        ]
    )


@router.get("/flows")
@needs(Role.viewer)
async def get_flows(ctx: Ctx) -> journey_models.Flows:
    """The same counts as a matrix, for a heat map."""
    found = transitions(await ctx.journeys.transitions())
    cameras = sorted({camera for pair in found for camera in pair})
    matrix = [[sum(found.get((a, b), {}).values()) for b in cameras] for a in cameras]
    return journey_models.Flows(cameras=cameras, matrix=matrix)


@router.get("/occupancy")
@needs(Role.viewer)
async def get_occupancy(ctx: Ctx, since: Moment = None, until: Moment = None) -> journey_models.Occupancy:
    """Who was where, hour by hour (UTC), of every hour that ``since`` to ``until`` touches: the last day
    where nothing is said. Of a span longer than 31 days its end; the answer says from when on."""
    in_order(since, until)
    last = max(ctx.clock(), since or 0) if until is None else until
    first = max(0, last - _DEFAULT_MS) if since is None else since
    end = last // HOUR_MS + 1
    hours = range(max(first // HOUR_MS, end - MOST_HOURS), end)
    found = await ctx.journeys.hours(hours)
    return journey_models.Occupancy(
        since=hours.start * HOUR_MS,
        until=hours.stop * HOUR_MS,
        hours=[
            journey_models.CameraHour(hour=hour * HOUR_MS, **row._asdict())
            for hour, fields in zip(hours, found, strict=True)
            for row in occupancy(fields)
        ],
    )
