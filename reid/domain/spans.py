"""Arithmetic of a person's tracks as spans of time."""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from reid.contracts.events import PersonState, TrackRef, TrackSpan
from reid.domain.person import MAX_SPANS, Person
from reid.domain.policy import Policy

#: Two persons in view of different cameras at once, longer than this, are two (milliseconds): clocks
#: differ, and a track lasts a little after its person has left.
_OVERLAP: Final = 1_500


class Visits(NamedTuple):
    """``started_at``: of the last one, milliseconds."""

    number: int
    started_at: int


def visits(spans: Iterable[TrackSpan], policy: Policy) -> Visits:
    """What the spans make up: a visit ends with a gap."""
    count, started, last = 0, 0, 0
    for span in sorted(spans, key=lambda s: (s.first_at, s.track)):
        if count == 0 or span.first_at - last > policy.visit_gap:
            count, started = count + 1, span.first_at
        last = max(last, span.last_at)
    return Visits(count, started)


def visits_with(person: Person, track: TrackRef, at: int, policy: Policy) -> Visits:
    """The person's visits, with a sighting at ``at``: one of before the last visit joins it, or is of an
    earlier one."""
    if person.visit_count == 0 or at - person.last_seen > policy.visit_gap:
        return Visits(person.visit_count + 1, at)
    if at >= person.visit_started_at:
        return Visits(person.visit_count, person.visit_started_at)
    return visits_since(person, [TrackSpan(track, at, at)], policy)


def visits_since(before: PersonState | Person, later: Iterable[TrackSpan], policy: Policy) -> Visits:
    """The person's visits, and those that ``later`` adds to them or joins."""
    later = list(later)
    known, together = visits(before.tracks, policy), visits([*before.tracks, *later], policy)
    inserted = any(span.first_at < before.last_seen for span in later)
    if together.number == known.number and not inserted:
        return Visits(before.visit_count, before.visit_started_at)
    return Visits(before.visit_count - known.number + together.number, together.started_at)


def united(*parts: Iterable[TrackSpan]) -> tuple[TrackSpan, ...]:
    """One span for each track, the latest `MAX_SPANS`, by the time that they began.

    A track may have been of two persons, one after the other, who are one now.
    """
    spans: dict[object, TrackSpan] = {}
    for part in parts:
        for span in part:
            known = spans.get(span.track, span)
            first, last = min(known.first_at, span.first_at), max(known.last_at, span.last_at)
            spans[span.track] = TrackSpan(span.track, first, last)
    return tuple(sorted(spans.values(), key=lambda s: (s.first_at, s.track))[-MAX_SPANS:])


def at_once(one: Iterable[TrackSpan], other: Collection[TrackSpan], most: int = _OVERLAP) -> bool:
    """Whether tracks of both were there at the same time, for more than so many milliseconds."""
    return any(min(a.last_at, b.last_at) - max(a.first_at, b.first_at) > most for a in one for b in other)
