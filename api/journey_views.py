"""Visits of one site, as the views hold them, with who made them."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from api.reader import Reader
from reid.contracts import topics
from reid.contracts.journeys import ReviewItem, Visit

#: A moment after all others, ms since the epoch.
LATEST: Final = 2**53
_visit = msgspec.json.Decoder(Visit)
_item = msgspec.json.Decoder(ReviewItem)


class Walker(msgspec.Struct, frozen=True):
    """Of a `PersonView` what journeys are told with. ``tracks``: those that go on."""

    person_id: str
    label: str
    visit_count: int
    tracks: list[str]


class Doubted(Walker, frozen=True):
    """``absorbed``: who is part of it -> into whom they were merged, in the order of the merges."""

    absorbed: dict[str, str] = {}

    @property
    def latest_absorbed(self) -> str | None:
        """Whose merge into this very person can be undone: the latest."""
        own = (id_ for id_, into in reversed(self.absorbed.items()) if into == self.person_id)
        return next(own, None)


_walker = msgspec.json.Decoder(Walker)
_doubted = msgspec.json.Decoder(Doubted)


class Start(NamedTuple):
    """Which visit: whose, and when it began."""

    started_at: int
    person_id: str


class JourneyViews:
    """Every method raises `Unavailable` when Redis is away."""

    def __init__(self, reader: Reader, site_id: str) -> None:
        self._reader, self._site = reader, site_id

    async def walkers(self, person_ids: Iterable[str]) -> dict[str, Walker]:
        """Who of them is in the gallery."""
        found = [_walker.decode(document) for document in await self._documents(person_ids)]
        return {walker.person_id: walker for walker in found}

    async def doubted(self, person_ids: Iterable[str]) -> dict[str, Doubted]:
        """As `walkers`, with whom each absorbed."""
        found = [_doubted.decode(document) for document in await self._documents(person_ids)]
        return {one.person_id: one for one in found}

    async def _documents(self, person_ids: Iterable[str]) -> list[bytes]:
        keys = [topics.person_key(self._site, id_) for id_ in dict.fromkeys(person_ids)]
        return [document for document in await self._reader.mget(keys) if document is not None]

    async def starts(self, since: int, until: int, most: int) -> list[Start]:
        """Visits that began in that time, both ends included; the newest ``most``, newest first."""
        found = await self._reader.newest(topics.visits_key(self._site), since, until, most)
        return [Start(score, member.rpartition("/")[0]) for member, score in found]

    async def visits(self, starts: Sequence[Start]) -> list[Visit | None]:
        """None for one that is gone since."""
        asked = [(topics.journeys_key(self._site, s.person_id), [str(s.started_at)]) for s in starts]
        found = await self._reader.fields(asked)
        return [None if raw is None else _visit.decode(raw) for (raw,) in found]

    async def all_visits(self, person_id: str) -> list[Visit]:
        """The person's, in order."""
        (found,) = await self._reader.hashes([topics.journeys_key(self._site, person_id)])
        return sorted((_visit.decode(raw) for raw in found.values()), key=lambda visit: visit.started_at)

    async def orders(self, person_ids: Iterable[str]) -> dict[str, list[int]]:
        """When each one's visits began, in order."""
        wanted = list(dict.fromkeys(person_ids))
        found = await self._reader.names([topics.journeys_key(self._site, id_) for id_ in wanted])
        return {id_: sorted(map(int, names)) for id_, names in zip(wanted, found, strict=True)}

    async def transitions(self) -> dict[str, int]:
        (found,) = await self._reader.hashes([topics.transitions_key(self._site)])
        return {field: int(raw) for field, raw in found.items()}

    async def hours(self, hours: Sequence[int]) -> list[dict[str, int]]:
        """Fields of each hour since the epoch, empty where nobody was there."""
        found = await self._reader.hashes([topics.occupancy_key(self._site, hour) for hour in hours])
        return [{field: int(raw) for field, raw in one.items()} for one in found]

    async def reviews(self) -> dict[str, ReviewItem]:
        (found,) = await self._reader.hashes([topics.reviews_key(self._site)])
        return {id_: _item.decode(raw) for id_, raw in found.items()}
