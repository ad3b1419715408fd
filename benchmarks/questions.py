"""What the review queue asks when the same people come day after day and nobody answers, and whether the
questions that it asks first are those that change something.

    python -m benchmarks.questions --days 6 --seconds 240 --seed 3
    python -m benchmarks.questions --days 6 --seconds 240 --seed 3 --keep FILE  # as of `benchmarks.returning`

``days``: at the end of each, the questions that an answer can be given to, one of two persons at a time, and
those that have aged. ``changes``: of all that were asked, by the truth of the simulation, how many answers
would part what was taken for one, or join what was taken for two; ``first`` of 10, 20, … ranked as the queue
ranks them; ``newest``: the newest first. A person is whoever most of its tracks were; of as many, whoever it
was first.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from api.journey_views import Doubted
from api.questions import Question, Queue, queue
from benchmarks.returning import asked_days, command_of, parser_of
from deploy.evaluate.stream import decided
from deploy.evaluate.video_score import track_truths
from deploy.evaluate.watch import Watched
from deploy.identities import Identities
from projections.changes import Change
from projections.records import Record
from projections.reviews import matters
from projections.store import MemoryViewStore
from projections.views import PersonsView
from reid.contracts import topics
from reid.contracts.codec import encode
from reid.contracts.events import AnyEvent, PersonSeen, PersonsMerged, PersonSplit, TrackRef
from reid.contracts.journeys import ReviewItem
from reid.contracts.policy import Policy
from reid.runtime.settings import Settings

_FIRST: Final = (10, 20, 40, 80)
_item = msgspec.json.Decoder(ReviewItem)
_doubted = msgspec.json.Decoder(Doubted)


class Asked(NamedTuple):
    """A question as it was put; ``changes``: whether the true answer changes something."""

    question: Question
    changes: bool


class Owners:
    """Whose tracks are whose now."""

    def __init__(self, truth: dict[TrackRef, int | None]) -> None:
        self._truth = truth
        #: In the order in which they came: a set's order is another in each process.
        self._persons: defaultdict[str, dict[TrackRef, None]] = defaultdict(dict)

    def fold(self, event: AnyEvent) -> None:
        if isinstance(event, PersonSeen) and event.track not in self._persons[event.person_id]:
            for tracks in self._persons.values():
                tracks.pop(event.track, None)
            self._persons[event.person_id][event.track] = None
        elif isinstance(event, PersonsMerged):
            self._persons[event.survivor_id] |= self._persons.pop(event.absorbed_id, {})
        elif isinstance(event, PersonSplit):
            mine = self._persons[event.person.person_id]
            moved = [track for track in mine if track in event.tracks]
            for track in moved:
                del mine[track]
            if event.other is not None:
                self._persons[event.other.person_id] |= dict.fromkeys(moved)

    def who(self, person_id: str | None, but: TrackRef | None = None) -> int | None:
        """Who the person is, by all its tracks but one; None: nobody knows."""
        tracks = (track for track in self._persons.get(person_id or "", {}) if track != but)
        known = Counter(who for track in tracks if (who := self._truth.get(track)) is not None)
        return known.most_common(1)[0][0] if known else None

    def whose(self, track: TrackRef | None) -> int | None:
        return None if track is None else self._truth.get(track)


class Views:
    """Of the site, as the projector makes them; time stands at the last event."""

    def __init__(self) -> None:
        self.now = 0
        self._store = MemoryViewStore(lambda: self.now)
        self._view = PersonsView(Settings().ttl_days)
        self._offset = 0

    def fold(self, event: AnyEvent) -> None:
        record = Record(topics.EVENTS.name, 0, self._offset, b"global", encode(event), [])
        self.now, self._offset = max(self.now, event.at), self._offset + 1
        made = self._view.project([record], self._store)
        before = {0: self._offset - 1 or None}
        self._store.commit(Change(self._view.name, before, {0: self._offset}, made.ops))

    def items(self) -> dict[str, ReviewItem]:
        found = self._store.hashes([key := topics.reviews_key("global")])[key]
        return {id_: _item.decode(raw) for id_, raw in found.items()}

    def queue(self) -> Queue:
        items = self.items()
        ids = {id_ for one in items.values() for id_ in (one.person_id, one.other_id) if id_ is not None}
        raw = (self._store.get(topics.person_key("global", id_)) for id_ in sorted(ids))
        persons = (_doubted.decode(document) for document in raw if document is not None)
        since = self.now - round(Settings().review_days * topics.DAY_MS)
        return queue(items, {person.person_id: person for person in persons}, since)


def measure(days: Sequence[Watched], policy: Policy) -> dict[str, Any]:
    every = Watched([look for day in days for look in day.looks])
    events = list(decided(every.messages(), policy))
    identities = Identities()
    for event in events:
        identities.fold(event)
    truth = {track.track: track.person for track in track_truths(every, identities)}
    ends = [day.looks[-1].captured_at for day in days]
    rows, asked = list[dict[str, int]](), list[Asked]()
    views, owners = Views(), Owners(truth)
    known: dict[str, ReviewItem] = {}
    for number, event in enumerate(events):
        before = {id_: owners.who(id_) for id_ in _merging(event)}
        owners.fold(event)
        views.fold(event)
        if matters(event):
            items = views.items()
            fresh = {id_ for id_, item in items.items() if known.get(id_) != item}
            found = [one for one in views.queue().open if one.item_id in fresh]
            asked += _judged(found, owners, before)
            known = items
        while _day_ends(events, number, ends, len(rows)):
            waits = views.queue()
            rows.append({"day": len(rows) + 1, "open": len(waits.open), "aged": len(waits.aged)})
    ranked = sorted(asked, key=lambda one: one.question.rank)
    newest = sorted(asked, key=lambda one: -one.question.item.at)
    return {
        "days": rows,
        "asked": len(asked),
        "changes": _changes(asked),
        "first": {count: _changes(ranked[:count]) for count in _FIRST},
        "newest": {count: _changes(newest[:count]) for count in _FIRST},
    }


def _day_ends(events: Sequence[AnyEvent], number: int, ends: Sequence[int], done: int) -> bool:
    """Whether the day after those done ends with this event."""
    if done == len(ends):
        return False
    return number + 1 == len(events) or events[number + 1].at > ends[done]


def _merging(event: AnyEvent) -> tuple[str, ...]:
    return (event.survivor_id, event.absorbed_id) if isinstance(event, PersonsMerged) else ()


def _judged(found: Sequence[Question], owners: Owners, before: dict[str, int | None]) -> Iterator[Asked]:
    """Those of whom the truth is known. ``before``: who the two of a merge were."""
    for question in found:
        item = question.item
        if item.kind == "automatic_merge":
            one, other = before.get(item.person_id), before.get(item.other_id or "")
        elif item.kind == "small_margin":
            one, other = owners.whose(item.track), owners.who(item.person_id, item.track)
        else:
            one, other = owners.who(item.person_id), owners.who(item.other_id)
        if one is not None and other is not None:
            stands = item.kind in ("automatic_merge", "small_margin")
            yield Asked(question, (one == other) != stands)


def _changes(asked: Sequence[Asked]) -> int:
    return sum(one.changes for one in asked)


def main() -> None:
    asked = parser_of(__doc__).parse_args()
    result = {"command": command_of("questions", asked), **measure(asked_days(asked), Policy())}
    print(json.dumps(result, indent=1))
    if asked.json is not None:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
