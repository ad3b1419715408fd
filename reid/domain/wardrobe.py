"""Decisions on what people look like: known at first, changed later, never flickering.

A camera's light turns white into grey, so that a person who walks into another room seems to have changed.
A change is therefore believed only when the rival value was shown by a camera that had shown the old one, or
by two cameras, and by clearly more sightings than still show the old one. Nor does anybody change in view:
a rival that a track shows besides the old value is light or a cloth of two colours, until another track shows
it alone; and what a garment has shown before, and then did not, is a colour of it.
"""

from collections.abc import Sequence
from typing import Final

from reid.contracts.attributes import ATTRIBUTES
from reid.contracts.detections import Frame
from reid.contracts.events import Agreement, AnyEvent, PersonAppearanceChanged, TrackRef
from reid.domain.state import SiteState
from reid.domain.worn import FIRST, Worn, told

#: Sightings (about one a second) that a change needs, of them `FIRST` by tracks that show nothing else.
CHANGE: Final = 12
#: Cameras whose agreement stands in for one that had shown the old value.
AGREEING: Final = 2


def changes(site: SiteState, site_id: str, frame: Frame, tracks: Sequence[TrackRef]) -> list[AnyEvent]:
    """What this frame's sightings make known of the looks of those in it."""
    bound = site.camera(frame.camera_id).bound
    events: list[AnyEvent] = []
    for person, track in zip(frame.persons, tracks, strict=True):
        binding = bound.get(track) if person.attributes else None
        # Nothing new is known of a track that had no `PersonSeen` in this frame.
        if binding is None or binding.seen_at != frame.captured_at:
            continue
        worn = site.wardrobe.get(binding.person_id, {})
        events += [
            PersonAppearanceChanged(
                site_id=site_id,
                at=frame.captured_at,
                person_id=binding.person_id,
                label=site.persons[binding.person_id].label,
                attribute=attribute,
                before=worn[attribute].value,
                after=worn[attribute].rival,
                evidence=_evidence(worn[attribute]),
            )
            for attribute in ATTRIBUTES
            if attribute in worn and _believed(worn[attribute], told(person.attributes, attribute), track)
        ]
    return events


def _believed(worn: Worn, shown: str, track: TrackRef) -> bool:
    """By a sighting of this track that shows ``shown``."""
    if not worn.value:
        return worn.support >= FIRST
    if not worn.shown_anew(shown, track) or worn.anew < FIRST:
        return False
    comparable = any(camera in worn.cameras for camera in worn.rival_cameras)
    return worn.support >= CHANGE and (comparable or len(worn.rival_cameras) >= AGREEING)


def _evidence(worn: Worn) -> Agreement:
    return Agreement(worn.support, worn.since, tuple(worn.rival_cameras))
