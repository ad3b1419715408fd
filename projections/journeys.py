"""Visits of the persons that a batch of events touches, what they add to the site's sums, and the diff.

The sums are never told from events: a person's visits before and after are, so that a merge, a split or an
erasure takes away to the last millisecond what was added.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Final

import msgspec

from projections.changes import Count, Delete, HashDelete, HashSet, IndexAdd, IndexRemove, Op
from projections.store import PersonRef, ViewStore, held, person_ref
from projections.tracks import live_field
from reid.contracts import topics
from reid.contracts.events import (
    AnyEvent,
    GalleryReset,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PolicyAdopted,
    TrackRef,
)
from reid.contracts.journeys import Interval, Visit
from reid.contracts.policy import Policy
from reid.journeys.counts import HOUR_MS, Sums, hours_of, recount
from reid.journeys.visits import (
    MAX_INTERVALS,
    MAX_VISIT,
    MAX_VISITS,
    absorbed,
    continues,
    extended,
    given_back,
    shown_until,
    taken,
    visits_of,
)

_encode = msgspec.json.Encoder().encode
_visit = msgspec.json.Decoder(Visit)
_GAP: Final = "visit_gap"
_USUAL_GAP: Final = Policy().visit_gap


class Going:
    """An interval of somebody's latest visit, which is in ``changed`` already: the track's sightings lengthen
    it as long as it is ``valid``, none of them later than ``until``. ``gap``: of the rule in force."""

    __slots__ = ("gap", "interval", "until", "valid", "visit")

    def __init__(self, visit: Visit, interval: Interval, gap: int) -> None:
        self.visit, self.interval, self.gap = visit, interval, gap
        self.until, self.valid = visit.started_at + MAX_VISIT, True

    def goes_on(self, at: int) -> bool:
        """False where there is more to do."""
        interval, visit = self.interval, self.visit
        last = interval.last
        if not (self.valid and last <= at <= last + self.gap and at <= self.until):
            return False
        interval.last = at
        if at > visit.ended_at:
            visit.ended_at = at
        return True


class Visits:
    """One person's. ``raw``: as the store has them, by start; ``gap``: of the rule in force; the visits:
    decoded as needed, and as they are now."""

    def __init__(self, raw: dict[str, bytes], gap: int) -> None:
        self.raw, self.gap = raw, gap
        self.starts = sorted(map(int, raw))
        self._visits: dict[int, Visit] = {}
        self.changed: set[int] = set()
        #: Of the latest visit, the intervals that sightings lengthen: nine of ten events do no more.
        self._open: dict[TrackRef, Going] = {}

    def going(self, track: TrackRef) -> Going | None:
        """What the track's sightings lengthen."""
        return self._open.get(track)

    def follow(self, track: TrackRef, visit: Visit, interval: Interval) -> None:
        """The track's sightings lengthen this interval of the latest visit from now on."""
        camera_id, name = interval.camera_id, interval.track
        same = [one for one in visit.intervals if one.track == name and one.camera_id == camera_id]
        if len(visit.intervals) >= MAX_INTERVALS:
            self.stop()  # They may be joined with others at any time.
        elif len(same) > 1:
            # Which of them a sighting lengthens is not for here to say.
            if (going := self._open.pop(track, None)) is not None:
                going.valid = False
        elif (going := self._open.get(track)) is None or going.interval is not interval:
            if going is not None:
                going.valid = False
            self._open[track] = Going(visit, interval, self.gap)

    def stop(self) -> None:
        """No sighting lengthens anything without being looked at."""
        for going in self._open.values():
            going.valid = False
        self._open.clear()

    def at(self, start: int) -> Visit:
        found = self._visits.get(start)
        if found is None:
            found = self._visits[start] = _visit.decode(self.raw[str(start)])
        return found

    def stored(self, start: int) -> Visit | None:
        raw = self.raw.get(str(start))
        return None if raw is None else _visit.decode(raw)

    def intervals(self) -> list[Interval]:
        return [interval for start in self.starts for interval in self.at(start).intervals]

    def put(self, visits: Iterable[Visit]) -> None:
        """These are all of the person's visits."""
        self.stop()
        self.changed.update(self.starts)
        self._visits = {visit.started_at: visit for visit in visits}
        self.starts = sorted(self._visits)
        self.changed.update(self.starts)

    def begin(self, visit: Visit) -> None:
        """A visit later than all others; the oldest goes where there are too many."""
        self.stop()
        self._visits[visit.started_at] = visit
        self.starts.append(visit.started_at)
        self.changed.add(visit.started_at)
        for gone in self.starts[:-MAX_VISITS]:
            self.changed.add(gone)
            self._visits.pop(gone, None)
        del self.starts[:-MAX_VISITS]


