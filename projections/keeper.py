"""Deletes stored crops that are nobody's: the erasure of who was forgotten, expired or reset, made real.

The view names the crops of living persons. What it named a moment ago and names no longer goes at once if it
is of nobody who lives: as seen between two looks, and as the follower beside tells of each change, for who is
named and forgotten between two looks was named in neither. Anything else goes `GRACE_S` after it was taken or
named last: tracks that nobody became, and crops that better ones replaced or whose track is nobody's for a
while. The next sighting of such a track names its crop again, and would name a picture that is gone. Nothing
here is part of the fold: a replay or a rebuild deletes nothing, a crash loses nothing, and to delete twice
does no harm.

A view that is behind its log names too little, and so may one that an older program made. So nothing is
deleted while the stored positions are lower than they were or the form is another, and what the view never
named is looked for only when it has reached the end that the log had before.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from queue import SimpleQueue
from typing import Final, NamedTuple

from projections.changes import Change, RemoveHolder
from projections.claims import Claims
from projections.views import PersonsView
from reid.contracts.topics import PERSONS_VIEW, crops_key
from reid.errors import Unavailable
from reid.runtime.crops.base import CropStore, Stored

log = logging.getLogger(__name__)

#: Seconds between two looks at what the view names, and between two at all that is stored.
LOOK_S: Final = 2.0
SWEEP_S: Final = 300.0
#: Seconds after which a crop without a person is left over: a sighting names it long before, and cameras
#: tell none that is half as old (`producers.crops.track_crops`). After an outage of the agent that lasts
#: longer, pictures taken meanwhile are gone; the decisions are not.
GRACE_S: Final = 600.0
#: Seconds that a sweep waits for the view to reach the end of the log.
CATCH_UP_S: Final = 30.0


class Limits(NamedTuple):
    """Of one site's crops: bytes in all, and seconds of age."""

    max_bytes: int
    max_age_s: float


class Swept(NamedTuple):
    """Crops deleted, by reason, and what is left."""

    unclaimed: int = 0
    aged: int = 0
    crowded: int = 0
    left: int = 0
    left_bytes: int = 0


class _LetGo(NamedTuple):
    """``holders``: as the view named them."""

    holders: bytes
    at: float


class _Told(NamedTuple):
    """``crops``: site, SHA-256 and who holds it no longer; ``positions``: of the view after it."""

    crops: list[tuple[str, str, bytes]]
    positions: Mapping[int, int]


