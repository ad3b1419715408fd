"""Whether two persons are one, by all that is kept of both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reid.contracts.events import Decision, PersonsMerged, PersonSuggested, Template, TrackRef
from reid.domain.days import apart_persons, decides, suggestion
from reid.domain.evidence import Outcome, of_looks
from reid.domain.exact import logarithm, share
from reid.domain.merging import united
from reid.domain.person import Person
from reid.domain.policy import Policy
from reid.domain.scoring import OPERATING_POINT, REACH, Side, likenesses, resemblances
from reid.domain.similarity import Calibration
from reid.domain.state import SiteState

#: Log odds below which much evidence does not help to merge two.
EVEN: Final = 0.0
#: Persons from which a crowd is large.
CROWD: Final = 40
#: Left over is who was weighed again so often, was seen on so few tracks, and not for so long (milliseconds);
#: known for longer, who was seen on so many. In a crowd of no more than ``SMALL`` they are one from so low
#: log odds (docs/identity.md).
_WEIGHED: Final = 5
_FEW_TRACKS: Final = 2
_GONE: Final = 10_000
_KNOWN_TRACKS: Final = 3
SMALL: Final = 15
LEFT_OVER: Final = -2.0
#: Persons among whom nobody may be more like who is left over.
_RIVALS: Final = 8


def few(site: SiteState, at: int) -> int:
    """The crowd that what was decided is weighed in again."""
    return min(site.lately.crowd(at, at), CROWD)


def belongs(site: SiteState, crop: Template, person: Person, at: int, knots: Calibration) -> float:
    """Similarity of a crop with the person whom its track was found to be: by the site's own strangers alone,
    to an encoder who is dressed alike may all look alike. The person has looks of the crop's model."""
    looks = [look for look in person.templates if look.model == crop.model]
    odds = likenesses(site, crop, [Side(looks, {person.number}, few(site, at))], knots)[0]
    return round(share(odds, OPERATING_POINT, REACH), 6)


def _by_tracks(person: Person, other: Person) -> list[Person]:
    """Who was seen on fewer tracks first; of as many, who came later."""
    return sorted((person, other), key=lambda p: (len(p.tracks), -p.number))


@dataclass(frozen=True, slots=True)
class Pairing:
    """By looks of one encoder, at one moment."""

    site: SiteState
    site_id: str
    at: int
    model: str
    knots: Calibration
    policy: Policy

    def looks(self, person: Person) -> list[Template]:
        return [t for t in person.templates if t.model == self.model]

    def odds(self, person: Person, other: Person, without: TrackRef | None = None) -> float:
        """Log odds that these two are one, had ``other`` not been given the track ``without``."""
        side = self._side(person, other, without)
        odds = resemblances(self.site, self.looks(person), [side], self.knots)[0]
        if not self.policy.gate:
            return odds
        left = [span for span in other.tracks if span.track != without]
        return odds + self.site.passages.joining(person.tracks, left)

    def odds_of_each(self, person: Person, others: Sequence[Person]) -> list[float]:
        """As `odds`, with each of the others: all weighed at once."""
        sides = [self._side(person, other) for other in others]
        alike = resemblances(self.site, self.looks(person), sides, self.knots)
        if not self.policy.gate:
            return alike
        joining = self.site.passages.joining
        return [one + joining(person.tracks, o.tracks) for one, o in zip(alike, others, strict=True)]

    def _side(self, person: Person, other: Person, without: TrackRef | None = None) -> Side:
        looks = [t for t in self.looks(other) if without is None or t.track != without]
        return Side(looks, {person.number, other.number}, self.crowd(person, other))

    def crowd(self, person: Person, other: Person) -> int:
        """How many persons may be mistaken for one of the two."""
        return self.site.lately.crowd(min(person.last_seen, other.last_seen), self.at)

    @property
    def few(self) -> int:
        """The crowd that what was decided is weighed in again: it is not doubted because more came since."""
        return few(self.site, self.at)

    def needed(self, person: Person, other: Person, without: TrackRef | None = None) -> float:
        """Log odds from which they are merged, had ``other`` not been given the track ``without``. Chance is
        a smaller part of the mean of many looks; in a large crowd so many more pairs are weighed, with the
        square of the persons, and each of them may be alike by chance."""
        tracks = {t.track for each in (person, other) for t in self.looks(each)} - {without}
        margin = self.policy.merge_margin
        eased = min(margin, max(margin - self.policy.merge_relief * (len(tracks) - 1), EVEN))
        return eased + self.for_crowd(person, other, CROWD)

    def for_crowd(self, person: Person, other: Person, most: int) -> float:
        """Log odds more that are needed in a crowd of more than ``most``."""
        return 2 * max(logarithm(self.crowd(person, other) / most), 0.0)

    def united(self, person: Person, other: Person, odds: float) -> PersonsMerged | PersonSuggested | None:
        """Merged where ``odds`` are what that takes. Two who were never seen on one day must be alike enough
        for that too, else it is suggested, once."""
        needed = self.needed(person, other)
        if odds < needed:
            needed = min(needed, self._needed_of_left_over(person, other))
            if odds < needed or not self._nobody_is_nearer(person, other):
                return None
        elder, younger = sorted((person, other), key=lambda p: p.number)
        score, usual = (share(o, OPERATING_POINT, REACH) for o in (odds, needed))
        if apart_persons(person, other, self.policy) and not decides(score, usual, self.policy):
            decision = self.decision(elder, "new", "another_day", odds, needed)
            return suggestion(self.site, self.site_id, self.at, younger, elder, decision, self.policy)
        decision = self.decision(elder, "matched", "evidence_grew", odds, needed)
        return united(self.site_id, self.at, elder, younger, self.policy, decision=decision)

    def _needed_of_left_over(self, person: Person, other: Person) -> float:
        """A short track from an odd side is like nobody, its own person included, and nothing more comes of
        it. Where few people are, it is one of them more often than somebody who came once.
        """
        left, known = _by_tracks(person, other)
        times = self.site.revisions.doubts.get(left.person_id, 0)
        if times < _WEIGHED or len(left.tracks) > _FEW_TRACKS or len(known.tracks) < _KNOWN_TRACKS:
            return math.inf
        if self.at - left.last_seen <= _GONE or apart_persons(person, other, self.policy):
            return math.inf
        return LEFT_OVER + self.for_crowd(person, other, SMALL)

    def _nobody_is_nearer(self, person: Person, other: Person) -> bool:
        """Nor anybody who it cannot be: then its own person has been taken for somebody else."""
        left, known = _by_tracks(person, other)
        found = self.site.gallery.search(self.looks(left)[0], {left.person_id, known.person_id}, _RIVALS)
        rivals = [self.site.persons[candidate.person_id] for candidate in found]
        odds = self.odds(known, left)
        return all(self.odds(rival, left) <= odds for rival in rivals)

    def decision(self, person: Person, outcome: Outcome, reason: str, odds: float, needed: float) -> Decision:
        return of_looks(
            self.site,
            self.model,
            len(self.looks(person)),
            self.policy,
            outcome=outcome,
            reason=reason,
            candidate=person.person_id,
            odds=odds,
            needed=needed,
        )