class _NoVisits(dict[PersonRef, Visits]):
    """Of persons that were never anywhere. ``gaps``: of the sites' rules."""

    def __init__(self, gaps: Mapping[str, int]) -> None:
        self._gaps = gaps

    def __missing__(self, ref: PersonRef) -> Visits:
        found = self[ref] = Visits({}, self._gaps[ref.site_id])
        return found


class Journeys:
    """Of many sites. What is loaded once is held until the fold ends. ``counted``: the sums, too, which
    cost most. ``fresh``: nothing is there to load."""

    def __init__(self, store: ViewStore, counted: bool = True, fresh: bool = False) -> None:
        self._store, self._counted = store, counted
        self._gaps: dict[str, int] = held(fresh, lambda: _USUAL_GAP)
        self._persons: dict[PersonRef, Visits] = _NoVisits(self._gaps) if fresh else {}
        self._ruled: dict[str, None] = {}

    def require(self, touched: Set[PersonRef]) -> None:
        """Loads these persons' visits, in one round trip; none for what is held."""
        persons = touched - self._persons.keys()
        if not persons:
            return
        keys = {ref: topics.journeys_key(*ref) for ref in persons}
        rules = {site: topics.rule_key(site) for site in {ref.site_id for ref in persons} - self._gaps.keys()}
        found = self._store.hashes([*keys.values(), *rules.values()])
        for site, key in rules.items():
            self._gaps[site] = int(found[key].get(_GAP, str(_USUAL_GAP)))
        for ref, key in keys.items():
            self._persons[ref] = Visits(found[key], self._gaps[ref.site_id])

    def apply(self, event: AnyEvent, since: int | None) -> None:
        """``since``: when the track began that the event gives an identity; None: not known."""
        site = event.site_id
        match event:
            case PersonSeen():
                self.saw(person_ref(site, event.person_id), event.track, event.at, since)
            case PersonRegistered():
                ref = person_ref(site, event.person_id)
                self._put(ref, [])
                if not event.source:
                    self.saw(ref, event.track, event.at, since)
            case PersonLeft() if event.reason == "evidence_disagrees":
                self._lost(person_ref(site, event.person_id), event.track, event.last_seen_at)
            case PersonsMerged():
                self._merge(person_ref(site, event.survivor_id), person_ref(site, event.absorbed_id))
            case PersonSplit():
                self._split(event)
            case PersonForgotten() | PersonExpired():
                self._put(person_ref(site, event.person_id), [])
            case GalleryReset():
                for person_id in event.person_ids:
                    self._put(person_ref(site, person_id), [])
            case PolicyAdopted():
                self._rule(site, event.policy.visit_gap)

    def visits(self, ref: PersonRef) -> Visits:
        """The very same object as long as the fold goes on."""
        return self._persons[ref]

    def ops(self) -> Iterator[Op]:
        """The diff, in an order that depends on the content alone."""
        for site in sorted(self._ruled):
            yield HashSet(topics.rule_key(site), _GAP, str(self._gaps[site]).encode())
        by_site: dict[str, Sums] = {}
        for ref in sorted(ref for ref, visits in self._persons.items() if visits.changed):
            person = self._persons[ref]
            if self._counted:
                _count(person, by_site.setdefault(ref.site_id, Sums(Counter(), Counter())))
            yield from _person_ops(ref, person)
        for site, sums in sorted(by_site.items()):
            yield from _sum_ops(site, sums)

    def _rule(self, site: str, gap: int) -> None:
        self._gaps[site], self._ruled[site] = gap, None
        for ref, visits in self._persons.items():
            if ref.site_id == site:
                visits.gap = gap
                visits.stop()

    def saw(self, ref: PersonRef, track: TrackRef, at: int, since: int | None) -> None:
        """A sighting. ``since``: as `apply`."""
        person, gap = self._persons[ref], self._gaps[ref.site_id]
        first = at if since is None else min(since, at)
        going = person.going(track)
        if going is not None and first >= going.interval.first and going.goes_on(at):
            return
        seen = Interval(first, at, track.camera_id, live_field(track))
        latest = person.at(person.starts[-1]) if person.starts else None
        if latest is None or (first > latest.started_at and not _belongs(latest, seen, gap)):
            person.begin(Visit(started_at=first, ended_at=at, gap=gap, intervals=[seen]))
        elif (part := extended(latest, seen, gap)) is not None:
            person.changed.add(latest.started_at)
            person.follow(track, latest, part)
        else:
            # Of a camera that is behind: it may come before all, or join two visits.
            person.put(visits_of(_with(person.intervals(), seen, gap), gap))

    def _lost(self, ref: PersonRef, track: TrackRef, at: int) -> None:
        """The track showed somebody else after ``at``."""
        intervals = self._persons[ref].intervals()
        kept = shown_until(intervals, (track.camera_id, live_field(track)), at)
        if kept != intervals:
            self._put(ref, kept)

    def _put(self, ref: PersonRef, intervals: list[Interval]) -> None:
        person = self._persons[ref]
        if intervals or person.starts:
            person.put(visits_of(intervals, self._gaps[ref.site_id]))

    def _merge(self, ref: PersonRef, gone: PersonRef) -> None:
        brought = absorbed(self._persons[gone].intervals(), gone.person_id)
        self._put(gone, [])
        if brought:
            self._put(ref, [*self._persons[ref].intervals(), *brought])

    def _split(self, event: PersonSplit) -> None:
        ref = person_ref(event.site_id, event.person.person_id)
        tracks = {(track.camera_id, live_field(track)) for track in event.tracks}
        intervals, other = self._persons[ref].intervals(), event.other
        if event.kind == "merge_undone" and other is not None:
            stay, back = given_back(intervals, other.person_id, tracks)
        else:
            stay, back = taken(intervals, tracks)
        self._put(ref, stay)
        if other is not None and other.person_id != ref.person_id:
            theirs = person_ref(event.site_id, other.person_id)
            self._put(theirs, [*self._persons[theirs].intervals(), *back])


