"""What the API knows: the documents of one site, read from the views."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from api.reader import Reader
from api.shown import PersonsAsked, ShownPersons
from reid.contracts import topics
from reid.contracts.codec import decode_status
from reid.contracts.detections import CameraStatus
from reid.contracts.views import (
    AlertView,
    CommandOutcome,
    CropView,
    HistoryEntry,
    LabelsChanged,
    LiveTrack,
    PersonsChanged,
    nameless,
    person_labels,
)
from reid.journeys.arrivals import Arrival
from reid.journeys.clocks import ahead

_arrival = msgspec.json.Decoder(Arrival).decode


class PersonRow(msgspec.Struct, frozen=True):
    """`PersonView` without its embeddings, which are most of it and are skipped in decoding."""

    person_id: str
    label: str
    number: int
    cameras: list[str]
    num_embeddings: int
    visit_count: int
    first_seen: int
    last_seen: int
    current_camera: str | None
    attributes: dict[str, str] = {}
    crops: list[CropView] = []


class CropRow(msgspec.Struct, frozen=True):
    """A stored picture of a person, by the SHA-256 of its bytes."""

    sha256: str


class FoundRow(msgspec.Struct, frozen=True):
    """What an answer of a search tells of a person. ``crops``: best first, none where none are kept."""

    person_id: str
    label: str
    cameras: list[str]
    last_seen: int
    attributes: dict[str, str] = {}
    crops: list[CropRow] = []

    @property
    def crop(self) -> str | None:
        """Where the best picture is found."""
        return f"/crops/{self.crops[0].sha256}.jpg" if self.crops else None


class Sums(NamedTuple):
    persons: int
    embeddings: int
    visits: int


_person = msgspec.json.Decoder(PersonRow)
_live = msgspec.json.Decoder(LiveTrack)
_outcome = msgspec.json.Decoder(CommandOutcome)
_entry = msgspec.json.Decoder(HistoryEntry)
_found = msgspec.json.Decoder(FoundRow)
_persons_changed = msgspec.json.Decoder(PersonsChanged)
_changed = msgspec.json.Decoder(LabelsChanged)
_alert = msgspec.json.Decoder(AlertView)


class Views:
    """Documents of ``site_id``. Every method raises `Unavailable` when Redis is away. ``together``: as
    `ShownPersons` has it."""

    def __init__(self, reader: Reader, site_id: str, together: bool = True) -> None:
        self._reader, self._site = reader, site_id
        self._shown = ShownPersons(reader, site_id, together)

    async def ping(self) -> None:
        await self._reader.ping()

    async def close(self) -> None:
        await self._reader.close()

    async def persons(self, asked: PersonsAsked) -> bytes:
        """A page of persons as the API answers it, in the order of registration."""
        return await self._shown.page(asked)

    async def shown(self, person_id: str) -> bytes | None:
        """One `ShownPerson` in JSON, as the API answers it."""
        return await self._shown.one(person_id)

    async def person(self, person_id: str) -> PersonRow | None:
        raw = await self._reader.get(topics.person_key(self._site, person_id))
        return None if raw is None else _person.decode(raw)

    async def looking(self, attribute: str, values: Collection[str]) -> set[str]:
        """Ids of persons whose ``attribute`` is one of ``values``."""
        found: set[str] = set()
        for value in values:
            found |= await self._reader.members(topics.attribute_key(self._site, attribute, value))
        return found

    async def is_crop(self, sha256: str) -> bool:
        """Whether it is a living person's."""
        return await self._reader.field(topics.crops_key(self._site), sha256) is not None

    async def person_ids(self) -> list[str]:
        """All, in the order of registration."""
        return [id_ for id_, _ in await self._reader.ranked(topics.persons_index_key(self._site))]

    async def person_documents(self, person_ids: Sequence[str]) -> list[bytes | None]:
        """As they stand in the view, None for who is not there."""
        return await self._reader.mget([topics.person_key(self._site, id_) for id_ in person_ids])

    async def found(self, person_ids: Sequence[str]) -> dict[str, FoundRow]:
        """Those of them who are there now."""
        documents = await self.person_documents(person_ids)
        return {row.person_id: row for row in (_found.decode(raw) for raw in documents if raw is not None)}

    async def history(self, person_ids: list[str]) -> list[list[HistoryEntry]]:
        """Each one's own steps, empty for one that the view knows none of."""
        keys = [topics.history_key(self._site, person_id) for person_id in person_ids]
        return [[_entry.decode(raw) for raw in one] for one in await self._reader.lists(keys)]

    async def known(self, person_ids: Collection[str]) -> set[str]:
        """Those of them who are somebody, or part of somebody, still."""
        asked = sorted(person_ids)
        keys = [topics.history_key(self._site, person_id) for person_id in asked]
        return {id_ for id_, there in zip(asked, await self._reader.listed(keys), strict=True) if there}

    async def total_persons(self) -> int:
        return await self._reader.count(topics.persons_index_key(self._site))

    async def sums(self) -> dict[str, Sums]:
        """Of each camera at which somebody was seen, by name."""
        names = sorted(await self._reader.members(topics.site_cameras_key(self._site)))
        found = await self._reader.hashes([topics.camera_stats_key(self._site, name) for name in names])
        return {
            name: Sums(int(one["persons"]), int(one["embeddings"]), int(one["visits"]))
            for name, one in zip(names, found, strict=True)
            if one
        }

    async def cameras(self) -> dict[str, CameraStatus]:
        """The last report of each camera, by name."""
        (found,) = await self._reader.hashes([topics.camera_status_key(self._site)])
        return {name: decode_status(raw) for name, raw in sorted(found.items())}

    async def clocks(self) -> dict[str, int]:
        """Camera -> by how many ms its clock is ahead of the others'; none where nobody can tell."""
        (found,) = await self._reader.hashes([topics.clocks_key(self._site)])
        return ahead({name: _arrival(raw).delay for name, raw in found.items()})

    async def labels(self) -> dict[str, dict[str, str]]:
        """Camera -> tracker id -> label, of every camera that reports or ever had a person before it."""
        seen = await self._reader.members(topics.live_cameras_key(self._site))
        (reporting,) = await self._reader.hashes([topics.camera_status_key(self._site)])
        names = sorted(seen | reporting.keys())
        found = await self._reader.hashes([topics.live_labels_key(self._site, name) for name in names])
        return {name: _labels(one) for name, one in zip(names, found, strict=True)}

    async def track_labels(self, camera_id: str, session: str) -> dict[str, str]:
        """Tracker id -> label, of one run of a camera's tracker."""
        (found,) = await self._reader.hashes([topics.live_labels_key(self._site, camera_id)])
        return _labels({name: raw for name, raw in found.items() if name.rpartition("/")[0] == session})

    async def outcome(self, command_id: str) -> CommandOutcome | None:
        """None for a command of another site, whose callers may not be those of this one."""
        raw = await self._reader.get(topics.outcome_key(command_id))
        found = None if raw is None else _outcome.decode(raw)
        return found if found is not None and found.site_id in ("", self._site) else None

    async def positions(self, view: str) -> dict[int, int]:
        """Partition -> next offset that the projector will apply."""
        (found,) = await self._reader.hashes([topics.position_key(view)])
        return {int(partition): int(offset) for partition, offset in found.items()}

    @asynccontextmanager
    async def person_changes(self) -> AsyncIterator[AsyncIterator[PersonsChanged]]:
        """As `changes`, of documents of persons."""
        async with self._reader.listen(topics.persons_channel(self._site)) as messages:
            yield (_persons_changed.decode(raw) async for raw in messages)

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[LabelsChanged]]:
        """Inside, no change is missed; the iterator gives each."""
        async with self._reader.listen(topics.labels_channel(self._site)) as messages:
            yield (_changed.decode(raw) async for raw in messages)

    async def alerts(self) -> list[AlertView]:
        """The newest alerts, the latest opened first. Nobody is named who is forgotten, though no alerts
        process runs that would say so."""
        (found,) = await self._reader.hashes([topics.alerts_key(self._site)])
        alerts = sorted((_alert.decode(raw) for raw in found.values()), key=lambda a: -a.number)
        known = await self.known({alert.person_id for alert in alerts if alert.person_id is not None})
        return [a if a.person_id is None or a.person_id in known else nameless(a) for a in alerts]

    @asynccontextmanager
    async def alert_changes(self) -> AsyncIterator[AsyncIterator[AlertView]]:
        """Inside, no change of an alert is missed; the iterator gives each."""
        async with self._reader.listen(topics.alerts_channel(self._site)) as messages:
            yield (_alert.decode(raw) async for raw in messages)


def _labels(tracks: dict[str, bytes]) -> dict[str, str]:
    return person_labels(_live.decode(raw) for raw in tracks.values())
