"""How far each camera is behind the others, by what was heard of it last.

A camera with a slow link, or one that was cut off and delivers what it had kept, tells of times that lie
behind what the others told before. That its tracks were last seen long ago by the others' clocks is no sign
that they have ended: that nothing more came of it is, while time passed for the others.
"""

from dataclasses import dataclass
from typing import Final

#: A camera whose frames go back so far (milliseconds) has had its clock set back: no producer's records are
#: so far out of order. A constant, not policy: the fold of a log must not depend on settings.
SET_BACK: Final = 30_000


@dataclass(slots=True)
class Heard:
    """``at``: time of the camera's last event, its own clock's, ms since the epoch; ``behind``: so many
    milliseconds earlier than the latest that the last event of any camera told of then."""

    at: int
    behind: int


class Hearing:
    """The cameras of a site."""

    def __init__(self) -> None:
        self.cameras: dict[str, Heard] = {}
        self._latest, self._leader = 0, ""

    def note(self, camera_id: str, at: int) -> bool:
        """An event of the camera. Whether its clock has been set back."""
        known = self.cameras.get(camera_id)
        if known is None:
            known = self.cameras[camera_id] = Heard(at, 0)
        back = at < known.at - SET_BACK
        known.at = at
        if at >= self._latest:
            self._latest, self._leader = at, camera_id
        elif camera_id == self._leader:
            self._lead()
        known.behind = self._latest - at
        return back

    def put(self, camera_id: str, heard: Heard) -> None:
        """As it was stored."""
        self.cameras[camera_id] = heard
        self._lead()

    def behind(self, camera_id: str) -> int:
        """Milliseconds; 0 for one not heard of."""
        known = self.cameras.get(camera_id)
        return 0 if known is None else known.behind

    def _lead(self) -> None:
        """A clock that went wrong leads only until its camera tells another time."""
        self._latest, self._leader = max((heard.at, name) for name, heard in self.cameras.items())
