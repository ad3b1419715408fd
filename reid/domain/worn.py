"""What is believed of a person's looks, and the evidence against it: a few values, whatever the day brings.

The evidence is one leaky count for each attribute: a sighting that shows the rival value adds one, any other
takes one or two away. A flicker thus leaves no trace, and the state needs no list of sightings. A rival that
was shown for long, and rebutted all the same, is part of the same garment: a grey jacket over a pink shirt is
grey from behind and pink from the front. Attributes other than those of `reid.contracts.attributes` travel
with the sightings and mean nothing here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from reid.contracts.events import TrackRef

#: Sightings that a first value needs; a rival that had so many before it was rebutted is part of the same.
#: Of the code, not of the policy: they decide nothing about who somebody is.
FIRST: Final = 4
#: Cameras remembered of a value, and the most that a count reaches: both bound the state.
MAX_CAMERAS: Final = 8
MAX_SUPPORT: Final = 60
#: Other values of one garment remembered.
MAX_ALSO: Final = 4
#: Tracks remembered that showed the value: so many cameras see somebody at a time.
MAX_TRACKS: Final = 4
#: What a sighting that shows the believed value takes from its rival's count.
REBUTTAL: Final = 2
#: A value as the state takes it: another detector's prose is left out rather than remembered.
_VALUE: Final = re.compile(r"^[a-z][a-z0-9_-]{0,31}$")

T = TypeVar("T")


@dataclass(slots=True)
class Worn:
    """``value`` is believed, empty at first, and ``cameras`` showed it; ``also``: what else the same garment
    showed; ``tracks`` that go on showed either last. ``rival`` has ``support`` since ``since`` (ms since the
    epoch), by ``rival_cameras``; it had ``peak`` at most, and ``anew`` by tracks that did not show the value
    before."""

    value: str = ""
    cameras: list[str] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    tracks: list[TrackRef] = field(default_factory=list)
    rival: str = ""
    support: int = 0
    peak: int = 0
    anew: int = 0
    since: int = 0
    rival_cameras: list[str] = field(default_factory=list)

    def note(self, value: str, track: TrackRef, at: int) -> None:
        """One more sighting."""
        if self.value and (value == self.value or value in self.also):
            if value == self.value:
                _remember(self.cameras, track.camera_id, MAX_CAMERAS)
            _remember(self.tracks, track, MAX_TRACKS)
            self._weaken(REBUTTAL)
            if self.support == 0 and self.peak >= FIRST:
                _remember(self.also, self.rival, MAX_ALSO)
        elif self.rival and value != self.rival:
            self._weaken(1)
        else:
            self._strengthen(value, track, at)
        if self.support == 0:
            self.rival, self.peak, self.anew, self.since, self.rival_cameras = "", 0, 0, 0, []

    def shown_anew(self, value: str, track: TrackRef) -> bool:
        """Whether a sighting shows the rival, by a track that did not show the value before."""
        return value == self.rival != "" and track not in self.tracks

    def ended(self, track: TrackRef) -> None:
        """Who comes back under its name has been out of sight."""
        if track in self.tracks:
            self.tracks.remove(track)

    def _strengthen(self, value: str, track: TrackRef, at: int) -> None:
        self.since = self.since if self.rival else at
        self.rival = value
        _remember(self.rival_cameras, track.camera_id, MAX_CAMERAS)
        self.support = min(self.support + 1, MAX_SUPPORT)
        self.peak = max(self.peak, self.support)
        self.anew = min(self.anew + self.shown_anew(value, track), MAX_SUPPORT)

    def _weaken(self, by: int) -> None:
        self.support = max(self.support - by, 0)


def told(attributes: Mapping[str, str], attribute: str) -> str:
    """The value that a sighting gives, empty when it gives none or one that is no name."""
    value = attributes.get(attribute, "")
    return value if _VALUE.match(value) else ""


def _remember(latest: list[T], one: T, most: int) -> None:
    if one not in latest:
        latest.append(one)
        del latest[:-most]
