"""Identity for the tracks of a frame that have none: gather evidence, then match, register, or wait."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from reid.contracts.detections import Frame, Person
from reid.contracts.events import (
    LEAST_WEIGHT,
    PENDING_FORGOTTEN_AFTER,
    AnyEvent,
    Decision,
    PersonRegistered,
    Template,
    TrackRef,
    TrackSampled,
)
from reid.domain import labels
from reid.domain.assignment import assign
from reid.domain.days import suggested, trusted
from reid.domain.evidence import Outcome, of_track
from reid.domain.exact import logarithm
from reid.domain.gallery import Search
from reid.domain.person import Person as KnownPerson
from reid.domain.policy import Policy
from reid.domain.present import probe_of, seen, unbound
from reid.domain.revising import soon
from reid.domain.scoring import Score, scores
from reid.domain.state import SiteState
from reid.domain.templates import mean_of
from reid.domain.tracks import BoundTrack, PendingTrack

#: Persons that a track is weighed against, besides one for each other track that is decided with it: the
#: nearest by appearance.
CANDIDATES: Final = 6
#: In a crowd of more than ``LARGE`` two who look alike to the last crop are too likely for either to be it:
#: so much the nearest must lead for each e-fold of persons, up to ``LARGEST``, and no more beyond.
LARGE: Final = 100
LARGEST: Final = 272
AMBIGUITY_BY_CROWD: Final = 0.2
#: A track began so long before its first crop at most, ms. So long it is remembered from whom it was taken,
#: whose time it would take otherwise; and no clock that went wrong makes a visit of days.
UNTOLD: Final = PENDING_FORGOTTEN_AFTER


def ambiguity(crowd: int) -> float:
    """By how much more of similarity the nearest of so many must lead the next to be believed at all."""
    return AMBIGUITY_BY_CROWD * logarithm(min(max(crowd, LARGE), LARGEST) / LARGE)


@dataclass(slots=True)
class _Probe:
    """A track with the evidence gathered so far. ``candidates``: (person id, similarity), best first;
    ``scores``: all of each; ``lookalike``: the highest similarity with somebody else in this frame;
    ``before``: the most alike of those not seen since an earlier day, by what it would be on one day."""

    person: Person
    track: TrackRef
    evidence: PendingTrack
    candidates: list[tuple[str, float]] = field(default_factory=list)
    scores: dict[str, Score] = field(default_factory=dict)
    lookalike: tuple[str, float] | None = None
    before: tuple[str, Score] | None = None
    assigned: str | None = None

    def template(self, camera_id: str) -> Template:
        evidence = self.evidence
        return Template(
            evidence.model, evidence.template, camera_id, evidence.quality, self.track, evidence.weight
        )


def identities(
    site: SiteState, site_id: str, frame: Frame, tracks: Sequence[TrackRef], policy: Policy
) -> list[AnyEvent]:
    """Events for every track without identity that brings a good crop in this frame."""
    camera = site.camera(frame.camera_id)
    probes: list[_Probe] = []
    for person, track in zip(frame.persons, tracks, strict=True):
        if track in camera.bound or person.quality < policy.min_quality:
            continue
        crop = probe_of(frame, person)
        if crop is not None:
            before = camera.pending.get(track)
            probes.append(_Probe(person, track, _gathered(before, crop, frame.captured_at)))
    if not probes:
        return []
    here = {camera.bound[t].person_id: t for t in tracks if t in camera.bound}
    ready = [p for p in probes if p.evidence.samples >= policy.min_samples]
    _find_candidates(site, frame, tracks, ready, here.keys(), policy)
    _assign(ready, policy.threshold_at(frame.camera_id))
    return _Frame(site, site_id, frame, policy, here, {p.assigned for p in ready if p.assigned}).events(
        probes
    )


def _gathered(before: PendingTrack | None, crop: Template, at: int) -> PendingTrack:
    """Evidence with one crop more: the mean weighted by quality. Another model starts afresh."""
    if before is None or before.model != crop.model:
        weight = max(crop.quality, LEAST_WEIGHT)
        barred, differs, since = (before.not_persons, before.differs, before.since) if before else ((), (), 0)
        return PendingTrack(1, weight, crop.quality, crop.model, crop.vector, at, at, barred, differs, since)
    mean, total = mean_of(before.template, before.weight, crop.vector, crop.quality)
    return replace(
        before,
        samples=before.samples + 1,
        weight=total,
        quality=max(before.quality, crop.quality),
        template=mean,
        # A clock may be set back meanwhile.
        first_at=min(before.first_at, at) if before.samples else at,
        last_at=at,
    )


def _since(probe: _Probe) -> int:
    """When the track began to show whom it shows: one that was taken from somebody, whose time it was, when
    that one was last sure to be it. 0 where that is not told."""
    told, evidence = probe.person.since, probe.evidence
    if evidence.since or evidence.not_persons:
        return min(evidence.since, evidence.first_at)
    if not told:
        return 0
    return max(min(told, evidence.first_at), evidence.first_at - UNTOLD)


def _find_candidates(
    site: SiteState,
    frame: Frame,
    tracks: Sequence[TrackRef],
    ready: list[_Probe],
    here: Collection[str],
    policy: Policy,
) -> None:
    """Who else is in the frame cannot be it, but a look-alike in view raises the bar as a runner-up does."""
    knots = frame.model.calibration if frame.model else ()
    searches = [
        Search(p.template(frame.camera_id), site.barred(p.track).union(p.evidence.not_persons)) for p in ready
    ]
    later = soon(site, frame, tracks, ready[0].evidence.model) if ready and policy.revise else []
    results = site.gallery.search_all(searches, len(ready) + len(here) + CANDIDATES, later)
    for probe, (look, _), found in zip(ready, searches, results, strict=True):
        persons = [site.persons[candidate.person_id] for candidate in found]
        alike = scores(site, look, persons, frame.captured_at, knots, policy)
        for person, one in zip(persons, alike, strict=True):
            probe.scores[person.person_id] = trusted(one, person, frame.captured_at, policy)
        ranked = sorted(
            ((p, s.similarity) for p, s in probe.scores.items()),
            key=lambda pair: (-pair[1], site.persons[pair[0]].number),
        )
        probe.candidates = [pair for pair in ranked if pair[0] not in here]
        probe.before = _before(probe.scores, here)
        probe.lookalike = next((pair for pair in ranked if pair[0] in here), None)


def _before(scores: dict[str, Score], here: Collection[str]) -> tuple[str, Score] | None:
    """The most alike of an earlier day; the first found of equals."""
    found = [(p, s) for p, s in scores.items() if s.across_days > 0 and p not in here]
    return max(found, key=lambda one: one[1].similarity + one[1].across_days, default=None)


def _assign(ready: list[_Probe], threshold: float) -> None:
    """The best one-to-one assignment of these tracks to candidates at or above the threshold."""
    columns = list(dict.fromkeys(p for probe in ready for p, s in probe.candidates if s >= threshold))
    gains = [
        [round(dict(probe.candidates).get(p, 0.0) * 1e6) for p in columns] if columns else []
        for probe in ready
    ]
    floor = round(threshold * 1e6)
    chosen = assign([[g if g >= floor else 0 for g in row] for row in gains]) if columns else []
    for probe, column in zip(ready, chosen, strict=False):
        probe.assigned = columns[column] if column >= 0 else None


class _Frame:
    """Turns the probes of one frame into events; counts the persons that it registers itself.

    ``holders``: who is in the frame already, and by which track.
    """

    def __init__(
        self,
        site: SiteState,
        site_id: str,
        frame: Frame,
        policy: Policy,
        holders: dict[str, TrackRef],
        assigned: set[str],
    ) -> None:
        self.site, self.site_id, self.frame, self.policy = site, site_id, frame, policy
        self.here, self.holders = set(holders), dict(holders)
        self.assigned = assigned
        self.number, self.label_number = site.next_number, site.next_label
        self.threshold = policy.threshold_at(frame.camera_id)

    def events(self, probes: list[_Probe]) -> list[AnyEvent]:
        made: list[AnyEvent] = []
        for probe in probes:
            claim = self._claimed(probe)
            if claim is not None and claim[1].doubts + 1 >= self.policy.max_doubts:
                made.append(unbound(self.site, self.site_id, self.frame, *claim, reason="evidence_disagrees"))
                del self.holders[claim[1].person_id]
                decision = None
            elif claim is not None and not self._ripe(probe, self.policy.min_samples * 2):
                decision = None
            else:
                decision = self._decide(probe)
            if decision is None:
                made.append(self._sampled(probe))
            elif decision.outcome == "matched":
                made.append(self._matched(probe, decision))
            else:
                made.extend(self._registered(probe, decision))
        return made

    def _claimed(self, probe: _Probe) -> tuple[TrackRef, BoundTrack] | None:
        """The track in this frame whose person the probe looks like, more than like anybody whom it may be.
        People who pass each other change tracks: that is a doubt more about that one, or soon will be."""
        alike = probe.lookalike
        if alike is None or alike[1] < self.threshold or alike[0] not in self.holders:
            return None
        if probe.assigned is not None and probe.scores[probe.assigned].similarity >= alike[1]:
            return None
        track = self.holders[alike[0]]
        return track, self.site.camera(self.frame.camera_id).bound[track]

    def _decide(self, probe: _Probe) -> Decision | None:
        """The decision, or None to wait for more evidence."""
        if probe.evidence.samples < self.policy.min_samples:
            return None
        own = probe.assigned
        free = [(p, s) for p, s in probe.candidates if p == own or p not in self.assigned]
        best = next(((p, s) for p, s in free if own is None or p == own), None)
        second = next(((p, s) for p, s in free if best is None or p != best[0]), None)
        if own is None or best is None:
            return self._decide_new(probe, best, second)
        alike = max((p for p in (second, probe.lookalike) if p), key=lambda p: p[1], default=None)
        ahead = math.inf if alike is None else best[1] - alike[1]
        more = ambiguity(self.site.lately.crowd(self.site.persons[own].last_seen, self.frame.captured_at))
        clear = ahead >= self.policy.margin + more
        if not clear and not self._ripe(probe, self.policy.max_samples):
            return None
        second = alike
        if more and ahead < more:
            return self._decision(probe, "new", "ambiguous", best, second)
        reason = "above_threshold" if clear else "margin_exhausted"
        return self._decision(probe, "matched", reason, best, second)

    def _decide_new(
        self, probe: _Probe, best: tuple[str, float] | None, second: tuple[str, float] | None
    ) -> Decision | None:
        if best is None:
            return self._decision(probe, "new", "empty_gallery", best, second)
        policy, short = self.policy, self.threshold - best[1]
        if short <= policy.grey_zone and not self._ripe(probe, policy.max_samples // 2):
            return None
        if short <= policy.doubt_zone and not self._ripe(probe, policy.min_samples * 2):
            return None
        return self._decision(probe, "new", "below_threshold", best, second)

    def _ripe(self, probe: _Probe, samples: int) -> bool:
        """Whether waiting longer is no use: many crops, or a long time before the camera."""
        waited = self.frame.captured_at - probe.evidence.first_at
        return probe.evidence.samples >= samples or waited >= self.policy.max_wait

    def _decision(
        self,
        probe: _Probe,
        outcome: Outcome,
        reason: str,
        best: tuple[str, float] | None,
        second: tuple[str, float] | None,
    ) -> Decision:
        return of_track(
            self.site,
            probe.evidence.model,
            probe.evidence.samples,
            self.policy,
            outcome=outcome,
            reason=reason,
            best=best,
            second=second,
            detail=probe.scores.get(best[0]) if best else None,
            threshold=self.threshold,
        )

    def _sampled(self, probe: _Probe) -> AnyEvent:
        evidence = probe.evidence
        best = probe.candidates[0] if probe.candidates else (None, None)
        return TrackSampled(
            site_id=self.site_id,
            at=self.frame.captured_at,
            track=probe.track,
            samples=evidence.samples,
            weight=evidence.weight,
            quality=evidence.quality,
            model=evidence.model,
            template=evidence.template,
            first_at=evidence.first_at,
            candidate=best[0],
            score=best[1],
            not_persons=evidence.not_persons,
            differs=evidence.differs,
        )

    def _matched(self, probe: _Probe, decision: Decision) -> AnyEvent:
        assert decision.candidate is not None
        known = self.site.persons[decision.candidate]
        return self._bound(probe, known, decision, probe.template(self.frame.camera_id))

    def _registered(self, probe: _Probe, decision: Decision) -> list[AnyEvent]:
        while self.site.labelled(labels.label(self.label_number)) is not None:
            self.label_number += 1
        at, template = self.frame.captured_at, probe.template(self.frame.camera_id)
        person_id, label = labels.person_id(at, self.number), labels.label(self.label_number)
        registered = PersonRegistered(
            site_id=self.site_id,
            at=at,
            person_id=person_id,
            number=self.number,
            label=label,
            label_number=self.label_number,
            track=probe.track,
            template=template,
            decision=decision,
        )
        self.number, self.label_number = self.number + 1, self.label_number + 1
        known = KnownPerson(person_id, registered.number, label)
        maybe = suggested(self.site, registered, probe.before, self.policy, self.threshold)
        return [registered, *maybe, self._bound(probe, known, decision, None)]

    def _bound(
        self, probe: _Probe, known: KnownPerson, decision: Decision, template: Template | None
    ) -> AnyEvent:
        event = seen(
            known,
            self.site_id,
            self.frame,
            probe.person,
            self.policy,
            score=decision.score if decision.outcome == "matched" else None,
            probe=template,
            # The mean of several crops that was found to be this person; a single later crop must pass more.
            strictness=0.0 if decision.reason == "above_threshold" else self.policy.template_strictness,
            together=self._together(
                known.person_id, {*probe.evidence.differs, *self.site.barred(probe.track)}
            ),
        )
        return msgspec.structs.replace(event, reason="bound", decision=decision, since=_since(probe))

    def _together(self, person_id: str, differs: set[str]) -> tuple[str, ...]:
        known = self.site.persons.get(person_id)
        alive = {other for other in differs if other in self.site.persons}
        others = (self.here | alive) - {person_id} - (known.not_persons if known else set())
        self.here.add(person_id)
        return tuple(sorted(others))
