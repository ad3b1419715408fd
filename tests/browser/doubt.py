"""A decision that the site doubts, made by its own agent: a person comes back, and looks only just like it.

What the cameras of the site see leaves few doubts, and none at a given moment. So another camera reports two
tracks, by an encoder of its own: nobody else is compared with them.
"""

import json
import math
import time
from typing import Any

import numpy as np

from reid.contracts.codec import encode
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.policy import Policy
from reid.contracts.topics import DETECTIONS
from reid.runtime.kafka import producer
from tests.browser.running import Site, until

FRAMES, STEP_MS = 14, 250
#: Above the threshold by less than the margin.
COSINE = Policy().threshold + Policy().margin / 2


def doubted(site: Site, name: str) -> dict[str, Any]:
    """The question that `GET /review` asks about it. ``name``: of the camera, and of its encoder."""
    near = np.zeros(8, np.float32)
    near[:2] = COSINE, math.sqrt(1 - COSINE**2)
    _shows(site, name, "first", np.eye(1, 8, dtype=np.float32)[0])
    # The track ends before the other begins: two at a time are two persons.
    time.sleep(Policy().track_timeout / 1000 + 1)
    _shows(site, name, "second", near)

    def asked() -> dict[str, Any] | None:
        items = site.get("/review")["items"]
        return next((item for item in items if item["camera_id"] == name), None)

    found: dict[str, Any] = until(asked, 30, lambda: site.get("/review"))
    return found


def _shows(site: Site, name: str, track: str, look: Any) -> None:
    """The track before the camera, for some seconds up to now."""
    now = round(time.time() * 1000)
    model, box = Model(name, "1", 8), (200.0, 80.0, 120.0, 340.0)
    person = Person(track, box, 0.95, 0.95, encode_wire(look))
    frames = tuple(
        Frame(name, now - STEP_MS * (FRAMES - number), 640, 480, "s1", model, (person,))
        for number in range(FRAMES)
    )
    kafka = json.loads((site.home / "run" / "endpoints.json").read_text())["kafka"]
    sender = producer(kafka)
    sender.produce(DETECTIONS.name, encode(Detections("global", "tests", frames)), b"global")
    assert sender.flush(10) == 0
