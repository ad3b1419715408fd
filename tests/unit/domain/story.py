"""`given(...).when(...).then(...)`: stories about the pure core, told in seconds and letters.

A person's appearance is a letter: ``look("a")`` is a unit vector, letters are orthogonal to each other,
``look("a", toward="b", by=0.3)`` leans from one to the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reid.contracts.commands import AnyCommand
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.events import AnyEvent
from reid.domain.evolve import evolve
from reid.domain.policy import Policies, Policy
from reid.domain.snapshot import digest
from reid.domain.state import PartitionState, SiteState
from reid.domain.step import step
from reid.domain.validate import check

SITE = "global"
DIM = 32
START = 1_762_344_658_197
MODEL = Model("letters", "1", DIM)
#: Similarity is the encoder's alone: stories about numbers that the site does not move.
PLAIN = Policy(site_scale=False, camera_mean=False, gate=False, revise=False)


def at(seconds: float) -> int:
    """Seconds of a story -> milliseconds since the epoch."""
    return START + round(seconds * 1000)


def look(letter: str, toward: str | None = None, by: float = 0.0) -> bytes:
    vector = np.zeros(DIM)
    vector[ord(letter) - ord("a")] = 1.0
    if toward is not None:
        vector[ord(toward) - ord("a")] += by
    return encode_wire(vector / np.linalg.norm(vector))


def person(tracker: int | str, appearance: str | bytes | None = None, **fields: Any) -> Person:
    embedding = look(appearance) if isinstance(appearance, str) else appearance
    return Person(tracker_id=tracker, bbox=(10.0, 20.0, 40.0, 100.0), embedding=embedding, **fields)


def frame(camera: str, seconds: float, *persons: Person, model: Model = MODEL, session: str = "s1") -> Frame:
    return Frame(
        camera_id=camera,
        captured_at=at(seconds),
        width=640,
        height=480,
        session=session,
        model=model,
        persons=persons,
    )


def message(*frames: Frame, site: str = SITE) -> Detections:
    return Detections(site_id=site, producer_id="test", frames=frames)


def walk(
    camera: str, start: float, tracker: int | str, appearance: str | bytes, crops: int = 3
) -> list[Frame]:
    """A track alone in front of a camera: one crop each 0.4 s."""
    return [frame(camera, start + 0.4 * i, person(tracker, appearance)) for i in range(crops)]


class Story:
    """Runs inputs through `step`, keeps the log, and proves at every step that the fold of the log is
    the state."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policies = Policies(policy or Policy())
        self.state = PartitionState()
        self.log: list[AnyEvent] = []
        self.last: list[AnyEvent] = []
        self.when([])  # The policy enters the log with the first input; stories are told without it.

    def given(self, *inputs: Frame | list[Frame] | AnyCommand) -> Story:
        for item in inputs:
            self.when(item)
        return self

    def when(self, item: Frame | list[Frame] | AnyCommand) -> Story:
        if isinstance(item, Frame):
            item = [item]
        one = message(*item) if isinstance(item, list) else item
        check(one)
        self.last = step(self.state, one, self.policies)
        self.log += self.last
        return self

    def then(self, *kinds: type[AnyEvent]) -> Story:
        """The last input caused events of exactly these types, in this order."""
        assert [type(e) for e in self.last] == list(kinds)
        return self

    def event(self, kind: type[Any], place: int = -1) -> Any:
        return [e for e in self.last if isinstance(e, kind)][place]

    def all(self, kind: type[Any]) -> list[Any]:
        return [e for e in self.log if isinstance(e, kind)]

    def folded(self) -> PartitionState:
        state = PartitionState()
        for event in self.log:
            evolve(state, event)
        return state

    def fold_equals_state(self) -> Story:
        assert digest(self.folded()) == digest(self.state)
        return self

    @property
    def site(self) -> SiteState:
        return self.state.site(SITE)

    def labels(self) -> dict[str, str]:
        """``camera/tracker`` -> label of every track that has an identity now."""
        return {
            f"{track.camera_id}/{track.tracker_id}": self.site.persons[bound.person_id].label
            for camera in self.site.cameras.values()
            for track, bound in camera.bound.items()
        }
