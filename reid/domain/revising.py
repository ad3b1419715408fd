"""Decisions taken anew by themselves when evidence grows or breaks, as events that can be undone.

A track is decided on a few crops and on what the site knew then. Whenever a track gets an identity, the
person, and the next of those in doubt, are weighed again with all that is kept of them: a track that does
not fit the others of its person leaves it, or the one look that does not; one that another would fit better
makes room; two persons who are one are merged; a track that fits somebody else far better goes there. What
people decided stays.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from reid.contracts.detections import Frame
from reid.contracts.events import (
    AnyEvent,
    PersonSplit,
    PersonTemplateRemoved,
    Template,
    TrackRef,
)
from reid.domain.beside import otherwise
from reid.domain.days import apart_persons
from reid.domain.gallery import Search
from reid.domain.pairing import CROWD, EVEN, Pairing
from reid.domain.person import Person
from reid.domain.poisoning import misfit
from reid.domain.policy import Policy
from reid.domain.scoring import Side, resemblances
from reid.domain.sighted import WEIGHED
from reid.domain.spans import at_once
from reid.domain.splitting import parted
from reid.domain.state import SiteState

#: Persons that one is weighed against: the nearest by appearance.
_CANDIDATES: Final = 4
#: So often is one track moved without being asked to.
_MOVES: Final = 2
#: By so many log odds a track must fit somebody else better than its own person to go there; one that fits
#: its person with so many is not looked for elsewhere (docs/identity.md).
_NEARER: Final = 2.0
_SETTLED: Final = 1.0


def revisions(
    site: SiteState, site_id: str, frame: Frame, tracks: Sequence[TrackRef], policy: Policy
) -> list[AnyEvent]:
    """At most one event."""
    if not policy.revise or not policy.site_scale or frame.model is None or not frame.persons:
        return []
    fresh = _fresh(site, frame, tracks)
    if not fresh:
        return []
    if site.revisions.lately(frame.captured_at) >= policy.revisions_per_minute:
        return []
    revision = _Revision(site, site_id, frame.captured_at, frame.model.key, frame.model.calibration, policy)
    for person, near in revision.nearest(_with_doubts(site, fresh)):
        event = revision.of(person, near)
        if event is not None:
            return [event]
    return []


def soon(site: SiteState, frame: Frame, tracks: Sequence[TrackRef], model: str) -> list[Template]:
    """Looks of this model that `revisions` will search for, should a track get an identity in this frame."""
    persons = _with_doubts(site, _fresh(site, frame, tracks))
    looks = (next((t for t in person.templates if t.model == model), None) for person in persons)
    return [look for look in looks if look is not None]


def _fresh(site: SiteState, frame: Frame, tracks: Sequence[TrackRef]) -> list[str]:
    """Who got a track in this frame; and who, in doubt, was seen in it."""
    here = map(site.camera(frame.camera_id).bound.get, tracks)
    doubted, now = site.revisions.doubts, frame.captured_at
    return [
        b.person_id
        for b in here
        if b is not None and (b.bound_at == now or (b.seen_at == now and b.person_id in doubted))
    ]


def _with_doubts(site: SiteState, fresh: Sequence[str]) -> list[Person]:
    """Those, and the next of those in doubt."""
    doubts = list(site.revisions.doubts)[:WEIGHED]
    return [site.persons[person_id] for person_id in dict.fromkeys([*fresh, *doubts])]


#: Tracks of a person -> log odds that they are of that person, by the looks of the others.
Fits = dict[TrackRef, float]


class _Revision(Pairing):
    __slots__ = ()

    def nearest(self, persons: Iterable[Person]) -> Iterator[tuple[Person, list[Person]]]:
        """Those of them that the encoder knows, each with whom it may be: one search for all."""
        known = [(person, looks[0]) for person in persons if (looks := self.looks(person))]
        searches = [Search(look, {p.person_id} | p.not_persons) for p, look in known]
        results = self.site.gallery.search_all(searches, _CANDIDATES)
        for (person, _), found in zip(known, results, strict=True):
            others = [self.site.persons[candidate.person_id] for candidate in found]
            yield person, [other for other in others if not at_once(person.tracks, other.tracks)]

    def of(self, person: Person, near: Iterable[Person]) -> AnyEvent | None:
        """The one that is most due."""
        few = self.few
        fits = {track: self._fit(track, person, few, way=False) for track in self._movable(person)}
        return (
            self._broken(person, fits)
            or self._poisoned(person)
            or self._joined(person, near)
            or self._nearer(person, fits)
        )

    def _broken(self, person: Person, fits: Fits) -> PersonSplit | None:
        """A track that does not fit the others any more."""
        if not fits:
            return None
        odds, track = min((odds, track) for track, odds in fits.items())
        if odds >= -self.policy.break_margin:
            return None
        decision = self.decision(person, "new", "evidence_broke", odds, -self.policy.break_margin)
        return parted(self.site, self.site_id, self.at, person, track, self.policy, decision)

    def _nearer(self, person: Person, fits: Fits) -> PersonSplit | None:
        """A track far more like somebody else: when it came too little was known of it, or of them."""
        best: tuple[float, TrackRef, int, Person] | None = None
        for track, held in fits.items():
            if held >= _SETTLED:
                continue
            for other, odds in self._elsewhere(track, person):
                gain = odds - held
                # As any two ids of which one is taken for the other: in a large crowd more is asked.
                if gain < _NEARER or odds < EVEN + self.for_crowd(person, other, CROWD):
                    continue
                if best is None or (gain, track, -other.number) > best[:3]:
                    best = (gain, track, -other.number, other)
        if best is None:
            return None
        gain, track, _, other = best
        decision = self.decision(other, "matched", "better_candidate", gain, _NEARER)
        return parted(self.site, self.site_id, self.at, person, track, self.policy, decision, other.person_id)

    def _elsewhere(self, track: TrackRef, person: Person) -> list[tuple[Person, float]]:
        """Whom else the track may be, with the log odds of its looks."""
        looks = [t for t in self.looks(person) if t.track == track]
        barred = {person.person_id} | self.site.barred(track)
        found = self.site.gallery.search(looks[0], barred, _CANDIDATES)
        others = [self.site.persons[candidate.person_id] for candidate in found]
        others = [other for other in others if self._may_go(track, person, other)]
        sides = [Side(self.looks(o), {person.number, o.number}, self.crowd(person, o)) for o in others]
        return list(zip(others, resemblances(self.site, looks, sides, self.knots), strict=True))

    def _may_go(self, track: TrackRef, person: Person, other: Person) -> bool:
        """Never to somebody whom the camera saw beside it, nor who was elsewhere then."""
        if apart_persons(person, other, self.policy):
            return False
        if other.person_id in person.not_persons and not otherwise(self.site, track, person, other):
            return False
        bound = self.site.camera(track.camera_id).bound
        if track in bound and any(b.person_id == other.person_id for b in bound.values()):
            return False
        spans = [span for span in person.tracks if span.track == track]
        beside = [span for span in other.tracks if span.track.camera_id == track.camera_id]
        return not at_once(spans, other.tracks) and not at_once(spans, beside, most=-1)

    def _poisoned(self, person: Person) -> PersonTemplateRemoved | None:
        """A template that disagrees with all the others of the person."""
        margin = self.policy.poison_margin
        found = misfit(self.site, person, self.model, margin, self.knots, self.few)
        if found is None:
            return None
        return PersonTemplateRemoved(
            site_id=self.site_id,
            at=self.at,
            person_id=person.person_id,
            label=person.label,
            slot=found.slot,
            template=person.templates[found.slot],
            left=len(person.templates) - 1,
            decision=self.decision(person, "new", "template_disagrees", found.odds, -margin),
        )

    def _joined(self, person: Person, near: Iterable[Person]) -> AnyEvent | None:
        """The person merged with the one most like it, or the track that stands in the way moved out."""
        best: tuple[float, int, AnyEvent] | None = None
        near = list(near)
        for other, odds in zip(near, self.odds_of_each(person, near), strict=True):
            made: AnyEvent | None = self.united(person, other, odds)
            if made is None and not apart_persons(person, other, self.policy):
                odds, made = self._room(person, other)
            if made is not None and (best is None or (odds, -other.number) > best[:2]):
                best = (odds, -other.number, made)
        return best[2] if best else None

    def _room(self, person: Person, other: Person) -> tuple[float, PersonSplit | None]:
        """A track of ``other`` that would better be this person's place, and by how much."""
        best: tuple[float, TrackRef] | None = None
        crowd = self.crowd(person, other)
        for track in self._movable(other):
            held = self._fit(track, other, crowd)
            odds = self.odds(person, other, without=track)
            if odds < self.needed(person, other, without=track) or odds - held <= self.policy.better_margin:
                continue
            if best is None or (odds - held, track) > best:
                best = (odds - held, track)
        if best is None:
            return 0.0, None
        decision = self.decision(other, "new", "better_candidate", best[0], self.policy.better_margin)
        moved = parted(self.site, self.site_id, self.at, other, best[1], self.policy, decision)
        return best[0], moved

    def _fit(self, track: TrackRef, person: Person, crowd: int, way: bool = True) -> float:
        """Log odds that the track is of the person, by its others; ``way``: and how it came there."""
        looks = self.looks(person)
        mine, rest = [t for t in looks if t.track == track], [t for t in looks if t.track != track]
        odds = resemblances(self.site, mine, [Side(rest, {person.number}, crowd)], self.knots)[0]
        spans = [s for s in person.tracks if s.track == track]
        others = [s for s in person.tracks if s.track != track]
        return odds + (self.site.passages.joining(spans, others) if way and self.policy.gate else 0.0)

    def _movable(self, person: Person) -> list[TrackRef]:
        """Tracks that left an appearance of their own beside others, and may be moved without being asked."""
        if person.person_id in self.site.revisions.asserted or len(person.tracks) < 2:
            return []
        tracks = dict.fromkeys(t.track for t in self.looks(person) if t.track is not None)
        moved, confirmed = self.site.revisions.moved, self.site.revisions.confirmed
        spans = {span.track for span in person.tracks} - confirmed.keys()
        return [t for t in tracks if t in spans and moved.get(t, 0) < _MOVES] if len(tracks) > 1 else []
