"""The API on views in memory, with an identity agent of a few lines behind the commands' seam."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute

from api.app import create_app
from api.deciding import Standstill
from api.moments import Moments
from api.readiness import FOLLOWED
from api.search.pictures import BadPicture, Seen
from projections.store import MemoryViewStore
from reid.contracts.audit import SearchMade
from reid.contracts.commands import (
    AnyCommand,
    ConfirmIdentity,
    ForgetPerson,
    MergePersons,
    MoveTracks,
    RejectTrack,
    RenamePerson,
    ResetGallery,
    UnmergePersons,
)
from reid.contracts.events import IdentityReviewed
from reid.contracts.topics import EVENTS
from reid.errors import Unavailable
from reid.runtime.settings import Settings
from tests.component.api.client import TestClient
from tests.unit.projections import story
from tests.unit.projections.logs import project


class MemoryReader:
    """`api.reader.Reader` on a `MemoryViewStore`. ``away``: as if Redis were gone."""

    def __init__(self, store: MemoryViewStore) -> None:
        self._store = store
        self.away = False
        self.closed = False

    async def ping(self) -> None:
        self._value("", None)

    async def get(self, key: str) -> bytes | None:
        found: bytes | None = self._value(key, None)
        return found

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        return [self._value(key, None) for key in keys]

    async def hashes(self, keys: list[str]) -> list[dict[str, bytes]]:
        return [dict(self._value(key, {})) for key in keys]

    async def fields(self, asked: list[tuple[str, list[str]]]) -> list[list[bytes | None]]:
        return [[(self._value(key, {})).get(name) for name in names] for key, names in asked]

    async def names(self, keys: list[str]) -> list[list[str]]:
        return [list(self._value(key, {})) for key in keys]

    async def newest(self, index: str, since: int, until: int, most: int) -> list[tuple[str, int]]:
        found = ((score, member) for member, score in self._value(index, {}).items())
        ranked = sorted((one for one in found if since <= one[0] <= until), reverse=True)
        return [(member, score) for score, member in ranked[:most]]

    async def field(self, key: str, name: str) -> bytes | None:
        found: bytes | None = self._value(key, {}).get(name)
        return found

    async def lists(self, keys: list[str]) -> list[list[bytes]]:
        return [list(self._value(key, ())) for key in keys]

    async def listed(self, keys: list[str]) -> list[bool]:
        return [bool(self._value(key, ())) for key in keys]

    async def members(self, key: str) -> set[str]:
        return set(self._value(key, ()))

    async def count(self, index: str) -> int:
        return len(self._value(index, {}))

    async def ranked(self, index: str, within: str | None = None) -> list[tuple[str, int]]:
        members = None if within is None else self._value(within, ())
        ranked = sorted(self._value(index, {}).items(), key=lambda entry: entry[1])
        return [entry for entry in ranked if members is None or entry[0] in members]

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self._value("", None)
        yield self._messages(channel, len(self._store.published))

    async def _messages(self, channel: str, heard: int) -> AsyncIterator[bytes]:
        while True:
            self._value("", None)
            new, heard = self._store.published[heard:], len(self._store.published)
            for message in new:
                if message.channel == channel:
                    yield message.payload
            await asyncio.sleep(0.002)

    async def close(self) -> None:
        self.closed = True

    def _value(self, key: str, default: Any) -> Any:
        if self.away:
            raise Unavailable("Redis is away: start it with `saferoom up`, or check REDIS_URL")
        return self._store._get(key, default)


class MemoryCommands:
    """Answers each command by ``answer``, straight into the view. ``answer`` None: nobody answers."""

    def __init__(self, store: MemoryViewStore, answer: Callable[[AnyCommand], Any] | None) -> None:
        self._store, self._answer = store, answer
        self.sent: list[AnyCommand] = []
        self.searches: list[SearchMade] = []
        self.away = False
        self.closed = False

    async def publish(self, command: AnyCommand) -> None:
        if self.away:
            raise Unavailable("Kafka did not take the command: start it with `saferoom up`")
        self.sent.append(command)
        if self._answer is not None:
            # Visible a little later, as with the real agent and projector.
            asyncio.get_running_loop().call_later(0.01, lambda: project(self._store, [self._answer(command)]))

    async def record(self, search: SearchMade) -> None:
        if self.away:
            raise Unavailable("Kafka did not take it: start it with `saferoom up`")
        self.searches.append(search)

    async def close(self) -> None:
        self.closed = True


class MemoryPictures:
    """``shown``: what the embedder would say of any picture."""

    def __init__(self) -> None:
        self.shown: Seen | Exception = BadPicture("no person found in the picture")
        self.asked: list[bytes] = []

    async def seen(self, picture: bytes) -> Seen:
        self.asked.append(picture)
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown

    async def close(self) -> None:
        return None


class MemoryLog:
    """``end``: next offset of the events' only partition."""

    def __init__(self, store: MemoryViewStore) -> None:
        self._store = store
        self.behind = 0
        self.away = False
        self.stands: list[Standstill] = []

    async def standing(self, ends: dict[tuple[str, int], int]) -> list[Standstill]:
        return self.stands

    async def ends(self) -> dict[tuple[str, int], int]:
        if self.away:
            raise Unavailable("Kafka is away: start it with `saferoom up`")
        ends = {(topic, 0): self._store.positions(view).get(0, 0) for view, topic in FOLLOWED.items()}
        ends[EVENTS.name, 0] += self.behind
        return ends


