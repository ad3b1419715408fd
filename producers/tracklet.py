"""Appearance keeps watch over the tracker, so that a published track is one person.

Each public id carries the running mean of its clear crops. Where boxes touched or a track came back
(`producers.doubt`), the next clear crop tells who it is: the same person, one of those it may have been
taken for (two who swapped swap back), or somebody else, who gets a new id. The rest of the time a crop that
disagrees is a strike, and a few in a row end the track. Better one track too many than two people in one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from producers.detect.base import Boxes, FloatArray
from producers.doubt import MISSED_MS, Course, Seat, doubts
from producers.quality import hidden
from reid.domain.assignment import assign

Knots = Sequence[tuple[float, float]]

#: Calibrated similarity of a crop with its track's mean (in one camera and light far above what the same
#: person reaches between cameras). Below ``DIFFERS`` a crop is somebody else's; from ``FITS`` it may join the
#: mean, or move a box to another id; from ``RETURNS`` a track that just began goes on with an old id.
DIFFERS: Final = 0.5
FITS: Final = 0.7
RETURNS: Final = 0.85
#: By so much another id must look better than the one that the tracker says.
STAY: Final = 0.15
#: A crop settles a doubt when it fits one by so much better than all others; one box about two people fits
#: both, and is evidence for neither. After ``UNSURE_MS`` the best must do: they may just look alike. With 2 s
#: no track was purer (docs/journeys.md), and who walk together were told late.
APART: Final = 0.25
UNSURE_MS: Final = 1_000
#: Crops in a row below ``DIFFERS`` after which a track in no doubt is taken for somebody else.
STRIKES: Final = 2
#: Weight of a new crop in the running mean, once it is the mean of as many.
RATE: Final = 0.2
#: Share of a crop that others hide from which it says nothing, and up to which it may join the mean.
COVERED: Final = 0.4
CLEAR: Final = 0.2
#: A track unseen for so long is no longer gone back to, ms.
FORGET_MS: Final = 10_000
#: Who was away for longer came anew: an identity may have been given up meanwhile, ms.
AWAY_MS: Final = 2_000


@dataclass(slots=True)
class _Look(Seat):
    """What a public id looks like: ``mean`` (d,) float32 of unit length, None before its first crop. It was
    told ``since`` then, and last at ``told_at``, ms (None: not yet)."""

    mean: FloatArray | None = None
    crops: int = 0
    since: int = 0
    told_at: int | None = None


class Tracklets:
    """Tracker ids of one camera in, public ids out; for each frame `see`, then `tell`.

    ``knots``: the encoder's calibration, may be empty.
    """

    def __init__(self, knots: Knots) -> None:
        self._raw = np.array([k[0] for k in knots] or [0.0, 1.0])
        self._calibrated = np.array([k[1] for k in knots] or [0.0, 1.0])
        self._courses: dict[int, Course] = {}
        self._looks: dict[int, _Look] = {}
        self._before: list[int] = []
        self._frame: list[Course] = []
        self._boxes = np.zeros((0, 4), np.float32)
        self._hidden = np.zeros(0, np.float32)
        self._at = 0
        self._next = 0
        self.corrections = 0
        """How often a box was given to another track."""

    def see(self, ids: Sequence[int], boxes: Boxes, at_ms: int) -> list[int]:
        """Takes a frame's tracks and tells the places whose crop is wanted now, to settle a doubt."""
        self._boxes, self._hidden, self._at = boxes.xywh, hidden(boxes), at_ms
        self._frame = self._courses_of(ids)
        found = doubts(self._frame, self._boxes, self._looks, self._before, at_ms)
        for place, (course, others) in enumerate(zip(self._frame, found, strict=True)):
            if others:
                course.doubted_at = course.doubted_at if course.maybe else at_ms
                course.maybe |= others | {course.public}
            self._sit(course, place)
        self._forget()
        return [p for p, course in enumerate(self._frame) if course.maybe and self.shows(p)]

    def shows(self, place: int) -> bool:
        """Whether the crop at ``place`` shows its person rather than another in front."""
        return bool(self._hidden[place] < COVERED)

    def tell(self, vectors: dict[int, FloatArray]) -> tuple[list[int], set[int]]:
        """``vectors``: place -> embedding, unit length, of places that `shows`. Returns the frame's public
        ids, and the places whose crop looks unlike their track so far: evidence for nobody."""
        judged: list[int] = []
        odd: set[int] = set()
        for place, vector in vectors.items():
            course = self._frame[place]
            if course.maybe:
                judged.append(place)
            elif not self._agrees(course, place, vector):
                course.strikes += 1
                (judged.append if course.strikes >= STRIKES else odd.add)(place)
            else:
                course.strikes = 0
        if judged:
            odd |= self._settle(judged, vectors)
        self._before = [self._told(course.public) for course in self._frame]
        return self._before, odd

    def since(self, public: int) -> int:
        """When a public id of this frame came, ms."""
        return self._looks[public].since

    def _told(self, public: int) -> int:
        look = self._looks[public]
        # A clock that was set back begins anew, too.
        if look.told_at is None or not 0 <= self._at - look.told_at <= AWAY_MS:
            look.since = self._at
        look.told_at = self._at
        return public

    def _courses_of(self, ids: Sequence[int]) -> list[Course]:
        """Of two tracks with one public id (it went to another box while the tracker had lost the first) the
        one that was seen last keeps it."""
        for tracker_id in ids:
            if tracker_id not in self._courses:
                self._courses[tracker_id] = Course(self._fresh(), self._at - MISSED_MS - 1)
        frame = [self._courses[tracker_id] for tracker_id in ids]
        held: set[int] = set()
        for course in sorted(frame, key=lambda course: -course.seen_at):
            if course.public in held:
                course.public = self._fresh()
            held.add(course.public)
        return frame

    def _tells(self, course: Course, vector: FloatArray) -> bool:
        """Whether a crop that may be left with its track shows that person alone."""
        if self._at - course.doubted_at > UNSURE_MS:
            return True
        means = [self._looks[p].mean for p in course.maybe if p in self._looks]
        scores = sorted((self._similarity(mean, vector) for mean in means if mean is not None), reverse=True)
        return len(scores) < 2 or scores[0] - scores[1] >= APART

    def _agrees(self, course: Course, place: int, vector: FloatArray) -> bool:
        look = self._looks[course.public]
        agrees = look.mean is None or self._similarity(look.mean, vector) >= DIFFERS
        self._learn(look, place, vector)
        return agrees

    def _learn(self, look: _Look, place: int, vector: FloatArray) -> None:
        """Crops that show others too stay out: step by step they would turn the mean into somebody else."""
        if look.mean is None:
            look.mean, look.crops = vector, 1
        elif self._hidden[place] <= CLEAR and self._similarity(look.mean, vector) >= FITS:
            look.crops += 1
            rate = max(RATE, 1 / look.crops)
            mean = look.mean * (1 - rate) + vector * rate
            look.mean = (mean / max(float(np.linalg.norm(mean)), 1e-6)).astype(np.float32)

    def _settle(self, judged: list[int], vectors: dict[int, FloatArray]) -> set[int]:
        """The best one-to-one assignment of these boxes to the ids that they may be, or to new ones. Returns
        the places that are in doubt still."""
        held = {course.public for place, course in enumerate(self._frame) if place not in judged}
        columns = sorted({p for place in judged for p in self._possible(place)} - held)
        gains = [[self._gain(place, public, vectors[place]) for public in columns] or [0] for place in judged]
        unsure = set()
        for place, column in zip(judged, assign(gains), strict=True):
            course, vector = self._frame[place], vectors[place]
            public = columns[column] if column >= 0 else self._fresh()
            if public == course.public and not self._tells(course, vector):
                unsure.add(place)
                continue
            self.corrections += public != course.public
            course.public, course.maybe, course.strikes = public, set(), 0
            self._sit(course, place)
            self._learn(self._looks[public], place, vector)
        return unsure

    def _possible(self, place: int) -> set[int]:
        """A track in no doubt that yet looks unlike itself may be anybody whose look is known."""
        course = self._frame[place]
        return (course.maybe & self._looks.keys()) or set(self._looks)

    def _gain(self, place: int, public: int, vector: FloatArray) -> int:
        """How well a box fits an id, in millionths; 0 where it may not have it."""
        course, mean = self._frame[place], self._looks[public].mean
        if public not in self._possible(place):
            return 0
        if public == course.public:
            # Without a look of its own yet it may be anybody, but nobody's track is spoilt by its going on.
            score = FITS if mean is None else self._similarity(mean, vector) + STAY
            return round(score * 1e6) if score >= DIFFERS + STAY else 0
        if mean is None:
            return 0
        own = self._looks[course.public].mean if course.public in self._looks else None
        score = self._similarity(mean, vector)
        return round(score * 1e6) if score >= (RETURNS if own is None else FITS) else 0

    def _similarity(self, a: FloatArray, b: FloatArray) -> float:
        """Calibrated, and beyond the last knot on its line: two who are both alike still differ."""
        raw, knots, values = float(a @ b), self._raw, self._calibrated
        if raw <= knots[-1]:
            return float(np.interp(raw, knots, values))
        slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
        return float(values[-1] + (raw - knots[-1]) * slope)

    def _sit(self, course: Course, place: int) -> None:
        course.seen_at = self._at
        look = self._looks.setdefault(course.public, _Look(self._boxes[place], self._at))
        look.box, look.seen_at = self._boxes[place], self._at

    def _fresh(self) -> int:
        self._next += 1
        return self._next

    def _forget(self) -> None:
        limit = self._at - FORGET_MS
        self._looks = {p: look for p, look in self._looks.items() if look.seen_at >= limit}
        self._courses = {t: c for t, c in self._courses.items() if c.seen_at >= limit}
