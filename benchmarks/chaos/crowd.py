"""Detections of people whose looks are known, without a picture. Any message can be made at any time."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.codec import encode
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire

DIM: Final = 64
PEOPLE: Final = 8
CAMERAS: Final = 4
#: Seconds that somebody stays in front of one camera, before another or a break.
STAY_S: Final = 12
#: Spread of a crop around its person's looks: same-person cosines about 0.96, strangers' about 0.
_NOISE: Final = 0.2
#: Each so many frames of a camera bring embeddings.
_EMBED: Final = 4
#: Each so many messages one that nobody can decide comes before it.
_POISON: Final = 100


class Crowd:
    """One site's people. ``fps``: frames a second of the site, all cameras together."""

    def __init__(
        self, site_id: str, seed: int, start_ms: int, fps: float, frames: int, dim: int = DIM
    ) -> None:
        self._site, self._start, self._step, self._frames = site_id, start_ms, 1000.0 / fps, frames
        self._seed = [seed, *site_id.encode()]
        self._looks: NDArray[np.float64] = np.random.default_rng(self._seed).normal(size=(PEOPLE, dim))
        self._model = Model("crowd", "1", dim)

    def message(self, number: int) -> bytes:
        """The ``number``-th message, from 0: always the same bytes."""
        random = np.random.default_rng([*self._seed, number])
        first = number * self._frames
        frames = tuple(self._frame(first + n, random) for n in range(self._frames))
        return encode(Detections(self._site, "chaos", frames))

    def time(self, number: int) -> int:
        """When the ``number``-th message's first frame was taken, milliseconds since the epoch."""
        return self._start + round(number * self._frames * self._step)

    def poison(self, number: int) -> bytes | None:
        """What nobody can decide, before some messages."""
        if number % _POISON != 7:
            return None
        return b"not json" if number % (2 * _POISON) < _POISON else b'{"type":"reid.detections.v9"}'

    def _frame(self, number: int, random: np.random.Generator) -> Frame:
        passed = round(number * self._step)
        camera, stay = number % CAMERAS, passed // (STAY_S * 1000)
        here = [p for p in range(PEOPLE) if (p * 3 + stay * (p % 3 + 1)) % (CAMERAS + 1) == camera]
        embeds = number // CAMERAS % _EMBED == 0
        return Frame(
            camera_id=f"room{camera + 1}",
            captured_at=self._start + passed,
            width=640,
            height=480,
            session=f"s{stay}",
            model=self._model,
            persons=tuple(self._person(p, n, embeds, random) for n, p in enumerate(here)),
        )

    def _person(self, who: int, place: int, embeds: bool, random: np.random.Generator) -> Person:
        crop = self._looks[who] + random.normal(size=self._model.dim) * _NOISE if embeds else None
        return Person(
            tracker_id=who,
            bbox=(10.0 + 120 * place, 20.0, 60.0, 160.0),
            embedding=None if crop is None else encode_wire(crop),
        )
