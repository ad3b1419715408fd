"""Who was in view when a site fell silent leaves: by a `Tick`, when nothing was heard for long enough.

Absences are decided on inputs, and when the last camera of a site stops, none comes: whoever it saw last
would be in view for ever. The tick goes through the log as every command, so a replay decides the same.

Its time is the site's own, gone on by so long as the silence lasted, and so is its record's: the site may be
a recording of another year, of which nobody must expire by the clock on the wall.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from reid.contracts.commands import Tick
from reid.contracts.policy import Policy
from reid.contracts.topics import DETECTIONS
from reid.domain.present import OTHER_CAMERA_FACTOR
from reid.domain.state import PartitionState, SiteState
from streams.ports import Input

_LOOK_S: Final = 1.0
#: Looks farther apart than this: the process stood still, or Kafka was away. What the cameras sent meanwhile
#: is still to come.
_DEAF_S: Final = 5.0
_ISSUED_BY: Final = "worker"


class Silence:
    """Of one partition. ``send`` may lose a tick: another comes after as long a silence. Not thread-safe."""

    def __init__(self, send: Callable[[Tick], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._send, self._clock = send, clock
        self._heard: dict[bytes, float] = {}
        self._looked = clock()

    def begin(self) -> None:
        """The log was folded anew, which may have taken long: nobody listened meanwhile."""
        self._heard.clear()

    def hear(self, records: Iterable[Input]) -> None:
        """Inputs that were decided. Commands are no sign of a camera."""
        now = self._clock()
        for record in records:
            if record.topic == DETECTIONS.name and record.key is not None:
                self._heard[record.key] = now

    def look(self, state: PartitionState) -> None:
        """Now and then; asks for what is due."""
        now = self._clock()
        apart = now - self._looked
        if apart < _LOOK_S:
            return
        self._looked = now
        if apart > _DEAF_S:
            self._heard = {key: min(at + apart, now) for key, at in self._heard.items()}
        for site_id, site in state.sites.items():
            # Over zones it is theirs to say who has left.
            if site.zones.upto:
                continue
            key = site_id.encode()
            silent_ms = round((now - self._heard.setdefault(key, now)) * 1000)
            if silent_ms < _patience(site) or (last := _last(site)) is None:
                continue
            self._heard[key] = now
            at = last + silent_ms
            self._send(Tick(site_id=site_id, command_id=f"silence-{at}", issued_at=at, issued_by=_ISSUED_BY))


def _patience(site: SiteState) -> int:
    """Milliseconds: as long as a camera may be silent beside others before its tracks end."""
    return (site.policy or Policy()).track_timeout * OTHER_CAMERA_FACTOR


def _last(site: SiteState) -> int | None:
    """When somebody in view was last seen, by the clock that leads; None where nobody is."""
    return max(
        (
            bound.seen_at + site.hearing.behind(camera_id, track.session)
            for camera_id, camera in site.cameras.items()
            for track, bound in camera.bound.items()
        ),
        default=None,
    )
