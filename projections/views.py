"""The views: how log records become operations and pub/sub messages, a batch at a time or a whole log."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import msgspec

from projections import persons
from projections.changes import HashDelete, HashSet, Message, Op
from projections.clocks import Clocks
from projections.histories import Histories
from projections.journeys import Journeys
from projections.records import Record, place_of
from projections.reviews import Reviews, matters
from projections.sightings import Sightings
from projections.store import OtherForm, ViewStore
from projections.workspace import Wanted, Workspace
from reid.contracts.codec import decode_event, decode_status, encode
from reid.contracts.events import (
    AnyEvent,
    CameraCalibrated,
    EncoderIntroduced,
    PersonRegistered,
    PersonSeen,
    SiteCalibrated,
    TrackSampled,
    ZoneDirected,
    ZoneFollowed,
)
from reid.contracts.topics import (
    CAMERAS,
    CAMERAS_VIEW,
    DAY_MS,
    EVENTS,
    FORM_KEY,
    PERSONS_VIEW,
    Topic,
    camera_status_key,
)
from reid.contracts.zones import SEPARATOR
from reid.errors import Malformed, PoisonInput, ReidError

log = logging.getLogger(__name__)

Decoded = tuple[Record, AnyEvent]
#: What of a log no view of persons shows: means, scales, and what zones are told.
_SILENT: Final = {CameraCalibrated, SiteCalibrated, EncoderIntroduced, ZoneFollowed, ZoneDirected}
#: Where no setting says otherwise.
HISTORY_ENTRIES: Final = 1000


class Rejected(NamedTuple):
    """A record that can never be applied, and why."""

    record: Record
    error: ReidError


@dataclass(slots=True)
class Projection:
    """What a batch of records does to a view."""

    ops: list[Op] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def formed(view: "View") -> Op:
    """Says in which form the view stands in the store from now on."""
    return HashSet(FORM_KEY, view.name, str(view.form).encode())


class View(Protocol):
    """``name`` is that of its position; ``topic`` what it follows.

    ``form``: raised with every change of what the view makes of a log, so that a store which an older
    program filled is noticed and filled anew (`tests/golden/forms.json` tells when it must be)."""

    @property
    def name(self) -> str: ...

    @property
    def topic(self) -> Topic: ...

    @property
    def form(self) -> int: ...

    def project(self, records: Sequence[Record], store: ViewStore) -> Projection:
        """Reads the store, changes nothing in it. Raises `Unavailable`."""
        ...

    def fold(self, store: ViewStore, fresh: bool = False) -> "Fold":
        """To fold many batches before anything is written to ``store``, which nobody else writes to.
        ``fresh``: the store has nothing yet of any site whose records are folded; it is not asked."""
        ...


class Fold(Protocol):
    """A view on its way through a log: it reads of the store what it does not hold. Raises `Unavailable`."""

    def __len__(self) -> int:
        """Documents held."""
        ...

    def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """Raises `Defect`, after which this fold is of no use."""
        ...

    def grown(self) -> Iterator[Op]:
        """Of `ops` what grows with every record; once it is all taken, it is held no longer."""
        ...

    def ops(self) -> Iterator[Op]:
        """What was not given yet of the difference to the store. The fold ends with it."""
        ...


class Defect(Exception):
    """A record that makes a handler itself fail: a defect of ours. Its cause is what the handler raised."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record

    def rejected(self) -> Rejected:
        log.error("an event makes the view's own code fail", exc_info=self.__cause__)
        return Rejected(self.record, PoisonInput(f"defect of the projector: {self.__cause__!r}"))


class TellingFold(Fold, Protocol):
    """A fold that also tells subscribers of what it changed."""

    def messages(self) -> list[Message]: ...


def projected(begin: Callable[[], TellingFold], records: Sequence[Record]) -> Projection:
    """What one batch does to a view; ``begin`` opens a fold at the store as it stands. Raises `OtherForm`.

    A record that makes the view's own code fail is rejected too, and the others are applied again from a
    clean start."""
    defects: list[Rejected] = []
    while True:
        hopeless = {id(found.record) for found in defects}
        fold = begin()
        try:
            rejected = fold.apply([r for r in records if id(r) not in hopeless])
            return Projection(list(fold.ops()), fold.messages(), rejected + defects)
        except Defect as defect:
            defects.append(defect.rejected())
        except msgspec.DecodeError as error:
            raise OtherForm(error) from error


class PersonsView:
    """Persons, their index, sums, histories and journeys, live labels, decisions to review, how late cameras
    are, and outcomes of commands, from the event log."""

    name, topic, form = PERSONS_VIEW, EVENTS, 7

    def __init__(
        self,
        ttl_days: int,
        history_entries: int = HISTORY_ENTRIES,
        erase_histories: bool = True,
        counted: bool = True,
    ) -> None:
        """``history_entries``: newest steps kept of each person. Not ``counted``: the sums of `api.analytics`
        stay as they are, for whoever does not read them."""
        self._counted = counted
        self._ttl_ms = ttl_days * DAY_MS
        self._history_entries, self._erase_histories = history_entries, erase_histories

    def project(self, records: Sequence[Record], store: ViewStore) -> Projection:
        return projected(lambda: self.fold(store), records)

    def fold(self, store: ViewStore, fresh: bool = False) -> "PersonsFold":
        histories = Histories(self._history_entries, self._erase_histories)
        return PersonsFold(
            Workspace(store, self._ttl_ms, histories, fresh),
            Journeys(store, self._counted, fresh),
            Reviews(store, fresh),
            Clocks(store, fresh),
            fresh,
        )


