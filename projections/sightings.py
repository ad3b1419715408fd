"""The sighting that changes nothing but times and templates: nine of ten events of a long log.

A track that goes on showing its person lengthens what is there. Where that was told once, and nothing about
person or track is another since, a few assignments say it again. Whatever else an event tells goes the long
way (`projections.persons`), with the same result.
"""

from dataclasses import dataclass
from typing import Final

from projections.clocks import Clocks
from projections.history import seen
from projections.journeys import Journeys, Visits
from projections.persons import keep_template
from projections.records import Record, place_of
from projections.store import PersonRef, person_ref
from projections.workspace import Workspace
from reid.contracts.events import PersonSeen, TrackRef
from reid.contracts.views import LiveTrack, PersonView
from reid.journeys.clocks import HOUR, Arrival

#: Tracks remembered: more than sites show at once.
REMEMBERED: Final = 16_384


@dataclass(slots=True)
class Told:
    """What the track's last sighting found or made. As long as these very objects stand there, nothing has
    changed. One for each track and person, that every sighting brings up to date: who was given it before
    others were applied has it as it is now."""

    ref: PersonRef
    view: PersonView
    labels: dict[str, LiveTrack]
    field: str
    shown: LiveTrack
    visits: Visits
    arrival: Arrival | None


class Sightings:
    """Of the persons and tracks that ``work`` holds, whose visits and clocks are held beside it."""

    def __init__(self, work: Workspace, journeys: Journeys, clocks: Clocks) -> None:
        self._work, self._journeys, self._clocks = work, journeys, clocks
        self._told: dict[tuple[str, str, TrackRef], Told] = {}

    def before(self, event: PersonSeen) -> Told | None:
        """What was told of this track and person. Then nothing must be loaded for it."""
        return self._told.get((event.site_id, event.person_id, event.track))

    def go_on(self, event: PersonSeen, told: Told, record: Record) -> bool:
        """Applies the event, if it is no more than that. False: nothing is done yet.

        Spelled out, what each part keeps of it reached directly: nine of ten events come here.
        """
        view, shown, arrival, now, written = told.view, told.shown, told.arrival, event.at, record.timestamp
        if (
            event.reason != "present"
            or told.labels.get(told.field) is not shown
            or not (shown.label == view.label == event.label)
            or view.visit_count != event.visit_count
            or now < view.first_seen
            or event.crop
            or event.together
            or event.track.camera_id not in view.cameras
            or self._work.person(told.ref) is not view
        ):
            return False
        shown.last_seen = now
        if now > view.last_seen:
            view.last_seen = now
        if event.slot is not None:
            keep_template(view, event)
            self._work.histories.add(told.ref, seen(event, place_of(record)))
        if not told.visits.goes_on(event.track, now, now):
            self._journeys.saw(told.ref, event.track, now, None)
        # What can't change the clock is most of what comes.
        if arrival is None or written - now < arrival.least or written // HOUR != arrival.hour:
            self._clocks.saw(event, written)
        return True

    def told(self, event: PersonSeen) -> None:
        """The long way was gone, to its end."""
        key = event.site_id, event.person_id, event.track
        known = self._told.get(key)
        ref = person_ref(event.site_id, event.person_id) if known is None else known.ref
        found = self._work.shown(ref, event.track)
        if found is None:
            return
        arrival = self._clocks.of(event.site_id, event.track.camera_id)
        if known is not None:
            known.view, known.labels, known.field, known.shown = found
            known.arrival = arrival
        else:
            if len(self._told) >= REMEMBERED:  # most of them have ended
                self._told.clear()
            self._told[key] = Told(ref, *found, self._journeys.visits(ref), arrival)
