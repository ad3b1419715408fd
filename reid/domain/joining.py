"""Persons of different zones that are one: by the same calibrated similarity as a track with a known person.

A zone registers whom it does not know. The site weighs the newcomer against everybody at once: those of one
moment are assigned one-to-one, who was seen beside somebody is somebody else, and a runner-up within the
margin leaves it open. What is left open is weighed again, with all that is kept of both, when evidence grows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from reid.contracts.events import (
    Decision,
    PersonRegistered,
    PersonSeen,
    PersonsMerged,
    PersonSuggested,
    Template,
    TrackRef,
)
from reid.domain.assignment import assign
from reid.domain.days import suggested, trusted
from reid.domain.evidence import of_track
from reid.domain.evolve import DOUBTFUL
from reid.domain.merging import united
from reid.domain.pairing import Pairing
from reid.domain.person import Person
from reid.domain.policy import Policy
from reid.domain.scoring import Score, score
from reid.domain.spans import at_once
from reid.domain.state import SiteState, pair

#: Persons that a newcomer is weighed against, the nearest by appearance; and one in doubt.
_CANDIDATES: Final = 12
_AGAIN: Final = 4


@dataclass(frozen=True, slots=True)
class Newcomer:
    """``registered``: as the site tells it; ``scores``: with whom the site knew before."""

    registered: PersonRegistered
    scores: dict[str, Score]

    @property
    def person_id(self) -> str:
        return self.registered.person_id

    @property
    def look(self) -> Template:
        return self.registered.template

    def best(self) -> float:
        """The highest similarity, whatever lies between."""
        return max((found.similarity + found.across_days for found in self.scores.values()), default=0.0)


def weighed(site: SiteState, look: Template, track: TrackRef, at: int, policy: Policy) -> dict[str, Score]:
    """The persons most like a track that a zone knows nobody for."""
    knots = site.zones.encoders.get(look.model, ())
    found = site.gallery.search(look, site.barred(track), _CANDIDATES)
    persons = (site.persons[candidate.person_id] for candidate in found)
    return {p.person_id: trusted(score(site, look, p, at, knots, policy), p, at, policy) for p in persons}


def joins(
    site: SiteState, site_id: str, at: int, newcomers: Sequence[Newcomer], policy: Policy
) -> list[PersonsMerged]:
    """Newcomers of one moment, each into somebody known who is clearly the one."""
    ranked = [_ranked(site, newcomer) for newcomer in newcomers]
    least = [policy.threshold_at(newcomer.look.camera_id) for newcomer in newcomers]
    near = [p for row, t in zip(ranked, least, strict=True) for p, s in row if s >= t]
    columns = list(dict.fromkeys(near))
    gains = [
        [_gain(dict(row).get(p), threshold) for p in columns]
        for row, threshold in zip(ranked, least, strict=True)
    ]
    chosen = assign(gains) if columns else [-1] * len(newcomers)
    taken = {columns[column] for column in chosen if column >= 0}
    made = []
    for newcomer, row, column in zip(newcomers, ranked, chosen, strict=True):
        if column < 0:
            continue
        own = columns[column]
        rival = _rival(site, newcomer, row, own, taken)
        if rival is None or dict(row)[own] - rival[1] >= policy.margin:
            decision = _matched(
                site,
                newcomer.look,
                newcomer.registered.decision.samples,
                own,
                newcomer.scores[own],
                rival,
                "zones_joined",
                policy,
            )
            survivor, absorbed = site.persons[own], site.persons[newcomer.person_id]
            made.append(united(site_id, at, survivor, absorbed, policy, decision=decision))
    return made


def _gain(similarity: float | None, threshold: float) -> int:
    return round(similarity * 1e6) if similarity is not None and similarity >= threshold else 0


def _ranked(site: SiteState, newcomer: Newcomer) -> list[tuple[str, float]]:
    """Whom it may be, best first."""
    barred = site.persons[newcomer.person_id].not_persons
    alive = [(p, s.similarity) for p, s in newcomer.scores.items() if p in site.persons and p not in barred]
    return sorted(alive, key=lambda pair: (-pair[1], site.persons[pair[0]].number))


def _rival(
    site: SiteState, newcomer: Newcomer, row: list[tuple[str, float]], own: str, taken: set[str]
) -> tuple[str, float] | None:
    """The best of the others: who is free, or stood beside it and looks alike."""
    free = [(p, s) for p, s in row if p != own and p not in taken]
    beside = [
        (p, s.similarity) for p, s in newcomer.scores.items() if p not in dict(row) and p in site.persons
    ]
    return max([*free[:1], *beside], key=lambda pair: pair[1], default=None)


def _matched(
    site: SiteState,
    look: Template,
    samples: int,
    own: str,
    found: Score,
    rival: tuple[str, float] | None,
    reason: str,
    policy: Policy,
) -> Decision:
    return of_track(
        site,
        look.model,
        samples,
        policy,
        outcome="matched",
        reason=reason,
        best=(own, found.similarity),
        second=rival,
        detail=found,
        threshold=policy.threshold_at(look.camera_id),
    )


def asked(site: SiteState, newcomers: Sequence[Newcomer], policy: Policy) -> list[PersonSuggested]:
    """Who may be somebody of an earlier day: somebody should say."""
    made: list[PersonSuggested] = []
    for newcomer in newcomers:
        barred = site.persons[newcomer.person_id].not_persons
        before = [
            (p, s)
            for p, s in newcomer.scores.items()
            if s.across_days > 0
            and p in site.persons
            and p not in barred
            # Its zone may have asked before.
            and pair(p, newcomer.person_id) not in site.suggested
        ]
        best = max(before, key=lambda one: one[1].similarity + one[1].across_days, default=None)
        threshold = policy.threshold_at(newcomer.look.camera_id)
        made += suggested(site, newcomer.registered, best, policy, threshold)
    return made


def better(
    site: SiteState, seen: PersonSeen, own: str, beside: Collection[str], policy: Policy
) -> Decision | None:
    """A track that its zone gave to somebody there, ``own`` to the site, though another zone's person is
    clearly more like it: whom a zone never saw it can't choose. ``beside``: who is in the same frame."""
    look = seen.template
    if look is None or seen.decision is None or seen.decision.outcome != "matched":
        return None
    knots = site.zones.encoders.get(look.model, ())
    mine = trusted(
        score(site, look, site.persons[own], seen.at, knots, policy), site.persons[own], seen.at, policy
    )
    others = {
        p: s
        for p, s in weighed(site, look, seen.track, seen.at, policy).items()
        if p != own and p not in beside
    }
    best = max(others, key=lambda p: (others[p].similarity, -site.persons[p].number), default=None)
    least = max(policy.threshold_at(look.camera_id), mine.similarity + policy.margin)
    if best is None or others[best].similarity < least:
        return None
    return _matched(
        site,
        look,
        seen.decision.samples,
        best,
        others[best],
        (own, mine.similarity),
        "better_candidate",
        policy,
    )


