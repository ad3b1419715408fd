"""What a demo run saw, as one JSON document, read back from Kafka and the API."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from deploy import log
from deploy.identities import Identities
from deploy.observer import Offsets
from deploy.places import write_text
from deploy.score import Score
from deploy.snapshot import Snapshot
from reid.contracts.codec import decode_event, decode_sighted
from reid.contracts.detections import Detections, Frame
from reid.contracts.topics import DETECTIONS, EVENTS
from reid.contracts.zones import split_zone


@dataclass(frozen=True)
class Recorded:
    """The run as it stands in the log."""

    frames: list[Frame]
    messages: int
    identities: Identities

    @property
    def boxes(self) -> int:
        return sum(len(frame.persons) for frame in self.frames)

    def ids(self) -> list[str]:
        """Person ids that tracks of this run were given, merges followed."""
        return self.identities.given()


def recorded(kafka: str, site_id: str, start: Offsets) -> Recorded:
    """Reads detections and events of the site from ``start`` on. Raises `Unavailable`, `ContractError`."""
    identities = Identities()
    for raw in _values(kafka, EVENTS.name, start):
        event = decode_event(raw)
        if event.site_id == site_id:
            identities.fold(event)
    frames: list[Frame] = []
    messages = 0
    for raw in _values(kafka, DETECTIONS.name, start):
        detections = decode_sighted(raw)
        # A site over zones: its frames are decided in them.
        if isinstance(detections, Detections) and split_zone(detections.site_id)[0] == site_id:
            messages += 1
            frames += (_light(frame) for frame in detections.frames)
    return Recorded(frames, messages, identities)


def _light(frame: Frame) -> Frame:
    """Without embeddings: a long run's would fill the memory, and nothing here needs them."""
    import msgspec

    persons = tuple(msgspec.structs.replace(person, embedding=None) for person in frame.persons)
    return msgspec.structs.replace(frame, persons=persons)


def _values(kafka: str, topic: str, start: Offsets) -> Iterator[bytes]:
    for message in log.read(kafka, topic, start[topic]):
        value = message.value()
        if isinstance(value, bytes):
            yield value


def report(
    *,
    inputs: dict[str, Any],
    seconds: dict[str, float | None],
    running: Snapshot,
    settled: Snapshot,
    found: Recorded,
    memory_peak: int,
    restarts: dict[str, int],
    answers: dict[str, Any],
    score: Score | None,
) -> dict[str, Any]:
    """``running``: the last moment with cameras on; ``settled``: when all that they saw was in the view;
    ``answers``: URL -> what the API answered then."""
    cameras = [msgspec.to_builtins(camera) for camera in settled.cameras]
    latency = running.latency
    return {
        "inputs": inputs,
        "seconds": {name: None if value is None else round(value, 2) for name, value in seconds.items()},
        "cameras": cameras,
        "frames": {
            name: sum(camera[f"frames_{name}"] for camera in cameras)
            for name in ("captured", "dropped", "corrupt", "published")
        },
        "detections": {"messages": found.messages, "frames": len(found.frames), "boxes": found.boxes},
        "events": {"total": settled.events, "by_type": settled.events_by_type},
        "lag": {
            "agent_running": running.agent_lag,
            "view_running": running.view_lag,
            "agent_settled": settled.agent_lag,
            "view_settled": settled.view_lag,
        },
        "latency_ms": None if latency is None else {"p50": latency[0], "p95": latency[1]},
        "newest_label_age_s": None if running.label_age is None else round(running.label_age, 3),
        "ids_given": found.ids(),
        "ids_registered": sorted(found.identities.registered),
        "memory_bytes": {**running.memory, "total": running.memory_total, "peak_total": memory_peak},
        "restarts": restarts,
        "urls": list(answers),
        "answers": answers,
        "score": None if score is None else score.as_json(),
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Whole or not at all; what is not finite as null, as JSON has nothing for it. Raises `ConfigError` when
    the place can't be written."""
    write_text(path, json.dumps(_finite(document), indent=2, allow_nan=False) + "\n", "--json")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
