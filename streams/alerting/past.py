"""The state of the alert agent as the fold of both logs: the identity events, and the alerts they caused.

Nothing is decided anew: what alerts say is taken from their log, so neither other rules nor another version
of the program change what was told. Each alert's headers tell where in the inputs it came.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from reid.alerting.state import AlertState
from reid.alerting.step import fold
from reid.contracts.alert_rules import AlertRules
from reid.contracts.alerts import AlertRulesAdopted, AnyAlert
from reid.contracts.cloudevents import Causation, envelope_from
from reid.contracts.codec import decode_alert
from reid.contracts.commands import Tick
from reid.contracts.events import AnyEvent
from reid.contracts.topics import EVENTS
from streams.ports import Input, Record

#: Stands for every command: what it did is what its alerts say.
_COMMAND: Final = Tick(site_id="", command_id="", issued_at=0)

Read = Callable[[Input], AnyEvent | None]


@dataclass(slots=True)
class Caused:
    """The alert events of one input. ``events``: identity events before it in this partition."""

    cause: Causation
    events: int
    alerts: list[AnyAlert] = field(default_factory=list)


def caused(records: Iterable[Record]) -> Iterator[Caused]:
    """The alert log, an input at a time. Raises `ContractError` for a record that can't be read."""
    now: Caused | None = None
    for record in records:
        envelope = envelope_from(record.headers)
        cause = envelope.causation
        if now is None or now.cause != cause:
            if now is not None:
                yield now
            before = cause.offset if cause.topic == EVENTS.name else envelope.decided.get(EVENTS.name, 0)
            now = Caused(cause, before)
        now.alerts.append(decode_alert(record.value))
    if now is not None:
        yield now


def first_rules(alerts: Iterable[Caused]) -> dict[str, AlertRules]:
    """By site, the first rules that it ever had: what came before was learned by them."""
    found: dict[str, AlertRules] = {}
    for one in alerts:
        for event in one.alerts:
            if isinstance(event, AlertRulesAdopted):
                found.setdefault(event.site_id, event.rules)
    return found


def fold_past(
    state: AlertState,
    inputs: Iterator[Input],
    alerts: Iterable[Caused],
    read: Read,
    rules: AlertRules,
    broken: Callable[[Input, Exception], Exception],
) -> None:
    """``inputs``: the identity events that were decided, in order, from where ``state`` stands. ``read``
    gives None for what was left out. ``rules``: of a site that never had any. ``broken``: what to raise for
    an event that makes the fold fail."""
    told = list(alerts)
    first = first_rules(told)

    def observed(record: Input, caused_here: list[AnyAlert]) -> None:
        event = read(record)
        if event is None:
            return
        site = state.site(event.site_id)
        try:
            fold(site, event, caused_here, site.rules or first.get(event.site_id, rules))
        except Exception as error:
            raise broken(record, error) from error

    following = next(inputs, None)
    for one in told:
        while following is not None and following.offset < one.events:
            observed(following, [])
            following = next(inputs, None)
        if one.cause.topic == EVENTS.name and following is not None and following.offset == one.events:
            observed(following, one.alerts)
            following = next(inputs, None)
        elif one.alerts:
            site = state.site(one.alerts[0].site_id)
            fold(site, _COMMAND, one.alerts, site.rules or rules)
    while following is not None:
        observed(following, [])
        following = next(inputs, None)
