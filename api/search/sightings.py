"""Who was seen in a span of time, at one of these cameras: by each sighting, not from first to last one."""

from collections.abc import Collection, Iterable
from typing import Final

from api.journey_views import LATEST, JourneyViews, Start
from api.search.wanted import Wanted
from reid.contracts.journeys import Visit
from reid.journeys.visits import MAX_VISIT

#: Visits of a span that are looked at before anything is compared. In a longer span most people were seen:
#: there it is quicker to compare first and to look at the visits of the most similar.
FEW_VISITS: Final = 2_000


def asks_for_sightings(wanted: Wanted) -> bool:
    """Whether it matters when somebody was seen."""
    return wanted.since is not None or wanted.until is not None


async def seen_then(views: JourneyViews, wanted: Wanted) -> set[str] | None:
    """Everybody seen then; None where too many visits would have to be looked at. Raises `Unavailable`."""
    since, until = _span(wanted)
    starts = await views.starts(since - MAX_VISIT, until, FEW_VISITS + 1)
    return None if len(starts) > FEW_VISITS else await _seen(views, starts, wanted)


async def of_them(views: JourneyViews, person_ids: Iterable[str], wanted: Wanted) -> set[str]:
    """Who of them was seen then. Raises `Unavailable`."""
    since, until = _span(wanted)
    orders = await views.orders(person_ids)
    starts = [
        Start(began, person_id)
        for person_id, order in orders.items()
        for began in order
        if since - MAX_VISIT <= began <= until
    ]
    return await _seen(views, starts, wanted)


async def _seen(views: JourneyViews, starts: Collection[Start], wanted: Wanted) -> set[str]:
    visits = await views.visits(list(starts))
    return {
        start.person_id
        for start, visit in zip(starts, visits, strict=True)
        if visit is not None and _shows(visit, wanted)
    }


def _shows(visit: Visit, wanted: Wanted) -> bool:
    since, until = _span(wanted)
    return any(
        one.first <= until and one.last >= since and (not wanted.cameras or one.camera_id in wanted.cameras)
        for one in visit.intervals
    )


def _span(wanted: Wanted) -> tuple[int, int]:
    """Both ends included; ms since the epoch."""
    return wanted.since or 0, LATEST if wanted.until is None else wanted.until
