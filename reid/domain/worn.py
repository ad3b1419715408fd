"""What is believed of a person's looks, and the evidence against it: a few values, whatever the day brings.

The evidence is one leaky count for each attribute: a sighting that shows the rival value adds one, any other
takes one or two away. A flicker thus leaves no trace, and the state needs no list of sightings. Attributes
other than those of `reid.contracts.attributes` travel with the sightings and mean nothing here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Cameras remembered of a value, and the most that a count reaches: both bound the state.
MAX_CAMERAS: Final = 8
MAX_SUPPORT: Final = 60
#: What a sighting that shows the believed value takes from its rival's count.
REBUTTAL: Final = 2
#: A value as the state takes it: another detector's prose is left out rather than remembered.
_VALUE: Final = re.compile(r"^[a-z][a-z0-9_-]{0,31}$")


@dataclass(slots=True)
class Worn:
    """``value`` is believed, empty at first, and ``cameras`` showed it; ``rival`` has ``support`` since
    ``since`` (ms since the epoch), by ``rival_cameras``."""

    value: str = ""
    cameras: list[str] = field(default_factory=list)
    rival: str = ""
    support: int = 0
    since: int = 0
    rival_cameras: list[str] = field(default_factory=list)

    def note(self, value: str, camera_id: str, at: int) -> None:
        """One more sighting."""
        if value == self.value:
            _remember(self.cameras, camera_id)
            self._weaken(REBUTTAL)
        elif value == self.rival:
            _remember(self.rival_cameras, camera_id)
            self.support = min(self.support + 1, MAX_SUPPORT)
        else:
            self._weaken(1)
            if not self.rival:
                self.rival, self.support, self.since, self.rival_cameras = value, 1, at, [camera_id]

    def _weaken(self, by: int) -> None:
        self.support = max(self.support - by, 0)
        if self.support == 0:
            self.rival, self.since, self.rival_cameras = "", 0, []


def told(attributes: Mapping[str, str], attribute: str) -> str:
    """The value that a sighting gives, empty when it gives none or one that is no name."""
    value = attributes.get(attribute, "")
    return value if _VALUE.match(value) else ""


def _remember(cameras: list[str], camera_id: str) -> None:
    if camera_id not in cameras:
        cameras.append(camera_id)
        del cameras[:-MAX_CAMERAS]
