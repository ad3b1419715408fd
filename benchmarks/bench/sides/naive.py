"""Identification as the old system did it: a loop in Python over all persons and their embeddings."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from reid.contracts.codec import decode_detections, encode
from reid.contracts.embedding import decode_wire
from reid.contracts.events import TrackRef

_THRESHOLD: Final = 0.6
Vector = NDArray[np.float32]


class Seen(msgspec.Struct):
    person_id: str
    track: TrackRef
    at: int
    score: float


class Naive:
    """``known``: a ``.npy`` of ``(persons, embeddings, d) float32``. Nobody is added: the work for each frame
    stays what it is for so many persons."""

    def __init__(self, known: Path) -> None:
        persons = np.load(known)
        self._persons: dict[str, list[Vector]] = {f"person_{n}": list(rows) for n, rows in enumerate(persons)}
        self._last: dict[TrackRef, tuple[str, float]] = {}

    def outcome(self, raw: bytes) -> list[bytes]:
        """The events of one message: everybody in every frame, as the last embedding of the track says."""
        events = []
        for frame in decode_detections(raw).frames:
            for person in frame.persons:
                track = TrackRef(frame.camera_id, frame.session, str(person.tracker_id))
                if person.embedding is not None and frame.model is not None:
                    vector = decode_wire(person.embedding, frame.model.dim).astype(np.float32)
                    self._last[track] = self._best(vector)
                person_id, score = self._last.get(track, ("", 0.0))
                events.append(encode(Seen(person_id, track, frame.captured_at, score)))
        return events

    def _best(self, vector: Vector) -> tuple[str, float]:
        best, found = "", _THRESHOLD
        length = float(np.linalg.norm(vector))
        for person_id, embeddings in self._persons.items():
            for embedding in embeddings:
                score = float(np.dot(vector, embedding)) / (length * float(np.linalg.norm(embedding)))
                if score > found:
                    best, found = person_id, score
        return best, found
