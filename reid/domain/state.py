"""The state of a partition: exactly what the fold of its events gives, and nothing else."""

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from reid.contracts.embedding import fixed_from_bytes
from reid.contracts.events import TrackRef
from reid.contracts.policy import Policy
from reid.domain.centring import Centring
from reid.domain.cohort import Cohort
from reid.domain.gallery import Gallery
from reid.domain.hearing import Hearing
from reid.domain.lately import Lately
from reid.domain.passages import Passages
from reid.domain.person import Merge, Person
from reid.domain.tracks import CameraState, but
from reid.domain.worn import Worn

#: Persons in doubt remembered, and how often each is weighed again. Constants, as all of these, not policy:
#: the fold of a log must not depend on settings.
MAX_DOUBTS: Final = 64
MAX_WEIGHINGS: Final = 40
#: Times of revisions, and tracks moved by them, remembered.
MAX_REVISIONS: Final = 60
_MINUTE: Final = 60_000
MAX_MOVED: Final = 500
#: Tracks that people said not to be somebody, remembered.
MAX_REJECTED: Final = 1_000
#: Answered commands remembered, so that one that comes twice is answered once.
MAX_ANSWERED: Final = 1_000
#: Pairs of persons suggested to be one, remembered so that each is told once.
MAX_SUGGESTED: Final = 1_000
#: Frames that told two persons to be two, remembered so that it can be taken back.
MAX_TOLD: Final = 2_000
#: Answers of people remembered, to learn from.
MAX_REVIEWED: Final = 500


@dataclass(slots=True)
class Revisions:
    """What the site keeps in mind to decide anew. ``doubts``: persons that may be somebody known, and how
    often they were weighed since; ``made_at``: times of the last revisions; ``moved``: tracks, and how often
    they were moved; ``asserted``: persons that people said to be one; ``confirmed``: tracks that people said
    to be their person's, or moved there."""

    doubts: dict[str, int] = field(default_factory=dict)
    made_at: list[int] = field(default_factory=list)
    moved: dict[TrackRef, int] = field(default_factory=dict)
    asserted: dict[str, None] = field(default_factory=dict)
    confirmed: dict[TrackRef, None] = field(default_factory=dict)

    def doubt(self, person_id: str) -> None:
        self.doubts.pop(person_id, None)
        self.doubts[person_id] = 0
        while len(self.doubts) > MAX_DOUBTS:
            del self.doubts[next(iter(self.doubts))]

    def turn(self, number: int) -> None:
        """The first ``number`` doubts were weighed: they go to the end, or are weighed no more."""
        for person_id in list(self.doubts)[:number]:
            times = self.doubts.pop(person_id) + 1
            if times < MAX_WEIGHINGS:
                self.doubts[person_id] = times

    def made(self, at: int, tracks: Iterable[TrackRef] = ()) -> None:
        """A revision was made, which moved these tracks."""
        self.made_at = [*self.made_at, at][-MAX_REVISIONS:]
        for track in tracks:
            self.moved[track] = self.moved.pop(track, 0) + 1
        while len(self.moved) > MAX_MOVED:
            del self.moved[next(iter(self.moved))]

    def lately(self, at: int) -> int:
        """How many were made within a minute of ``at``: who is late is not kept from it by what was made
        since, nor anybody by a clock that was ahead."""
        return sum(abs(made - at) < _MINUTE for made in self.made_at)

    def confirm(self, track: TrackRef) -> None:
        """The oldest are forgotten."""
        self.confirmed[track] = None
        while len(self.confirmed) > MAX_MOVED:
            del self.confirmed[next(iter(self.confirmed))]

    def gone(self, person_id: str) -> None:
        self.doubts.pop(person_id, None)
        self.asserted.pop(person_id, None)


class Told(NamedTuple):
    """Of two persons, in the order of their ids, the ``tracks`` that stood in one frame; None of whom no
    track is known there."""

    tracks: tuple[TrackRef | None, TrackRef | None]
    at: int


@dataclass(slots=True)
class Reviewed:
    """What somebody said about a decision that ``score`` of ``model`` had made. It names nobody, so that
    nothing is left of who is forgotten."""

    at: int
    same: bool
    score: float
    model: str


@dataclass(slots=True)
class Lesson:
    """What answers have taught of an encoder's scores: ``correction`` in log odds."""

    correction: float = 0.0
    answers: int = 0


@dataclass(slots=True)
class Import:
    """A record of an older store: the gallery it stood in, and the id it was registered with here."""

    gallery: str
    person_id: str


