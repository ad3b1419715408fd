"""The route that tells who belong together."""

import asyncio
from collections import defaultdict
from typing import Final

from fastapi import APIRouter

from api import journey_models
from api.access.roles import Role, needs
from api.journey_views import LATEST, JourneyViews
from api.persons import Ctx
from reid.contracts.topics import DAY_MS
from reid.journeys.groups import Group, groups
from reid.journeys.legs import Leg, legs

router = APIRouter(tags=["journeys"])
#: Visits looked at: of so many days up to the latest, the newest so many.
DAYS: Final = 30
MOST_VISITS: Final = 20_000


@router.get("/groups")
@needs(Role.viewer)
async def list_groups(ctx: Ctx) -> journey_models.Groups:
    """Persons who come, stay and leave together at several cameras or on several days, more often than two
    would by chance who walk as they do."""
    starts = await ctx.journeys.starts(0, LATEST, MOST_VISITS)
    starts = [start for start in starts if start.started_at > starts[0].started_at - DAYS * DAY_MS]
    persons: defaultdict[str, list[list[Leg]]] = defaultdict(list)
    visits = await ctx.journeys.visits(starts)
    for start, visit in zip(reversed(starts), reversed(visits), strict=True):
        if visit is not None:
            persons[start.person_id].append(legs(visit))
    # In a thread: the statistics of a busy month take a moment, and others ask meanwhile.
    found = await asyncio.to_thread(groups, persons)
    return journey_models.Groups(groups=await _told(ctx.journeys, found))


async def _told(views: JourneyViews, found: list[Group]) -> list[journey_models.Group]:
    walkers = await views.walkers(person_id for group in found for person_id in group.person_ids)
    return [
        journey_models.Group(
            person_ids=list(group.person_ids),
            labels=[walkers[person_id].label for person_id in group.person_ids],
            confidence=group.confidence,
            together=journey_models.Together(count=group.times, ms=group.ms, cameras=list(group.cameras)),
            since=group.since,
            last=group.last,
        )
        for group in found
        if all(person_id in walkers for person_id in group.person_ids)
    ]
