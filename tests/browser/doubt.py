"""A decision that the site doubts, made by its own agent: a person comes back, and looks only just like it.

What the cameras of the site see leaves few doubts, and none at a given moment. So another camera reports two
tracks, by an encoder of its own: nobody else is compared with them.
"""

import copy
import json
import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid.contracts.codec import encode
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.events import PersonSeen
from reid.contracts.policy import Policy
from reid.contracts.topics import DETECTIONS
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.runtime.kafka import producer
from tests.browser.running import Site, until

FRAMES, STEP_MS = 14, 250
#: Between the two tracks, ms: the first has ended. Two at a time are two persons.
APART_MS = Policy().track_timeout + FRAMES * STEP_MS + 1_000


def doubted(site: Site, name: str) -> dict[str, Any]:
    """The question that `GET /review` asks about it. ``name``: of the camera, and of its encoder."""
    _publish(site, _track(name, "first", 1.0, _now()))
    time.sleep(APART_MS / 1000)
    _publish(site, _track(name, "second", barely_like(name, len(site.persons()) - 1), _now()))

    def asked() -> dict[str, Any] | None:
        items = site.get("/review")["items"]
        return next((item for item in items if item["camera_id"] == name), None)

    found: dict[str, Any] = until(asked, 30, lambda: site.get("/review"))
    return found


def barely_like(name: str, others: int) -> float:
    """The cosine at which the rule, as it is, takes the second track for the first one's person, in the
    middle of the margin over the threshold: what else weighs, it knows itself. ``others``: so many persons
    are known to the site besides; the more, the more alike it asks people to be."""
    wanted = Policy().threshold + Policy().margin / 2
    known = _crowd(others)
    scores = {cosine / 1000: _score(known, name, cosine / 1000) for cosine in range(400, 900, 5)}
    return min(scores, key=lambda cosine: abs((scores[cosine] or 0.0) - wanted))


def _crowd(others: int) -> PartitionState:
    """A site that knows so many persons, all before a camera with an encoder of its own."""
    state = PartitionState()
    if others:
        looks = [np.eye(others, dtype=np.float32)[n] for n in range(others)]
        step(state, _seen("elsewhere", [str(n) for n in range(others)], looks, _now() - APART_MS), Policies())
        assert len(next(iter(state.sites.values())).persons) == others
    return state


def _score(known: PartitionState, name: str, cosine: float) -> float | None:
    """With which it is taken for that person; None when it is not."""
    state, policies, at = copy.deepcopy(known), Policies(), _now()
    step(state, _track(name, "first", 1.0, at), policies)
    events = step(state, _track(name, "second", cosine, at + APART_MS), policies)
    bound = (event for event in events if isinstance(event, PersonSeen) and event.reason == "bound")
    decision = next((event.decision for event in bound), None)
    return decision.score if decision is not None and decision.outcome == "matched" else None


def _track(name: str, track: str, cosine: float, until_ms: int) -> Detections:
    """Some seconds before the camera, at this cosine from the first track."""
    look = np.zeros(8, np.float32)
    look[:2] = cosine, math.sqrt(1 - cosine**2)
    return _seen(name, [track], [look], until_ms)


def _seen(name: str, tracks: list[str], looks: list[NDArray[np.float32]], until_ms: int) -> Detections:
    """Side by side before a camera, some seconds until ``until_ms``."""
    dim = len(looks[0])
    persons = tuple(
        Person(track, (200.0 + 130.0 * n, 80.0, 120.0, 340.0), 0.95, 0.95, encode_wire(look))
        for n, (track, look) in enumerate(zip(tracks, looks, strict=True))
    )
    frames = tuple(
        Frame(name, until_ms - STEP_MS * (FRAMES - n), 640, 480, "s1", Model(name, "1", dim), persons)
        for n in range(FRAMES)
    )
    return Detections("global", "tests", frames)


def _publish(site: Site, message: Detections) -> None:
    kafka = json.loads((site.home / "run" / "endpoints.json").read_text())["kafka"]
    sender = producer(kafka)
    sender.produce(DETECTIONS.name, encode(message), b"global")
    assert sender.flush(10) == 0


def _now() -> int:
    return round(time.time() * 1000)
