"""What time alone decides: incidents that are over, and people who are inside after closing."""

from typing import Literal

from reid.alerting.calendar import is_open, last_closing, next_closing
from reid.alerting.observe import Condition, listed
from reid.alerting.places import in_zone, zone_of
from reid.alerting.state import Incident, Sighting, SiteState
from reid.contracts.alert_rules import AlertRule, AlertRules
from reid.contracts.alerts import AlertClosed, AnyAlert

Reason = Literal["over", "merged", "person_gone", "rules_changed"]


def over(site: SiteState, site_id: str, now: int, rules: AlertRules) -> list[AnyAlert]:
    """Incidents whose condition has not held for their rule's ``rearm``, or whose rule is gone."""
    closed: list[AnyAlert] = []
    for incident in site.incidents.values():
        rule = next((r for r in rules.rules if (r.name, r.kind) == (incident.rule, incident.kind)), None)
        ended = site.held_at(incident) if rule is None else _held_until(site, incident, rule, rules, now)
        if ended is not None:
            closed.append(
                closed_of(incident, site_id, now, ended, "rules_changed" if rule is None else "over")
            )
    return closed


def closed_of(incident: Incident, site_id: str, at: int, last_at: int, reason: Reason) -> AlertClosed:
    """The end of an incident."""
    return AlertClosed(
        site_id=site_id,
        at=at,
        alert_id=incident.alert_id,
        rule=incident.rule,
        kind=incident.kind,
        severity=incident.severity,
        last_at=last_at,
        reason=reason,
    )


def _held_until(
    site: SiteState, incident: Incident, rule: AlertRule, rules: AlertRules, now: int
) -> int | None:
    """When the condition held last, of an incident that is over; None while it goes on."""
    held = site.held_at(incident)
    if rule.kind != "not_left":
        return held if now > site.over_at(incident, rule.rearm) else None
    last = site.people.get(incident.person_id)
    if last is None or is_open(rules, now) or not _inside(rule, rules, last, now):
        return max(held, last.at if last is not None else 0)
    return None


def _inside(rule: AlertRule, rules: AlertRules, last: Sighting, now: int) -> bool:
    """Seen last where one does not leave. Without exits: seen just now."""
    if not in_zone(zone_of(rule, rules), last.camera_id, None):
        return False
    return last.camera_id not in rule.exits if rule.exits else now - last.at <= rule.rearm


def still_inside(site: SiteState, rules: AlertRules, before: int, now: int) -> list[Condition]:
    """People who have not left, at the moment that a rule's time after closing passes between ``before`` and
    ``now``, or who show themselves after it."""
    held = []
    for rule in rules.rules:
        if rule.kind != "not_left" or is_open(rules, now):
            continue
        span = last_closing(rules, now - rule.longer_than)
        if span is None:
            continue
        opened, closed = span
        passed = before < closed + rule.longer_than
        for person_id, last in site.people.items():
            # Whoever was seen last before this day's opening was told of then, if at all.
            if last.at < opened or not (passed or last.at == now):
                continue
            if _inside(rule, rules, last, now) and not listed(site, rules, rule.lists, person_id, last.label):
                held.append(
                    Condition(
                        rule,
                        now,
                        last.camera_id,
                        person_id,
                        last.label,
                        measured=now - closed,
                        limit=rule.longer_than,
                        since=last.at,
                    )
                )
    return sorted(held, key=lambda condition: (condition.rule.name, condition.person_id))


def due_at(site: SiteState, rules: AlertRules) -> int | None:
    """When time alone will decide something next, after the latest event: ms since the epoch."""
    times = [
        site.over_at(incident, rule.rearm) + 1
        for incident in site.incidents.values()
        if (rule := site.rule(incident.rule)) is not None and rule.kind != "not_left"
    ]
    for rule in rules.rules:
        if rule.kind == "not_left" and site.people:
            closing = next_closing(rules, site.now - rule.longer_than)
            times += [closing + rule.longer_than] if closing is not None else []
    return min((at for at in times if at > site.now), default=None)
