"""How far each run of a camera's tracker is behind the others, by what was heard of it last.

A camera with a slow link, or one that was cut off and delivers what it had kept, tells of times that lie
behind what the others told before; so does an older run of it, beside the one that goes on. That its tracks
were last seen long ago by the others' clocks is no sign that they have ended: that nothing more came of it
is, while time passed for the others.
"""

from dataclasses import dataclass
from typing import Final

#: A run whose frames go back so far (milliseconds) has had its clock set back: no producer's records are so
#: far out of order. Constants, not policy: the fold of a log must not depend on settings.
SET_BACK: Final = 30_000
#: Runs remembered of a camera, those heard last.
MAX_RUNS: Final = 4


@dataclass(slots=True)
class Heard:
    """``at``: time of the run's last event, by its own clock, ms since the epoch; ``behind``: so many
    milliseconds earlier than the latest that the last event of any run told of then."""

    at: int
    behind: int


class Hearing:
    """``cameras``: camera -> session -> the run, in the order of their last events."""

    def __init__(self) -> None:
        self.cameras: dict[str, dict[str, Heard]] = {}
        self._latest = 0
        self._leader: Heard | None = None

    def note(self, camera_id: str, session: str, at: int) -> bool:
        """An event of the run. Whether its clock has been set back."""
        runs = self.cameras.setdefault(camera_id, {})
        heard = runs.get(session)
        if heard is None:
            heard = runs[session] = Heard(at, 0)
            if len(runs) > MAX_RUNS and runs.pop(next(iter(runs))) is self._leader:
                self._lead()
        elif next(reversed(runs)) != session:
            runs[session] = runs.pop(session)
        back = at < heard.at - SET_BACK
        heard.at = at
        if at >= self._latest:
            self._latest, self._leader = at, heard
        elif heard is self._leader:
            self._lead()
        heard.behind = self._latest - at
        return back

    def put(self, camera_id: str, session: str, heard: Heard) -> None:
        """As it was stored, in the same order."""
        self.cameras.setdefault(camera_id, {})[session] = heard
        self._lead()

    def behind(self, camera_id: str, session: str) -> int:
        """Milliseconds; 0 for a run not heard of."""
        heard = self.cameras.get(camera_id, {}).get(session)
        return 0 if heard is None else heard.behind

    def _lead(self) -> None:
        """A clock that went wrong leads only until it tells another time."""
        every = (heard for runs in self.cameras.values() for heard in runs.values())
        self._leader = max(every, key=lambda heard: heard.at)
        self._latest = self._leader.at
