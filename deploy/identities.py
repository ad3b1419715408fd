"""Which person a track was, at a time, read off the event log."""

from bisect import bisect_right
from collections import defaultdict

from reid.contracts.events import (
    AnyEvent,
    GalleryReset,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonRenamed,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    TrackRef,
)


class Identities:
    """Folds events into a time line of each track. Events must come in the order of their partition.

    Unlike the view in Redis it remembers the past: a frame of two minutes ago is judged and drawn with
    the person that its track had then. Merged persons count as their survivor throughout.
    """

    def __init__(self) -> None:
        self._times: dict[TrackRef, list[int]] = defaultdict(list)
        self._persons: dict[TrackRef, list[str | None]] = defaultdict(list)
        self._absorbed: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self.registered: set[str] = set()

    def fold(self, event: AnyEvent) -> None:
        if isinstance(event, PersonSeen):
            self._labels[event.person_id] = event.label
            self._set(event.track, event.at, event.person_id)
        elif isinstance(event, PersonLeft):
            self._set(event.track, event.at, None)
        elif isinstance(event, PersonRegistered):
            self.registered.add(event.person_id)
            self._labels[event.person_id] = event.label
        elif isinstance(event, PersonsMerged):
            self._absorbed[event.absorbed_id] = event.survivor_id
            self._labels[event.survivor_id] = event.label
        elif isinstance(event, PersonSplit):
            self._split(event)
        elif isinstance(event, PersonRenamed):
            self._labels[event.person_id] = event.label
        elif isinstance(event, PersonForgotten | PersonExpired):
            self._gone({event.person_id}, event.at)
        elif isinstance(event, GalleryReset):
            self._gone(set(event.person_ids), event.at)

    def _gone(self, person_ids: set[str], at: int) -> None:
        """Their tracks are nobody's from now on: no event says so of each."""
        for track, person_id in self.present().items():
            if person_id in person_ids:
                self._set(track, at, None)

    def _split(self, event: PersonSplit) -> None:
        self._labels[event.person.person_id] = event.person.label
        other = event.other.person_id if event.other is not None else None
        if event.other is not None:
            self._absorbed.pop(event.other.person_id, None)
            self._labels[event.other.person_id] = event.other.label
        for track in event.tracks:
            # A split may name tracks of a time before this reading began.
            persons = self._persons.get(track)
            if persons and persons[-1] is not None:
                self._set(track, event.at, other)

    def person_at(self, track: TrackRef, at: int) -> str | None:
        """Person id of the track at ``at`` (milliseconds), merges followed; None while undecided."""
        place = bisect_right(self._times[track], at) - 1 if track in self._times else -1
        person_id = self._persons[track][place] if place >= 0 else None
        return None if person_id is None else self.survivor(person_id)

    def survivor(self, person_id: str) -> str:
        """The person that this one was merged into, in the end."""
        while person_id in self._absorbed:
            person_id = self._absorbed[person_id]
        return person_id

    def label(self, person_id: str) -> str:
        """The newest label of the (surviving) person."""
        return self._labels.get(self.survivor(person_id), person_id)

    def present(self) -> dict[TrackRef, str]:
        """Tracks that have a person now, and who it is."""
        return {
            track: self.survivor(last)
            for track, persons in self._persons.items()
            if (last := persons[-1]) is not None
        }

    def given(self) -> list[str]:
        """Every person id that a track was given, merges followed, sorted."""
        named = {person for persons in self._persons.values() for person in persons if person is not None}
        return sorted({self.survivor(person) for person in named})

    def _set(self, track: TrackRef, at: int, person_id: str | None) -> None:
        persons = self._persons[track]
        if persons and persons[-1] == person_id:
            return
        # A camera's clock may step back: the fold's order wins over the time it states.
        times = self._times[track]
        times.append(max(at, times[-1]) if times else at)
        persons.append(person_id)
