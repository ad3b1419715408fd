"""Documents that the projections write to Redis and the API reads. Times: ms since the epoch."""

import msgspec


class PersonView(msgspec.Struct, kw_only=True):
    """``saferoom:persons:{site}:{person_id}``. ``cameras`` in the order of first sighting.

    ``embeddings``: base64 of little-endian int16 fixed-point unit vectors (`reid.contracts.embedding`).
    ``current_camera``: None when the person is in front of no camera.
    """

    person_id: str
    label: str
    number: int
    cameras: list[str] = []
    embeddings: list[bytes] = []
    num_embeddings: int = 0
    visit_count: int = 0
    first_seen: int = 0
    last_seen: int = 0
    current_camera: str | None = None
    tracks: list[str] = []
    """Live tracks, ``camera/session/tracker_id``, the latest bound last."""


class PersonTally(msgspec.Struct, frozen=True):
    """What a person adds to the camera sums: no label, no appearance, no time."""

    number: int
    cameras: tuple[str, ...] = ()
    embeddings: int = 0
    visits: int = 0


class LiveTrack(msgspec.Struct, kw_only=True):
    tracker_id: str
    person_id: str
    label: str
    last_seen: int


class LabelsChanged(msgspec.Struct, kw_only=True):
    """Published on every change of a camera's labels: the whole mapping from now on."""

    camera_id: str
    person_labels: dict[str, str]


class CommandOutcome(msgspec.Struct, kw_only=True):
    """``event_type`` of the event that answered the command; ``code`` and ``message`` when rejected."""

    command_id: str
    event_type: str
    rejected: bool = False
    code: str = ""
    message: str = ""
    person_id: str | None = None
    person_ids: list[str] = []
