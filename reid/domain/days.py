"""Appearance is trusted less across days: people change their clothes over night.

A person whom nobody has seen since an earlier local day, and more than a visit's gap ago, is recognised by
a stricter score (``multi_day``) or by people alone (``same_day``); what would have done on one day is
suggested. From the first sighting of a new day on, the person is as any other of that day.
"""

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import structs

from reid.contracts.events import Decision, PersonRegistered, PersonSuggested, TrackRef
from reid.contracts.policy import Policy
from reid.domain.person import Person
from reid.domain.scoring import Score
from reid.domain.state import SiteState, pair

_DAY_MS = 86_400_000


def day_of(at: int, policy: Policy) -> int:
    """Number of the local day that ``at`` (ms since the epoch) is of; one begins ``day_starts`` late."""
    place = bisect_right(policy.utc_offsets, (at, _DAY_MS)) - 1
    return (at + policy.utc_offsets[max(place, 0)][1] * 1000 - policy.day_starts) // _DAY_MS


def apart(last_seen: int, at: int, policy: Policy) -> bool:
    """Whether a night lies between. A visit that goes on over the end of a day is one."""
    return abs(at - last_seen) > policy.visit_gap and day_of(last_seen, policy) != day_of(at, policy)


def apart_persons(one: Person, other: Person, policy: Policy) -> bool:
    """Whether these two were never seen on one day, nor within one visit."""
    if day_of(one.last_seen, policy) == day_of(other.last_seen, policy):
        return False
    gap = max(one.first_seen, other.first_seen) - min(one.last_seen, other.last_seen)
    return not 0 <= gap <= policy.visit_gap and _days(one, policy).isdisjoint(_days(other, policy))


def _days(person: Person, policy: Policy) -> set[int]:
    times = [(person.first_seen, person.first_seen), (person.last_seen, person.last_seen)]
    times += [(span.first_at, span.last_at) for span in person.tracks]
    return {day for first, last in times for day in range(day_of(first, policy), day_of(last, policy) + 1)}


def trusted(found: Score, person: Person, at: int, policy: Policy) -> Score:
    """What the score is worth at ``at``; under ``same_day`` nothing is left of one across days. Who is told
    late may have been seen on that day, too."""
    late = at < person.last_seen and day_of(at, policy) in _days(person, policy)
    if late or not apart(person.last_seen, at, policy):
        return found
    lost = policy.day_strictness if policy.days == "multi_day" else found.similarity
    left = round(max(found.similarity - lost, 0.0), 6)
    return found._replace(similarity=left, across_days=round(found.similarity - left, 6))


def needed(usual: float, policy: Policy) -> float:
    """The score that decides across days where ``usual`` does on one; 1: none does."""
    return min(round(usual + policy.day_strictness, 6), 1.0) if policy.days == "multi_day" else 1.0


def decides(score: float, usual: float, policy: Policy) -> bool:
    """Whether two of different days are found to be one without anybody being asked."""
    return policy.days == "multi_day" and score >= needed(usual, policy)


def suggested(
    site: SiteState,
    registered: PersonRegistered,
    before: tuple[str, Score] | None,
    policy: Policy,
    threshold: float,
) -> Sequence[PersonSuggested]:
    """Somebody was registered as new who might be ``before``, of an earlier day."""
    if before is None:
        return []
    person_id, found = before
    score = round(found.similarity + found.across_days, 6)
    if score < threshold:
        return []
    known = site.persons[person_id]
    decision = structs.replace(
        registered.decision,
        outcome="new",
        reason="another_day",
        candidate=person_id,
        score=score,
        runner_up=None,
        runner_up_score=None,
        threshold=needed(threshold, policy),
        margin=policy.margin,
        policy=policy.version,
        appearance=found.appearance,
        passage=found.passage,
        across_days=found.across_days,
    )
    return [_event(registered.site_id, registered.at, registered, registered.track, known, decision)]


def suggestion(
    site: SiteState,
    site_id: str,
    at: int,
    person: Person,
    known: Person,
    decision: Decision,
    policy: Policy,
) -> PersonSuggested | None:
    """``person`` may be ``known``, by all that was seen of both; None when that was told before."""
    if pair(person.person_id, known.person_id) in site.suggested:
        return None
    track = person.tracks[-1].track if person.tracks else None
    decision = structs.replace(decision, threshold=needed(decision.threshold, policy))
    return _event(site_id, at, person, track, known, decision)


def _event(
    site_id: str,
    at: int,
    person: Person | PersonRegistered,
    track: TrackRef | None,
    known: Person,
    decision: Decision,
) -> PersonSuggested:
    return PersonSuggested(
        site_id=site_id,
        at=at,
        person_id=person.person_id,
        label=person.label,
        other_id=known.person_id,
        other_label=known.label,
        other_last_seen=known.last_seen,
        track=track,
        decision=decision,
    )
