"""What the embedder process answers to ``POST /embed`` with a JPEG or PNG."""

import msgspec

from reid.contracts.detections import Model


class EmbeddedPicture(msgspec.Struct, frozen=True, kw_only=True):
    """``embedding``: little-endian float16, as in detections. ``bbox``: of the person in the picture, left,
    top, width, height in pixels; ``quality``: 0 to 1."""

    model: Model
    embedding: bytes
    bbox: tuple[int, int, int, int]
    quality: float


class PictureProblem(msgspec.Struct, frozen=True):
    """With status 422: why the picture shows nobody to search for."""

    detail: str
