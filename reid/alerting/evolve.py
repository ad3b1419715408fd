"""Alert events -> the part of the state that is of the alerts. Assigns what they say."""

from reid.alerting.state import Incident, Known, SiteState, parts_of
from reid.contracts.alert_rules import AlertRules
from reid.contracts.alerts import (
    AlertAcknowledged,
    AlertClosed,
    AlertOpened,
    AlertPersonChanged,
    AlertRulesAdopted,
    AlertUpdated,
    AnyAlert,
)
from reid.contracts.topics import ALERTS_KEPT


def evolve(site: SiteState, event: AnyAlert) -> None:
    """Folds one event of the alert log."""
    match event:
        case AlertRulesAdopted():
            _adopt(site, event.rules)
        case AlertOpened():
            _open(site, event)
        case AlertUpdated():
            for incident in site.incidents.values():
                if incident.alert_id == event.alert_id:
                    incident.told_at = event.at
            if event.alert_id in site.alerts and event.evidence.track is not None:
                site.alerts[event.alert_id].track = event.evidence.track
        case AlertClosed():
            for key in [k for k, i in site.incidents.items() if i.alert_id == event.alert_id]:
                del site.incidents[key]
        case AlertAcknowledged():
            if event.alert_id in site.alerts:
                site.alerts[event.alert_id].acknowledged = True
        case AlertPersonChanged():
            _change(site, event)


def _adopt(site: SiteState, rules: AlertRules) -> None:
    """A stay under another rule of the same name is no stay under this one."""
    known = set(site.rules.rules) if site.rules is not None else set()
    same = {rule.name for rule in rules.rules if rule in known}
    for key in [key for key in site.stays if parts_of(key)[0] not in same]:
        del site.stays[key]
    site.rules = rules


def _open(site: SiteState, event: AlertOpened) -> None:
    person = event.person_id or ""
    incident = Incident(
        event.alert_id, event.rule, event.kind, event.severity, person, person, event.at, event.at
    )
    site.incidents[incident.key] = incident
    site.alerts[event.alert_id] = Known(event.rule, event.kind, event.severity, person, event.evidence.track)
    site.opened += 1
    while len(site.alerts) > ALERTS_KEPT:
        del site.alerts[next(iter(site.alerts))]
    if person:
        site.subjects[person] = person


def _change(site: SiteState, event: AlertPersonChanged) -> None:
    if event.alert_ids:
        _move(site, event)
    for person in event.person_ids:
        if event.person_id is None:
            site.subjects.pop(person, None)
        else:
            site.subjects[person] = event.person_id
    if event.person_id is None:
        for known in site.alerts.values():
            if known.of in event.person_ids:
                known.of, known.track = "", None
        return
    for incident in [i for i in site.incidents.values() if i.of in event.person_ids]:
        _hand(site, incident, event.person_id)


def _move(site: SiteState, event: AlertPersonChanged) -> None:
    """These alerts are as if they had been opened on the other person."""
    for alert_id in event.alert_ids:
        if alert_id in site.alerts:
            site.alerts[alert_id].of = event.person_id or ""
    if event.person_id is not None:
        site.subjects[event.person_id] = event.person_id
        for incident in [i for i in site.incidents.values() if i.alert_id in event.alert_ids]:
            incident.of = event.person_id
            _hand(site, incident, event.person_id)


def _hand(site: SiteState, incident: Incident, person_id: str) -> None:
    del site.incidents[incident.key]
    incident.person_id = person_id
    site.incidents[incident.key] = incident
