"""Frames of people whose looks are known, made beforehand, so that making them costs no measured time."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire

SITE: Final = "global"
DIM: Final = 512
MODEL: Final = Model("bench", "1", DIM, ((0.0, 0.0), (0.4, 0.6), (1.0, 1.0)))
START: Final = 1_762_344_658_197
_NOISE: Final = 0.02

Looks = NDArray[np.float32]
"""``(n, DIM)``, rows of length 1."""


def looks(count: int, seed: int, dim: int = DIM) -> Looks:
    """Of so many people, who look alike by chance only."""
    drawn = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn


def crop(random: np.random.Generator, look: Looks) -> bytes:
    """Wire form of one more view of a look, at cosine 0.91 of it and 0.83 of another view."""
    noisy = look + _NOISE * random.standard_normal(len(look), dtype=np.float32)
    return encode_wire(noisy / np.linalg.norm(noisy))


def person(track: int, place: int, embedding: bytes | None) -> Person:
    """Number ``place`` from the left."""
    return Person(track, (100.0 * place, 50.0, 80.0, 200.0), 0.9, 0.8, embedding)


def frame(camera: int, at: int, persons: Sequence[Person]) -> Frame:
    return Frame(f"room{camera + 1}", at, 1280, 720, "s1", MODEL, tuple(persons))


def message(frames: Sequence[Frame], site: str = SITE) -> Detections:
    return Detections(site, "bench", tuple(frames))


def standing(
    people: Looks, *, cameras: int, seconds: float, fps: int, embed_every: int, first_track: int = 0
) -> Iterator[list[Frame]]:
    """Everybody stays before one camera; one list a moment, a frame of each camera in it. Of each so many
    frames one brings embeddings, as cameras do (0.4 s apart by default); the first three all do."""
    random = np.random.default_rng(11)
    each = len(people) // cameras
    for number in range(round(seconds * fps)):
        at = START + number * 1000 // fps
        embeds = number < 3 or number % embed_every == 0
        yield [
            frame(
                camera,
                at + camera,
                [
                    person(first_track + who, place, crop(random, people[who]) if embeds else None)
                    for place, who in enumerate(range(camera * each, (camera + 1) * each))
                ],
            )
            for camera in range(cameras)
        ]