def pair(one: str, other: str) -> tuple[str, str]:
    """The two ids in order."""
    return (one, other) if one < other else (other, one)


@dataclass(slots=True)
class Zones:
    """Of a site over zones. ``upto``: next event of each zone's log; ``persons``: zone -> its person ids ->
    ours as first given (`SiteState.holder` says who that is now). ``encoders``: model -> calibration, which
    a zone keeps too."""

    upto: dict[str, int] = field(default_factory=dict)
    persons: dict[str, dict[str, str]] = field(default_factory=dict)
    encoders: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)


class SiteState:
    """All that is known of one site. ``gallery``, ``lately`` and the expiry queue are derived from
    ``persons``."""

    def __init__(self) -> None:
        self.persons: dict[str, Person] = {}
        self.cameras: dict[str, CameraState] = {}
        self.merges: dict[str, Merge] = {}
        self.imports: dict[str, Import] = {}
        self.answered: dict[str, None] = {}
        self.suggested: dict[tuple[str, str], None] = {}
        """Pairs that were suggested to be one person; the ids in order."""
        self.reviewed: list[Reviewed] = []
        self.lessons: dict[str, Lesson] = {}
        """Encoder -> what people's answers about its scores have taught."""
        self.wardrobe: dict[str, dict[str, Worn]] = {}
        """Person id -> attribute -> what is believed of it."""
        self.policy: Policy | None = None
        self.next_number = 0
        self.next_label = 0
        self.gallery = Gallery()
        self.lately = Lately()
        self.hearing = Hearing()
        self.passages = Passages()
        self.revisions = Revisions()
        self.zones = Zones()
        self.rejected: dict[TrackRef, tuple[str, ...]] = {}
        self.told: dict[tuple[str, str], Told] = {}
        """Persons who were known to be two when they were in one frame, ids in order, and how."""
        self._labels: dict[str, str] = {}
        self._expiry: list[tuple[int, str]] = []

    def camera(self, camera_id: str) -> CameraState:
        """The camera's tracks; an empty record for a camera not heard of."""
        found = self.cameras.get(camera_id)
        return self.cameras.setdefault(camera_id, CameraState()) if found is None else found

    def put(self, person: Person) -> None:
        """A new person, or all of a known one's values anew. Relations to others stay symmetric."""
        before = self.persons.get(person.person_id)
        if before is not None:
            self._labels.pop(before.label, None)
            for other_id in before.not_persons - person.not_persons:
                if other_id in self.persons:
                    self.persons[other_id].not_persons.discard(person.person_id)
        self.persons[person.person_id] = person
        self._labels[person.label] = person.person_id
        for other_id in person.not_persons:
            if other_id in self.persons:
                self.persons[other_id].not_persons.add(person.person_id)
        heapq.heappush(self._expiry, (person.last_seen, person.person_id))
        self.lately.saw(person.person_id, person.last_seen)
        self.index(person)

    def index(self, person: Person) -> None:
        """After a change of the person's templates."""
        self.gallery.put(person.person_id, person.number, person.templates)

    def centring(self, model: str) -> Centring:
        """The camera means of an encoder."""
        return self.gallery.centring(model)

    def cohort(self, model: str) -> Cohort:
        """The strangers that an encoder's scores are set off against."""
        return self.gallery.cohort(model)

    def learned(self, model: str) -> float:
        """Log odds that people's answers add to the encoder's."""
        lesson = self.lessons.get(model)
        return 0.0 if lesson is None else lesson.correction

    def reject(self, track: TrackRef, person_id: str) -> None:
        """People said that the track is not this person; the oldest are forgotten."""
        self.rejected[track] = tuple(dict.fromkeys((*self.rejected.pop(track, ()), person_id)))
        while len(self.rejected) > MAX_REJECTED:
            del self.rejected[next(iter(self.rejected))]

    def barred(self, track: TrackRef) -> set[str]:
        """Whom the track was rejected from, as they are called now."""
        holders = (self.holder(person_id) for person_id in self.rejected.get(track, ()))
        return {person_id for person_id in holders if person_id is not None}

    def count(self, track: TrackRef, model: str, vector: bytes) -> None:
        """The look of a track that was given an identity joins its camera's mean."""
        self.centring(model).add(track.camera_id, fixed_from_bytes(vector))

    def recentre(self, model: str, camera_id: str, tracks: int, mean: bytes) -> None:
        """Puts a camera's mean in force."""
        self.centring(model).state(camera_id, tracks, mean)
        self.gallery.recentre(model, camera_id)

    def take_out(self, person_id: str) -> Person:
        """Out of the gallery and every relation; what it merged with stays known, so it can come back."""
        person = self.persons.pop(person_id)
        self.wardrobe.pop(person_id, None)
        if self._labels.get(person.label) == person_id:
            del self._labels[person.label]
        self.gallery.drop(person_id)
        self.lately.forget(person_id)
        self.passages.recent.pop(person_id, None)
        self.revisions.gone(person_id)
        for other_id in person.not_persons:
            if other_id in self.persons:
                self.persons[other_id].not_persons.discard(person_id)
        for camera in self.cameras.values():
            camera.bound = {t: b for t, b in camera.bound.items() if b.person_id != person_id}
        return person

    def remove(self, person_ids: Collection[str], at: int) -> None:
        """Forgets the persons, also as they were before any merge. Their tracks lose their identity: whoever
        they are next, they are it from ``at`` on, and what was before is nobody's."""
        for person_id in person_ids:
            for camera in self.cameras.values():
                camera.part(person_id, at)
            self.take_out(person_id)
        gone = frozenset(person_ids)
        while more := {a for a, merge in self.merges.items() if merge.survivor_id in gone} - gone:
            gone |= more
        self.merges = {a: merge for a, merge in self.merges.items() if a not in gone}
        self._unname(gone)

    def _unname(self, gone: frozenset[str]) -> None:
        """Nothing that is kept of others names these ids any more, nor will any event of theirs. Which
        records of an older store were brought in stays known, or they would come again."""
        self.suggested = dict.fromkeys(both for both in self.suggested if gone.isdisjoint(both))
        self.told = {both: told for both, told in self.told.items() if gone.isdisjoint(both)}
        for camera in self.cameras.values():
            camera.unname(gone)
        rejected = ((track, but(persons, gone)) for track, persons in self.rejected.items())
        self.rejected = {track: persons for track, persons in rejected if persons}
        for merge in self.merges.values():
            merge.survivor, merge.absorbed = (
                one
                if gone.isdisjoint(one.not_persons)
                else msgspec.structs.replace(one, not_persons=but(one.not_persons, gone))
                for one in (merge.survivor, merge.absorbed)
            )

    def holder(self, person_id: str) -> str | None:
        """The living person that this id stands for now, through all merges; None for one that is gone."""
        while person_id not in self.persons:
            merge = self.merges.get(person_id)
            if merge is None:
                return None
            person_id = merge.survivor_id
        return person_id

    def relabel(self, person: Person, label: str) -> None:
        self._labels.pop(person.label, None)
        person.label = label
        self._labels[label] = person.person_id

    def labelled(self, label: str) -> str | None:
        """Id of the person with this label."""
        return self._labels.get(label)

    def answer(self, command_id: str) -> None:
        """Remembers the command; the oldest are forgotten."""
        self.answered[command_id] = None
        while len(self.answered) > MAX_ANSWERED:
            del self.answered[next(iter(self.answered))]

    def suggest(self, one: str, other: str) -> None:
        """Remembers the pair; the oldest are forgotten."""
        self.suggested[pair(one, other)] = None
        while len(self.suggested) > MAX_SUGGESTED:
            del self.suggested[next(iter(self.suggested))]

    def review(self, reviewed: Reviewed) -> None:
        """Remembers an answer; the oldest are forgotten."""
        self.reviewed.append(reviewed)
        del self.reviewed[:-MAX_REVIEWED]

    def expired_before(self, moment: int) -> list[str]:
        """Ids of persons last seen before ``moment``, by time then id.

        A queue entry holds a time at or before the person's last sighting and is brought up to date
        only when it comes to the front: sightings cost nothing here.
        """
        if not self._expiry or self._expiry[0][0] >= moment:
            return []
        due: set[tuple[int, str]] = set()
        while self._expiry and self._expiry[0][0] < moment:
            _, person_id = heapq.heappop(self._expiry)
            person = self.persons.get(person_id)
            if person is None:
                continue
            if person.last_seen < moment:
                due.add((person.last_seen, person_id))
            heapq.heappush(self._expiry, (max(person.last_seen, moment), person_id))
        return [person_id for _, person_id in sorted(due)]


class PartitionState:
    """States of the sites whose key hashes to one partition."""

    def __init__(self) -> None:
        self.sites: dict[str, SiteState] = {}

    def site(self, site_id: str) -> SiteState:
        """The site's state; an empty one for a site not heard of."""
        found = self.sites.get(site_id)
        return self.sites.setdefault(site_id, SiteState()) if found is None else found
