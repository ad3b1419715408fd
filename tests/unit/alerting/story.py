"""`given(...).when(...).then(...)` for the alert rules, told in seconds since a Monday, 12:00 UTC."""

from __future__ import annotations

from typing import Any

import msgspec

from reid.alerting.state import AlertState, SiteState, dump, load
from reid.alerting.step import Source, fold, step
from reid.contracts.alert_rules import AlertRule, AlertRules
from reid.contracts.alerts import AlertRulesAdopted, AnyAlert
from reid.contracts.cloudevents import Causation
from reid.contracts.commands import AcknowledgeAlert, Tick
from reid.contracts.events import PersonSeen, TrackRef
from tests.unit.projections import story as events

SITE = "global"
#: Monday 2026-11-23, 12:00 UTC, in milliseconds.
NOON = 1_795_435_200_000
HOUR = 3600.0


def at(seconds: float) -> int:
    return NOON + round(seconds * 1000)


def rule(kind: str, **fields: Any) -> AlertRule:
    return AlertRule(name=fields.pop("name", kind), kind=kind, **fields)  # type: ignore[arg-type]


def seen(person: str, seconds: float, camera: str = "room1", bound: bool = False, **more: Any) -> PersonSeen:
    label = more.pop("label", f"Visitor-{person.upper()}")
    where = TrackRef(camera, "s1", more.pop("tracker", "1"))
    reason = "bound" if bound else "present"
    return events.seen(person, label, where, at(seconds), reason=reason, **more)


def stays(person: str, start: float, end: float, camera: str = "room1", **more: Any) -> list[PersonSeen]:
    """Bound, then seen once a second."""
    times = [start + n for n in range(int(end - start) + 1)]
    return [seen(person, t, camera, bound=t == start, **more) for t in times]


def registered(person: str, seconds: float, camera: str = "room1", **more: Any) -> Any:
    return events.registered(
        person, 0, f"Visitor-{person.upper()}", at(seconds), track=TrackRef(camera, "s1", "1"), **more
    )


def tick(seconds: float) -> Tick:
    return Tick(site_id=SITE, command_id=f"t-{seconds}", issued_at=at(seconds))


def acknowledge(alert_id: str, seconds: float = 0.0, command: str = "c-1") -> AcknowledgeAlert:
    return AcknowledgeAlert(
        site_id=SITE, command_id=command, issued_at=at(seconds), issued_by="desk", alert_id=alert_id
    )


class Story:
    """Runs inputs through `step`, and proves at the end that the fold of both logs is the state."""

    def __init__(self, *rules: AlertRule, **fields: Any) -> None:
        self.rules = AlertRules(rules=rules, **fields)
        self.site = SiteState()
        self.log: list[AnyAlert] = []
        self.last: list[AnyAlert] = []
        self.inputs: list[tuple[Any, list[AnyAlert]]] = []

    def when(self, *items: Any) -> Story:
        self.last = []
        for item in items:
            for one in item if isinstance(item, list) else [item]:
                topic = "reid.commands.v1" if isinstance(one, Tick | AcknowledgeAlert) else "reid.events.v1"
                source = Source(str(Causation(topic, 0, len(self.inputs))), f"id-{len(self.inputs)}")
                made = step(self.site, one, source, self.rules)
                self.inputs.append((one, made))
                self.log += made
                self.last += [event for event in made if not isinstance(event, AlertRulesAdopted)]
        return self

    def then(self, *kinds: type[AnyAlert]) -> Story:
        """The last inputs caused events of exactly these types, in this order."""
        assert [type(event) for event in self.last] == list(kinds), self.last
        return self

    def event(self, kind: type[Any], place: int = -1) -> Any:
        return [event for event in self.log if isinstance(event, kind)][place]

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.log if isinstance(event, kind)]

    def folds_to_the_same(self) -> Story:
        """As a restart does it: nothing decided, both logs folded. A snapshot holds all of it, too."""
        site = SiteState()
        for message, alerts in self.inputs:
            if isinstance(message, Tick | AcknowledgeAlert) and not alerts:
                continue  # What caused nothing is not in any log.
            fold(site, message, alerts, site.rules or self.rules)
        assert canonical(site) == canonical(self.site)
        return self

    def replays_to_the_same(self) -> Story:
        """Decided from zero, byte for byte."""
        again = Story(
            *self.rules.rules,
            **{name: getattr(self.rules, name) for name in self.rules.__struct_fields__ if name != "rules"},
        )
        for message, _ in self.inputs:
            again.when(message)
        encode = msgspec.json.encode
        assert [encode(event) for event in again.log] == [encode(event) for event in self.log]
        return self


def canonical(site: SiteState) -> bytes:
    """As a snapshot holds it, and as one gives it back."""
    raw = dump(AlertState({SITE: site}))
    assert dump(load(raw)) == raw
    # Where the order of keys decides nothing, it may differ.
    plain = msgspec.to_builtins(site)
    ordered = [plain.pop(name) for name in ("alerts", "incidents")]
    return repr([[list(part.items()) for part in ordered], sorted_deep(plain)]).encode()


def sorted_deep(part: Any) -> Any:
    if isinstance(part, dict):
        return sorted((key, sorted_deep(value)) for key, value in part.items())
    return part
