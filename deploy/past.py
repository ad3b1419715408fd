"""The views as of a moment, folded in memory, and the API's own routes on top of them.

As of T means: of each partition, the longest beginning of the log in which no event is later than T. So
nothing that an answer holds was caused by an input after T; what a slow camera sent later about a time
before T was not known then, and is not there. An event's time is that of the input that caused it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.gate import Gate
from api.app import create_app
from api.deciding import Standstill
from api.moments import no_search
from api.readiness import FOLLOWED, Ends
from projections.alerts import AlertsView
from projections.changes import Change
from projections.reading import Batch, batches, partitions
from projections.records import Record
from projections.store import MemoryViewStore
from projections.views import CamerasView, PersonsView, View
from reid.contracts.audit import SearchMade
from reid.contracts.cloudevents import rfc3339
from reid.contracts.commands import AnyCommand
from reid.contracts.topics import CAMERAS, EVENTS
from reid.errors import Unavailable
from reid.runtime.crops.base import NoCrops
from reid.runtime.settings import Settings

#: Records of one step of the fold. The clock of the views stands still within a step.
STEP: Final = 5_000
Place = tuple[str, int]
"""Topic and partition."""
_READS: Final = ("GET", "HEAD", "OPTIONS")


class _Time(msgspec.Struct):
    """Of an event, or of a camera's report. Absent: such a record belongs to no moment."""

    at: int | None = None
    reported_at: int | None = None


_time = msgspec.json.Decoder(_Time)


class _Clock:
    """Where the views stand. Not the past itself: in a ring with its store, neither would go until the
    garbage collector comes, which takes long over a large one."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Past:
    """``store``: the views as of ``moment`` (ms since the epoch); ``ends``: where each log was cut;
    ``latest``: time of the newest event in it. ``start``: an earlier past, from which the fold goes on. Not
    ``counted``: occupancy and transitions are those of ``start``, for whoever does not ask for them."""

    def __init__(self, moment: int, start: "Past | None" = None, counted: bool = True) -> None:
        self.moment = moment
        self._clock = _Clock(moment)
        self.counted = counted
        self.rejected: list[str] = []
        if start is None:
            self.store = MemoryViewStore(self._clock)
            self.ends: Ends = {}
            self.events = self.latest = 0
        else:
            self.store = start.store.copy(self._clock)
            self.ends = dict(start.ends)
            self.events, self.latest = start.events, start.latest

    def fold(self, consumer: Consumer, settings: Settings) -> None:
        """All partitions, from where this past stands. Raises `Unavailable` when Kafka is away."""
        for topic, views in topics_of(views_of(settings, self.counted)).items():
            # One partition after another: the answer must not depend on how their records interleave.
            for partition in partitions(consumer, topic):
                place = (topic, partition)
                start = self.ends.setdefault(place, 0)
                for batch in batches(consumer, topic, {partition: start or None}, size=STEP):
                    # An empty partition moves nothing: the views are those that never heard of it.
                    if batch.positions != {partition: start} and self.apply(views, place, batch):
                        break
        self.settle()

    def apply(self, views: Sequence[View], place: Place, batch: Batch) -> bool:
        """Whether the moment is reached. A camera's report is left out alone: of its topic only the last
        report of each camera is kept, in no order of time."""
        events, prefix = place[0] == EVENTS.name, place[0] != CAMERAS.name
        records, cut = [], False
        for record in batch.records:
            at = moment_of(record)
            if at is None or at <= self.moment:
                records.append(record)
                self._clock.now = at or self._clock.now
                self.latest = max(self.latest, at or 0) if events else self.latest
            elif prefix:
                cut = True
                break
        after = batch.positions.get(place[1], 0)
        if cut:
            after = records[-1].offset + 1 if records else self.ends.get(place, 0)
        for view in views:
            made = view.project(records, self.store)
            # As live: what can't be applied is left out.
            self.rejected += [
                f"{r.record.topic}/{place[1]}/{r.record.offset}: {r.error}" for r in made.rejected
            ]
            self.store.commit(Change(view.name, {}, {place[1]: after}, made.ops))
        self.ends[place] = after
        self.events += len(records) if events else 0
        return cut

    def settle(self) -> None:
        """The clock of the views stands at the moment."""
        self._clock.now = self.moment


def views_of(settings: Settings, counted: bool = True) -> list[View]:
    persons = PersonsView(settings.ttl_days, settings.history_entries, counted=counted)
    return [persons, CamerasView(), AlertsView()]


def topics_of(views: Sequence[View]) -> dict[str, list[View]]:
    """Topic -> the views that follow it, so that it is read once."""
    found: dict[str, list[View]] = {}
    for view in views:
        found.setdefault(view.topic.name, []).append(view)
    return found


def moment_of(record: Record) -> int | None:
    """Ms since the epoch; None for a record that belongs to no moment."""
    try:
        found = _time.decode(record.value or b"{}")
    except msgspec.DecodeError:
        return None
    return found.at if found.at is not None else found.reported_at


class MemoryReader:
    """`api.reader.Reader` on views in memory."""

    def __init__(self, store: MemoryViewStore) -> None:
        self._store = store

    async def ping(self) -> None:
        return None

    async def get(self, key: str) -> bytes | None:
        found: bytes | None = self._store.get(key)
        return found

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        return [self._store.get(key) for key in keys]

    async def hashes(self, keys: list[str]) -> list[dict[str, bytes]]:
        return [dict(self._store.get(key) or {}) for key in keys]

    async def fields(self, asked: list[tuple[str, list[str]]]) -> list[list[bytes | None]]:
        return [[(self._store.get(key) or {}).get(name) for name in names] for key, names in asked]

    async def names(self, keys: list[str]) -> list[list[str]]:
        return [list(self._store.get(key) or {}) for key in keys]

    async def newest(self, index: str, since: int, until: int, most: int) -> list[tuple[str, int]]:
        found = ((score, member) for member, score in (self._store.get(index) or {}).items())
        ranked = sorted((one for one in found if since <= one[0] <= until), reverse=True)
        return [(member, score) for score, member in ranked[:most]]

    async def field(self, key: str, name: str) -> bytes | None:
        found: bytes | None = (self._store.get(key) or {}).get(name)
        return found

    async def lists(self, keys: list[str]) -> list[list[bytes]]:
        return [list(self._store.get(key) or ()) for key in keys]

    async def listed(self, keys: list[str]) -> list[bool]:
        return [bool(self._store.get(key)) for key in keys]

    async def members(self, key: str) -> set[str]:
        return set(self._store.get(key) or ())

    async def count(self, index: str) -> int:
        return len(self._store.get(index) or ())

    async def ranked(self, index: str, within: str | None = None) -> list[tuple[str, int]]:
        members = None if within is None else self._store.get(within) or ()
        ranked = sorted((self._store.get(index) or {}).items(), key=lambda entry: entry[1])
        return [entry for entry in ranked if members is None or entry[0] in members]

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Nothing changes any more."""
        yield _silence()

    async def close(self) -> None:
        return None


