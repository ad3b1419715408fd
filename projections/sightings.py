"""The sighting that changes nothing but times and templates: nine of ten events of a long log.

A track that goes on showing its person lengthens what is there. Where that was told once, and nothing about
person or track is another since, a few assignments say it again. Whatever else an event tells goes the long
way (`projections.persons`), with the same result.
"""

from dataclasses import dataclass
from typing import Final

from projections.clocks import Clocks
from projections.history import seen
from projections.journeys import Going, Journeys, Visits
from projections.persons import keep_template
from projections.records import Record, place_of
from projections.store import PersonRef, person_ref
from projections.workspace import Workspace
from reid.contracts.events import PersonSeen, TrackRef
from reid.contracts.views import LiveTrack, PersonView
from reid.journeys.arrivals import HOUR, Arrival

#: Tracks remembered: more than sites show at once.
REMEMBERED: Final = 16_384


@dataclass(slots=True)
class Told:
    """What the track's last sighting found or made. As long as these very objects stand there, nothing has
    changed."""

    ref: PersonRef
    view: PersonView
    cameras: list[str]
    labels: dict[str, LiveTrack]
    field: str
    shown: LiveTrack
    visits: Visits
    going: Going | None
    arrival: Arrival | None


class Sightings:
    """Of the persons and tracks that ``work`` holds, whose visits and clocks are held beside it."""

    def __init__(self, work: Workspace, journeys: Journeys, clocks: Clocks) -> None:
        self._work, self._journeys, self._clocks = work, journeys, clocks
        self._held, self._histories = work.persons, work.histories
        self._told: dict[tuple[str, str, TrackRef], Told] = {}

    def knows(self, event: PersonSeen) -> bool:
        """Whether no more is told than before of its track and person. Then nothing must be loaded for it."""
        known = (event.site_id, event.person_id, event.track) in self._told
        return known and event.reason == "present" and not event.together

    def go_on(self, event: PersonSeen, record: Record) -> bool:
        """Applies the event, if it is no more than that. False: nothing is done yet.

        Spelled out, what each part keeps of it reached directly: nine of ten events come here.
        """
        told = self._told.get((event.site_id, event.person_id, event.track))
        if told is None or event.reason != "present" or event.crop or event.together:
            return False
        view, shown, now = told.view, told.shown, event.at
        if (
            told.labels.get(told.field) is not shown
            or not (shown.label == view.label == event.label)
            or view.visit_count != event.visit_count
            or now < view.first_seen
            # A camera is added to the very list; whatever takes one away makes another.
            or view.cameras is not told.cameras
            or self._held.get(told.ref) is not view
        ):
            return False
        shown.last_seen = now
        if now > view.last_seen:
            view.last_seen = now
        if event.slot is not None:
            keep_template(view, event)
            self._histories.step(told.ref, seen(event, place_of(record)))
        going, arrival, written = told.going, told.arrival, record.timestamp
        if going is None or not going.goes_on(now):
            self._journeys.saw(told.ref, event.track, now, None)
            told.going = told.visits.going(event.track)
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
        view, labels, field, shown = found
        arrival, visits = self._clocks.of(event.site_id, event.track.camera_id), self._journeys.visits(ref)
        if known is None and len(self._told) >= REMEMBERED:  # most of them have ended
            self._told.clear()
        going = visits.going(event.track)
        self._told[key] = Told(ref, view, view.cameras, labels, field, shown, visits, going, arrival)
