"""How long somebody has stayed where a rule looks, by the tracks that showed it.

A stay is a leg of a journey (`reid.journeys.legs`) with the rule's gap; in a rule's zone it goes on from one
camera to the next. Kept are its tracks and not its length: two ids that become one have not stayed from the
first sighting of the one to the last of the other, and a track that was somebody else takes its time along.
"""

from collections.abc import Iterator
from typing import Final

from reid.alerting.state import SiteState, key_of, parts_of
from reid.contracts.alert_rules import AlertRule
from reid.contracts.events import PersonSeen, PersonSplit, TrackRef
from reid.contracts.journeys import Interval
from reid.journeys.legs import last_leg_at
from reid.journeys.visits import absorbed, continues, given_back, taken, visits_of

#: A track unseen for so long (milliseconds) may have been elsewhere meanwhile: it is told once a second.
_UNSEEN: Final = 5_000


def stayed(site: SiteState, event: PersonSeen, rule: AlertRule) -> tuple[int, int]:
    """Notes a sighting where the rule looks. Since when the stay is that it belongs to, and until when."""
    key = key_of(rule.name, event.person_id)
    seen = Interval(event.since or event.at, event.at, event.track.camera_id, _name(event.track))
    known = site.stays.get(key, [])
    for one in known:
        if continues(one, seen, min(rule.gap, _UNSEEN)):
            one.first, one.last = min(one.first, seen.first), max(one.last, seen.last)
            break
    else:
        known.append(seen)
    # What came before the latest absence is no part of any stay that goes on.
    visit = visits_of(known, rule.gap)[-1]
    site.stays[key] = visit.intervals
    if rule.kind == "loitering" and rule.zone is None:
        # Who walks through the whole site loiters nowhere: without a zone each camera is one.
        here = last_leg_at(visit, event.track.camera_id)
        return (here.entered_at, here.left_at) if here is not None else (event.at, event.at)
    return visit.started_at, visit.ended_at


def merged(site: SiteState, survivor_id: str, absorbed_id: str) -> None:
    """The absorbed id's tracks are the survivor's."""
    for rule, key in _of(site, absorbed_id):
        brought = absorbed(site.stays.pop(key), absorbed_id)
        site.stays.setdefault(key_of(rule, survivor_id), []).extend(brought)


def parted(site: SiteState, event: PersonSplit) -> None:
    """Tracks that were somebody else's take their time along."""
    tracks = {(track.camera_id, _name(track)) for track in event.tracks}
    other = event.other
    for rule, key in _of(site, event.person.person_id):
        if event.kind == "merge_undone" and other is not None:
            stay, back = given_back(site.stays[key], other.person_id, tracks)
        else:
            stay, back = taken(site.stays[key], tracks)
        site.stays[key] = stay
        if other is not None and back:
            site.stays.setdefault(key_of(rule, other.person_id), []).extend(back)
        if not stay:
            del site.stays[key]


def _of(site: SiteState, person_id: str) -> Iterator[tuple[str, str]]:
    """Rules under which the person is known, and the keys."""
    for key in list(site.stays):
        rule, person = parts_of(key)
        if person == person_id:
            yield rule, key


def _name(track: TrackRef) -> str:
    return f"{track.session}/{track.tracker_id}"
