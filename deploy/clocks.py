"""Whether the clocks of a site's cameras agree, for `saferoom doctor`: by when their sightings arrive."""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

import msgspec

from deploy.calibration.command import NTP, off_by
from deploy.calibration.model import Clock
from projections.redis_store import RedisViewStore
from reid.contracts.topics import clocks_key
from reid.errors import ReidError
from reid.journeys.arrivals import HOUR, Arrival
from reid.journeys.clocks import ahead
from reid.runtime.doctor import Check, refused
from reid.runtime.settings import Settings

#: A camera that saw nobody for a day says nothing of today's clocks.
RECENT_MS: Final = 24 * HOUR
_arrival: Final = msgspec.json.Decoder(Arrival).decode


def check_clocks(settings: Settings, redis: Check, now_ms: int) -> Check:
    """``redis``: what was found of it."""
    if not redis.ok:
        return Check("Camera clocks", False, "not checked: no Redis", "put Redis right first")
    try:
        key = clocks_key(settings.site_id)
        with closing(RedisViewStore(settings.redis())) as store:
            found = store.hashes([key])[key]
    except ReidError as error:
        return refused("Camera clocks", error)
    return judged({name: _arrival(raw) for name, raw in found.items()}, now_ms)


def judged(arrivals: Mapping[str, Arrival], now_ms: int) -> Check:
    """What the cameras' arrivals tell."""
    recent = {name: one for name, one in arrivals.items() if (one.hour + 1) * HOUR > now_ms - RECENT_MS}
    offs = ahead({name: one.delay for name, one in recent.items()})
    sure = {name: off for name, off in offs.items() if _settled(recent[name])}
    wrong = [told for name, off in sure.items() if (told := off_by(Clock(name, None, off, None)))]
    if wrong:
        return Check("Camera clocks", False, "; ".join(wrong), NTP)
    if len(sure) < 2:
        return Check("Camera clocks", True, "not known yet: two cameras must have seen people in two hours")
    most = max(map(abs, sure.values())) / 1000
    return Check("Camera clocks", True, f"{len(sure)} cameras agree within {most:.1f} s")


def _settled(arrival: Arrival) -> bool:
    """A backlog at the start of all makes a camera look slow, until it was heard in another hour; nothing
    makes its events come before they were but a clock that is ahead."""
    return arrival.before is not None or arrival.delay < 0
