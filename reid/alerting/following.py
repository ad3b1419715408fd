"""Who alerts are about, after merges, splits, renames and erasures."""

from reid.alerting.closing import closed_of
from reid.alerting.observe import gone_in
from reid.alerting.state import SiteState, key_of
from reid.contracts.alerts import AlertPersonChanged, AnyAlert
from reid.contracts.events import AnyEvent, PersonRenamed, PersonsMerged, PersonSplit


def followed(site: SiteState, event: AnyEvent) -> list[AnyAlert]:
    """What an identity event, just observed, makes of the alerts on the persons that it is about."""
    gone = gone_in(event)
    if gone:
        return _erased(site, event, gone)
    made: list[AnyAlert] = []
    if isinstance(event, PersonsMerged):
        for incident in site.incidents.values():
            other = site.incidents.get(key_of(incident.rule, event.survivor_id))
            if incident.person_id == event.absorbed_id and other is not None:
                made.append(closed_of(incident, event.site_id, event.at, site.held_at(incident), "merged"))
        made += _changed(site, event, {event.survivor_id: event.label})
    elif isinstance(event, PersonSplit):
        both = [state for state in (event.person, event.other) if state is not None]
        made += _changed(site, event, {state.person_id: state.label for state in both})
        made += _moved(site, event)
    elif isinstance(event, PersonRenamed):
        same = tuple(sorted(s for s, shown in site.subjects.items() if shown == event.person_id))
        if same:
            made.append(
                AlertPersonChanged(
                    site_id=event.site_id,
                    at=event.at,
                    person_ids=same,
                    person_id=event.person_id,
                    label=event.label,
                )
            )
    return made


def _changed(site: SiteState, event: AnyEvent, labels: dict[str, str]) -> list[AnyAlert]:
    """``labels``: of the persons that alerts may be about now."""
    made: list[AnyAlert] = []
    for person_id, label in labels.items():
        moved = tuple(
            sorted(
                subject
                for subject, shown in site.subjects.items()
                if shown != person_id and site.current(subject) == person_id
            )
        )
        if moved:
            made.append(
                AlertPersonChanged(
                    site_id=event.site_id, at=event.at, person_ids=moved, person_id=person_id, label=label
                )
            )
    return made


def _moved(site: SiteState, event: PersonSplit) -> list[AnyAlert]:
    """Alerts that a track showed go with it to whoever it is. One that goes on is over where that is nobody
    whom anybody knows, or somebody with an alert of the same rule."""
    other = event.other
    moved = {
        alert_id
        for alert_id, known in site.alerts.items()
        if known.track in event.tracks and known.of and site.current(known.of) == event.person.person_id
    }
    if not moved or (other is not None and other.person_id == event.person.person_id):
        return []
    made: list[AnyAlert] = []
    for incident in site.incidents.values():
        if incident.alert_id not in moved:
            continue
        at = site.held_at(incident)
        if other is None:
            made.append(closed_of(incident, event.site_id, event.at, at, "person_gone"))
        elif key_of(incident.rule, other.person_id) in site.incidents:
            made.append(closed_of(incident, event.site_id, event.at, at, "merged"))
    changed = AlertPersonChanged(
        site_id=event.site_id,
        at=event.at,
        person_ids=(),
        person_id=other.person_id if other is not None else None,
        label=other.label if other is not None else "",
        alert_ids=tuple(sorted(moved)),
    )
    return [*made, changed]


def _erased(site: SiteState, event: AnyEvent, gone: tuple[str, ...]) -> list[AnyAlert]:
    made: list[AnyAlert] = [
        closed_of(incident, event.site_id, event.at, site.held_at(incident), "person_gone")
        for incident in site.incidents.values()
        if incident.person_id in gone
    ]
    erased = tuple(sorted(subject for subject, shown in site.subjects.items() if shown in gone))
    if erased:
        made.append(AlertPersonChanged(site_id=event.site_id, at=event.at, person_ids=erased, person_id=None))
    return made