async def _silence() -> AsyncIterator[bytes]:
    import asyncio

    await asyncio.Event().wait()
    yield b""


class NoCommands:
    async def publish(self, command: AnyCommand) -> None:
        raise Unavailable("the past takes no commands")

    async def record(self, search: SearchMade) -> None:
        raise no_search()

    async def close(self) -> None:
        return None


class CutLog:
    """The log as if it ended where the past was cut."""

    def __init__(self, past: Past) -> None:
        self._past = past

    async def ends(self) -> Ends:
        return {place: end for place, end in self._past.ends.items() if place[0] in FOLLOWED.values()}

    async def standing(self, ends: Ends) -> list[Standstill]:
        return []  # nothing waits there


class ReadsOnly:
    """ASGI middleware: 405 for whatever would change something. ``moment``: the only one, where there is
    but one."""

    def __init__(self, app: ASGIApp, moment: int | None = None) -> None:
        self._app, self._moment = app, moment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _READS:
            of = "" if self._moment is None else f" as of {rfc3339(self._moment)}"
            said = f"this is the state{of}: the past can't be changed"
            await JSONResponse({"detail": said}, 405, {"Allow": ", ".join(_READS)})(scope, receive, send)
            return
        await self._app(scope, receive, send)


def app_of(past: Past, settings: Settings, gate: Gate) -> Any:
    """The API as it would have answered then: an ASGI application. ``gate``: who may ask it now."""
    store, cut = MemoryReader(past.store), CutLog(past)
    # Who was forgotten since was not yet: their pictures, until the files are gone, must not be shown for it.
    app = create_app(settings, store, NoCommands(), cut, lambda: past.moment, gate, crops_of=NoCrops())
    app.add_middleware(ReadsOnly, moment=past.moment)
    return app