class Keeper:
    """``claims``: of these sites, what the view names and where it stands, read as one; ``ends``: next offset
    of each partition of the event log; ``clock``: seconds since the epoch."""

    def __init__(
        self,
        crops: CropStore,
        claims: Callable[[list[str]], Claims],
        ends: Callable[[], Mapping[int, int]],
        limits: Limits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._crops, self._claims, self._ends = crops, claims, ends
        self._limits, self._clock = limits, clock
        self._before: Claims | None = None
        #: Site and crop -> who let it go, and when.
        self._let_go: dict[tuple[str, str], _LetGo] = {}
        self._told: SimpleQueue[_Told] = SimpleQueue()
        #: Highest positions that a change which let something go led to.
        self._told_at: dict[int, int] = {}

    def committed(self, change: Change) -> None:
        """To be called after each change of the view that is made in this process, from any thread."""
        if change.view != PERSONS_VIEW:
            return
        crops = [
            (op.key.removeprefix(crops_key("")), op.name, op.holder.encode())
            for op in change.ops
            if isinstance(op, RemoveHolder)
        ]
        if crops:
            self._told.put(_Told(crops, change.positions))

    def look(self) -> int:
        """Deletes what was named, within `GRACE_S`, of those alone who live no longer. Returns how many.

        Raises `Unavailable`.
        """
        at = self._clock()
        self._hear(at)
        before, now = self._before, self._claims(self._crops.sites())
        reached = [self._told_at, *([before.positions] if before is not None else [])]
        if now.form != PersonsView.form or any(_lower(now.positions, positions) for positions in reached):
            return 0
        for site, (named, _) in (before.sites if before is not None else {}).items():
            for sha256 in named.keys() - now.of(site).holders.keys():
                self._let_go[site, sha256] = _LetGo(named[sha256], at)
        self._before = now
        return self._erase(now, at)

    def _hear(self, at: float) -> None:
        """What was told comes before the look at the view, so that the view has it already."""
        while not self._told.empty():
            told = self._told.get()
            for partition, position in told.positions.items():
                self._told_at[partition] = max(position, self._told_at.get(partition, 0))
            for site, sha256, holder in told.crops:
                others = self._let_go.get((site, sha256))
                holders = holder if others is None else b"%s %s" % (others.holders, holder)
                self._let_go[site, sha256] = _LetGo(holders, at)

    def _erase(self, now: Claims, at: float) -> int:
        """Of what was let go, what is of nobody who lives; what is named again, or past its grace, is let go
        no more."""
        gone = 0
        for (site, sha256), (holders, since) in list(self._let_go.items()):
            left = now.of(site)
            if sha256 not in left.holders and not left.of_the_living(holders):
                self._crops.delete(site, sha256)
                gone += 1
            elif sha256 not in left.holders and at - since <= GRACE_S:
                continue
            del self._let_go[site, sha256]
        return gone

    def sweep(self) -> Swept | None:
        """Deletes what is nobody's and past its grace, too old, or too much; None when the view is behind its
        log. Raises `Unavailable`."""
        began, sites = self._clock(), self._crops.sites()
        ends, claims = self._ends(), self._claims(sites)
        if claims.form != PersonsView.form or _lower(claims.positions, ends):
            return None
        total = Swept()
        for site in sites:
            found = self._sweep_site(site, claims.of(site).holders, began)
            total = Swept(*(a + b for a, b in zip(total, found, strict=True)))
        return total

    def _sweep_site(self, site: str, named: Collection[str], now: float) -> Swept:
        kept: list[Stored] = []
        unclaimed = aged = crowded = 0
        for crop in self._crops.each(site):
            age = now - crop.at
            let_go = self._let_go.get((site, crop.sha256))
            since = age if let_go is None else min(age, now - let_go.at)
            if crop.sha256 not in named and since > GRACE_S:
                unclaimed += 1
            elif age > self._limits.max_age_s:
                aged += 1
            else:
                kept.append(crop)
                continue
            self._crops.delete(site, crop.sha256)
        kept.sort(key=lambda crop: (-crop.at, crop.sha256))
        size = sum(crop.size for crop in kept)
        while size > self._limits.max_bytes:
            crop = kept.pop()
            self._crops.delete(site, crop.sha256)
            size -= crop.size
            crowded += 1
        return Swept(unclaimed, aged, crowded, len(kept), size)


class KeeperThread(threading.Thread):
    """Looks and sweeps until ``stop``; what is away now is asked again later."""

    def __init__(self, keeper: Keeper, stop: threading.Event) -> None:
        super().__init__(name="crops", daemon=True)
        self._keeper, self._stop_asked = keeper, stop

    def run(self) -> None:
        away, swept_at = False, time.monotonic() - SWEEP_S
        while not self._stop_asked.wait(LOOK_S):
            try:
                self._keeper.look()
                if time.monotonic() - swept_at >= SWEEP_S and (swept := self._keeper.sweep()) is not None:
                    swept_at = time.monotonic()
                    log.info("crops: %s", told(swept))
                away = False
            except Unavailable as error:
                log.log(logging.DEBUG if away else logging.WARNING, "crops are not tidied: %s", error)
                away = True


def sweep_when_current(keeper: Keeper, pause_s: float = 0.2) -> Swept:
    """One sweep, as soon as the view is at the end of the log. Raises `Unavailable`."""
    deadline = time.monotonic() + CATCH_UP_S
    while (swept := keeper.sweep()) is None:
        if time.monotonic() > deadline:
            raise Unavailable(
                "the persons view is behind its log, so it can't be told whose a crop is: is "
                "`saferoom projector` running? Look with `saferoom projections`"
            )
        time.sleep(pause_s)
    return swept


def told(swept: Swept) -> str:
    """One line."""
    return (
        f"{swept.unclaimed} of nobody, {swept.aged} too old and {swept.crowded} too many deleted; "
        f"{swept.left} left, {swept.left_bytes / 1024 / 1024:.1f} MiB"
    )


def _lower(positions: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    return any(positions.get(partition, 0) < offset for partition, offset in wanted.items())
