"""A site over zones: takes in what its zones decided, as events of its own persons.

Each event of a zone becomes at most two of the site, with the site's ids, labels, visits and templates. The
site decides what no zone can: who of one zone is somebody of another (`joining`). A track keeps the person
that the site gave it, whatever the zone calls that person, until the zone or people say that it is another.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Final

import msgspec

from reid.contracts.codec import events_of
from reid.contracts.commands import MoveTracks, UnmergePersons
from reid.contracts.events import (
    AnyEvent,
    CameraCalibrated,
    Decision,
    EncoderIntroduced,
    GalleryReset,
    PersonAppearanceChanged,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PersonSuggested,
    PersonTemplateRemoved,
    Template,
    TrackRef,
    ZoneDirected,
    ZoneFollowed,
)
from reid.contracts.zones import ZoneReport
from reid.domain import labels
from reid.domain.joining import Newcomer, asked, better, doubtful, grown, joins, weighed
from reid.domain.merging import united
from reid.domain.names import Names
from reid.domain.person import Person
from reid.domain.policy import Policy
from reid.domain.present import absences
from reid.domain.sighted import WEIGHED
from reid.domain.spans import visits_with
from reid.domain.splitting import move
from reid.domain.state import SiteState, pair
from reid.domain.templates import slot_for
from reid.domain.unmerging import unmerge

Stage = Callable[[], list[AnyEvent]]
#: Joins undone at most before a sighting that shows two of their persons at once.
_UNDOS: Final = 3
#: A camera that no zone reports: of all cameras the clocks may be behind.
_NO_CAMERA: Final = ""


def stages(site: SiteState, report: ZoneReport, policy: Policy) -> list[Stage]:
    """Each decides on the state that the one before it left."""
    upto = site.zones.upto.get(report.zone, 0)
    told = [event for offset, event in zip(report.offsets, events_of(report), strict=True) if offset >= upto]
    if not told:
        return []
    follow, made = _Following(site, report, policy), list[Stage]()
    for at, moment in groupby(told, key=lambda event: event.at):
        for event in moment:
            if isinstance(event, PersonSeen) and event.together:
                made += [partial(follow.separate, event)] * _UNDOS
            made.append(partial(follow.take, event))
        made.append(partial(follow.join, at))
        made.append(partial(follow.weigh, at))
    made.append(partial(absences, site, report.site_id, _NO_CAMERA, report.issued_at, policy))
    made.append(follow.finish)
    return made


@dataclass(slots=True)
class _Following(Names):
    """``fresh``: persons given a track at this moment; ``newcomers``: those of them whom their zone did not
    know."""

    newcomers: list[Newcomer] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def take(self, event: AnyEvent) -> list[AnyEvent]:
        """One event of the zone, in the site's own words."""
        match event:
            case PersonRegistered():
                return [self._new(event.person_id, event.track, event.template, event.decision, event.at)]
            case PersonSeen():
                return self._seen(event)
            case PersonLeft():
                return self._left(event.track, event.at, event.reason)
            case PersonsMerged():
                return self._merged(event)
            case PersonSplit(kind="merge_undone"):
                return self._undone(event)
            case PersonSplit():
                return self._moved(event)
            case PersonSuggested():
                return self._suggested(event)
            case PersonTemplateRemoved():
                return self._removed(event)
            case PersonAppearanceChanged():
                return self._looks(event)
            case PersonForgotten() | PersonExpired():
                self.links[event.person_id] = ""
            case GalleryReset():
                self.links |= dict.fromkeys(event.person_ids, "")
            case CameraCalibrated():
                return [msgspec.structs.replace(event, site_id=self.site_id)]
            case EncoderIntroduced() if self.site.zones.encoders.get(event.model) != event.calibration:
                return [msgspec.structs.replace(event, site_id=self.site_id)]
        return []

    def separate(self, event: PersonSeen) -> list[AnyEvent]:
        """Undoes one merge, the last first, when the zone sees two people at once whom the site takes for
        one:
        whoever said so was wrong."""
        own = self.holder(event.person_id)
        alike = own is not None and any(self.holder(other) == own for other in event.together)
        merges = [a for a, merge in self.site.merges.items() if merge.survivor_id == own]
        if own is None or not alike or not merges:
            return []
        return self._part(own, merges[-1], event.at, "seen_together")

    def join(self, at: int) -> list[AnyEvent]:
        """Newcomers of this moment who are somebody known."""
        # One of them may have been merged by its zone at this very moment.
        newcomers = [n for n in self.newcomers if n.person_id in self.site.persons]
        self.newcomers = []
        made = joins(self.site, self.site_id, at, newcomers, self.policy)
        absorbed = {event.absorbed_id for event in made}
        left = [n for n in newcomers if n.person_id not in absorbed]
        self.doubts += doubtful(self.site, left, self.policy)
        return [*made, *asked(self.site, left, self.policy)]

    def weigh(self, at: int) -> list[AnyEvent]:
        """Who was given a track just now, and the next of those in doubt, with all that is kept of them."""
        fresh, self.fresh = self.fresh, []
        if not fresh:
            return []
        doubts = list(self.site.revisions.doubts)[:WEIGHED]
        now = [p for p in map(self.site.holder, fresh) if p is not None]
        return list(grown(self.site, self.site_id, at, [*now, *doubts], self.policy))

    def finish(self) -> list[AnyEvent]:
        return [
            ZoneFollowed(
                site_id=self.site_id,
                at=self.report.issued_at,
                zone=self.report.zone,
                upto=self.report.offsets[-1] + 1,
                persons=dict(sorted(self.links.items())),
                doubts=tuple(dict.fromkeys(p for p in self.doubts if p in self.site.persons)),
            )
        ]

    def _new(
        self, theirs: str, track: TrackRef, look: Template, decision: Decision, at: int
    ) -> PersonRegistered:
        site, number = self.site, self.site.next_label
        while site.labelled(labels.label(number)) is not None:
            number += 1
        made = PersonRegistered(
            site_id=self.site_id,
            at=at,
            person_id=labels.person_id(at, site.next_number),
            number=site.next_number,
            label=labels.label(number),
            label_number=number,
            track=track,
            template=look,
            decision=self.translated(decision),
        )
        self.links[theirs] = made.person_id
        scores = weighed(site, look, track, at, self.policy)
        self.newcomers.append(Newcomer(made, scores))
        return made

    def _seen(self, event: PersonSeen) -> list[AnyEvent]:
        """A track that the site gave somebody stays so while the zone does not bind it anew."""
        site = self.site
        bound = site.camera(event.track.camera_id).bound.get(event.track)
        if bound is not None and event.reason == "present":
            return [self._sighting(event, site.persons[bound.person_id], "present")]
        own = self.holder(event.person_id)
        if own is not None and own not in site.barred(event.track):
            camera = site.camera(event.track.camera_id).bound
            beside = {b.person_id for track, b in camera.items() if track != event.track}
            beside |= {self.holder(other) or "" for other in event.together}
            other = better(site, event, own, beside, self.policy)
            if other is not None and other.candidate is not None:
                return self._given_to(event, other.candidate, other)
            self.fresh.append(own)
            return [self._sighting(event, site.persons[own], "bound")]
        if event.template is None or event.decision is None:
            return []
        # The zone knows somebody whom the site does not, or whom people said this is not.
        new = self._new(event.person_id, event.track, event.template, event.decision, event.at)
        self.fresh.append(new.person_id)
        return [new, self._sighting(event, Person(new.person_id, new.number, new.label), "bound")]

    def _given_to(self, event: PersonSeen, person_id: str, decision: Decision) -> list[AnyEvent]:
        """To somebody whom the zone did not know; the zone is told that it is not who it took it for."""
        self.fresh.append(person_id)
        seen = self._sighting(event, self.site.persons[person_id], "bound")
        told = ZoneDirected(
            site_id=self.site_id,
            at=event.at,
            zone=self.report.zone,
            action="reject",
            person_id=event.person_id,
            track=event.track,
        )
        return [msgspec.structs.replace(seen, decision=decision, score=decision.score), told]

    def _sighting(self, event: PersonSeen, person: Person, reason: str) -> PersonSeen:
        count, started = visits_with(person, event.track, event.at, self.policy)
        slot = None
        if event.template is not None and person.templates:
            knots = self.site.zones.encoders.get(event.template.model, ())
            slot = slot_for(person.templates, event.template, knots, self.policy)
        others = {self.holder(other) for other in event.together} - {None, person.person_id}
        return msgspec.structs.replace(
            event,
            site_id=self.site_id,
            person_id=person.person_id,
            label=person.label,
            reason=reason,
            visit_count=count,
            visit_started_at=started,
            slot=slot,
            template=event.template if slot is not None else None,
            together=tuple(sorted(o for o in others if o is not None and o not in person.not_persons)),
            decision=self.translated(event.decision) if event.decision is not None else None,
        )

    def _left(self, track: TrackRef, at: int, reason: str) -> list[AnyEvent]:
        bound = self.site.camera(track.camera_id).bound.get(track)
        if bound is None:
            return []
        return [
            PersonLeft(
                site_id=self.site_id,
                at=at,
                person_id=bound.person_id,
                label=self.site.persons[bound.person_id].label,
                track=track,
                last_seen_at=bound.shown_until(reason),
                reason=reason,  # type: ignore[arg-type]
            )
        ]

    def _merged(self, event: PersonsMerged) -> list[AnyEvent]:
        first, second = self.holder(event.survivor_id), self.holder(event.absorbed_id)
        if first is None and second is not None:
            self.links[event.survivor_id] = second
        if first is None or second is None or first == second:
            return []
        one, other = sorted((self.site.persons[first], self.site.persons[second]), key=lambda p: p.number)
        if other.person_id in one.not_persons:
            return []
        # Always with a decision: without one it would be the word of people.
        decision = self.translated(event.decision) if event.decision else self.said("matched", "zones_joined")
        return [united(self.site_id, event.at, one, other, self.policy, decision=decision)]

    def _undone(self, event: PersonSplit) -> list[AnyEvent]:
        """The zone undid a merge: so does the site, where it made the same."""
        assert event.other is not None
        zone = self.site.zones.persons.get(self.report.zone, {})
        absorbed = self.links.get(event.other.person_id) or zone.get(event.other.person_id, "")
        merge = self.site.merges.get(absorbed)
        return self._part(merge.survivor_id, absorbed, event.at, "evidence_broke") if merge else []

    def _part(self, survivor: str, absorbed: str, at: int, reason: str) -> list[AnyEvent]:
        wanted = UnmergePersons(
            site_id=self.site_id, command_id="", issued_at=at, person_id=survivor, absorbed_id=absorbed
        )
        made = unmerge(self.site, wanted, self.policy)
        if not isinstance(made, PersonSplit):
            return []
        return [msgspec.structs.replace(made, command_id=None, decision=self.said("new", reason))]

    def _moved(self, event: PersonSplit) -> list[AnyEvent]:
        """Tracks of the zone's person were somebody else: ``event.other``, or nobody yet."""
        own = self.holder(event.person.person_id)
        held = {span.track for span in self.site.persons[own].tracks} if own is not None else set()
        tracks = tuple(track for track in event.tracks if track in held)
        if event.other is None:
            return [left for track in tracks for left in self._left(track, event.at, "evidence_disagrees")]
        theirs = event.other.person_id
        into = self.holder(theirs)
        if own is None or not tracks or into == own:
            self._link_by_track(theirs, event.tracks)
            return []
        wanted = MoveTracks(
            site_id=self.site_id, command_id="", issued_at=event.at, person_id=own, tracks=tracks, into=into
        )
        made = move(self.site, wanted, self.policy)
        if not isinstance(made, PersonSplit) or made.other is None:
            self._link_by_track(theirs, tracks)
            return []
        if into is None:
            self.links[theirs] = made.other.person_id
        decision = event.decision and self.translated(event.decision)
        decision = decision or self.said("new", "evidence_broke")
        return [msgspec.structs.replace(made, command_id=None, decision=decision)]

    def _link_by_track(self, theirs: str, tracks: tuple[TrackRef, ...]) -> None:
        """The site has moved these tracks before, or nothing would be left of who had them: who has them now
        is the zone's person."""
        if self.holder(theirs) is not None:
            return
        for person in self.site.persons.values():
            if any(span.track in tracks for span in person.tracks):
                self.links[theirs] = person.person_id
                return

    def _suggested(self, event: PersonSuggested) -> list[AnyEvent]:
        own, other = self.holder(event.person_id), self.holder(event.other_id)
        if own is None or other is None or own == other or pair(own, other) in self.site.suggested:
            return []
        person, known = self.site.persons[own], self.site.persons[other]
        return [
            msgspec.structs.replace(
                event,
                site_id=self.site_id,
                person_id=own,
                label=person.label,
                other_id=other,
                other_label=known.label,
                other_last_seen=known.last_seen,
                decision=self.translated(event.decision),
            )
        ]

    def _removed(self, event: PersonTemplateRemoved) -> list[AnyEvent]:
        """The same look, wherever the site keeps it."""
        own = self.holder(event.person_id)
        looks = self.site.persons[own].templates if own is not None else []
        if own is None or event.template not in looks or len(looks) == 1:
            return []
        return [
            msgspec.structs.replace(
                event,
                site_id=self.site_id,
                person_id=own,
                label=self.site.persons[own].label,
                slot=looks.index(event.template),
                left=len(looks) - 1,
                decision=self.translated(event.decision),
            )
        ]

    def _looks(self, event: PersonAppearanceChanged) -> list[AnyEvent]:
        own = self.holder(event.person_id)
        if own is None:
            return []
        worn = self.site.wardrobe.get(own, {}).get(event.attribute)
        before = worn.value if worn is not None else ""
        if before == event.after:
            return []
        person = self.site.persons[own]
        return [
            msgspec.structs.replace(
                event, site_id=self.site_id, person_id=own, label=person.label, before=before
            )
        ]
