"""The sighting that changes nothing but times and templates: nine of ten events of a long log.

A track that goes on showing its person lengthens what is there. Where that was told once, and nothing about
person or track is another since, a few assignments say it again. Whatever else an event tells goes the long
way (`projections.persons`), with the same result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from projections.clocks import Clocks
from projections.history import Place, seen
from projections.journeys import Journeys
from projections.persons import keep_template
from projections.store import PersonRef, person_ref
from projections.workspace import Workspace
from reid.contracts.events import PersonSeen, TrackRef
from reid.contracts.views import LiveTrack, PersonView

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


class Sightings:
    """Of the persons and tracks that ``work`` holds, whose visits and clocks are held beside it."""

    def __init__(self, work: Workspace, journeys: Journeys, clocks: Clocks) -> None:
        self._work, self._journeys, self._clocks = work, journeys, clocks
        self._told: dict[tuple[str, str, TrackRef], Told] = {}

    def before(self, event: PersonSeen) -> Told | None:
        """What was told of this track and person. Then nothing must be loaded for it."""
        return self._told.get((event.site_id, event.person_id, event.track))

    def go_on(self, event: PersonSeen, told: Told, written: int, at: Callable[[], Place]) -> bool:
        """Applies the event, if it is no more than that. False: nothing is done yet. ``written``: time of its
        record; ``at``: its place in the log."""
        view, shown, now = told.view, told.shown, event.at
        if not (
            event.reason == "present"
            and told.labels.get(told.field) is shown
            and shown.label == view.label == event.label
            and view.visit_count == event.visit_count
            and not event.crop
            and not event.together
            and event.track.camera_id in view.cameras
            and self._work.person(told.ref) is view
        ):
            return False
        shown.last_seen = now
        if now > view.last_seen:
            view.last_seen = now
        if event.slot is not None:
            keep_template(view, event)
            self._work.histories.add(told.ref, seen(event, at()))
        self._journeys.go_on(told.ref, event.track, now)
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
        if known is not None:
            known.view, known.labels, known.field, known.shown = found
        else:
            if len(self._told) >= REMEMBERED:  # most of them have ended
                self._told.clear()
            self._told[key] = Told(ref, *found)
