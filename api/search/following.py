"""Keeps the index as the views are, and asks it on a thread of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from api.search.index import Appearance, Index
from api.views import Views
from reid.contracts.views import PersonsChanged
from reid.errors import Unavailable

log = logging.getLogger(__name__)

#: Documents of one read.
CHUNK: Final = 200
#: Seconds that changes are gathered for: a person in front of a camera changes every second.
GATHER_S: Final = 0.25
FIRST_BACKOFF_S: Final = 0.1
LAST_BACKOFF_S: Final = 2.0
#: Seconds that a search waits for the index to be filled.
PATIENCE_S: Final = 5.0
_person: Final = msgspec.json.Decoder(Appearance)
T = TypeVar("T")


class Following:
    """``run`` it beside the application. Redis is the truth; what is here is at most `GATHER_S` behind it."""

    def __init__(self, views: Views, index: Index) -> None:
        self._views, self._index = views, index
        # One thread: the index knows no locks, and a search must not stop the event loop.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._filled = asyncio.Event()
        self._known = (0, 0)

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Raises `Unavailable` while the index is being filled."""
        try:
            await asyncio.wait_for(self._filled.wait(), PATIENCE_S)
        except TimeoutError as error:
            known, of = self._known
            raise Unavailable(
                f"the search index is being filled ({known} of {of} persons): ask again in some seconds"
            ) from error
        return await self._on_thread(question)

    async def run(self) -> None:
        """Until cancelled. While Redis is away, searches are answered from what was known."""
        backoff, told = FIRST_BACKOFF_S, False
        while True:
            try:
                async with self._views.person_changes() as changes:
                    await self._fill()
                    backoff, told = FIRST_BACKOFF_S, False
                    await self._apply(changes)
            except Unavailable as error:
                level = logging.DEBUG if told else logging.WARNING
                log.log(level, "the search index is not kept current until Redis is back: %s", error)
                told = True
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, LAST_BACKOFF_S)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _fill(self) -> None:
        """All persons anew: those who are not there any longer are dropped."""
        ids = await self._views.person_ids()
        for first in range(0, len(ids), CHUNK):
            self._known = (first, len(ids))
            await self._refresh(ids[first : first + CHUNK])
        there = set(ids)
        await self._on_thread(lambda index: _drop(index, [p for p in index.persons() if p not in there]))
        await self._on_thread(Index.prepare)
        self._filled.set()

    async def _apply(self, changes: AsyncIterator[PersonsChanged]) -> None:
        waiting: set[str] = set()
        everybody = False
        news = asyncio.Event()

        async def hear() -> None:
            nonlocal everybody
            async for change in changes:
                waiting.update(change.person_ids)
                everybody = everybody or change.all
                news.set()

        hearing = asyncio.ensure_future(hear())
        try:
            while True:
                await _first(news.wait(), hearing)
                await asyncio.sleep(GATHER_S)
                news.clear()
                ids, anew = sorted(waiting), everybody
                waiting.clear()
                everybody = False
                if anew:
                    await self._fill()
                else:
                    for first in range(0, len(ids), CHUNK):
                        await self._refresh(ids[first : first + CHUNK])
                    await self._on_thread(Index.prepare)
        finally:
            hearing.cancel()
            with suppress(asyncio.CancelledError, Unavailable):
                await hearing

    async def _refresh(self, ids: Sequence[str]) -> None:
        documents = await self._views.person_documents(ids)
        await self._on_thread(lambda index: _put(index, ids, documents))

    async def _on_thread(self, work: Callable[[Index], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._index)


def _put(index: Index, ids: Iterable[str], documents: Iterable[bytes | None]) -> None:
    for person_id, raw in zip(ids, documents, strict=True):
        if raw is None:
            index.drop(person_id)
        else:
            index.put(_person.decode(raw))


def _drop(index: Index, ids: Collection[str]) -> None:
    for person_id in ids:
        index.drop(person_id)


async def _first(news: Coroutine[Any, Any, Any], hearing: "asyncio.Future[None]") -> None:
    """Returns with the news; raises what ended the hearing."""
    waiting: asyncio.Future[Any] = asyncio.ensure_future(news)
    try:
        await asyncio.wait({waiting, hearing}, return_when=asyncio.FIRST_COMPLETED)
        if hearing.done():
            hearing.result()
            raise Unavailable("Redis ended a subscription")
    finally:
        waiting.cancel()
