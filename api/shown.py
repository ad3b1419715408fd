"""Persons as answers show them: JSON that the projector wrote, sent as it stands."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from api.batching import Batched
from api.reader import Reader
from reid.contracts import topics
from reid.contracts.views import PersonView, shown_of

#: Pages kept while the view stands still, the last asked for.
_KEPT: Final = 4
#: Seconds after which a page is read again all the same: a document's key may expire without any change.
_KEPT_S: Final = 1.0
_encode = msgspec.json.Encoder().encode
_view = msgspec.json.Decoder(PersonView)


class PersonsAsked(NamedTuple):
    """Which persons. ``after``: only those with a higher registration number; ``among``: only these ids;
    ``limit`` None: all of them."""

    camera_id: str | None = None
    limit: int | None = None
    after: int | None = None
    among: frozenset[str] | None = None


class _Version(NamedTuple):
    """Of the view: stored with each batch in the one atomic call that changes the documents."""

    generation: bytes | None
    positions: dict[str, bytes]


class ShownPersons:
    """Of ``site_id``. Every method raises `Unavailable` when Redis is away. ``together``: who asks at once is
    answered by one reading; not where what ``reader`` reads depends on who asks."""

    def __init__(self, reader: Reader, site_id: str, together: bool = True) -> None:
        self._reader, self._site, self._together = reader, site_id, together
        self._pages, self._ones = Batched(self._read_pages), Batched(self._read_ones)
        self._version: _Version | None = None
        self._kept: dict[PersonsAsked, bytes] = {}
        self._kept_until = 0.0

    async def page(self, asked: PersonsAsked) -> bytes:
        """`api.models.Persons` in JSON, in the order of registration."""
        return await (self._pages.ask(asked) if self._together else self._page(asked))

    async def one(self, person_id: str) -> bytes | None:
        """`api.models.Person` in JSON."""
        if self._together:
            return await self._ones.ask(person_id)
        (found,) = await self._documents([person_id])
        return found

    async def _read_pages(self, questions: Sequence[PersonsAsked]) -> dict[PersonsAsked, bytes]:
        # Before the pages: one that changes meanwhile is kept under the older version, and read again.
        version = await self._stands_at()
        if version != self._version or time.monotonic() > self._kept_until:
            self._version, self._kept_until = version, time.monotonic() + _KEPT_S
            self._kept.clear()
        found = {}
        for asked in questions:
            page = self._kept.pop(asked, None)
            found[asked] = self._kept[asked] = await self._page(asked) if page is None else page
        for asked in list(self._kept)[:-_KEPT]:
            del self._kept[asked]
        return found

    async def _stands_at(self) -> _Version:
        generation, (positions,) = await asyncio.gather(
            self._reader.get(topics.GENERATION_KEY),
            self._reader.hashes([topics.position_key(topics.PERSONS_VIEW)]),
        )
        return _Version(generation, positions)

    async def _page(self, asked: PersonsAsked) -> bytes:
        within = None if asked.camera_id is None else topics.camera_persons_key(self._site, asked.camera_id)
        ranked = await self._reader.ranked(topics.persons_index_key(self._site), within)
        if asked.among is not None:
            ranked = [entry for entry in ranked if entry[0] in asked.among]
        rest = ranked if asked.after is None else [entry for entry in ranked if entry[1] > asked.after]
        page = rest if asked.limit is None else rest[: asked.limit]
        raw = await self._documents([person_id for person_id, _ in page])
        # A document may have expired, or gone since the index was read.
        found = [document for document in raw if document is not None]
        total = len(found) if asked.limit is None else len(ranked)
        last = page[-1][1] if len(page) < len(rest) else None
        return _page_of(asked, total, found, last)

    async def _read_ones(self, person_ids: Sequence[str]) -> dict[str, bytes | None]:
        return dict(zip(person_ids, await self._documents(person_ids), strict=True))

    async def _documents(self, person_ids: Sequence[str]) -> list[bytes | None]:
        """`ShownPerson` of each, made of the whole document where an older projector left none."""
        found = await self._reader.mget([topics.shown_person_key(self._site, id_) for id_ in person_ids])
        missing = [place for place, raw in enumerate(found) if raw is None]
        if missing:
            whole = await self._reader.mget(
                [topics.person_key(self._site, person_ids[place]) for place in missing]
            )
            for place, raw in zip(missing, whole, strict=True):
                found[place] = None if raw is None else _encode(shown_of(_view.decode(raw)))
        return found


def _page_of(asked: PersonsAsked, total: int, documents: Sequence[bytes], last: int | None) -> bytes:
    """Put together of what is JSON already."""
    head = b'{"camera_id":%b,"total":%d,"persons":[' % (_encode(asked.camera_id), total)
    if asked.limit is None:
        return b"%b%b]}" % (head, b",".join(documents))
    following = _encode(None if last is None else str(last))
    return b'%b%b],"next_cursor":%b}' % (head, b",".join(documents), following)
