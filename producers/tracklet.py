"""Appearance keeps watch over the tracker: a track that turns into somebody else gets another id.

A tracker that goes by overlap alone confuses people who cross. Each track carries the running mean of its
crops; when crop after crop disagrees with it, the box is given the id of the track that it looks like, or a
new one. Two tracks that swapped their people swap back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from producers.detect.base import FloatArray

Knots = Sequence[tuple[float, float]]

#: Calibrated similarity of a crop with its track's mean. From ``AGREES`` it joins the mean; below
#: ``DIFFERS`` it is a strike; in between it says nothing.
AGREES: Final = 0.6
DIFFERS: Final = 0.45
#: Strikes in a row after which the track is taken for somebody else.
STRIKES: Final = 2
#: Weight of a new crop in the running mean.
RATE: Final = 0.25
#: A track unseen for so long is no longer gone back to, ms.
FORGET_MS: Final = 10_000


@dataclass(slots=True)
class _Look:
    """What a public track looks like: ``mean`` (d,) float32 of unit length."""

    mean: FloatArray
    seen_at: int
    strikes: int = 0


class Tracklets:
    """Tracker ids of one camera in, public ids out. ``knots``: the encoder's calibration, may be empty."""

    def __init__(self, knots: Knots) -> None:
        self._raw = np.array([k[0] for k in knots] or [0.0, 1.0])
        self._calibrated = np.array([k[1] for k in knots] or [0.0, 1.0])
        self._public: dict[int, int] = {}
        self._looks: dict[int, _Look] = {}
        self._next = 0
        self.corrections = 0
        """How often a box was given to another track."""

    def update(self, ids: Sequence[int], vectors: dict[int, FloatArray], at_ms: int) -> list[int]:
        """Public ids parallel to ``ids``. ``vectors``: place -> embedding, unit length, of good crops."""
        for tracker_id in ids:
            if tracker_id not in self._public:
                self._public[tracker_id] = self._fresh()
        changed = [p for p, vector in vectors.items() if self._judge(self._public[ids[p]], vector, at_ms)]
        if changed:
            self._reassign(ids, changed, vectors, at_ms)
        self._forget(ids, at_ms)
        return [self._public[tracker_id] for tracker_id in ids]

    def _judge(self, public: int, vector: FloatArray, at_ms: int) -> bool:
        """Folds a crop into its track; True when the track must be somebody else by now."""
        look = self._looks.get(public)
        if look is None:
            self._looks[public] = _Look(vector, at_ms)
            return False
        look.seen_at = at_ms
        score = self._similarity(look.mean, vector)
        if score < DIFFERS:
            look.strikes += 1
            return look.strikes >= STRIKES
        if score >= AGREES:
            look.strikes = 0
            mean = look.mean * (1 - RATE) + vector * RATE
            look.mean = (mean / max(float(np.linalg.norm(mean)), 1e-6)).astype(np.float32)
        return False

    def _reassign(
        self, ids: Sequence[int], changed: list[int], vectors: dict[int, FloatArray], at_ms: int
    ) -> None:
        """Each changed box takes the free track that it looks like most, the best pair first."""
        held = {self._public[t] for place, t in enumerate(ids) if place not in changed}
        free = [p for p, look in self._looks.items() if p not in held and at_ms - look.seen_at <= FORGET_MS]
        pairs = sorted(
            (-self._similarity(self._looks[p].mean, vectors[place]), place, p)
            for place in changed
            for p in free
        )
        settled: set[int] = set()
        for score, place, public in pairs:
            if -score < AGREES or place in settled or public not in free:
                continue
            settled.add(place)
            free.remove(public)
            # A track that the tracker has lost for a while must not come back with the id that it gave away.
            self._public = {t: p for t, p in self._public.items() if p != public}
            self._public[ids[place]] = public
            self._looks[public].strikes = 0
            self._looks[public].seen_at = at_ms
        for place in changed:
            if place not in settled:
                public = self._public[ids[place]] = self._fresh()
                self._looks[public] = _Look(vectors[place], at_ms)
        self.corrections += len(changed)

    def _similarity(self, a: FloatArray, b: FloatArray) -> float:
        return float(np.interp(float(a @ b), self._raw, self._calibrated))

    def _fresh(self) -> int:
        self._next += 1
        return self._next

    def _forget(self, ids: Sequence[int], at_ms: int) -> None:
        if len(self._public) <= 64:
            return
        here = {self._public[t] for t in ids}
        self._looks = {
            p: look for p, look in self._looks.items() if p in here or at_ms - look.seen_at <= FORGET_MS
        }
        self._public = {t: p for t, p in self._public.items() if p in here or p in self._looks}
