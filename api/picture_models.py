"""Bodies of answers about pictures."""

from pydantic import BaseModel

from api.models import PERSON, example


class Crop(BaseModel):
    """``at``: milliseconds since the epoch. ``quality``: 0 to 1. ``track``: ``camera/session/tracker`` that
    showed it. ``person_id``: as whom it was taken, somebody who may have been merged into this person since.
    """

    sha256: str
    url: str
    camera_id: str
    at: int
    quality: float
    track: str
    person_id: str


class Crops(BaseModel):
    """Best first."""

    model_config = example(
        crops=[
            {
                "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "url": "/crops/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.jpg",
                "camera_id": "room2",
                "at": 1762344660197,
                "quality": 0.8,
                "track": "room2/19a5/7",
                "person_id": PERSON["person_id"],
            }
        ]
    )

    crops: list[Crop]


class LiveBox(BaseModel):
    """``bbox``: left, top, width, height in pixels of the picture. ``label``: null for one who has no name
    yet, or is not before the camera any more."""

    tracker_id: str
    bbox: tuple[float, float, float, float]
    label: str | None


class LiveFrame(BaseModel):
    """Of the picture that ``frame.jpg`` gives now. ``captured_at``: milliseconds since the epoch."""

    model_config = example(
        camera_id="room2",
        captured_at=1762344660197,
        width=640,
        height=480,
        boxes=[{"tracker_id": "7", "bbox": [212.0, 96.0, 58.0, 164.0], "label": "Visitor-A"}],
    )

    camera_id: str
    captured_at: int
    width: int
    height: int
    boxes: list[LiveBox]
