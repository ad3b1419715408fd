"""Which doubtful decisions are asked about now, one of two persons at a time, and which of them first."""

from collections.abc import Iterable, Iterator, Mapping
from math import log2
from typing import Final, NamedTuple

from api.journey_views import Doubted
from reid.contracts.journeys import ReviewItem
from reid.contracts.topics import DAY_MS

#: Questions about two who stand both: ``yes`` merges them.
APART: Final = ("suggested", "automatic_split")
#: A score so far from what decided leaves half of the doubt.
_NEAR: Final = 0.1


class Question(NamedTuple):
    """``doubt``: 1 where the score tells neither way, down to 0; ``visits`` that hang on the answer;
    ``behind``: other questions about these two, that are asked after this one."""

    item_id: str
    item: ReviewItem
    person: Doubted
    other: Doubted | None
    doubt: float
    visits: int
    behind: int = 0

    @property
    def use(self) -> float:
        """log2 of doubt × what hangs on it × recency: a day halves it. It halves all alike, so that which of
        two comes first never changes by time alone, and a page goes on where the one before ended."""
        return round(log2(self.doubt) + log2(1 + log2(self.visits)) + self.item.at / DAY_MS, 6)

    @property
    def rank(self) -> tuple[float, str]:
        """The most useful first."""
        return -self.use, self.item_id


class Queue(NamedTuple):
    """Both in order; ``aged``: those that nobody answered in time, but for persons who are asked about."""

    open: list[Question]
    aged: list[Question]


def queue(items: Mapping[str, ReviewItem], persons: Mapping[str, Doubted], since: int) -> Queue:
    """``since``: what is older is aged, ms since the epoch."""
    asked = list(_answerable(items, persons))
    recent = _one_each(one for one in asked if one.item.at >= since)
    about = {_pair(one.item) for one in recent}
    return Queue(
        recent, _one_each(one for one in asked if one.item.at < since and _pair(one.item) not in about)
    )


def _answerable(items: Mapping[str, ReviewItem], persons: Mapping[str, Doubted]) -> Iterator[Question]:
    """Not those whose person is part of another now, or gone by the clock; nor those about a merge that can't
    be undone before a later one is."""
    for item_id, item in items.items():
        person, other = persons.get(item.person_id), persons.get(item.other_id or "")
        if person is None or (item.kind in APART and other is None):
            continue
        if item.kind == "automatic_merge" and person.latest_absorbed != item.other_id:
            continue
        both = (person, other) if item.kind in APART and other is not None else ()
        visits = min((one.visit_count for one in both), default=1)
        yield Question(item_id, item, person, other, doubt(item), max(visits, 1))


def doubt(item: ReviewItem) -> float:
    """How likely the other answer is, as far as the score tells. A suggestion of another day lies between
    what would do on one day and what it takes across days: all of that is left to people. What has no score
    is too."""
    if item.score is None or item.reason == "another_day":
        return 1.0
    beaten = item.threshold
    if item.kind == "small_margin" and item.other_id is not None:
        beaten = max(beaten, item.runner_up_score or 0.0)
    return float(2.0 ** (-abs(item.score - beaten) / _NEAR))


def _one_each(questions: Iterable[Question]) -> list[Question]:
    """Of those about the same two the first, in order."""
    found: dict[frozenset[str | None], list[Question]] = {}
    for one in sorted(questions, key=lambda one: one.rank):
        found.setdefault(_pair(one.item), []).append(one)
    return [same[0]._replace(behind=len(same) - 1) for same in found.values()]


def _pair(item: ReviewItem) -> frozenset[str | None]:
    return frozenset((item.person_id, item.other_id))