def doubtful(site: SiteState, newcomers: Sequence[Newcomer], policy: Policy) -> tuple[str, ...]:
    """Who was left somebody new though somebody known is not far."""
    return tuple(
        n.person_id for n in newcomers if n.best() >= policy.threshold_at(n.look.camera_id) - DOUBTFUL
    )


def grown(
    site: SiteState, site_id: str, at: int, person_ids: Sequence[str], policy: Policy
) -> list[PersonsMerged | PersonSuggested]:
    """At most one: of ``person_ids`` the one who by now is most clearly another one too."""
    if not policy.revise or not policy.site_scale:
        return []
    if site.revisions.lately(at) >= policy.revisions_per_minute:
        return []
    best: tuple[float, int, int, PersonsMerged | PersonSuggested] | None = None
    for person in (site.persons[p] for p in dict.fromkeys(person_ids) if p in site.persons):
        model = person.templates[-1].model
        pairing = Pairing(site, site_id, at, model, site.zones.encoders.get(model, ()), policy)
        for other in _alike(site, person, pairing.looks(person)[0]):
            odds = pairing.odds(person, other)
            made = pairing.united(person, other, odds)
            if made is not None and (best is None or (odds, -other.number, -person.number) > best[:3]):
                best = (odds, -other.number, -person.number, made)
    return [] if best is None else [best[3]]


def _alike(site: SiteState, person: Person, look: Template) -> list[Person]:
    found = site.gallery.search(look, {person.person_id} | person.not_persons, _AGAIN)
    others = (site.persons[candidate.person_id] for candidate in found)
    return [other for other in others if not at_once(person.tracks, other.tracks)]
