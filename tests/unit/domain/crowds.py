"""Crowds whose looks vary, and their stories."""

from typing import Any

import numpy as np

from reid.contracts.detections import Frame
from reid.contracts.embedding import encode_wire
from reid.domain.policy import Policy
from tests.unit.domain.story import DIM, MODEL, Story, frame, person

CAMERAS = ("room1", "room2", "room3")


def crowd(
    seed: int, people: int = 8, tracks: int = 16, model: Any = MODEL, more: int = 0
) -> list[list[Frame]]:
    """Tracks of people whose looks vary, alone before random cameras; ``more``: crops after three, one a
    second."""
    draw = np.random.default_rng(seed)
    own, common = draw.normal(size=(people, DIM)), draw.normal(size=(len(CAMERAS), DIM))
    found = []
    for number in range(tracks):
        who, camera = draw.integers(people), draw.integers(len(CAMERAS))
        shows = own[who] + common[camera] + draw.normal(size=DIM) * 0.6
        crops = [shows + draw.normal(size=DIM) * 0.2 for _ in range(3 + more)]
        times = [0.4 * i for i in range(3)] + [2.0 + i for i in range(more)]
        found.append(
            [
                frame(CAMERAS[camera], 40 * number + t, person(number, encode_wire(v)), model=model)
                for t, v in zip(times, crops, strict=True)
            ]
        )
    return found


def told(policy: Policy, seed: int = 0, **more: Any) -> Story:
    story = Story(policy)
    for track in crowd(seed, **more):
        story.given(track)
    return story.fold_equals_state()