def agree(command: AnyCommand) -> Any:
    """Does what it is asked for, to two persons ``a`` and ``b``."""
    asked: dict[str, Any] = {"command_id": command.command_id}
    match command:
        case MergePersons():
            return story.merged(command.person_id1, command.person_id2, "Visitor-A", **asked)
        case ConfirmIdentity():
            return IdentityReviewed(
                site_id=command.site_id,
                at=command.issued_at,
                person_id=command.person_id,
                track=command.track,
                other_id=command.other_id,
                answer=command.answer,
                **asked,
            )
        case RenamePerson():
            return story.renamed(command.person_id, command.label, **asked)
        case ForgetPerson():
            return story.forgotten(command.person_id, **asked)
        case ResetGallery():
            return story.reset("a", "b", camera=command.camera_id, **asked)
        case UnmergePersons():
            two = story.state("a", 0, "Visitor-A"), story.state("b", 1, "Visitor-B")
            return story.split("merge_undone", *two, **asked)
        case MoveTracks():
            two = story.state("a", 0, "Visitor-A"), story.state("c", 2, "Visitor-C")
            return story.split("tracks_moved", *two, *command.tracks, **asked)
        case RejectTrack():
            return story.split(
                "track_rejected", story.state("a", 0, "Visitor-A"), None, command.track, **asked
            )
    raise AssertionError(command)


def refuse(code: str) -> Callable[[AnyCommand], Any]:
    return lambda command: story.rejected(command.command_id, code, f"refused: {code}")


_routes: list[BaseRoute] = []


def share_routes(app: FastAPI) -> None:
    """FastAPI puts all routes together with an application's first request, which takes longer than most of
    these tests. They hold nothing of their application, so that the first one's serve all; but for the one
    that describes it, which is another where access is asked for."""
    own = [route for route in app.router.routes if getattr(route, "path", None) == app.openapi_url]
    if not _routes:
        _routes.extend(route for route in app.router.routes if route not in own)
    app.router.routes[:] = [*own, *_routes]


class World:
    """``client`` speaks to the API; ``store`` is what the projector wrote. Time stands at ``now``."""

    def __init__(
        self,
        settings: Settings,
        answer: Callable[[AnyCommand], Any] | None = agree,
        past: Moments | None = None,
    ) -> None:
        self.now = story.START + 5_000
        self.store = MemoryViewStore(lambda: self.now)
        self.reader = MemoryReader(self.store)
        self.commands = MemoryCommands(self.store, answer)
        self.log = MemoryLog(self.store)
        self.pictures = MemoryPictures()
        self.app = create_app(
            settings,
            self.reader,
            self.commands,
            self.log,
            lambda: self.now,
            looking=self.pictures,
            past=past,
        )
        share_routes(self.app)

    def happens(self, *events: Any) -> None:
        project(self.store, events)

    @contextmanager
    def client(self) -> Iterator[TestClient]:
        with TestClient(self.app, base_url="http://localhost:8000") as client:
            yield client
        assert self.reader.closed and self.commands.closed
