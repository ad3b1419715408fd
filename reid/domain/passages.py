"""Where people go from where, and how fast: learned from the log, a gate in space and time.

For each pair of cameras and length of absence: how many persons could have come (opportunities), and how
many did, by decisions that appearance alone was sure of (hits). What never happens though it often could,
a person in two rooms at once or back too soon, is all but excluded; what often happens is favoured.
Cameras that overlap show themselves by hits at no absence at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from reid.contracts.events import TrackSpan
from reid.domain.exact import logarithm

#: A pair of cameras is taken for average until so many hits were to be expected of it, and a length of
#: absence for its pair's average.
PAIR_PRIOR: Final = 0.5
GAP_PRIOR: Final = 2.0
#: Bounds of what the gate may say, in log odds.
LEAST: Final = -4.0
MOST: Final = 1.5
#: Persons that could have come, the latest seen.
RECENT: Final = 64
#: Spans looked at of a person: the latest.
_SPANS: Final = 8


class Passage(NamedTuple):
    """``gap``: 0 for less than a second (or at the same time), then one for each doubling."""

    from_camera: str
    to_camera: str
    gap: int


def passage(from_camera: str, to_camera: str, absence: int) -> Passage:
    """``absence``: milliseconds between leaving the one and coming before the other camera."""
    return Passage(from_camera, to_camera, min(max(absence, 0) // 1000, 1 << 16).bit_length())


@dataclass(slots=True)
class Count:
    hits: int = 0
    opportunities: int = 0

    def add(self, hits: int, opportunities: int) -> None:
        self.hits, self.opportunities = self.hits + hits, self.opportunities + opportunities


@dataclass(slots=True)
class Passages:
    """``counts`` is all that is learned; pairs and total are derived. ``recent``: persons by last
    sighting."""

    counts: dict[Passage, Count] = field(default_factory=dict)
    recent: dict[str, None] = field(default_factory=dict)
    _pairs: dict[tuple[str, str], Count] = field(default_factory=dict)
    _total: Count = field(default_factory=Count)

    def add(self, where: Passage, hits: int, opportunities: int) -> None:
        for count in (
            self.counts.setdefault(where, Count()),
            self._pairs.setdefault(where[:2], Count()),
            self._total,
        ):
            count.add(hits, opportunities)

    def met(self, person_id: str) -> None:
        """The person was seen just now."""
        self.recent.pop(person_id, None)
        self.recent[person_id] = None
        while len(self.recent) > RECENT:
            del self.recent[next(iter(self.recent))]

    def odds(self, where: Passage) -> float:
        """How much more often than usual people come so: log of the ratio, within `LEAST` and `MOST`."""
        usual = (self._total.hits + 1) / (self._total.opportunities + 10)
        pair = self._pairs.get(where[:2], Count())
        rate = (pair.hits + PAIR_PRIOR) / (pair.opportunities + PAIR_PRIOR / usual)
        count = self.counts.get(where, Count())
        rate = (count.hits + GAP_PRIOR) / (count.opportunities + GAP_PRIOR / rate)
        return min(max(logarithm(rate / usual), LEAST), MOST)

    def joining(self, one: Iterable[TrackSpan], other: Iterable[TrackSpan]) -> float:
        """Log odds of the way that one person would have gone through both, less those of their own ways.

        For a step from one to the other, and within the bounds of a step: each step leans on the same few
        counts, so that much of what one says the next says again.
        """
        ours, theirs = _latest(one), _latest(other)
        both = sorted([*ours, *theirs], key=_begun)
        mine = {span.track for span in ours}
        steps = sum((before.track in mine) != (after.track in mine) for before, after in pairwise(both))
        if not steps:
            return 0.0
        gained = self._way(both) - self._way(ours) - self._way(theirs)
        return min(max(gained / steps, LEAST), MOST)

    def _way(self, spans: list[TrackSpan]) -> float:
        total = 0.0
        for before, after in pairwise(spans):
            if before.track != after.track:
                absence = after.first_at - before.last_at
                total += self.odds(passage(before.track.camera_id, after.track.camera_id, absence))
        return total


def _begun(span: TrackSpan) -> tuple[int, object]:
    return span.first_at, span.track


def _latest(spans: Iterable[TrackSpan]) -> list[TrackSpan]:
    return sorted(spans, key=_begun)[-_SPANS:]
