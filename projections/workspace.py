"""The part of the view that events touch: loaded once, changed in memory, written as one diff.

Live that is done for each batch; a rebuild holds it over many. Everything derived (index, sets by camera,
sums, published mappings) comes from comparing before with after, so that a handler only ever changes a person
or a track.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from projections.changes import (
    AddHolder,
    AddSums,
    Delete,
    HashDelete,
    HashSet,
    IndexAdd,
    IndexRemove,
    KeepUntil,
    Message,
    Op,
    RemoveHolder,
    SetAdd,
    SetOutcome,
    SetPerson,
    SetRemove,
)
from projections.histories import Histories
from projections.store import CameraRef, Documents, PersonRef, ViewStore, held, person_ref
from projections.tracks import parse_track, spot
from reid.contracts import topics
from reid.contracts.events import TrackRef
from reid.contracts.views import (
    CommandOutcome,
    LabelsChanged,
    LiveTrack,
    PersonsChanged,
    PersonTally,
    PersonView,
    Step,
    person_labels,
    shown_of,
)

_encode = msgspec.json.Encoder().encode


class Wanted(NamedTuple):
    """What events can touch. ``tracks``: with their site."""

    persons: set[PersonRef]
    tracks: set[tuple[str, TrackRef]]
    sampled: set[CameraRef]


def tally_of(view: PersonView) -> PersonTally:
    return PersonTally(
        view.number,
        tuple(view.cameras),
        view.num_embeddings,
        view.visit_count,
        dict(view.absorbed),
        tuple(sorted(crop.sha256 for crop in view.crops)),
        dict(view.attributes),
    )


class Workspace:
    """``ttl_ms``: time to live of a person document after its last sighting. ``persons``: as they stand; to
    change one, change what `edit` gives. ``fresh``: the store has nothing of theirs, nothing is loaded."""

    def __init__(self, store: ViewStore, ttl_ms: int, histories: Histories, fresh: bool = False) -> None:
        self._store, self._ttl_ms, self.histories = store, ttl_ms, histories
        self.persons: dict[PersonRef, PersonView | None] = held(fresh, lambda: None)
        self._tallies: dict[PersonRef, PersonTally | None] = held(fresh, lambda: None)
        self._live: dict[CameraRef, dict[str, LiveTrack]] = held(fresh, dict)
        self._labels_before: dict[CameraRef, dict[str, str]] = held(fresh, dict)
        self._changed_persons: dict[PersonRef, None] = {}
        self._changed_tracks: dict[CameraRef, dict[str, None]] = {}
        self._outcomes: dict[str, CommandOutcome] = {}
        #: Loaded, but not yet the cameras of their tracks.
        self._unplaced: set[PersonRef] = set()

    def __len__(self) -> int:
        """Persons held."""
        return len(self.persons)

    def require(self, wanted: Wanted) -> None:
        """Loads what the events can touch: persons and tracks, the waiting samples of cameras, and the
        holders and cameras that the loaded documents name. One round trip; a second where those are others;
        none for what is held."""
        self._load(wanted.persons, {spot(*track).place for track in wanted.tracks}, wanted.sampled)
        holders = set()
        for site, track in wanted.tracks:
            at = spot(site, track)
            holder = self._live[at.place].get(at.field)
            if holder is not None:
                holders.add(person_ref(site, holder.person_id))
        places = {
            CameraRef(ref.site_id, parse_track(name)[0])
            for ref in self._unplaced
            if (view := self.persons.get(ref)) is not None
            for name in view.tracks
        }
        self._unplaced.clear()
        self._load(holders, places)

    def _load(
        self, persons: set[PersonRef], cameras: set[CameraRef], sampled: Collection[CameraRef] = ()
    ) -> None:
        persons, cameras = persons - self.persons.keys(), cameras - self._live.keys()
        sampled = [place for place in sampled if not self.histories.holds(place)]
        if not persons and not cameras and not sampled:
            return
        found: Documents = self._store.load(sorted(persons), sorted(cameras), sorted(sampled))
        self.histories.hold(found.samples)
        self._unplaced |= persons
        for ref in persons:
            self.persons[ref] = found.persons.get(ref)
            self._tallies[ref] = found.tallies.get(ref)
        for place in cameras:
            self._live[place] = found.live.get(place, {})
            self._labels_before[place] = person_labels(self._live[place].values())

    # --- what handlers do

    def edit(self, ref: PersonRef) -> PersonView | None:
        """The document, to be changed in place; None for a person that the view does not hold."""
        view = self.persons[ref]
        if view is None and ref not in self._changed_persons and (tally := self._tallies[ref]) is not None:
            # The key expired by the clock before the log said so: what it adds to the sums stands.
            view = PersonView(
                person_id=ref.person_id,
                label="",
                number=tally.number,
                cameras=list(tally.cameras),
                num_embeddings=tally.embeddings,
                visit_count=tally.visits,
                absorbed=dict(tally.absorbed),
                attributes=dict(tally.attributes),
            )
            self.persons[ref] = view
        if view is not None:
            self._changed_persons[ref] = None
        return view

    def shown(
        self, ref: PersonRef, track: TrackRef
    ) -> tuple[PersonView, dict[str, LiveTrack], str, LiveTrack] | None:
        """The person's document, the live tracks of the track's camera, and the track's field and label in
        them; None where the track does not show that person."""
        view, at = self.persons.get(ref), spot(ref.site_id, track)
        live = self._live[at.place].get(at.field)
        if view is None or live is None or live.person_id != ref.person_id:
            return None
        return view, self._live[at.place], at.field, live

    def add(self, site_id: str, view: PersonView) -> None:
        ref = PersonRef(site_id, view.person_id)
        self.persons[ref] = view
        self._changed_persons[ref] = None

    def remove(self, ref: PersonRef) -> None:
        """Takes the person and its live tracks away; nothing happens for one that is not there."""
        view = self.persons[ref]
        for name in list(view.tracks) if view is not None else ():
            self._drop_live(ref.site_id, name)
        self.persons[ref] = None
        self._changed_persons[ref] = None

    def erase(self, ref: PersonRef) -> None:
        """`remove`, and the person's past goes with it: also that of whom it absorbed."""
        view = self.edit(ref)
        self.remove(ref)
        self.histories.erase(ref.site_id, [ref.person_id, *(view.absorbed if view is not None else ())])

    def keeps_history(self, ref: PersonRef, entry: Step) -> bool:
        """Of living persons, and how an absorbed one ended."""
        return self.histories.keeps_all or self.persons.get(ref) is not None or entry.kind == "merged_into"

    def bind(self, ref: PersonRef, view: PersonView, track: TrackRef, at: int) -> None:
        """``track`` shows this person now. ``view`` is the one that `edit` gave."""
        place, name, field = spot(ref.site_id, track)
        before = self._live[place].get(field)
        if before is not None and before.person_id != ref.person_id:
            self.release(PersonRef(ref.site_id, before.person_id), track)
        tracks = view.tracks
        if name not in tracks:
            tracks.append(name)
        view.current_camera = parse_track(tracks[-1])[0]
        self._put_live(place, field, view, track.tracker_id, at)

    def release(self, ref: PersonRef, track: TrackRef) -> None:
        """``track`` does not show this person any longer."""
        name = spot(ref.site_id, track).name
        view = self.persons[ref]
        if view is not None and name in view.tracks:
            self._changed_persons[ref] = None
            view.tracks.remove(name)
            view.current_camera = parse_track(view.tracks[-1])[0] if view.tracks else None
        self.release_live(ref, track)

    def release_live(self, ref: PersonRef, track: TrackRef) -> None:
        """The track's live label goes, if it is this person's."""
        place, name, field = spot(ref.site_id, track)
        held = self._live[place].get(field)
        if held is not None and held.person_id == ref.person_id:
            self._drop_live(ref.site_id, name)

    def relabel_tracks(self, ref: PersonRef, view: PersonView) -> None:
        """All of the person's live tracks show this person, under its label."""
        for name in view.tracks:
            camera_id, field = parse_track(name)
            place = CameraRef(ref.site_id, camera_id)
            held = self._live[place].get(field)
            if held is not None:
                self._put_live(place, field, view, held.tracker_id, held.last_seen)

    def answer(self, outcome: CommandOutcome) -> None:
        self._outcomes[outcome.command_id] = outcome

    # --- the diff

    def ops(self) -> Iterator[Op]:
        """All that changed since loading, in an order that depends on the content alone."""
        sums: dict[CameraRef, Counter[str]] = {}
        for ref in sorted(self._changed_persons):
            yield from self._person_ops(ref, sums)
        yield from self._crop_ops()
        for place, more in sorted(sums.items()):
            if any(more.values()):
                yield _sums_op(place, more)
        for place, names in sorted(self._changed_tracks.items()):
            key = topics.live_labels_key(*place)
            yield SetAdd(topics.live_cameras_key(place.site_id), place.camera_id)
            for field in names:
                track = self._live[place].get(field)
                yield HashDelete(key, field) if track is None else HashSet(key, field, _encode(track))
        yield from self.grown()
        for ref in sorted(self._changed_persons):
            yield from self._history_lives(ref)

    def grown(self) -> Iterator[Op]:
        """Of `ops` what grows with every event: steps, samples, outcomes."""
        yield from self.histories.ops()
        for command_id, outcome in self._outcomes.items():
            yield SetOutcome(topics.outcome_key(command_id), _encode(outcome))

    def spilt(self) -> None:
        """What `grown` gave is written: it need not be held any longer."""
        self.histories.spilt()
        self._outcomes.clear()

    def messages(self) -> list[Message]:
        """One for each site whose documents changed, and for each camera whose mapping is another now."""
        made = []
        changed_at: dict[str, list[str]] = {}
        for ref in sorted(self._changed_persons):
            changed_at.setdefault(ref.site_id, []).append(ref.person_id)
        for site_id, ids in changed_at.items():
            made.append(Message(topics.persons_channel(site_id), _encode(PersonsChanged(person_ids=ids))))
        for place in sorted(self._changed_tracks):
            labels = person_labels(self._live[place].values())
            if labels != self._labels_before[place]:
                changed = LabelsChanged(camera_id=place.camera_id, person_labels=labels)
                made.append(Message(topics.labels_channel(place.site_id), _encode(changed)))
        return made

    def _person_ops(self, ref: PersonRef, sums: dict[CameraRef, Counter[str]]) -> Iterator[Op]:
        site_id, person_id = ref
        view, before = self.persons[ref], self._tallies.get(ref)
        after = tally_of(view) if view is not None else None
        key, shown = topics.person_key(*ref), topics.shown_person_key(*ref)
        tallies = topics.person_tallies_key(site_id)
        if view is not None:
            yield SetPerson(key, _encode(view), view.last_seen + self._ttl_ms)
            yield SetPerson(shown, _encode(shown_of(view)), view.last_seen + self._ttl_ms)
        else:
            yield Delete(key)
            yield Delete(shown)
        if after == before:
            return
        if after is not None:
            yield HashSet(tallies, person_id, _encode(after))
            if before is None or before.number != after.number:
                yield IndexAdd(topics.persons_index_key(site_id), person_id, after.number)
        else:
            yield HashDelete(tallies, person_id)
            yield IndexRemove(topics.persons_index_key(site_id), person_id)
        was, now = set(before.cameras if before else ()), set(after.cameras if after else ())
        for camera_id in sorted(was - now):
            yield SetRemove(topics.camera_persons_key(site_id, camera_id), person_id)
        for camera_id in sorted(now - was):
            yield SetAdd(topics.camera_persons_key(site_id, camera_id), person_id)
        looked, looks = (set(t.attributes.items()) if t else set() for t in (before, after))
        for attribute, value in sorted(looked - looks):
            yield SetRemove(topics.attribute_key(site_id, attribute, value), person_id)
        for attribute, value in sorted(looks - looked):
            yield SetAdd(topics.attribute_key(site_id, attribute, value), person_id)
        for tally, sign in ((before, -1), (after, 1)):
            for camera_id in tally.cameras if tally else ():
                place = sums.setdefault(CameraRef(site_id, camera_id), Counter())
                place["persons"] += sign
                place["embeddings"] += sign * (tally.embeddings if tally else 0)
                place["visits"] += sign * (tally.visits if tally else 0)

    def _crop_ops(self) -> Iterator[Op]:
        """Whose each crop is now. Of several, where a track went over to somebody else, or where the same
        bytes were taken of two tracks: what one of them lets go is still the others'."""
        for ref in sorted(self._changed_persons):
            view, before = self.persons[ref], self._tallies.get(ref)
            was = set(before.crops if before is not None else ())
            now = {crop.sha256 for crop in view.crops} if view is not None else set()
            key = topics.crops_key(ref.site_id)
            for sha256 in sorted(was - now):
                yield RemoveHolder(key, sha256, ref.person_id)
            for sha256 in sorted(now - was):
                yield AddHolder(key, sha256, ref.person_id)

    def _history_lives(self, ref: PersonRef) -> Iterator[Op]:
        """As long as the document, also the part of it that was somebody else's."""
        view = self.persons[ref]
        if view is not None:
            for person_id in (ref.person_id, *view.absorbed):
                yield KeepUntil(topics.history_key(ref.site_id, person_id), view.last_seen + self._ttl_ms)

    def _put_live(self, place: CameraRef, field: str, view: PersonView, tracker_id: str, at: int) -> None:
        self._live[place][field] = LiveTrack(
            tracker_id=tracker_id, person_id=view.person_id, label=view.label, last_seen=at
        )
        self._changed_tracks.setdefault(place, {})[field] = None

    def _drop_live(self, site_id: str, name: str) -> None:
        camera_id, field = parse_track(name)
        place = CameraRef(site_id, camera_id)
        if self._live[place].pop(field, None) is not None:
            self._changed_tracks.setdefault(place, {})[field] = None


def _sums_op(place: CameraRef, more: Mapping[str, int]) -> AddSums:
    return AddSums(
        topics.camera_stats_key(*place),
        topics.site_cameras_key(place.site_id),
        place.camera_id,
        more["persons"],
        more["embeddings"],
        more["visits"],
    )
