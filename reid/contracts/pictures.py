"""What a camera sees, a few times a second at most: for people to look at, never for a decision.

Topic ``reid.pictures.v1``, key ``site/camera``; kept for minutes. No name stands in a picture: who is who is
decided behind the log, and a page puts the labels of `PersonView` on the boxes.
"""

import msgspec


class PictureBox(msgspec.Struct, frozen=True):
    """``bbox``: left, top, width, height in pixels of the picture."""

    tracker_id: str
    bbox: tuple[float, float, float, float]


class Picture(msgspec.Struct, frozen=True, tag_field="type", tag="reid.picture.v1", omit_defaults=True):
    """``jpeg``: the frame of ``captured_at`` (ms since the epoch), scaled to ``width`` x ``height`` pixels,
    with ``boxes`` drawn on it; a tracker id means something within its ``session`` only."""

    site_id: str
    camera_id: str
    session: str
    captured_at: int
    width: int
    height: int
    boxes: tuple[PictureBox, ...]
    jpeg: bytes
