"""One input of the alert agent: decided and folded.

Time is that of the inputs: what falls due is decided at the first input that passes its time, which on a
silent site is a `Tick`.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reid.alerting.closing import over, still_inside
from reid.alerting.evolve import evolve
from reid.alerting.following import followed
from reid.alerting.messages import told
from reid.alerting.observe import Condition, observe
from reid.alerting.state import SiteState, key_of
from reid.contracts.alert_rules import AlertRules
from reid.contracts.alerts import (
    AlertAcknowledged,
    AlertOpened,
    AlertRefused,
    AlertRulesAdopted,
    AlertUpdated,
    AnyAlert,
    Evidence,
)
from reid.contracts.commands import AcknowledgeAlert, AnyCommand, Tick
from reid.contracts.events import AnyEvent, Event

NAMESPACE = uuid.UUID("b4a0d6f2-4a3f-5d7e-8b11-52f0c1d2a9e3")


class Source(NamedTuple):
    """Where an input stands: topic/partition/offset; ``event_id``: its ``ce_id``, of an event."""

    cause: str
    event_id: str = ""


def step(
    site: SiteState, message: AnyEvent | AnyCommand, source: Source, rules: AlertRules
) -> list[AnyAlert]:
    """The alert events of one input, already folded into ``site``, in order."""
    made: list[AnyAlert] = []

    def emit(events: list[AnyAlert]) -> None:
        for event in events:
            evolve(site, event)
            made.append(event)

    if isinstance(message, Event):
        emit(_adoption(site, message.site_id, message.at, rules))
        emit(over(site, message.site_id, message.at, rules))
        before = site.now
        held = observe(site, message, rules)
        emit(followed(site, message))
        held += still_inside(site, rules, before, max(before, message.at))
        emit(list(_told(site, message.site_id, message.at, held, source, rules)))
    elif isinstance(message, Tick):
        at = message.issued_at
        emit(_adoption(site, message.site_id, at, rules))
        emit(over(site, message.site_id, at, rules))
        held = still_inside(site, rules, site.now, max(site.now, at))
        emit(list(_told(site, message.site_id, at, held, source, rules)))
    elif isinstance(message, AcknowledgeAlert):
        emit([_acknowledged(site, message)])
    return made


def fold(
    site: SiteState, message: AnyEvent | AnyCommand, alerts: Sequence[AnyAlert], decided_by: AlertRules
) -> None:
    """An input that was decided before, and the alert events that it caused, folded without deciding.
    ``decided_by``: the rules before it. What came before the first rules was observed by those."""
    rules = decided_by
    for event in alerts:
        if isinstance(event, AlertRulesAdopted):
            evolve(site, event)
            rules = event.rules
    if isinstance(message, Event):
        observe(site, message, rules)
    for event in alerts:
        if not isinstance(event, AlertRulesAdopted):
            evolve(site, event)


def _adoption(site: SiteState, site_id: str, at: int, rules: AlertRules) -> list[AnyAlert]:
    if site.rules == rules:
        return []
    return [AlertRulesAdopted(site_id=site_id, at=at, version=rules.version, rules=rules)]


def _told(
    site: SiteState, site_id: str, at: int, held: list[Condition], source: Source, rules: AlertRules
) -> Iterator[AnyAlert]:
    """An alert for each incident that begins; of one that goes on, now and then an update."""
    told_now: set[str] = set()
    for number, condition in enumerate(held):
        key = key_of(condition.rule.name, condition.person_id)
        if key in told_now:
            continue
        told_now.add(key)
        incident = site.incidents.get(key)
        if incident is None:
            rule = condition.rule
            yield AlertOpened(
                site_id=site_id,
                at=at,
                alert_id=str(uuid.uuid5(NAMESPACE, f"{source.cause}/{rule.name}/{number}")),
                rule=rule.name,
                kind=rule.kind,
                severity=rule.severity,
                rules=rules.version,
                message=told(condition),
                evidence=_evidence(condition, source),
                zone=rule.zone,
                camera_id=condition.camera_id,
                person_id=condition.person_id or None,
                label=condition.label,
            )
        elif at - incident.told_at >= condition.rule.update:
            yield AlertUpdated(
                site_id=site_id,
                at=at,
                alert_id=incident.alert_id,
                rule=incident.rule,
                kind=incident.kind,
                severity=incident.severity,
                message=told(condition),
                evidence=_evidence(condition, source),
                camera_id=condition.camera_id,
                person_id=condition.person_id or None,
                label=condition.label,
            )


def _evidence(condition: Condition, source: Source) -> Evidence:
    return Evidence(
        cause=source.cause,
        event_id=source.event_id,
        track=condition.track,
        bbox=condition.bbox,
        measured=condition.measured,
        limit=condition.limit,
        since=condition.since,
        from_camera=condition.from_camera,
    )


def _acknowledged(site: SiteState, command: AcknowledgeAlert) -> AnyAlert:
    known = site.alerts.get(command.alert_id)
    if known is None:
        return AlertRefused(
            site_id=command.site_id,
            at=command.issued_at,
            alert_id=command.alert_id,
            command_id=command.command_id,
            code="unknown_alert",
            message=f"no alert {command.alert_id}",
            asked_by=command.issued_by,
        )
    return AlertAcknowledged(
        site_id=command.site_id,
        at=command.issued_at,
        alert_id=command.alert_id,
        rule=known.rule,
        kind=known.kind,
        severity=known.severity,
        command_id=command.command_id,
        asked_by=command.issued_by,
    )
