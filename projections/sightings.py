"""The sighting that changes nothing but times: nine of ten events of a long log.

A track that goes on showing its person lengthens what is there. Where that was told once, and nothing about
person or track is another since, two assignments say it again. Whatever else an event tells goes the long way
(`projections.persons`), with the same result.
"""

from typing import Final, NamedTuple

from projections.store import PersonRef, person_ref
from projections.workspace import Workspace
from reid.contracts.events import PersonSeen, TrackRef
from reid.contracts.views import LiveTrack, PersonView

#: Tracks remembered: more than sites show at once.
REMEMBERED: Final = 16_384


class Told(NamedTuple):
    """What the track's last sighting found or made. As long as these very objects stand there, nothing has
    changed."""

    ref: PersonRef
    view: PersonView
    labels: dict[str, LiveTrack]
    field: str
    shown: LiveTrack


class Sightings:
    """Of the persons and tracks that ``work`` holds."""

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._told: dict[tuple[str, str, TrackRef], Told] = {}

    def before(self, event: PersonSeen) -> Told | None:
        """What was told of this track and person. Then nothing must be loaded for it."""
        return self._told.get((event.site_id, event.person_id, event.track))

    def go_on(self, event: PersonSeen, told: Told) -> bool:
        """Applies the event, if it is no more than that. False: nothing is done yet."""
        _, view, labels, field, shown = told
        same = (
            event.reason == "present"
            and labels.get(field) is shown
            and self._work.person(told.ref) is view
            and shown.label == view.label == event.label
            and view.visit_count == event.visit_count
            and event.slot is None
            and not event.crop
            and not event.together
            and event.track.camera_id in view.cameras
        )
        if same:
            shown.last_seen = event.at
            if event.at > view.last_seen:
                view.last_seen = event.at
        return same

    def told(self, event: PersonSeen) -> None:
        """The long way was gone, to its end."""
        ref = person_ref(event.site_id, event.person_id)
        found = self._work.shown(ref, event.track)
        if found is not None:
            if len(self._told) >= REMEMBERED:  # most of them have ended
                self._told.clear()
            self._told[event.site_id, event.person_id, event.track] = Told(ref, *found)