class PersonsFold:
    """The `PersonsView` over any number of batches."""

    def __init__(
        self, work: Workspace, journeys: Journeys, reviews: Reviews, clocks: Clocks, fresh: bool = False
    ) -> None:
        """``fresh``: all of them are."""
        self._work, self._journeys, self._reviews, self._clocks = work, journeys, reviews, clocks
        self._fresh = fresh
        self._sightings = Sightings(work, journeys, clocks)

    def __len__(self) -> int:
        return len(self._work)

    def apply(self, records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        events = _decoded(records, rejected)
        go_on = self._sightings.go_on
        # Where nothing is to be loaded, each event is done with before the next one is looked at.
        for record, event in events if self._fresh else self._loaded(events):
            try:
                if type(event) is PersonSeen and go_on(event, record):
                    continue
                # What counts of a zone, its site says.
                if type(event) not in _SILENT and SEPARATOR not in event.site_id:
                    self._tell(event, record)
            except ReidError as error:
                rejected.append(Rejected(record, error))
            except msgspec.DecodeError:
                raise  # A document of the store: no fault of the record's.
            except Exception as error:
                raise Defect(record) from error
        return rejected

    def _tell(self, event: AnyEvent, record: Record) -> None:
        work = self._work
        if type(event) is TrackSampled:
            work.histories.sampled(event, place_of(record))
            return
        # Before the track is somebody: then its samples wait no longer.
        since = _since(event, work)
        persons.apply(event, record, work)
        self._journeys.apply(event, since)
        if matters(event):
            self._reviews.apply(event)
        if type(event) is PersonSeen:
            self._clocks.saw(event, record.timestamp)
            self._sightings.told(event)

    def _loaded(self, events: Iterable[Decoded]) -> list[Decoded]:
        """The same, once all that they can touch is here."""
        told, doubtful, sites = list(events), list[AnyEvent](), set[str]()
        wanted, sightings = Wanted(set(), set(), set()), self._sightings
        for _, event in told:
            if type(event) is PersonSeen and sightings.knows(event):
                continue
            if SEPARATOR not in event.site_id:
                if matters(event):
                    doubtful.append(event)
                persons.need(event, wanted)
                sites.add(event.site_id)
        self._work.require(wanted)
        self._journeys.require(wanted.persons)
        self._reviews.require(doubtful)
        self._clocks.require(sites)
        return told

    def grown(self) -> Iterator[Op]:
        yield from self._work.grown()
        self._work.spilt()

    def ops(self) -> Iterator[Op]:
        yield from self._work.ops()
        yield from self._journeys.ops()
        yield from self._reviews.ops()
        yield from self._clocks.ops()

    def messages(self) -> list[Message]:
        return self._work.messages()


class CamerasView:
    """The last report of each camera."""

    name, topic, form = CAMERAS_VIEW, CAMERAS, 1

    def project(self, records: Sequence[Record], store: ViewStore) -> Projection:
        fold = self.fold(store)
        rejected = fold.apply(records)
        return Projection(list(fold.ops()), [], rejected)

    def fold(self, store: ViewStore, fresh: bool = False) -> "CamerasFold":
        return CamerasFold()


class CamerasFold:
    """The `CamerasView` over any number of batches."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], Op] = {}

    def __len__(self) -> int:
        return len(self._latest)

    def apply(self, records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        for record in records:
            try:
                self._report(record)
            except UnicodeDecodeError as error:
                rejected.append(Rejected(record, Malformed(f"key of a camera report: {error}")))
            except ReidError as error:
                rejected.append(Rejected(record, error))
        return rejected

    def grown(self) -> Iterator[Op]:
        """Nothing: of each camera the last report alone counts."""
        yield from ()

    def ops(self) -> Iterator[Op]:
        return iter(self._latest.values())

    def _report(self, record: Record) -> None:
        if record.value is None:
            site_id, _, camera_id = (record.key or b"").decode().partition("/")
            self._latest[site_id, camera_id] = HashDelete(camera_status_key(site_id), camera_id)
            return
        status = decode_status(record.value)
        key = camera_status_key(status.site_id)
        self._latest[status.site_id, status.camera_id] = HashSet(key, status.camera_id, encode(status))


def _decoded(records: Iterable[Record], rejected: list[Rejected]) -> Iterator[Decoded]:
    """What can't be read is added to ``rejected``."""
    for record in records:
        try:
            value = record.value
            if value is None:
                raise Malformed("an event record without a value")
            event = decode_event(value)
        except ReidError as error:
            rejected.append(Rejected(record, error))
            continue
        yield record, event


def _since(event: AnyEvent, work: Workspace) -> int | None:
    """When the track began that the event gives an identity: as it says, or with its first sample."""
    if type(event) is PersonSeen:
        if event.reason != "bound":
            return None
        sampled = work.histories.since(event.site_id, event.track)
        told = [at for at in (event.since or None, sampled) if at is not None]
        return min(told, default=None)
    if type(event) is PersonRegistered:
        return work.histories.since(event.site_id, event.track)
    return None
