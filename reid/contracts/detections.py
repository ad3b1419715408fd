"""What a camera producer says: the frames that one process took for a site within its linger.

Topic ``reid.detections.v1``, key = site id. Other detectors may publish the same messages.
"""

from functools import lru_cache
from typing import Literal

import msgspec

SCHEMA = "reid.detections.v1"


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """The encoder that made the embeddings of a frame.

    ``calibration``: knots ``(raw cosine, similarity)``, both rising, that map this encoder's cosine so
    that 0.6 is its operating point at 1 % false matches; linear in between, clamped outside. Empty:
    similarity is the raw cosine. They are those of means of two crops.
    ``agreement``: what two crops of one track have in common, 0 to 1, as strangers tell it: of every 0.6 of
    means of two crops, as a cosine, (1 + agreement) / 2 is that of single crops. `reid.domain.similarity`
    says what that makes of means of any number. None: not measured, cosines count as they are. Nothing is
    decided by it.
    """

    name: str
    version: str
    dim: int
    calibration: tuple[tuple[float, float], ...] = ()
    agreement: float | None = None

    @property
    def key(self) -> str:
        """Scores of templates with different keys are never compared."""
        return _key(self.name, self.version)


@lru_cache(maxsize=256)
def _key(name: str, version: str) -> str:
    """Asked for with each frame and crop: the same object, whose hash is known."""
    return f"{name}@{version}"


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """One detected and tracked person in one frame.

    ``bbox``: left, top, width, height in pixels. ``embedding``: little-endian float16 of the frame's
    model, not on every frame (a few a second for each track). ``quality``: 0 to 1, how well the crop
    shows the person. ``attributes``: what the track's latest crops show by majority, such as ``upper``:
    ``red``. ``crop``: SHA-256, hexadecimal, of a stored JPEG of this track, and ``crop_quality`` its quality.
    ``since``: when the track's first box was taken, ms since the epoch; the first after an absence, if there
    was one of two seconds; 0: not told. It counts where it comes with an embedding.
    """

    tracker_id: int | str
    bbox: tuple[float, float, float, float]
    confidence: float = 1.0
    quality: float = 1.0
    embedding: bytes | None = None
    attributes: dict[str, str] = {}
    crop: str = ""
    crop_quality: float = 0.0
    since: int = 0


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One camera's frame.

    ``session``: one run of the camera's tracker; a tracker id means something within its session only.
    ``captured_at``: milliseconds since the epoch, when the frame was taken.
    """

    camera_id: str
    captured_at: int
    width: int
    height: int
    session: str = ""
    model: Model | None = None
    persons: tuple[Person, ...] = ()


class Detections(msgspec.Struct, frozen=True, tag_field="type", tag=SCHEMA, omit_defaults=True):
    """One message: frames of one site in the order of their capture."""

    site_id: str
    producer_id: str
    frames: tuple[Frame, ...]


class CameraStatus(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="reid.camera.status.v1"):
    """A camera's own report, about once a second; topic ``reid.cameras.v1``, key ``site/camera``.

    ``state``: what the camera does now; ``detail`` says why, and the remedy, when it is not streaming.
    Times in milliseconds since the epoch, ``detect_ms``: mean milliseconds a frame for detection to
    embedding over the last report interval. ``model``: the encoder with its calibration, so that those who
    only read know what a score means.
    """

    site_id: str
    camera_id: str
    session: str
    reported_at: int
    state: Literal["starting", "streaming", "reconnecting", "ended", "failed"]
    detail: str = ""
    source: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames_captured: int = 0
    frames_dropped: int = 0
    frames_corrupt: int = 0
    frames_published: int = 0
    publish_failed: int = 0
    tracks: int = 0
    captured_at: int = 0
    detect_ms: float = 0.0
    detector: str = ""
    embedder: str = ""
    model: Model | None = None