def _key(interval: Interval) -> tuple[str, str]:
    return interval.camera_id, interval.track


def _belongs(visit: Visit, seen: Interval, gap: int) -> bool:
    return seen.first <= visit.ended_at + gap and seen.last - visit.started_at <= MAX_VISIT


def _with(intervals: list[Interval], seen: Interval, gap: int) -> list[Interval]:
    for known in intervals:
        if continues(known, seen, gap):
            known.first, known.last = min(known.first, seen.first), max(known.last, seen.last)
            return intervals
    return [*intervals, seen]


def _count(person: Visits, sums: Sums) -> None:
    """Takes away what the changed visits added, and adds what they add now."""
    before = {start: visit for start in person.changed if (visit := person.stored(start)) is not None}
    after = {start: person.at(start) for start in person.changed & set(person.starts)}
    hours = {hour for visits in (before, after) for visit in visits.values() for hour in hours_of(visit)}
    if hours:
        recount(list(before.values()), list(after.values()), _beside(person, hours), sums)


def _beside(person: Visits, hours: set[int]) -> list[Visit]:
    """The person's other visits that touch these hours, before as now."""
    since, until = min(hours), max(hours)
    found = []
    for start in reversed(person.starts):
        if start in person.changed or start // HOUR_MS > until:
            continue
        visit = person.at(start)
        if hours_of(visit)[-1] < since:
            break
        found.append(visit)
    return found


def _person_ops(ref: PersonRef, person: Visits) -> Iterator[Op]:
    key, index = topics.journeys_key(*ref), topics.visits_key(ref.site_id)
    here = set(person.starts)
    if not here and person.raw:
        yield Delete(key)
    for start in sorted(person.changed):
        member = f"{ref.person_id}/{start}"
        if start in here:
            yield HashSet(key, str(start), _encode(person.at(start)))
            if str(start) not in person.raw:
                yield IndexAdd(index, member, start)
        elif str(start) in person.raw:
            if here:
                yield HashDelete(key, str(start))
            yield IndexRemove(index, member)


def _sum_ops(site: str, sums: Sums) -> Iterator[Op]:
    for (hour, field), by in sorted(sums.occupancy.items()):
        if by:
            yield Count(topics.occupancy_key(site, hour), field, by)
    for field, by in sorted(sums.transitions.items()):
        if by:
            yield Count(topics.transitions_key(site), field, by)
