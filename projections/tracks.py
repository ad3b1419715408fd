"""How tracks are named in the view. A long log asks for the same names again and again."""

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from projections.store import CameraRef
from reid.contracts.events import TrackRef

#: Tracks remembered: more than a site shows at once.
_REMEMBERED: Final = 16_384


class Spot(NamedTuple):
    """A track: its camera, its name in `PersonView.tracks`, its field in the camera's live labels."""

    place: CameraRef
    name: str
    field: str


def live_field(track: TrackRef) -> str:
    """Field of a track in its camera's live labels."""
    return f"{track.session}/{track.tracker_id}"


@lru_cache(_REMEMBERED)
def spot(site_id: str, track: TrackRef) -> Spot:
    return Spot(CameraRef(site_id, track.camera_id), track_name(track), live_field(track))


@lru_cache(4096)
def _escaped(camera_id: str) -> str:
    return quote(camera_id, safe=" :@")


def track_name(track: TrackRef) -> str:
    """``camera/session/tracker_id`` as `PersonView.tracks` holds it; a slash in a camera id is escaped."""
    return f"{_escaped(track.camera_id)}/{live_field(track)}"


@lru_cache(_REMEMBERED)
def parse_track(name: str) -> tuple[str, str]:
    """`track_name` -> camera id, field in its live labels."""
    camera, _, rest = name.partition("/")
    return unquote(camera), rest
