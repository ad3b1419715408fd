"""The words for each track of one camera: what most of its latest good crops show."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from producers.describe.clothes import Box, clothes
from producers.describe.light import Light
from producers.describe.stature import Stature
from producers.frames import Image

#: Crops of a track that vote, and how many must agree.
VOTES: Final = 7
AGREE: Final = 3
#: Crops worse than this show no colours worth naming.
LEAST_QUALITY: Final = 0.3
#: Tracks unseen for so long are forgotten, ms.
FORGET_MS: Final = 60_000


@dataclass(slots=True)
class _Votes:
    seen_at: int
    cast: dict[str, deque[str]] = field(default_factory=dict)

    def majority(self) -> dict[str, str]:
        found = {}
        for attribute, votes in self.cast.items():
            (value, count), *_ = Counter(votes).most_common(1)
            # More than half, so that a tie between two colours is no colour.
            if count >= AGREE and 2 * count > len(votes):
                found[attribute] = value
        return found


class Describer:
    """Not thread-safe."""

    def __init__(self) -> None:
        self._light, self._stature = Light(), Stature()
        self._tracks: dict[int, _Votes] = {}

    def see(self, image: Image, at_ms: int) -> None:
        """Every frame, before `describe`."""
        self._light.see(image, at_ms)

    def describe(self, image: Image, box: Box, quality: float, track: int, at_ms: int) -> dict[str, str]:
        """Takes the crop into account; what is known of its track by now, which may be nothing."""
        votes = self._tracks.setdefault(track, _Votes(at_ms))
        votes.seen_at = at_ms
        if quality >= LEAST_QUALITY:
            found = clothes(image, box, self._light.gain(image, box))
            if height := self._stature.measure(image, box, track):
                found["height"] = height
            for attribute, value in found.items():
                votes.cast.setdefault(attribute, deque(maxlen=VOTES)).append(value)
        if len(self._tracks) > 64:
            self._tracks = {t: v for t, v in self._tracks.items() if at_ms - v.seen_at < FORGET_MS}
        return votes.majority()
